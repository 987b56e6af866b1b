//! A container: what it does now, and what keeps it from doing it.

use super::causes::{crash, guard, image, init, probe};
use super::migration;
use super::scene::Scene;
use super::tree::{Health, Kind, Node};
use crate::facts::{Container, LogKey, Pod, Role, State};
use shared::marks;

/// The nodes of a pod's containers, in their order.
pub fn nodes(scene: &Scene<'_>, pod: &Pod) -> Vec<Node> {
    pod.containers.iter().map(|c| node(scene, pod, c)).collect()
}

fn node(scene: &Scene<'_>, pod: &Pod, c: &Container) -> Node {
    let kind = if c.role == Role::Main { Kind::Container } else { Kind::InitContainer };
    let mut node = Node::new(kind, &c.name, Health::Working, "");
    match &c.state {
        State::Unsaid => {
            node.health = Health::Idle;
            "waiting".clone_into(&mut node.words);
        }
        State::Waiting { reason, .. } => waiting(scene, pod, c, reason, &mut node),
        State::Running { since } => {
            node.since = *since;
            running(scene, pod, c, &mut node);
        }
        State::Terminated(end) if end.exit == 0 && c.role == Role::Init => {
            node.health = Health::Done;
            "done".clone_into(&mut node.words);
            if c.migrates {
                let lines = scene.log(&LogKey::new(&pod.meta.name, &c.name));
                if !lines.is_empty() {
                    let progress = migration::read(lines);
                    let all = "done: all versions run".to_owned();
                    node.words = if progress.after { all } else { format!("done: {progress}") };
                }
            }
        }
        State::Terminated(end) => {
            node.words = crash::ended(end);
            if end.exit == 0 && pod.phase == "Succeeded" {
                node.health = Health::Done;
            } else {
                broken(scene, pod, c, &mut node);
            }
        }
    }
    node
}

fn running(scene: &Scene<'_>, pod: &Pod, c: &Container, node: &mut Node) {
    if c.role == Role::Init {
        "running".clone_into(&mut node.words);
        if c.migrates {
            let key = LogKey::new(&pod.meta.name, &c.name);
            let progress = migration::read(scene.log(&key));
            node.words = progress.to_string();
            node.why.extend(init::swallowed(&progress));
            node.why.extend(scene.log_ends(&key).and_then(|last| init::silent(scene, last)));
        }
        return;
    }
    if c.ready || (c.role == Role::Sidecar && c.started != Some(false)) {
        node.health = Health::Done;
        "ready".clone_into(&mut node.words);
        return;
    }
    "running, not ready".clone_into(&mut node.words);
    if let Some((health, why)) = crash::of_running(scene, pod, c) {
        node.because(health, why);
    }
    if let Some((health, why)) = probe::of_container(scene, pod, c) {
        node.because(health, why);
    }
}

fn waiting(scene: &Scene<'_>, pod: &Pod, c: &Container, reason: &str, node: &mut Node) {
    match reason {
        "PodInitializing" | "ContainerCreating" | "" => {
            let its_turn = reason == "ContainerCreating";
            if its_turn { "being created" } else { "waiting" }.clone_into(&mut node.words);
            node.health = if its_turn { Health::Working } else { Health::Idle };
            // Between two tries the reason is lost for a moment; the last run is not.
            if c.last.as_ref().is_some_and(|l| l.exit != 0) && c.restarts > 0 {
                broken(scene, pod, c, node);
            }
        }
        "CrashLoopBackOff" => {
            node.words = crash::looping(c);
            broken(scene, pod, c, node);
        }
        _ => {
            let (health, why) = image::of_container(scene, pod, c).unwrap_or_else(|| init::of_waiting(scene, pod, c));
            reason.clone_into(&mut node.words);
            node.because(health, why);
        }
    }
}

/// A container that failed: the cause that says most.
fn broken(scene: &Scene<'_>, pod: &Pod, c: &Container, node: &mut Node) {
    let (health, why) = if c.name == marks::GUARD_CONTAINER {
        guard::of_container(scene, pod, c)
    } else if c.migrates {
        init::of_migration(scene, pod, c)
    } else {
        crash::of_container(scene, pod, c)
    };
    node.because(health, why);
}
