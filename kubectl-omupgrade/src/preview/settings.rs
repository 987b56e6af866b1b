//! The settings that a server's containers are given, resolved as far as the manifest holds what it refers to. Values
//! are secret until someone says otherwise: they do not leave here as plain text.

use super::objects::Object;
use crate::facts::Secret;
use base64::Engine;
use serde_json::Value;
use shared::component;
use std::collections::BTreeMap;

/// The settings of a server workload by name; none where the manifest does not hold the value.
pub fn settings(objects: &[Object], server: &Object) -> BTreeMap<String, Option<Secret<String>>> {
    let spec = |key: &str| server.value.pointer(&format!("/spec/template/spec/{key}")).and_then(Value::as_array);
    let serving = component::serving_index(&server.value).and_then(|i| spec("containers")?.get(i));
    let mut out = BTreeMap::new();
    let containers = component::migration_container(&server.value).into_iter().chain(serving);
    for container in containers {
        let list = |key: &str| container.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for from in list("envFrom") {
            let prefix = text(from, "/prefix").unwrap_or_default();
            let source = text(from, "/secretRef/name")
                .map(|n| ("Secret", n))
                .or_else(|| text(from, "/configMapRef/name").map(|n| ("ConfigMap", n)));
            let Some((kind, name)) = source else { continue };
            for (key, value) in content(objects, kind, name) {
                out.insert(format!("{prefix}{key}"), Some(Secret::new(value)));
            }
        }
        for entry in list("env") {
            let Some(name) = text(entry, "/name") else { continue };
            let referred = |kind: &str, at: &str| {
                let from = text(entry, &format!("/valueFrom/{at}/name"))?;
                content(objects, kind, from).remove(text(entry, &format!("/valueFrom/{at}/key"))?)
            };
            let value = text(entry, "/value").map(str::to_owned);
            let value = value.or_else(|| referred("Secret", "secretKeyRef"));
            let value = value.or_else(|| referred("ConfigMap", "configMapKeyRef"));
            out.insert(name.to_owned(), value.map(Secret::new));
        }
    }
    out
}

fn text<'a>(value: &'a Value, at: &str) -> Option<&'a str> {
    value.pointer(at).and_then(Value::as_str)
}

/// The entries of a Secret or `ConfigMap` of the manifest, without the quotes that charts write around some.
fn content(objects: &[Object], kind: &str, name: &str) -> BTreeMap<String, String> {
    let Some(object) = objects.iter().find(|o| o.kind == kind && o.name == name) else { return BTreeMap::new() };
    let mut out = BTreeMap::new();
    for (key, encoded) in [("data", kind == "Secret"), ("stringData", false)] {
        let entries = object.value.get(key).and_then(Value::as_object).into_iter().flatten();
        for (name, value) in entries {
            let text = value.as_str().unwrap_or_default();
            let plain = if encoded { decoded(text) } else { Some(text.to_owned()) };
            if let Some(plain) = plain {
                out.insert(name.clone(), plain.trim().trim_matches('"').to_owned());
            }
        }
    }
    out
}

/// An entry of a Secret's `data` as text.
pub(super) fn decoded(text: &str) -> Option<String> {
    let bytes = base64::engine::general_purpose::STANDARD.decode(text.trim()).ok()?;
    String::from_utf8(bytes).ok()
}
