//! The `ReplicaSets` of a Deployment, by revision: the newest, and old ones that still hold pods.

use super::causes::quota;
use super::pod;
use super::scene::Scene;
use super::tree::{Health, Kind, Node};
use crate::facts::ReplicaSet;

/// A `ReplicaSet`'s node; none for old ones without pods. `known` says whether it is known which one is the newest.
pub fn node(scene: &Scene<'_>, set: &ReplicaSet, newest: bool, known: bool) -> Option<Node> {
    let pods = scene.pods(&set.meta.uid);
    let empty = set.pods == 0 && set.wanted == 0 && pods.is_empty();
    if empty && !newest {
        return None;
    }
    let health = match () {
        () if newest && set.ready >= set.wanted => Health::Done,
        () if newest => Health::Working,
        () if known => Health::Idle,
        () => Health::Done,
    };
    let age = if newest { "new" } else { "old" };
    let age = if known { format!(", {age}") } else { String::new() };
    let words = format!("revision {}{age}, {}/{} ready", set.revision, set.ready, set.wanted);
    let mut node = Node::new(Kind::ReplicaSet, &set.meta.name, health, words);
    node.image = Some(set.image.clone()).filter(|i| !i.is_empty());
    if newest && let Some(why) = quota::of_replica_set(scene, set) {
        node.because(Health::Blocked, why);
    }
    node.children = pods.into_iter().map(|p| pod::node(scene, p)).collect();
    // An old pod that serves is not news; one in trouble is told, and does not count.
    if health == Health::Idle {
        for child in &mut node.children {
            if child.health == Health::Done {
                child.children.clear();
            }
        }
    }
    Some(node)
}
