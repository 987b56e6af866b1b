//! Deployments, `StatefulSets`, `DaemonSets`: whether all their pods are of the newest template and available.

use super::causes::{at_zero, budget, deadline, foreign, quota};
use super::scene::Scene;
use super::tree::{Cause, Health, Kind, Node, Why};
use super::{database, pod, replica_set};
use crate::facts::{Component, Workload, WorkloadKind};

/// A workload's node.
pub fn node(scene: &Scene<'_>, workload: &Workload) -> Node {
    let kind = match workload.kind {
        WorkloadKind::Deployment => Kind::Deployment,
        WorkloadKind::StatefulSet => Kind::StatefulSet,
        WorkloadKind::DaemonSet => Kind::DaemonSet,
    };
    let (health, words) = progress(workload);
    let mut node = Node::new(kind, &workload.meta.name, health, words);
    node.image = Some(workload.image.clone()).filter(|i| !i.is_empty());
    let current = is_current(workload);
    if current && health != Health::Done {
        standstill(scene, workload, &mut node);
    }
    if workload.component == Component::Server && workload.wanted == 0 {
        node.because(Health::Blocked, at_zero::of_server(scene, workload));
    }
    database::older(scene, workload, &mut node);
    node.why.extend(foreign::of_workload(scene, workload));
    match workload.kind {
        WorkloadKind::Deployment => {
            let newest =
                workload.meta.annotation("deployment.kubernetes.io/revision").and_then(|r| r.parse::<u64>().ok());
            let sets = scene.replica_sets(&workload.meta.uid);
            // Two watches: the ReplicaSet may be seen before its Deployment tells of it.
            let newest =
                current.then_some(newest).flatten().filter(|n| sets.iter().map(|s| s.revision).max() == Some(*n));
            for set in sets {
                node.children.extend(replica_set::node(scene, set, newest == Some(set.revision), newest.is_some()));
            }
        }
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => {
            for one in scene.pods(&workload.meta.uid) {
                let hash = one.meta.label("controller-revision-hash");
                let old = workload.update_revision.as_deref().is_some_and(|new| hash.is_some_and(|h| h != new));
                let mut below = pod::node(scene, one);
                if old {
                    below.words = format!("{} (old template)", below.words);
                }
                node.children.push(below);
            }
        }
    }
    node
}

/// Whether the status speaks of the newest generation.
fn is_current(workload: &Workload) -> bool {
    workload.observed_generation >= workload.meta.generation
}

/// Whether all of its pods are of the newest template and available.
pub fn is_through(w: &Workload) -> bool {
    progress(w).0 == Health::Done
}

/// Whether its rollout ended well, by its controller: a pod that is not ready now is of no rollout. A `DaemonSet`'s says
/// nothing of it.
pub fn came_out(w: &Workload) -> bool {
    let ended = match w.kind {
        WorkloadKind::Deployment => w.condition("Progressing").is_some_and(|c| c.reason == "NewReplicaSetAvailable"),
        WorkloadKind::StatefulSet => w.update_revision.is_some() && w.update_revision == w.current_revision,
        WorkloadKind::DaemonSet => false,
    };
    ended && is_current(w)
}

/// Whether this node is of a workload whose rollout ended well.
pub fn is_out(scene: &Scene<'_>, node: &Node) -> bool {
    let mut all = scene.facts.workloads.items().iter();
    all.find(|w| w.kind.name() == node.kind.word() && w.meta.name == node.name).is_some_and(came_out)
}

/// How far it is, by kubectl's own rules.
fn progress(w: &Workload) -> (Health, String) {
    if !is_current(w) {
        return (Health::Working, "waiting for its controller to see the newest generation".to_owned());
    }
    if w.wanted == 0 && w.pods == 0 {
        return (Health::Done, "scaled to zero".to_owned());
    }
    let counts = format!("{}/{} ready", w.ready, w.wanted);
    let partition = w.partition.unwrap_or(0).min(w.wanted);
    let must_update = w.wanted.saturating_sub(partition);
    if w.strategy == "OnDelete" {
        let health = if w.updated < w.wanted { Health::Blocked } else { available(w) };
        return (health, format!("{counts}, {} of {} updated (OnDelete)", w.updated, w.wanted));
    }
    if w.updated < must_update {
        return (Health::Working, format!("{counts}, {} of {must_update} updated", w.updated));
    }
    if w.kind == WorkloadKind::Deployment && w.pods > w.updated {
        let old = w.pods - w.updated;
        return (Health::Working, format!("{counts}, {old} old {} to go", if old == 1 { "pod" } else { "pods" }));
    }
    if w.available < w.wanted {
        let why = if w.ready >= w.wanted && w.min_ready > 0 {
            format!("{counts}, {} of {} ready for {} s", w.available, w.wanted, w.min_ready)
        } else {
            format!("{counts}, {} available", w.available)
        };
        return (available(w), why);
    }
    let partly = if partition > 0 { format!(", {partition} kept old by partition") } else { String::new() };
    (Health::Done, format!("{counts}{partly}"))
}

fn available(w: &Workload) -> Health {
    if w.available < w.wanted { Health::Working } else { Health::Done }
}

/// Why a workload as a whole does not go on. What its pods suffer from stands with the pods.
fn standstill(scene: &Scene<'_>, w: &Workload, node: &mut Node) {
    let target = format!("{}/{}", w.kind.name().to_lowercase(), w.meta.name);
    if w.paused {
        let why =
            Why::new(Cause::Paused, "its rollout is paused").hint(scene.kubectl(&format!("rollout resume {target}")));
        node.because(Health::Blocked, why);
    }
    if w.strategy == "OnDelete" && w.updated < w.wanted {
        let why = Why::new(Cause::OnDelete, "its pods are replaced only when someone deletes them (OnDelete)")
            .hint(scene.kubectl("get pods"));
        node.because(Health::Blocked, why);
    }
    if let Some((health, why)) = deadline::passed(scene, w) {
        node.because(health, why);
    }
    if let Some(why) = quota::of_workload(scene, w) {
        node.because(Health::Blocked, why);
    }
    if let Some(why) = budget::of_workload(scene, w) {
        node.because(Health::Blocked, why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_that_no_controller_writes_are_words_and_no_end() {
        let most = i32::MAX;
        for (partition, updated) in [(Some(i32::MIN), 0), (None, i32::MIN), (Some(most), most)] {
            let kind = if partition.is_some() { WorkloadKind::StatefulSet } else { WorkloadKind::Deployment };
            let odd = Workload { kind, wanted: most, pods: most, partition, updated, ..Workload::default() };
            assert!(progress(&odd).1.contains("ready"), "{odd:?}");
            let none = Workload { wanted: i32::MIN, ..odd };
            assert!(progress(&none).1.contains("ready"), "{none:?}");
        }
    }
}
