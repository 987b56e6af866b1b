//! The release's workloads as they are in the cluster: replica counts and who owns them, marks of GitOps tools, the
//! server images that run. And the one write to them: a replica count put back.

use super::cluster::Cluster;
use super::lock::Lock;
use crate::facts::read;
use crate::failure::Failure;
use crate::preview::Object;
use crate::verdict::{Reach, Running};
use crate::wayback::{Live, OURS, OWNERS};
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The workloads of a manifest, as they are. What may not be read makes the whole answer unknown: an autoscaler that
/// was not seen would have its count taken away.
pub async fn workloads(cluster: &Cluster, manifest: &[Object]) -> Result<Vec<Live>, String> {
    let wanted =
        |kind: &str, meta: &ObjectMeta| manifest.iter().any(|o| o.kind == kind && Some(&o.name) == meta.name.as_ref());
    let list = ListParams::default;
    let (deployments, sets, autoscalers): (Api<Deployment>, Api<StatefulSet>, Api<HorizontalPodAutoscaler>) =
        (cluster.api(), cluster.api(), cluster.api());
    let (deployments, sets, autoscalers) = futures::future::join3(
        cluster.all(&deployments, list()),
        cluster.all(&sets, list()),
        cluster.all(&autoscalers, list()),
    )
    .await;
    let autoscalers = autoscalers.map_err(|r| format!("listing the autoscalers: {r}"))?;
    let autoscaler = |kind: &str, name: &str| {
        let hit =
            autoscalers.iter().find(|a| a.spec.scale_target_ref.kind == kind && a.spec.scale_target_ref.name == name);
        hit.and_then(|a| a.metadata.name.clone())
    };
    let mut out = Vec::new();
    let mut take = |kind: &str, meta: ObjectMeta, replicas: Option<i32>| {
        if wanted(kind, &meta) {
            let name = meta.name.clone().unwrap_or_default();
            let mut marks: BTreeMap<String, String> = meta.labels.clone().unwrap_or_default();
            marks.extend(meta.annotations.clone().unwrap_or_default());
            marks.retain(|key, _| OWNERS.iter().any(|owner| key.starts_with(owner)));
            out.push(Live {
                kind: kind.to_owned(),
                replicas: u64::try_from(replicas.unwrap_or(1)).unwrap_or(0),
                autoscaler: autoscaler(kind, &name),
                manager: owner(&meta, "/f:spec/f:replicas"),
                name,
                marks,
            });
        }
    };
    for d in deployments.map_err(|r| format!("listing the Deployments: {r}"))? {
        take("Deployment", d.metadata, d.spec.replicas);
    }
    for s in sets.map_err(|r| format!("listing the StatefulSets: {r}"))? {
        take("StatefulSet", s.metadata, s.spec.replicas);
    }
    Ok(out)
}

/// The manager that owns a field; of several, one that is not helm.
pub fn owner(meta: &ObjectMeta, field: &str) -> Option<String> {
    let fields = meta.managed_fields.as_deref().unwrap_or_default();
    let owners = fields.iter().filter(|f| f.fields_v1.as_ref().is_some_and(|v| v.0.pointer(field).is_some()));
    let mut names: Vec<String> = owners.filter_map(|f| f.manager.clone()).collect();
    names.sort_by_key(|n| n.starts_with("helm"));
    names.into_iter().next()
}

/// The labels by which a workload selects its pods, as the API is asked for them.
fn selector(workload: &Value) -> String {
    let labels = workload.pointer("/spec/selector/matchLabels").and_then(Value::as_object);
    let pairs = labels.into_iter().flatten().filter_map(|(key, value)| Some(format!("{key}={}", value.as_str()?)));
    pairs.collect::<Vec<_>>().join(",")
}

/// The server images that run, by image, of the pods that a server's labels select.
pub async fn running(cluster: &Cluster, server: &Object) -> Vec<Running> {
    let selector = selector(&server.value);
    if selector.is_empty() {
        return Vec::new();
    }
    let serving = shared::component::serving_index(&server.value).unwrap_or(0);
    let name = server.value.pointer(&format!("/spec/template/spec/containers/{serving}/name")).and_then(Value::as_str);
    let api: Api<Pod> = cluster.api();
    let pods = cluster.all(&api, ListParams::default().labels(&selector)).await.unwrap_or_default();
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for pod in pods {
        let runs = pod.status.as_ref().and_then(|s| s.container_statuses.as_ref()).is_some_and(|all| {
            all.iter().any(|c| Some(c.name.as_str()) == name && c.state.as_ref().is_some_and(|s| s.running.is_some()))
        });
        let image = pod.spec.and_then(|s| s.containers.into_iter().find(|c| Some(c.name.as_str()) == name)?.image);
        if let Some(image) = image.filter(|_| runs) {
            *counted.entry(image).or_default() += 1;
        }
    }
    let reach =
        |image: &str| Reach { folders: Vec::new(), tag: shared::component::image_tag(image).map(str::to_owned) };
    counted.into_iter().map(|(image, pods)| Running { reach: reach(&image), image, pods }).collect()
}

