//! Drops from objects that rules only look at what no rule looks at: it would be most of their memory, and of Secrets
//! it is what nobody should hold. An object that was made lean cannot be edited: its proof would not hold.

use crate::database::SETTINGS;
use serde_json::Value;

/// The one setting in a Secret whose value is read: it names the database's engine.
const READ: &str = "DB_SCHEME";

/// What of a container only the container itself needs.
const INSIDE: &[&str] = &["env", "envFrom", "volumeMounts", "command", "args"];

/// Makes an object lean, where its kind is one that rules only look at.
pub fn lean(object: &mut Value) {
    match object.get("kind").and_then(Value::as_str) {
        Some("Secret") => secret(object),
        Some("CronJob") => pod(object, "/spec/jobTemplate/spec/template/spec"),
        Some("Job") => pod(object, "/spec/template/spec"),
        Some("Pod") => pod(object, "/spec"),
        _ => {}
    }
}

fn secret(object: &mut Value) {
    for part in ["data", "stringData"] {
        if let Some(Value::Object(map)) = object.get_mut(part) {
            map.retain(|key, _| SETTINGS.contains(&key.as_str()));
            map.iter_mut().filter(|(key, _)| *key != READ).for_each(|(_, value)| *value = Value::Null);
        }
    }
}

fn pod(object: &mut Value, spec: &str) {
    let Some(Value::Object(spec)) = object.pointer_mut(spec) else { return };
    let lists = spec.iter_mut().filter(|(key, _)| matches!(key.as_str(), "containers" | "initContainers"));
    for container in lists.filter_map(|(_, list)| list.as_array_mut()).flatten().filter_map(Value::as_object_mut) {
        container.retain(|key, _| !INSIDE.contains(&key.as_str()));
    }
}
