//! Pods that are not made at all: quota, admission, limits. Someone may free quota, so it blocks and does not fail.

use crate::facts::{ReplicaSet, Workload, WorkloadKind};
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Why};

/// Why a `ReplicaSet` gets no pod.
pub fn of_replica_set(scene: &Scene<'_>, set: &ReplicaSet) -> Option<Why> {
    let failure = set.conditions.iter().find(|c| c.kind == "ReplicaFailure" && c.holds == Some(true));
    let message = failure.map(|c| c.message.clone())?;
    Some(why(scene, &message))
}

/// Why a `StatefulSet` or `DaemonSet` gets no pod: they have no condition for it, only events.
pub fn of_workload(scene: &Scene<'_>, workload: &Workload) -> Option<Why> {
    if workload.kind == WorkloadKind::Deployment || workload.pods >= workload.wanted {
        return None;
    }
    Some(why(scene, &scene.warning(&workload.meta.uid, &["FailedCreate"])?.message))
}

fn why(scene: &Scene<'_>, message: &str) -> Why {
    let Some((_, rest)) = message.split_once("exceeded quota: ") else {
        let text = format!("its pods are refused: {}", tail(message));
        return Why::new(Cause::Refused, text).hint(scene.kubectl("get events --sort-by=.lastTimestamp"));
    };
    // `NAME, requested: limits.cpu=1, used: limits.cpu=4, limited: limits.cpu=4`
    let (name, amounts) = rest.split_once(", ").unwrap_or((rest, ""));
    let text = format!("the quota {name} leaves no room for another pod ({amounts})");
    Why::new(Cause::Quota, text)
        .hint(scene.kubectl(&format!("edit quota {name}    # raise it, or delete what it counts")))
}

/// The part of `pods "x" is forbidden: REASON` that says something.
fn tail(message: &str) -> &str {
    message.split_once("is forbidden: ").map_or(message, |(_, reason)| reason).trim_end_matches('.')
}
