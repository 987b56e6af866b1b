//! Budgets, autoscalers, claims, quotas, nodes, events.

use super::meta::{condition, conditions, int_or_string, meta, quantities, selector, time};
use crate::facts::{Autoscaler, Budget, Claim, Event, Node, Quota, Scope};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::{Event as ApiEvent, Node as ApiNode, PersistentVolumeClaim, ResourceQuota};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;

/// A disruption budget.
pub fn budget(from: &PodDisruptionBudget) -> Budget {
    let (spec, status) = (from.spec.clone().unwrap_or_default(), from.status.clone().unwrap_or_default());
    Budget {
        meta: meta(&from.metadata),
        selector: spec.selector.as_ref().map(selector).unwrap_or_default(),
        min_available: spec.min_available.as_ref().map(int_or_string),
        max_unavailable: spec.max_unavailable.as_ref().map(int_or_string),
        allowed: status.disruptions_allowed.unwrap_or_default(),
        healthy: status.current_healthy.unwrap_or_default(),
        wanted: status.desired_healthy.unwrap_or_default(),
        expected: status.expected_pods.unwrap_or_default(),
        observed_generation: status.observed_generation.unwrap_or_default(),
    }
}

/// An autoscaler.
pub fn autoscaler(from: &HorizontalPodAutoscaler) -> Autoscaler {
    let (spec, status) = (from.spec.clone(), from.status.clone().unwrap_or_default());
    Autoscaler {
        meta: meta(&from.metadata),
        target: (spec.scale_target_ref.kind, spec.scale_target_ref.name),
        min: spec.min_replicas.unwrap_or(1),
        max: spec.max_replicas,
        wanted: status.desired_replicas,
        conditions: conditions!(status.conditions),
    }
}

/// A volume claim.
pub fn claim(from: &PersistentVolumeClaim) -> Claim {
    Claim {
        meta: meta(&from.metadata),
        phase: from.status.as_ref().and_then(|s| s.phase.clone()).unwrap_or_default(),
        class: from.spec.as_ref().and_then(|s| s.storage_class_name.clone()),
    }
}

/// A quota.
pub fn quota(from: &ResourceQuota) -> Quota {
    let (spec, status) = (from.spec.as_ref(), from.status.as_ref());
    let plain = spec.and_then(|s| s.scopes.as_ref()).into_iter().flatten();
    let chosen = spec.and_then(|s| s.scope_selector.as_ref()?.match_expressions.as_ref()).into_iter().flatten();
    Quota {
        meta: meta(&from.metadata),
        hard: quantities(status.and_then(|s| s.hard.as_ref()), |q| q.0.clone()),
        used: quantities(status.and_then(|s| s.used.as_ref()), |q| q.0.clone()),
        scopes: plain
            .map(|name| Scope { name: name.clone(), operator: "Exists".to_owned(), values: Vec::new() })
            .chain(chosen.map(|s| Scope {
                name: s.scope_name.clone(),
                operator: s.operator.clone(),
                values: s.values.clone().unwrap_or_default(),
            }))
            .collect(),
    }
}

/// A node.
pub fn node(from: &ApiNode) -> Node {
    let status = from.status.as_ref();
    let ready = status.and_then(|s| s.conditions.as_ref()?.iter().find(|c| c.type_ == "Ready"));
    Node {
        name: from.metadata.name.clone().unwrap_or_default(),
        ready: ready.and_then(|c| condition(&c.type_, &c.status, None, None, None).holds),
        cordoned: from.spec.as_ref().and_then(|s| s.unschedulable).unwrap_or_default(),
        allocatable: quantities(status.and_then(|s| s.allocatable.as_ref()), |q| q.0.clone()),
    }
}

/// An event.
pub fn event(from: &ApiEvent) -> Event {
    let about = &from.involved_object;
    let series = from.series.as_ref();
    let micro = series.and_then(|s| s.last_observed_time.as_ref()).or(from.event_time.as_ref()).map(|t| t.0);
    Event {
        name: from.metadata.name.clone().unwrap_or_default(),
        about_kind: about.kind.clone().unwrap_or_default(),
        about: about.name.clone().unwrap_or_default(),
        about_uid: about.uid.clone().unwrap_or_default(),
        part: about.field_path.clone().unwrap_or_default(),
        warning: from.type_.as_deref() == Some("Warning"),
        reason: from.reason.clone().unwrap_or_default(),
        message: from.message.clone().unwrap_or_default(),
        count: series.and_then(|s| s.count).or(from.count).unwrap_or(1),
        last: time(from.last_timestamp.as_ref()).or(micro).or_else(|| time(from.metadata.creation_timestamp.as_ref())),
    }
}
