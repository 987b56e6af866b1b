//! What is known to be secret in a release: contents of its Secrets, values and environment under names that say so.
//! They are gathered to be hidden, and go nowhere else.

use super::changes::is_plain_setting;
use crate::facts::Release;
use crate::preview::{Object, objects, sensitive};
use base64::Engine;
use serde_json::Value;
use std::collections::BTreeSet;

/// Settings that the chart renders into its Secrets although they hold none. Where their text is a plain one, hiding it
/// would hide words of the language (`public`, `prometheus`).
const QUIET_SETTINGS: &str = "\
    AUTHENTICATION_AUTHORITY AUTHENTICATION_CLIENT_TYPE AUTHENTICATION_RESPONSE_TYPE AUTHORIZER_PRINCIPAL_DOMAIN \
    AUTHORIZER_REQUEST_FILTER DB_CONNECTION_EVICTION_INTERVAL DB_CONNECTION_MIN_IDLE_TIME \
    ELASTICSEARCH_PAYLOAD_BYTES_SIZE EVENT_MONITOR JWT_ISSUER K8S_IMAGE_PULL_POLICY K8S_INGESTION_IMAGE \
    K8S_NAMESPACE K8S_SERVICE_ACCOUNT_NAME OM_URI PIPELINE_SERVICE_CLIENT_SSL_CERT_PATH \
    PIPELINE_SERVICE_CLIENT_VERIFY_SSL SERVER_IDLE_THREAD_TIMEOUT WEB_CONF_FRAME_OPTION WEB_CONF_HSTS_MAX_AGE \
    WEB_CONF_REFERRER_POLICY_OPTION";

/// Digits from which on a number under a name that calls it a secret is one, and no count.
const DIGITS: usize = 6;

/// The secrets of a revision.
pub fn of_release(release: &Release) -> Vec<String> {
    let hooks = release.hooks.iter().filter_map(|h| h.manifest.expose());
    let texts = release.manifest.expose().into_iter().chain(hooks);
    let all: Vec<Object> = texts.flat_map(|t| objects(t, &release.namespace).unwrap_or_default()).collect();
    let mut keys = BTreeSet::new();
    for object in all.iter().filter(|o| o.kind != "Secret") {
        references("", &object.value, &mut keys);
    }
    let values = release.values.expose();
    if let Some(values) = values {
        references("", values, &mut keys);
    }
    let mut out = Vec::new();
    for object in all.iter().filter(|o| o.kind != "Secret") {
        walk("", &object.value, &keys, &mut out);
    }
    if let Some(values) = values {
        walk("", values, &keys, &mut out);
    }
    for secret in all.iter().filter(|o| o.kind == "Secret") {
        of_secret(secret, &mut out);
    }
    out
}

/// Keys that references name (`secretKeyRef`, tolerations, `secretRef` beside `secretKey`): they call something, often
/// by the word `password`, and are nothing secret themselves.
fn references(name: &str, value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            let refers = matches!(name, "secretKeyRef" | "configMapKeyRef")
                || ["operator", "effect", "path"].iter().any(|k| map.contains_key(*k));
            let keys = [("key", refers), ("secretKey", map.contains_key("secretRef")), ("topologyKey", true)];
            let named = keys.iter().filter(|(_, yes)| *yes).filter_map(|(key, _)| map.get(*key)?.as_str());
            out.extend(named.map(str::to_owned));
            map.iter().for_each(|(key, item)| references(key, item, out));
        }
        Value::Array(items) => items.iter().for_each(|item| references(name, item, out)),
        _ => {}
    }
}

