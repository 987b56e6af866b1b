//! What the state of the objects says by itself: the causes that `status` names, as findings.

use super::finding::Finding;
use super::rule::{Confidence, Symptom};
use crate::facts::Facts;
use crate::rollout::{Cause, Health, Kind, Node, Rollout, Why};

/// The causes of a rollout that stands still or failed, except where a rule explains the same pod better.
pub fn findings(facts: &Facts, rollout: &Rollout, explained: &[Finding]) -> Vec<Finding> {
    let pending = facts.release.value().is_some_and(|r| r.revision.status.is_pending());
    let mut out: Vec<Finding> = Vec::new();
    walk(&rollout.tree, "", &mut |pod, node| {
        // A helm that was killed a moment ago looks like one at work: that nothing moves is told, for somebody to look.
        let told = |why: &&Why| node.health >= Health::Blocked || pending && why.cause == Cause::Helm;
        for why in node.why.iter().filter(told) {
            let by_rule = |f: &&Finding| f.confidence < Confidence::Possible && f.pods.iter().any(|p| p == pod);
            if !pod.is_empty() && explained.iter().any(|f| by_rule(&f)) {
                continue;
            }
            let at = if pod.is_empty() || node.kind == Kind::Pod {
                format!("{} {}", node.kind.word(), node.name)
            } else {
                format!("{} {} of {pod}", node.kind.word(), node.name)
            };
            // Pods of one set fail alike.
            if let Some(same) = out.iter_mut().find(|f| why.text.starts_with(&f.cause)) {
                same.times += 1;
                same.seen.push(at);
                continue;
            }
            out.push(Finding {
                id: "state".to_owned(),
                symptom: symptom(why.cause),
                cause: why.text.lines().next().unwrap_or_default().to_owned(),
                // That helm gave up, or a deadline passed, says that something is wrong, and not what.
                confidence: if general(why.cause) { Confidence::Possible } else { Confidence::Certain },
                doubt: None,
                seen: vec![at],
                times: 1,
                lines: why.lines.clone(),
                fix: why.steps().cloned().collect(),
                source: "the state of the object".to_owned(),
                pods: if pod.is_empty() { Vec::new() } else { vec![pod.to_owned()] },
                of_helm: false,
            });
        }
    });
    out
}

fn general(cause: Cause) -> bool {
    matches!(cause, Cause::Helm | Cause::Deadline | Cause::Stopping | Cause::Evicted)
}

fn symptom(cause: Cause) -> Symptom {
    match cause {
        Cause::CrashLoop | Cause::Guard | Cause::Init | Cause::Migration | Cause::Probe | Cause::Config => {
            Symptom::CrashLoop
        }
        Cause::ScaledToZero => Symptom::Stopped,
        _ => Symptom::Upgrade,
    }
}

/// Calls `tell` with every node and the pod that it belongs to.
fn walk(node: &Node, pod: &str, tell: &mut dyn FnMut(&str, &Node)) {
    let pod = if node.kind == Kind::Pod { node.name.as_str() } else { pod };
    tell(pod, node);
    // What is below an idle node does not count.
    if node.health != Health::Idle {
        node.children.iter().for_each(|child| walk(child, pod, tell));
    }
}
