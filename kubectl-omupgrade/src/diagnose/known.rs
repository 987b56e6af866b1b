//! What is known to be secret in a release: contents of its Secrets, values and environment under names that say so.
//! They are gathered to be hidden, and go nowhere else.

use super::changes::is_plain_setting;
use crate::facts::Release;
use crate::preview::{Object, objects, sensitive};
use base64::Engine;
use serde_json::Value;

/// The secrets of a revision.
pub fn of_release(release: &Release) -> Vec<String> {
    let mut out = Vec::new();
    let hooks = release.hooks.iter().filter_map(|h| h.manifest.expose());
    for text in release.manifest.expose().into_iter().chain(hooks) {
        for object in objects(text, &release.namespace).unwrap_or_default() {
            of_object(&object, &mut out);
        }
    }
    if let Some(values) = release.values.expose() {
        walk("", values, &mut out);
    }
    out
}

/// The secrets of one entry of a Secret.
pub fn of_entry(name: &str, value: &str, out: &mut Vec<String>) {
    if !is_plain_setting(name) && (sensitive(name) || !is_plain(value)) {
        out.push(value.to_owned());
    }
    // A whole configuration, as that of registries: its passwords stand in logs without what is around them.
    if let Ok(inside @ Value::Object(_)) = serde_json::from_str(value) {
        walk("", &inside, out);
        of_registries(&inside, out);
    }
}

/// `auth` is user and password in base64.
fn of_registries(config: &Value, out: &mut Vec<String>) {
    for entry in config.get("auths").and_then(Value::as_object).into_iter().flatten().map(|(_, entry)| entry) {
        let Some(auth) = entry.get("auth").and_then(Value::as_str) else { continue };
        out.push(auth.to_owned());
        let plain = base64::engine::general_purpose::STANDARD.decode(auth.trim()).ok();
        let pair = plain.and_then(|b| String::from_utf8(b).ok());
        out.extend(pair.and_then(|p| p.split_once(':').map(|(_, password)| password.to_owned())));
    }
}

fn of_object(object: &Object, out: &mut Vec<String>) {
    if object.kind != "Secret" {
        walk("", &object.value, out);
        return;
    }
    for (key, encoded) in [("data", true), ("stringData", false)] {
        for (name, value) in object.value.get(key).and_then(Value::as_object).into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok().filter(|_| encoded);
            let plain = bytes.and_then(|b| String::from_utf8(b).ok());
            of_entry(name, plain.as_deref().unwrap_or(text), out);
        }
    }
}

/// Texts under names that call them secret, and environment entries of such a name.
fn walk(name: &str, value: &Value, out: &mut Vec<String>) {
    match value {
        Value::String(text) if sensitive(name) => out.push(text.clone()),
        Value::String(text) => out.extend(inside(text)),
        // References name a Secret and a key of it, often the word `password`: hiding that would hide what patterns see.
        Value::Object(_) if matches!(name, "secretKeyRef" | "configMapKeyRef" | "secretRef" | "configMapRef") => {}
        Value::Object(map) => {
            let entry = map.get("name").and_then(Value::as_str).filter(|_| map.contains_key("value"));
            if let (Some(entry), Some(text)) = (entry, map.get("value").and_then(Value::as_str))
                && sensitive(entry)
            {
                out.push(text.to_owned());
            }
            map.iter().for_each(|(key, item)| walk(key, item, out));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(name, item, out)),
        _ => {}
    }
}

/// The password inside an address, or behind a flag that calls it so.
fn inside(text: &str) -> Vec<String> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        let address = word.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(user, _)| user);
        out.extend(address.and_then(|user| user.split_once(':')).map(|(_, password)| password.to_owned()));
        let flag = word.trim_start_matches('-').split_once('=').filter(|(name, _)| sensitive(name));
        out.extend(flag.map(|(_, value)| value.trim_matches(['"', '\'']).to_owned()));
    }
    out
}

/// Words, class names and addresses without a password: hiding them would hide what logs say.
fn is_plain(value: &str) -> bool {
    let value = value.trim().trim_matches('"');
    let word = value.chars().all(|c| c.is_ascii_lowercase());
    let class = value.contains('.') && value.chars().all(|c| c.is_ascii_alphabetic() || c == '.');
    let address = value.contains("://") && !value.contains('@') && !value.contains('?');
    let number = value.parse::<f64>().is_ok();
    word || class || address || number
}
