//! The autoscaler of a server that has none, where the policy asks for one.

use super::Settings;
use super::check::foreign;
use super::handover::hand_over;
use super::requests::{Measured, missing};
use crate::defaults::{SCALE_DOWN_PERIOD_SECONDS, SCALE_UP_PERIOD_SECONDS};
use crate::pods::Pods;
use crate::proposal::Proposal;
use crate::scene::Object;
use serde_json::{Map, Value, json};

/// A new autoscaler with `replicas` handed over to it, or why there is none.
pub fn autoscaler(
    pods: &Pods<'_>,
    settings: &Settings,
    server: &Object,
    server_side: bool,
    name_is_taken: bool,
) -> Vec<Proposal> {
    let replicas = server.get("/spec/replicas").and_then(Value::as_u64);
    if replicas == Some(0) {
        return vec![Proposal::kept(server, "gets no autoscaler: replicas is 0, the server is off")];
    }
    let least = u64::from(settings.min_replicas).max(replicas.unwrap_or(1));
    let most = u64::from(settings.max_replicas);
    if least > most {
        let text = format!(
            "gets no autoscaler: it has or shall have {least} pods, more than hpa.maxReplicas {most} in the policy: \
             raise that"
        );
        return vec![Proposal::warning(server, text)];
    }
    let targets: Vec<(&str, u32)> =
        [Some(("cpu", settings.cpu)), settings.memory.map(|m| ("memory", m))].into_iter().flatten().collect();
    let measured: Vec<Measured<'_>> =
        targets.iter().map(|(resource, _)| Measured { resource, container: None }).collect();
    let lacking = missing(server, &measured);
    if !lacking.is_empty() {
        let text = format!(
            "gets no autoscaler: it would measure in percent of the requests, and these containers have none: {}; set \
             resources.requests in the chart's values",
            lacking.join(", ")
        );
        return vec![Proposal::warning(server, text)];
    }
    let name = if name_is_taken { format!("{}-server", server.name()) } else { server.name().to_owned() };
    let new = object(settings, server, &name, (least, most), &targets);
    let mut proposals = vec![Proposal::add(server, new, "the policy asks for an autoscaler")];
    proposals.extend(hand_over(server, least, most, server_side));
    proposals.extend(foreign(pods, server, server, &measured));
    proposals
}

fn object(
    settings: &Settings,
    server: &Object,
    name: &str,
    (least, most): (u64, u64),
    targets: &[(&str, u32)],
) -> Value {
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    if let Some(namespace) = server.namespace() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    // The workload's own labels, so that the autoscaler is found with the rest of the release.
    if let Some(labels) = server.get("/metadata/labels") {
        metadata.insert("labels".to_owned(), labels.clone());
    }
    let metrics: Vec<Value> = targets
        .iter()
        .map(|(resource, percent)| {
            json!({
                "type": "Resource",
                "resource": {"name": resource, "target": {"type": "Utilization", "averageUtilization": percent}},
            })
        })
        .collect();
    let one = |period: u32| json!([{"type": "Pods", "value": 1, "periodSeconds": period}]);
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata,
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": server.kind(), "name": server.name()},
            "minReplicas": least,
            "maxReplicas": most,
            "metrics": metrics,
            "behavior": {
                "scaleUp": {"policies": one(SCALE_UP_PERIOD_SECONDS)},
                "scaleDown": {
                    "stabilizationWindowSeconds": settings.scale_down_seconds,
                    "policies": one(SCALE_DOWN_PERIOD_SECONDS),
                },
            },
        },
    })
}
