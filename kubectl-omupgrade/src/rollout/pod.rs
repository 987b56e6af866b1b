//! A pod: which of its containers it waits for, and what keeps it from starting at all.

use super::causes::{scheduling, volume};
use super::container;
use super::scene::Scene;
use super::span::span;
use super::tree::{Cause, Health, Kind, Node, Why};
use crate::facts::{Pod, Role, State};

/// Seconds after which a pod that was told to go and stays is told about.
const SLOW_TO_GO: i64 = 300;

/// A pod's node.
pub fn node(scene: &Scene<'_>, pod: &Pod) -> Node {
    let mut node = Node::new(Kind::Pod, &pod.meta.name, Health::Working, "");
    if let Some(at) = pod.meta.deleted {
        node.health = Health::Idle;
        "stopping".clone_into(&mut node.words);
        // The time of deletion already holds the grace period.
        if scene.now.as_second() - at.as_second() > SLOW_TO_GO {
            let text = format!("should be gone since {}: a finalizer or its node holds it", span(at, scene.now));
            node.why.push(Why::new(Cause::Stopping, text));
        }
        return node;
    }
    if pod.phase == "Failed" || pod.reason == "Evicted" {
        node.words = if pod.reason.is_empty() { "failed".to_owned() } else { format!("failed: {}", pod.reason) };
        // Its owner makes another one; that one tells whether the cause is gone.
        node.health = if pod.meta.owner.is_some() { Health::Idle } else { Health::Failed };
        if !pod.message.is_empty() {
            node.why.push(Why::new(Cause::Evicted, pod.message.clone()));
        }
        node.children = container::nodes(scene, pod).into_iter().filter(|c| c.health == Health::Failed).collect();
        return node;
    }
    if pod.phase == "Succeeded" {
        return Node::new(Kind::Pod, &pod.meta.name, Health::Done, "completed");
    }
    let children = container::nodes(scene, pod);
    if pod.is_ready() {
        node.health = Health::Done;
        node.words = ready_words(pod);
        node.since = pod.condition("Ready").and_then(|c| c.since);
        node.children = children;
        return node;
    }
    node.words = words(pod);
    node.since = pod.meta.created;
    if let Some(why) = scheduling::of_pod(scene, pod) {
        "cannot be placed".clone_into(&mut node.words);
        node.because(Health::Blocked, why);
    } else if let Some(why) = volume::of_pod(scene, pod) {
        node.because(Health::Blocked, why);
    }
    if pod.node.is_some() {
        node.children = children;
    }
    node
}

fn ready_words(pod: &Pod) -> String {
    let restarts = pod.containers.iter().fold(0, |sum: i32, c| sum.saturating_add(c.restarts));
    let again = match restarts {
        0 => String::new(),
        1 => ", 1 restart".to_owned(),
        n => format!(", {n} restarts"),
    };
    format!("ready{again}")
}

/// Where it stands: at which init container, or at how many ready ones.
fn words(pod: &Pod) -> String {
    if pod.node.is_none() {
        return "waiting for a node".to_owned();
    }
    let inits: Vec<_> = pod.containers.iter().filter(|c| c.role == Role::Init).collect();
    let done = inits.iter().filter(|c| matches!(&c.state, State::Terminated(end) if end.exit == 0)).count();
    if done < inits.len() {
        return format!("init {done}/{}", inits.len());
    }
    let mains: Vec<_> = pod.containers.iter().filter(|c| c.role == Role::Main).collect();
    let ready = mains.iter().filter(|c| c.ready).count();
    if mains.iter().all(|c| matches!(c.state, State::Unsaid)) {
        return "starting".to_owned();
    }
    format!("{ready}/{} ready", mains.len())
}
