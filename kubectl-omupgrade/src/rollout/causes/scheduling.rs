//! Pods that no node takes. Nodes can be added and pods can go, so it blocks and does not fail.

use crate::facts::Pod;
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Why};

/// Why a pod has no node.
pub fn of_pod(scene: &Scene<'_>, pod: &Pod) -> Option<Why> {
    let condition = pod.condition("PodScheduled")?;
    if condition.holds != Some(false) {
        return None;
    }
    if condition.reason == "SchedulingGated" {
        return Some(Why::new(Cause::Unschedulable, "a scheduling gate holds it until another controller lets it go"));
    }
    let message = &condition.message;
    if let Some(claim) = between(message, "persistentvolumeclaim \"", "\" not found") {
        let text = format!("the volume claim {claim} does not exist");
        return Some(Why::new(Cause::ClaimMissing, text).hint(make_claim(scene, claim)));
    }
    if message.contains("unbound immediate PersistentVolumeClaims") {
        let claim = scene.facts.claims.items().iter().find(|c| pod.claims.contains(&c.meta.name) && c.phase != "Bound");
        let named =
            claim.map_or_else(|| "its volume claim".to_owned(), |c| format!("the volume claim {}", c.meta.name));
        let class =
            claim.and_then(|c| c.class.as_deref()).map(|c| format!(" of the storage class {c}")).unwrap_or_default();
        let text = format!("{named} gets no volume{class}");
        let hint = claim.map_or_else(|| "get pvc".to_owned(), |c| format!("describe pvc {}", c.meta.name));
        return Some(Why::new(Cause::ClaimPending, text).hint(scene.kubectl(&hint)));
    }
    let cordoned =
        scene.facts.nodes.items().iter().find(|node| node.cordoned && message.contains("were unschedulable"));
    let hint = match cordoned {
        Some(node) => format!("kubectl uncordon {}    # lets pods onto it again", node.name),
        None => scene.kubectl(&format!("describe pod {}", pod.meta.name)),
    };
    Some(Why::new(Cause::Unschedulable, no_node(message)).hint(hint))
}

/// How to make a claim that is missing.
pub fn make_claim(scene: &Scene<'_>, claim: &str) -> String {
    if claim == shared::marks::backup_claim(&scene.facts.name) {
        return scene.command("backup init");
    }
    scene.kubectl(&format!("get pvc    # {claim} must be made first"))
}

/// The scheduler's `0/3 nodes are available: 2 Insufficient memory, 1 node(s) had untolerated taint {x: }. preemption: …`
/// as a sentence.
pub fn no_node(message: &str) -> String {
    let message = message.split(" preemption:").next().unwrap_or(message);
    let message = message.split(". no new claims").next().unwrap_or(message);
    let Some((count, causes)) = message.split_once(" nodes are available: ") else {
        return format!("no node takes it: {}", message.trim_end_matches('.'));
    };
    let of = count.split_once('/').map_or(count, |(_, all)| all);
    let nodes = if of == "1" { "the only node".to_owned() } else { format!("none of {of} nodes") };
    let takes = if of == "1" { "does not take it" } else { "takes it" };
    let causes: Vec<String> = causes.trim_end_matches('.').split(", ").map(|c| cause(c, of)).collect();
    format!("{nodes} {takes}: {}", causes.join(", "))
}

fn cause(text: &str, of: &str) -> String {
    let (count, words) = text.split_once(' ').filter(|(n, _)| n.parse::<u32>().is_ok()).unwrap_or(("", text));
    let words = match words.strip_prefix("Insufficient ") {
        Some(resource) => format!("not enough {resource}"),
        None if words == "Too many pods" => "no room for more pods".to_owned(),
        None => {
            let plain = words.trim_start_matches("node(s) ");
            match plain.split_once("untolerated taint ") {
                Some((_, taint)) => format!("a taint that it does not tolerate {}", taint.replace(": }", "}")),
                None if plain == "were unschedulable" => "cordoned".to_owned(),
                None => plain.to_owned(),
            }
        }
    };
    if count.is_empty() || of == "1" { words } else { format!("{words} on {count}") }
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Option<&'a str> {
    text.split_once(from)?.1.split_once(to).map(|(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_resource() {
        let message = "0/3 nodes are available: 2 Insufficient memory, 1 node(s) had untolerated taint {dedicated: db}. preemption: 0/3 nodes are available: 3 No preemption victims found.";
        assert_eq!(
            no_node(message),
            "none of 3 nodes takes it: not enough memory on 2, a taint that it does not tolerate {dedicated: db} on 1"
        );
        assert_eq!(
            no_node("0/1 nodes are available: 1 Insufficient cpu."),
            "the only node does not take it: not enough cpu"
        );
        let today = "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1";
        assert_eq!(no_node(today), "the only node does not take it: not enough cpu");
        assert_eq!(no_node("odd words."), "no node takes it: odd words");
    }
}
