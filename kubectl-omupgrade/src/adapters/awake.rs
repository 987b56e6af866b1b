//! The pods that have to stand still while a database is restored, and which of them do not end with what is stilled.

use super::cluster::Cluster;
use crate::failure::Failure;
use crate::wayback::restore::Plan;
use crate::wayback::{repository, version};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Container, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Api;
use kube::api::ListParams;
use shared::marks;
use std::collections::{BTreeMap, BTreeSet};

/// Pods that could migrate or write: of these images, or with a server's container in a pod of the release or of a workload
/// that was stilled. A registry that an admission webhook writes into pods makes other images of them; and the server's
/// selector also catches pods of the chart that are no servers. Not those whose servers are all of these versions.
pub async fn awake(
    cluster: &Cluster,
    release: &str,
    plan: &Plan,
    ours: &BTreeSet<String>,
) -> Result<Vec<String>, Failure> {
    let stilled = stilled(cluster, plan).await?;
    let pods = pods(cluster, release, plan, &stilled).await?;
    let others = pods.into_iter().filter(|pod| !versions(pod, plan, &stilled).is_subset(ours));
    Ok(others.filter_map(|p| p.metadata.name).collect())
}

/// The versions of a pod's containers that are servers, or are called as one.
fn versions(pod: &Pod, plan: &Plan, stilled: &[Stilled]) -> BTreeSet<String> {
    let of = |c: &Container| {
        let image = c.image.as_deref().unwrap_or_default();
        let one = plan.images.iter().any(|i| i == repository(image))
            || stilled.iter().any(|s| s.containers.contains(&c.name));
        one.then(|| version(image).to_owned())
    };
    containers(pod).filter_map(of).collect()
}

fn containers(pod: &Pod) -> impl Iterator<Item = &Container> {
    let spec = pod.spec.iter();
    spec.flat_map(|s| s.containers.iter().chain(s.init_containers.iter().flatten()))
}

/// Those of them that run on when all of the plan stands still, each with the command that stops it.
pub async fn unstilled(cluster: &Cluster, release: &str, plan: &Plan) -> Result<Vec<(String, String)>, Failure> {
    let stilled = stilled(cluster, plan).await?;
    let pods = pods(cluster, release, plan, &stilled).await?;
    let others = pods.into_iter().filter(|pod| pod.metadata.deletion_timestamp.is_none() && !ends(pod, &stilled));
    Ok(others.filter_map(|pod| Some((pod.metadata.name.clone()?, stop(&pod, &cluster.namespace)))).collect())
}

/// Who started a pod and starts it again.
fn controller(pod: &Pod) -> Option<&OwnerReference> {
    pod.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true))
}

/// The workload behind a pod: a Deployment names its `ReplicaSet`s by itself and a hash.
fn workload(pod: &Pod) -> Option<(&str, &str)> {
    let owner = controller(pod)?;
    match owner.kind.as_str() {
        "ReplicaSet" => Some(("Deployment", owner.name.rsplit_once('-')?.0)),
        kind => Some((kind, &owner.name)),
    }
}

/// Whether a pod ends with its workload.
fn ends(pod: &Pod, stilled: &[Stilled]) -> bool {
    workload(pod).is_some_and(|(kind, name)| stilled.iter().any(|s| s.label == format!("{kind}/{name}")))
}

fn stop(pod: &Pod, namespace: &str) -> String {
    match workload(pod) {
        Some((kind @ ("Deployment" | "StatefulSet"), name)) => {
            format!("kubectl scale {} {name} -n {namespace} --replicas=0", kind.to_lowercase())
        }
        Some((kind, name)) => format!("kubectl delete {} {name} -n {namespace}", kind.to_lowercase()),
        None => format!("kubectl delete pod {} -n {namespace}", pod.metadata.name.as_deref().unwrap_or_default()),
    }
}

async fn pods(cluster: &Cluster, release: &str, plan: &Plan, stilled: &[Stilled]) -> Result<Vec<Pod>, Failure> {
    let api: Api<Pod> = cluster.api();
    let all = cluster.all(&api, ListParams::default()).await.map_err(|r| r.failure("looking for server pods"))?;
    let awake = all.into_iter().filter(|pod| {
        let none = BTreeMap::new();
        let labels = pod.metadata.labels.as_ref().unwrap_or(&none);
        let instance = labels.get("app.kubernetes.io/instance");
        let ended = pod.status.as_ref().and_then(|s| s.phase.as_deref());
        if labels.contains_key(marks::ROLE) || matches!(ended, Some("Succeeded" | "Failed")) {
            return false;
        }
        let served = stilled.iter().any(|s| {
            let selected = !s.selector.is_empty() && s.selector.iter().all(|(k, v)| labels.get(k) == Some(v));
            (selected || instance.is_some_and(|of| of == release))
                && containers(pod).any(|c| s.containers.contains(&c.name))
        });
        let of_another = instance.is_some_and(|of| of != release);
        let mut used = containers(pod).filter_map(|c| c.image.as_deref()).map(repository);
        served || !of_another && used.any(|image| plan.images.iter().any(|i| i == image))
    });
    Ok(awake.collect())
}

/// What tells the pods of a workload that was stilled: its selector, and those of its containers that run a server's
/// image. A workload's template is not what webhooks write.
struct Stilled {
    /// Kind and name.
    label: String,
    selector: BTreeMap<String, String>,
    containers: Vec<String>,
}

async fn stilled(cluster: &Cluster, plan: &Plan) -> Result<Vec<Stilled>, Failure> {
    let mut out = Vec::new();
    for label in plan.workloads.keys() {
        let (kind, name) = label.split_once('/').unwrap_or_default();
        let found = if kind == "StatefulSet" {
            let found = cluster.within(cluster.api::<StatefulSet>().get(name)).await;
            found.map(|s| (s.spec.selector.match_labels, s.spec.template.spec))
        } else {
            let found = cluster.within(cluster.api::<Deployment>().get(name)).await;
            found.map(|d| (d.spec.selector.match_labels, d.spec.template.spec))
        };
        let (selector, spec) = match found {
            Ok(found) => found,
            Err(refused) if refused.is_absent() => continue,
            Err(refused) => return Err(refused.failure(&format!("looking at {label}"))),
        };
        let containers =
            spec.into_iter().flat_map(|s| s.containers.into_iter().chain(s.init_containers.into_iter().flatten()));
        let servers = containers.filter(|c| {
            let image = c.image.as_deref().map(repository);
            image.is_some_and(|image| plan.images.iter().any(|i| i == image))
        });
        out.push(Stilled {
            label: label.clone(),
            selector: selector.unwrap_or_default(),
            containers: servers.map(|c| c.name).collect(),
        });
    }
    Ok(out)
}
