//! Deployments, `StatefulSets`, `DaemonSets`, `ReplicaSets`.

use super::meta::{condition, conditions, meta, selector};
use super::pod::claims;
use crate::facts::{Component, Meta, ReplicaSet, Workload, WorkloadKind};
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet as ApiReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::PodSpec;
use serde::Serialize;
use shared::component;
use shared::marks;

/// A Deployment.
pub fn deployment(from: &Deployment) -> Workload {
    let (spec, status) = (from.spec.clone(), from.status.clone().unwrap_or_default());
    let strategy = spec.strategy.unwrap_or_default().type_.unwrap_or_else(|| "RollingUpdate".to_owned());
    let conditions = status.conditions.iter().flatten();
    let base = base(WorkloadKind::Deployment, meta(&from.metadata), spec.template.spec.as_ref(), from);
    Workload {
        observed_generation: status.observed_generation.unwrap_or_default(),
        wanted: spec.replicas.unwrap_or(1),
        pods: status.replicas.unwrap_or_default(),
        updated: status.updated_replicas.unwrap_or_default(),
        ready: status.ready_replicas.unwrap_or_default(),
        available: status.available_replicas.unwrap_or_default(),
        strategy,
        paused: spec.paused.unwrap_or_default(),
        progress_deadline: Some(spec.progress_deadline_seconds.unwrap_or(600)),
        min_ready: spec.min_ready_seconds.unwrap_or_default(),
        selector: selector(&spec.selector),
        conditions: conditions
            .map(|c| condition(&c.type_, &c.status, c.reason.as_ref(), c.message.as_ref(), c.last_update_time.as_ref()))
            .collect(),
        ..base
    }
}

/// A `StatefulSet`.
pub fn stateful_set(from: &StatefulSet) -> Workload {
    let (spec, status) = (from.spec.clone(), from.status.clone().unwrap_or_default());
    let update = spec.update_strategy.unwrap_or_default();
    let base = base(WorkloadKind::StatefulSet, meta(&from.metadata), spec.template.spec.as_ref(), from);
    Workload {
        observed_generation: status.observed_generation.unwrap_or_default(),
        wanted: spec.replicas.unwrap_or(1),
        pods: status.replicas,
        updated: status.updated_replicas.unwrap_or_default(),
        ready: status.ready_replicas.unwrap_or_default(),
        available: status.available_replicas.unwrap_or_default(),
        strategy: update.type_.unwrap_or_else(|| "RollingUpdate".to_owned()),
        partition: update.rolling_update.and_then(|r| r.partition),
        min_ready: spec.min_ready_seconds.unwrap_or_default(),
        update_revision: status.update_revision,
        current_revision: status.current_revision,
        selector: selector(&spec.selector),
        ..base
    }
}

/// A `DaemonSet`.
pub fn daemon_set(from: &DaemonSet) -> Workload {
    let (spec, status) = (from.spec.clone(), from.status.clone().unwrap_or_default());
    let update = spec.update_strategy.unwrap_or_default();
    let base = base(WorkloadKind::DaemonSet, meta(&from.metadata), spec.template.spec.as_ref(), from);
    Workload {
        observed_generation: status.observed_generation.unwrap_or_default(),
        wanted: status.desired_number_scheduled,
        pods: status.current_number_scheduled,
        updated: status.updated_number_scheduled.unwrap_or_default(),
        ready: status.number_ready,
        available: status.number_available.unwrap_or_default(),
        strategy: update.type_.unwrap_or_else(|| "RollingUpdate".to_owned()),
        min_ready: spec.min_ready_seconds.unwrap_or_default(),
        selector: selector(&spec.selector),
        ..base
    }
}

/// A `ReplicaSet`.
pub fn replica_set(from: &ApiReplicaSet) -> ReplicaSet {
    let (spec, status) = (from.spec.clone(), from.status.clone().unwrap_or_default());
    let meta = meta(&from.metadata);
    let pod = spec.template.as_ref().and_then(|t| t.spec.as_ref());
    ReplicaSet {
        revision: meta.annotation("deployment.kubernetes.io/revision").and_then(|r| r.parse().ok()).unwrap_or_default(),
        wanted: spec.replicas.unwrap_or(1),
        pods: status.replicas,
        ready: status.ready_replicas.unwrap_or_default(),
        image: image(pod, from),
        conditions: conditions!(status.conditions),
        meta,
    }
}

fn base(kind: WorkloadKind, meta: Meta, pod: Option<&PodSpec>, object: &impl Serialize) -> Workload {
    let value = serde_json::to_value(object).unwrap_or_default();
    let component = match component::of(&value) {
        component::Component::Server => Component::Server,
        component::Component::Operator => Component::Operator,
        component::Component::Database => Component::Database,
        component::Component::Search => Component::Search,
        component::Component::Airflow => Component::Airflow,
        component::Component::Other => Component::Other,
    };
    let init = pod.and_then(|p| p.init_containers.as_ref());
    Workload {
        kind,
        meta,
        component,
        image: image(pod, object),
        claims: pod.map(claims).unwrap_or_default(),
        guarded: init.is_some_and(|list| list.iter().any(|c| c.name == marks::GUARD_CONTAINER)),
        ..Workload::default()
    }
}

/// The image of the container that serves, else of the first.
fn image(pod: Option<&PodSpec>, object: &impl Serialize) -> String {
    let value = serde_json::to_value(object).unwrap_or_default();
    let at = component::serving_index(&value).unwrap_or_default();
    pod.and_then(|p| p.containers.get(at).or(p.containers.first())).and_then(|c| c.image.clone()).unwrap_or_default()
}
