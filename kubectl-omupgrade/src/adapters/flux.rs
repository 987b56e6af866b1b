//! Whether the Flux object that owns an object of the release is suspended: then it undoes nothing before somebody resumes
//! it. Writes nothing.

use super::cluster::Cluster;
use kube::Api;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use std::collections::BTreeMap;

/// What the marks of an owner begin with, which is its API group; its kind; versions of its API, newest first.
const OWNERS: [(&str, &str, &[&str]); 2] = [
    ("helm.toolkit.fluxcd.io", "HelmRelease", &["v2", "v2beta2"]),
    ("kustomize.toolkit.fluxcd.io", "Kustomization", &["v1", "v1beta2"]),
];

/// Takes the marks of owners that are suspended out of an object's, and tells which owners these are. One that may not be
/// asked, or is not found, counts as at work.
pub async fn without_suspended(cluster: &Cluster, marks: &mut BTreeMap<String, String>) -> Vec<String> {
    let mut out = Vec::new();
    for (group, kind, versions) in OWNERS {
        let Some(name) = marks.get(&format!("{group}/name")).cloned() else { continue };
        let namespace = marks.get(&format!("{group}/namespace")).unwrap_or(&cluster.namespace).clone();
        for version in versions {
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
            let api: Api<DynamicObject> = Api::namespaced_with(cluster.client.clone(), &namespace, &resource);
            match cluster.within(api.get(&name)).await {
                Err(refused) if refused.is_absent() => continue, // perhaps it is served in another version
                Ok(owner) if owner.data.pointer("/spec/suspend") == Some(&Value::Bool(true)) => {
                    marks.retain(|mark, _| !mark.starts_with(group));
                    out.push(format!("Flux's {kind} {namespace}/{name}"));
                }
                _ => {}
            }
            break;
        }
    }
    out
}