/// The secrets of one entry of a Secret.
pub fn of_entry(name: &str, value: &str, out: &mut Vec<String>) {
    let quiet = || !sensitive(name) && QUIET_SETTINGS.split_whitespace().any(|word| word == name) && is_plain(value);
    // A short text is a secret only where its name says so.
    let long = value.trim().len() >= crate::redact::ANYWHERE;
    if !is_plain_setting(name) && !quiet() && (sensitive(name) || long) {
        out.push(value.to_owned());
    }
    // A whole configuration, as that of registries: its passwords stand in logs without what is around them.
    if let Ok(inside @ Value::Object(_)) = serde_json::from_str(value) {
        walk("", &inside, &BTreeSet::new(), out);
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

fn of_secret(object: &Object, out: &mut Vec<String>) {
    for (key, encoded) in [("data", true), ("stringData", false)] {
        for (name, value) in object.value.get(key).and_then(Value::as_object).into_iter().flatten() {
            let text = value.as_str().unwrap_or_default();
            let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok().filter(|_| encoded);
            let plain = bytes.and_then(|b| String::from_utf8(b).ok());
            of_entry(name, plain.as_deref().unwrap_or(text), out);
        }
    }
}

/// Texts under names that call them secret, and environment entries of such a name. `keys` are those of references.
fn walk(name: &str, value: &Value, keys: &BTreeSet<String>, out: &mut Vec<String>) {
    match value {
        Value::String(text) if sensitive(name) => out.extend((!keys.contains(text)).then(|| text.clone())),
        Value::String(text) => out.extend(inside(text)),
        Value::Number(number) if sensitive(name) => out.extend(digits(number)),
        // References name a Secret and a key of it: hiding that would hide what patterns see.
        Value::Object(_) if matches!(name, "secretKeyRef" | "configMapKeyRef" | "secretRef" | "configMapRef") => {}
        Value::Object(map) => {
            let entry = map.get("name").and_then(Value::as_str).filter(|_| map.contains_key("value"));
            if entry.is_some_and(sensitive) {
                match map.get("value") {
                    Some(Value::String(text)) => out.push(text.clone()),
                    Some(Value::Number(number)) => out.extend(digits(number)),
                    _ => {}
                }
            }
            map.iter().for_each(|(key, item)| walk(key, item, keys, out));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(name, item, keys, out)),
        _ => {}
    }
}

/// A number that is long enough for a secret.
fn digits(number: &serde_json::Number) -> Option<String> {
    Some(number.to_string()).filter(|digits| digits.len() >= DIGITS)
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

/// Words, class names, names of hosts and addresses without a password.
fn is_plain(value: &str) -> bool {
    let value = value.trim().trim_matches('"');
    let word = value.chars().all(|c| c.is_ascii_lowercase());
    let class = value.contains('.') && value.chars().all(|c| c.is_ascii_alphabetic() || c == '.');
    let address = value.contains("://") && !value.contains('@') && !value.contains('?');
    let number = value.parse::<f64>().is_ok();
    word || class || address || number || is_host(value)
}

/// A name of a host or domain, as `open-metadata.org`: every user's address ends in one.
fn is_host(value: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let end = value.rsplit('.').next().unwrap_or_default();
    value.contains('.') && value.split('.').all(label) && end.len() > 1 && end.chars().all(|c| c.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chart keeps the domain of users in a Secret: with it hidden no address in an answer could be read any more.
    #[test]
    fn the_domain_of_users_is_no_secret_and_a_password_like_it_is_one() {
        let of = |name: &str, value: &str| {
            let mut out = Vec::new();
            of_entry(name, value, &mut out);
            out
        };
        assert_eq!(of("AUTHORIZER_PRINCIPAL_DOMAIN", "open-metadata.org"), [""; 0]);
        assert_eq!(of("AUTHORIZER_PRINCIPAL_DOMAIN", "\"data.example-1.co\""), [""; 0]);
        for (name, value) in [
            ("DB_USER_PASSWORD", "open-metadata.org"),
            ("somebodys", "open-metadata.org"),
            ("AUTHORIZER_PRINCIPAL_DOMAIN", "gehe1m.Nicht"),
            ("AUTHORIZER_PRINCIPAL_DOMAIN", "a..b-c.de"),
            ("AUTHORIZER_PRINCIPAL_DOMAIN", "1.2.3.4x5-9"),
        ] {
            assert_eq!(of(name, value), [value], "{name}");
        }
    }
}
