//! Which logs a diagnosis reads: beside those of what failed, the servers' and those of what the server needs. Reads
//! none.

use super::rule::Part;
use super::saying::part;
use crate::facts::{Facts, Pod, State};
use crate::rollout::{Wanted, logs_wanted as of_rollout};

/// Lines of a server's log.
const SERVER: i64 = 2000;
/// Lines of what is beside it.
const BESIDE: i64 = 300;
/// Logs of what is beside it, at most.
const MOST: usize = 16;

/// The logs to read.
pub fn logs_wanted(facts: &Facts, neighbours: &[Pod]) -> Vec<Wanted> {
    let mut all = of_rollout(facts);
    for pod in facts.pods.items() {
        all.extend(of_pod(pod, |part| match part {
            Part::Server | Part::Migration => Some(SERVER),
            _ => None,
        }));
    }
    let mut beside: Vec<(bool, Wanted)> = Vec::new();
    for pod in neighbours {
        let failed = pod.phase == "Failed" || !pod.is_ready() && pod.phase != "Succeeded";
        let wanted = of_pod(pod, |part| (part != Part::Other || failed).then_some(BESIDE));
        beside.extend(wanted.into_iter().map(|w| (failed, w)));
    }
    beside.sort_by_key(|(failed, _)| !failed);
    all.extend(beside.into_iter().take(MOST).map(|(_, wanted)| wanted));
    let mut keys = std::collections::HashSet::new();
    all.retain(|w| keys.insert(w.key()));
    all
}

fn of_pod(pod: &Pod, lines: impl Fn(Part) -> Option<i64>) -> Vec<Wanted> {
    let mut out = Vec::new();
    for c in &pod.containers {
        let Some(tail) = lines(part(pod, c)) else { continue };
        let wanted = |previous| Wanted {
            pod: pod.meta.name.clone(),
            container: c.name.clone(),
            previous,
            tail: Some(tail),
            follow: false,
            run: c.restarts,
        };
        let ran = matches!(c.state, State::Running { .. } | State::Terminated(_));
        out.extend(ran.then(|| wanted(false)));
        let crashed = c.restarts > 0 && c.last.as_ref().is_some_and(|l| l.exit != 0);
        out.extend(crashed.then(|| wanted(true)));
    }
    out
}
