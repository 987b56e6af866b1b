//! What a way back would delete for good: claims, definitions with all their custom resources, custom resources.

use super::objects::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that would be gone, and what goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Loss {
    /// Kind and name.
    pub object: String,
    /// What goes with it.
    pub what: String,
    /// How to keep it.
    pub keep: String,
}

/// Groups whose objects only describe what others do; deleting one loses no data.
const HARMLESS: &[&str] =
    &["", "apps", "batch", "autoscaling", "policy", "extensions", "monitoring.coreos.com", "route.openshift.io"];

/// What would be deleted for good. `kept` tells of objects that carry `helm.sh/resource-policy: keep` in the cluster;
/// Helm looks there, not into the manifest.
pub fn losses(now: &[Object], then: &[Object], kept: impl Fn(&Object) -> bool) -> Vec<Loss> {
    let gone = now.iter().filter(|o| !then.iter().any(|t| t.is_same(o)));
    gone.filter_map(|object| Some((object, what(object)?)))
        .filter(|(object, _)| !kept(object))
        .map(|(object, what)| Loss { object: object.label(), what, keep: keep(object) })
        .collect()
}

fn what(object: &Object) -> Option<String> {
    let group = object.group.as_str();
    match object.kind.as_str() {
        "CustomResourceDefinition" => {
            let text = |pointer: &str| object.value.pointer(pointer).and_then(Value::as_str).unwrap_or("of its kind");
            Some(format!("every {} in the cluster goes with it", text("/spec/names/kind")))
        }
        "PersistentVolumeClaim" => Some("the data on its volume goes with it".to_owned()),
        "Namespace" => Some("everything in it goes with it".to_owned()),
        _ if HARMLESS.contains(&group) || group.ends_with(".k8s.io") => None,
        _ => Some(format!("a custom resource of {group}: what its controller made may go with it")),
    }
}

fn keep(object: &Object) -> String {
    let kind = if object.group.is_empty() {
        object.kind.to_lowercase()
    } else {
        format!("{}.{}", object.kind.to_lowercase(), object.group)
    };
    let on = if object.namespace.is_empty() { String::new() } else { format!(" -n {}", object.namespace) };
    format!("kubectl annotate {kind} {}{on} helm.sh/resource-policy=keep", object.name)
}