/// The pods of the namespace, but for those of other releases, in which a migration runs.
pub async fn migrating(cluster: &Cluster, release: &str) -> Result<Vec<String>, String> {
    let api: Api<Pod> = cluster.api();
    let pods = cluster.all(&api, ListParams::default()).await.map_err(|refused| refused.to_string())?;
    let instance = |pod: &Pod| pod.metadata.labels.as_ref()?.get("app.kubernetes.io/instance").cloned();
    let ours = pods.iter().filter(|pod| instance(pod).is_none_or(|of| of == release));
    let at_work = |pod: &&Pod| read::pod(pod).is_migrating() || migrates_once(pod);
    Ok(ours.filter(at_work).filter_map(|pod| pod.metadata.name.clone()).collect())
}

/// Whether the own container of a pod that is not started again migrates now. One that is started again may begin with a
/// migration and serve ever after.
fn migrates_once(pod: &Pod) -> bool {
    let ends = |spec: &&PodSpec| matches!(spec.restart_policy.as_deref(), Some("Never" | "OnFailure"));
    let Some(name) = pod.spec.as_ref().filter(ends).and_then(read::migrating_main) else { return false };
    let mut all = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    all.any(|c| c.name == name && c.state.as_ref().is_some_and(|state| state.running.is_some()))
}

/// Of these objects, those that Helm leaves alone when it deletes: it looks at the annotation in the cluster.
pub async fn kept(cluster: &Cluster, objects: &[&Object]) -> Vec<String> {
    let mut out = Vec::new();
    for object in objects {
        let api_version = object.value.get("apiVersion").and_then(Value::as_str).unwrap_or("v1");
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &object.kind));
        let api: Api<DynamicObject> = if matches!(object.kind.as_str(), "CustomResourceDefinition" | "Namespace") {
            Api::all_with(cluster.client.clone(), &resource)
        } else {
            let namespace = if object.namespace.is_empty() { &cluster.namespace } else { &object.namespace };
            Api::namespaced_with(cluster.client.clone(), namespace, &resource)
        };
        let keeps = |o: &DynamicObject| {
            o.metadata
                .annotations
                .as_ref()
                .is_some_and(|a| a.get("helm.sh/resource-policy").is_some_and(|p| p.trim() == "keep"))
        };
        match cluster.within(api.get(&object.name)).await {
            Ok(found) if keeps(&found) => out.push(object.label()),
            Err(refused) if refused.is_absent() => out.push(object.label()), // nothing there to lose
            _ => {}
        }
    }
    out
}

/// Puts a replica count back, unless it is so already.
pub async fn scale(lock: &Lock, label: &str, replicas: u64) -> anyhow::Result<()> {
    lock.check().await?;
    let cluster = lock.of().0;
    let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
    let params = PatchParams { field_manager: Some(OURS.to_owned()), ..PatchParams::default() };
    let doing = format!("putting {label} back to {replicas} replicas");
    let (kind, name) = label.split_once('/').ok_or_else(|| Failure::unknown(format!("{doing}: no such kind")))?;
    let scaled = if kind == "StatefulSet" {
        let api: Api<StatefulSet> = cluster.api();
        cluster.within(api.patch_scale(name, &params, &patch)).await
    } else {
        let api: Api<Deployment> = cluster.api();
        cluster.within(api.patch_scale(name, &params, &patch)).await
    };
    scaled.map_err(|r| r.failure(&doing))?;
    Ok(())
}

/// The images of a server's pods with what the nodes pulled for them: references with digests.
pub async fn pulled(cluster: &Cluster, server: &Value) -> BTreeMap<String, Vec<String>> {
    let selector = selector(server);
    let mut out: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if selector.is_empty() {
        return out;
    }
    let api: Api<Pod> = cluster.api();
    for pod in cluster.all(&api, ListParams::default().labels(&selector)).await.unwrap_or_default() {
        let status = pod.status.unwrap_or_default();
        let all = [status.init_container_statuses, status.container_statuses].into_iter().flatten().flatten();
        for container in all.filter(|c| !c.image_id.is_empty()) {
            let ids = out.entry(container.image).or_default();
            if !ids.contains(&container.image_id) {
                ids.push(container.image_id);
            }
        }
    }
    out
}
