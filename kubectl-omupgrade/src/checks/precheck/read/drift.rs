//! What of a manifest's object is otherwise in the cluster. Only what the manifest sets is compared; contents of
//! Secrets are compared and never named.

use super::quantity;
use crate::preview::Object;
use base64::Engine;
use serde_json::Value;

/// Paths that are not as the manifest says, in words. `scaled`: an autoscaler sets the replicas.
pub fn drift(wanted: &Object, live: &Value, scaled: bool) -> Vec<String> {
    let mut paths = Vec::new();
    for (key, value) in wanted.value.as_object().into_iter().flatten() {
        if matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "status" | "stringData") {
            continue;
        }
        differences(key, value, live.get(key), &mut paths);
    }
    if let Some(entries) = wanted.value.get("stringData").and_then(Value::as_object) {
        for (key, value) in entries {
            let stored = live.pointer(&format!("/data/{key}")).and_then(Value::as_str).and_then(decoded);
            if stored.as_deref() != value.as_str() {
                paths.push(format!("data.{key}"));
            }
        }
    }
    paths.retain(|path| !(scaled && path == "spec.replicas"));
    paths.into_iter().map(|path| format!("{} {path}", wanted.label())).collect()
}

fn decoded(text: &str) -> Option<String> {
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).ok()?).ok()
}

fn differences(path: &str, wanted: &Value, live: Option<&Value>, out: &mut Vec<String>) {
    match (wanted, live) {
        (Value::Object(map), Some(Value::Object(_)) | None) => {
            for (key, value) in map {
                differences(&format!("{path}.{key}"), value, live.and_then(|l| l.get(key)), out);
            }
        }
        (Value::Array(items), Some(Value::Array(others))) if items.len() == others.len() => {
            for (i, (item, other)) in items.iter().zip(others).enumerate() {
                let name = item.get("name").and_then(Value::as_str).map_or_else(|| i.to_string(), str::to_owned);
                differences(&format!("{path}[{name}]"), item, Some(other), out);
            }
        }
        // What is empty in a manifest is not there in the cluster.
        (wanted, None) if is_empty(wanted) => {}
        (wanted, Some(live)) if wanted == live || same(wanted, live) => {}
        _ => out.push(path.to_owned()),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Number(n) => n.as_f64() == Some(0.0),
        Value::Bool(true) => false,
    }
}

/// Whether two scalars mean the same: `1` and `"1"`, `0.5` and `500m`.
fn same(a: &Value, b: &Value) -> bool {
    let text = |v: &Value| match v {
        Value::String(text) => Some(text.clone()),
        Value::Number(n) => Some(n.to_string()),
        _ => None,
    };
    let (Some(a), Some(b)) = (text(a), text(b)) else { return false };
    a == b || quantity(&a).is_some_and(|a| quantity(&b) == Some(a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preview::objects;
    use serde_json::json;

    fn of(manifest: &str, live: &Value, scaled: bool) -> Vec<String> {
        drift(&objects(manifest, "data").unwrap()[0], live, scaled)
    }

    const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: om}\nspec:\n  replicas: 2\n  template:\n    spec:\n      \
        nodeSelector: {}\n      containers:\n      - {name: server, image: a:1, resources: {requests: {cpu: 1000m}}}\n";

    #[test]
    fn only_what_the_manifest_sets_is_compared() {
        let live = |replicas: u32, image: &str| {
            json!({"spec": {"replicas": replicas, "paused": true, "template": {"spec": {"dnsPolicy": "ClusterFirst",
                "containers": [{"name": "server", "image": image, "imagePullPolicy": "Always", "resources": {"requests": {"cpu": "1"}}}]}}}})
        };
        assert!(of(DEPLOYMENT, &live(2, "a:1"), false).is_empty());
        assert_eq!(of(DEPLOYMENT, &live(5, "a:1"), false), ["Deployment/om spec.replicas"]);
        assert!(of(DEPLOYMENT, &live(5, "a:1"), true).is_empty());
        let other = of(DEPLOYMENT, &live(2, "a:2"), false);
        assert_eq!(other, ["Deployment/om spec.template.spec.containers[server].image"]);
    }

    #[test]
    fn a_secret_is_compared_and_not_told() {
        let secret =
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {A: aHVudGVyMg==}\nstringData: {B: hunter2}\n";
        assert!(of(secret, &json!({"data": {"A": "aHVudGVyMg==", "B": "aHVudGVyMg=="}}), false).is_empty());
        let told = of(secret, &json!({"data": {"A": "eA==", "B": "eA=="}}), false);
        assert_eq!(told, ["Secret/s data.A", "Secret/s data.B"]);
    }
}
