//! Drops from objects what no rule looks at while it works on another: it would be most of their memory, and of Secrets
//! it is what nobody should hold. An object that was made lean cannot be edited: its proof would not hold.

use crate::database::SETTINGS;
use serde_json::{Map, Value};
use shared::component;
use shared::marks;

/// The one setting in a Secret whose value is read: it names the database's engine.
const READ: &str = "DB_SCHEME";

/// What others ask of any object.
const OBJECT: &[&str] = &["kind", "metadata", "spec", "data", "stringData"];
const METADATA: &[&str] = &["name", "namespace", "annotations"];

/// What others ask of a Service, and of what makes pods: how many there are, what selects them.
const SPEC: &[&str] = &["replicas", "selector", "ports", "template", "jobTemplate", "manualSelector"];
const PODS: &[&str] = &["containers", "initContainers"];
const CONTAINER: &[&str] = &["name", "ports", "resources", "restartPolicy"];

/// What the version of a server is read off, and which of its containers migrates.
const MIGRATES: &[&str] = &["image", "command", "args"];

/// Makes an object lean, where its kind is one that rules do not edit, or where it is a server out of its turn.
pub fn lean(object: &mut Value, is_server: bool) {
    let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
    let is_labelled = is_server || kind == "Job";
    match kind {
        "Secret" => secret(object),
        "Service" => {}
        "CronJob" => template(object, "/spec/jobTemplate/spec/template", is_server),
        "Job" | "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => {
            template(object, "/spec/template", is_server);
        }
        "Pod" => {
            containers(object, "/spec", is_server);
            return snug(object);
        }
        _ => return snug(object),
    }
    keep(object, OBJECT);
    let labels: &[&str] = if is_labelled { &["labels"] } else { &[] };
    at(object, "/metadata", &[METADATA, labels].concat());
    at(object, "/spec", SPEC);
    snug(object);
}

/// Makes an object lean that was added and is written: its name is taken, and hooks are told by their annotations.
pub fn written(object: &mut Value) {
    if object.get("kind").is_some_and(|k| k == "PodDisruptionBudget") {
        keep(object, &["kind", "metadata"]);
    }
    lean(object, false);
}

/// Whether nothing is left of a Secret but its name: nobody asks for more than that it is there.
pub fn is_bare(secret: &Value) -> bool {
    let filled = |key: &str| secret.get(key).and_then(Value::as_object).is_some_and(|map| !map.is_empty());
    let skips = |key: &String| key.starts_with(marks::SKIP_PREFIX);
    let annotations = secret.pointer("/metadata/annotations").and_then(Value::as_object);
    !filled("data") && !filled("stringData") && !annotations.is_some_and(|a| a.keys().any(skips))
}

fn secret(object: &mut Value) {
    for part in ["data", "stringData"] {
        at(object, &format!("/{part}"), SETTINGS);
        if let Some(Value::Object(map)) = object.get_mut(part) {
            map.iter_mut().filter(|(key, _)| *key != READ).for_each(|(_, value)| *value = Value::Null);
        }
    }
}

fn template(object: &mut Value, path: &str, is_server: bool) {
    containers(object, &format!("{path}/spec"), is_server);
    at(object, path, &["metadata", "spec"]);
    at(object, &format!("{path}/metadata"), &["labels"]);
}

fn containers(object: &mut Value, path: &str, is_server: bool) {
    let migrates = component::migration_index(object).filter(|_| is_server);
    at(object, path, PODS);
    for list in PODS {
        let Some(Value::Array(list_of)) = object.pointer_mut(&format!("{path}/{list}")) else { continue };
        for (index, container) in list_of.iter_mut().enumerate() {
            if *list == "initContainers" && migrates == Some(index) {
                keep(container, &[CONTAINER, MIGRATES].concat());
            } else {
                keep(container, CONTAINER);
            }
        }
    }
}

fn at(object: &mut Value, path: &str, keys: &[&str]) {
    if let Some(value) = object.pointer_mut(path) {
        keep(value, keys);
    }
}

/// Keeps some entries of a mapping.
fn keep(value: &mut Value, keys: &[&str]) {
    if let Value::Object(map) = value
        && map.keys().any(|key| !keys.contains(&key.as_str()))
    {
        map.retain(|key, _| keys.contains(&key.as_str()));
    }
}

/// Gives a value no more room than it needs: maps and lists that grew, or lost something, have more.
fn snug(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let mut exact = Map::with_capacity(map.len());
            exact.extend(std::mem::take(map).into_iter().map(|(mut key, mut value)| {
                key.shrink_to_fit();
                snug(&mut value);
                (key, value)
            }));
            *map = exact;
        }
        Value::Array(list) => {
            list.iter_mut().for_each(snug);
            list.shrink_to_fit();
        }
        Value::String(text) => text.shrink_to_fit(),
        _ => {}
    }
}
