//! What of a release is otherwise in the cluster. What may not be read is named beside it. Under which name the cluster
//! serves a kind that is not Kubernetes' own is asked, and never guessed.

use super::super::cluster::{Cluster, Refused};
use crate::checks::precheck::{Kinds, read};
use crate::preview::Object;
use futures::StreamExt;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResource;
use kube::Api;
use kube::api::DynamicObject;
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many objects are asked about at once.
const AT_ONCE: usize = 8;

/// What was compared.
pub struct Drift {
    /// What is otherwise, in words.
    pub differences: Vec<String>,
    /// Objects that could not be read, each with the reason: `Ingress/om: forbidden: …`.
    pub unread: Vec<String>,
}

/// Compares, and tells of the kinds that are not Kubernetes' own. What is as one of the later tries has it (`tried`) was
/// helm's doing, and nobody's by hand. Where nothing at all could be read, that is why.
pub async fn look(
    cluster: &Cluster,
    manifest: Result<&[Object], &String>,
    tried: &[Vec<Object>],
) -> (Result<Drift, String>, Kinds) {
    let manifest = match manifest {
        Ok(manifest) => manifest,
        Err(reason) => return (Err(reason.clone()), Kinds::default()),
    };
    let served = &served(cluster, manifest).await;
    (compared(cluster, manifest, tried, served).await, kinds(manifest, served))
}

async fn compared(
    cluster: &Cluster,
    manifest: &[Object],
    tried: &[Vec<Object>],
    served: &Served,
) -> Result<Drift, String> {
    let asked = manifest.iter().map(|object| async move { (object, live_of(cluster, object, served).await) });
    let answers: Vec<_> = futures::stream::iter(asked).buffered(AT_ONCE).collect().await;
    let mut drift = Drift { differences: Vec::new(), unread: Vec::new() };
    for (object, live) in answers {
        let later: Vec<_> = tried.iter().map(|all| all.iter().find(|other| other.is_same(object))).collect();
        match live {
            Ok(Some(live)) => drift.differences.extend(by_hand(object, &later, &live)),
            // One of them took it away.
            Ok(None) if later.contains(&None) => {}
            Ok(None) => drift.differences.push(format!("{} is not there", object.label())),
            Err(why) => drift.unread.push(format!("{}: {why}", object.label())),
        }
    }
    match drift.unread.first() {
        Some(why) if drift.unread.len() == manifest.len() => Err(why.clone()),
        _ => Ok(drift),
    }
}

/// What is otherwise than in the manifest, and than in every later try that holds the object.
fn by_hand(object: &Object, later: &[Option<&Object>], live: &Value) -> Vec<String> {
    let mut otherwise = read::drift(object, live, false);
    for other in later.iter().flatten() {
        let also = read::drift(other, live, false);
        // Lists of other lengths differ as a whole in one, and by one item in the other.
        otherwise.retain(|path| also.iter().any(|other| other.starts_with(path) || path.starts_with(other)));
    }
    otherwise
}

/// What the cluster serves of groups that are not Kubernetes' own, by group and version.
type Served = BTreeMap<String, Result<Vec<APIResource>, Refused>>;

async fn served(cluster: &Cluster, manifest: &[Object]) -> Served {
    let foreign: BTreeSet<&str> = manifest.iter().map(api_version).filter(|api| !is_own(group(api))).collect();
    let mut out = Served::new();
    for api in foreign {
        let asked = cluster.within(cluster.client.list_api_group_resources(api)).await;
        out.insert(api.to_owned(), asked.map(|list| list.resources));
    }
    out
}

fn kinds(manifest: &[Object], served: &Served) -> Kinds {
    let mut kinds = Kinds::default();
    for object in manifest {
        let api = api_version(object);
        let said = format!("{} ({api})", object.label());
        match served.get(api).map(|answer| answer.as_ref().map(|all| resource(all, object))) {
            None | Some(Ok(Some(_))) => {}
            Some(Ok(None)) => kinds.gone.push(said),
            Some(Err(refused)) if refused.is_absent() => kinds.gone.push(said),
            Some(Err(refused)) => kinds.unasked.push(format!("{said}: {refused}")),
        }
    }
    kinds
}

/// What the cluster serves an object as.
fn resource<'a>(all: &'a [APIResource], object: &Object) -> Option<&'a APIResource> {
    all.iter().find(|r| r.kind == object.kind && !r.name.contains('/'))
}

fn api_version(object: &Object) -> &str {
    object.value.get("apiVersion").and_then(Value::as_str).unwrap_or("v1")
}

fn group(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}

/// Whether a group is Kubernetes' own: the names of its kinds follow one rule.
fn is_own(group: &str) -> bool {
    const OWN: &[&str] = &[
        "admissionregistration",
        "apiextensions",
        "apiregistration",
        "certificates",
        "coordination",
        "discovery",
        "events",
        "networking",
        "node",
        "rbac.authorization",
        "scheduling",
        "storage",
    ];
    !group.contains('.') || group.strip_suffix(".k8s.io").is_some_and(|name| OWN.contains(&name))
}

/// Kubernetes' own kinds that lie in no namespace and stand in charts.
const CLUSTER_WIDE: &[&str] = &[
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CustomResourceDefinition",
    "IngressClass",
    "MutatingWebhookConfiguration",
    "Namespace",
    "PersistentVolume",
    "PriorityClass",
    "StorageClass",
    "ValidatingWebhookConfiguration",
];

/// The live object of a manifest's; none where it is not there.
async fn live_of(cluster: &Cluster, object: &Object, served: &Served) -> Result<Option<Value>, String> {
    let api_version = api_version(object);
    let version = api_version.split_once('/').map_or(api_version, |(_, version)| version);
    let kind = GroupVersionKind::gvk(group(api_version), version, &object.kind);
    let (resource, namespaced) = match served.get(api_version) {
        None => (ApiResource::from_gvk(&kind), !CLUSTER_WIDE.contains(&object.kind.as_str())),
        Some(Ok(all)) => match resource(all, object) {
            Some(found) => (ApiResource::from_gvk_with_plural(&kind, &found.name), found.namespaced),
            None => return Ok(None),
        },
        Some(Err(refused)) if refused.is_absent() => return Ok(None),
        Some(Err(refused)) => return Err(format!("the name of its kind cannot be asked: {refused}")),
    };
    let api: Api<DynamicObject> = if namespaced {
        let namespace = if object.namespace.is_empty() { &cluster.namespace } else { &object.namespace };
        Api::namespaced_with(cluster.client.clone(), namespace, &resource)
    } else {
        Api::all_with(cluster.client.clone(), &resource)
    };
    match cluster.within(api.get(&object.name)).await {
        Ok(found) => Ok(Some(serde_json::to_value(found).unwrap_or_default())),
        Err(refused) if refused.is_absent() => Ok(None),
        Err(refused) => Err(refused.to_string()),
    }
}
