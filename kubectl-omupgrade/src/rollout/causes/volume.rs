//! Volumes that cannot be mounted: a missing Secret or `ConfigMap`, a volume that another node holds. They may come, so
//! it blocks and does not fail.

use crate::facts::Pod;
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Why};

/// Why a pod that has a node does not start its containers.
pub fn of_pod(scene: &Scene<'_>, pod: &Pod) -> Option<Why> {
    let started = pod.containers.iter().any(|c| c.last.is_some() || !is_new(&c.state));
    if started {
        return None;
    }
    let event = scene.warning(&pod.meta.uid, &["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"])?;
    let describe = scene.kubectl(&format!("describe pod {}", pod.meta.name));
    let message = event.message.trim().trim_end_matches('.');
    let text = if event.reason == "FailedCreatePodSandBox" {
        format!("its node cannot set it up: {message}")
    } else {
        format!("a volume cannot be mounted: {message}")
    };
    Some(Why::new(Cause::Volume, text).hint(describe))
}

fn is_new(state: &crate::facts::State) -> bool {
    use crate::facts::State;
    match state {
        State::Unsaid => true,
        State::Waiting { reason, .. } => reason == "ContainerCreating" || reason == "PodInitializing",
        State::Running { .. } | State::Terminated(_) => false,
    }
}
