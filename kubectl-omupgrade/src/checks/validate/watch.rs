//! What `--for` saw over time: whether it stays well, and where it goes.

use super::{Facts, Sample, row};
use crate::checks::{Answer, Check, fail, pass, skip, warn};
use crate::facts::Metrics;
use crate::rollout::span;

const GROUP: &str = "watch";
const GUIDE: &str = "Post-upgrade validation: keep watching";
const DIAGNOSE: &str = "kubectl omupgrade diagnose {release} -n {namespace}";

/// How much of the heap's size its use may grow over a watch before it is told. Chosen.
const GROWTH: f64 = 0.3;

/// The rows.
pub const CHECKS: &[Check<Facts>] = &[
    Check {
        row: row(
            "stays-up",
            GROUP,
            "the server answered at every look, no container restarted and no pod ceased to be ready",
            GUIDE,
            DIAGNOSE,
        ),
        ask: |f| watched(f, up),
    },
    Check {
        row: row("stays-without-errors", GROUP, "no request was answered with 5xx meanwhile", GUIDE, DIAGNOSE),
        ask: |f| watched(f, errors),
    },
    Check {
        row: row("heap-trend", GROUP, "the heap does not grow from look to look", GUIDE, DIAGNOSE),
        ask: |f| watched(f, heap),
    },
];

fn watched(f: &Facts, ask: fn(&Sample, &Sample, &[Sample]) -> Answer) -> Answer {
    match f.samples.as_slice() {
        [first, .., last] => ask(first, last, &f.samples),
        _ => skip("not watched (--for 15m)"),
    }
}

fn up(first: &Sample, last: &Sample, all: &[Sample]) -> Answer {
    let silent: Vec<&Sample> = all.iter().filter(|s| s.health.is_err()).collect();
    let words = format!("{} looks in {}", all.len(), span(first.at, last.at));
    let restarts = restarts(all);
    let (most, fewest) = (all.iter().map(|s| s.ready).max(), all.iter().map(|s| s.ready).min());
    let fewer = most.zip(fewest).filter(|(most, fewest)| fewest < most);
    match (silent.last().and_then(|s| s.health.as_ref().err()), fewer) {
        (Some(why), _) => fail(format!("{words}, no answer at {}: {why}", silent.len())),
        (None, _) if restarts > 0 => fail(format!("{words}, {restarts} restarts")),
        // Another served meanwhile; a node that was drained looks alike.
        (None, Some((most, fewest))) => warn(format!("{words}, at times {fewest} of {most} pods were ready")),
        (None, None) => pass(words),
    }
}

/// Restarts between neighbouring looks: a pod that goes takes those that it had along.
fn restarts(all: &[Sample]) -> i32 {
    let steps = all.windows(2).map(|pair| match pair {
        [before, after] => after.restarts.saturating_sub(before.restarts).max(0),
        _ => 0,
    });
    steps.fold(0, i32::saturating_add)
}

fn errors(_: &Sample, _: &Sample, all: &[Sample]) -> Answer {
    let Some(counted) = counted(all) else { return skip("the server's numbers could not be read twice") };
    let words = format!("{:.0} of {:.0} requests", counted.errors, counted.requests);
    if counted.errors > 0.0 { warn(words) } else { pass(words) }
}

/// What the servers counted from look to look; none where their numbers could not be read twice.
pub(super) fn counted(all: &[Sample]) -> Option<Metrics> {
    let mut out: Option<Metrics> = None;
    for pair in all.windows(2) {
        let [before, after] = pair else { continue };
        // A server that was started again counts from nought.
        if let (Some(a), Some(b)) = (&before.metrics, &after.metrics)
            && let Some(between) = b.since(a)
        {
            let sum = out.get_or_insert_default();
            sum.errors += between.errors;
            sum.requests += between.requests;
        }
    }
    out
}

fn heap(first: &Sample, last: &Sample, all: &[Sample]) -> Answer {
    let used = |s: &Sample| s.metrics.as_ref().and_then(|m| m.heap);
    let (Some((a, _)), Some((b, most))) = (used(first), used(last)) else { return skip("the heap could not be read") };
    let known: Vec<f64> = all.iter().filter_map(used).map(|(used, _)| used).collect();
    let rising = known.windows(2).all(|p| matches!(p, [a, b] if b >= a));
    let words = format!("{:.0} → {:.0} MiB over {} looks", a / 1_048_576.0, b / 1_048_576.0, known.len());
    if rising && known.len() > 2 && most > 0.0 && (b - a) / most > GROWTH { warn(words) } else { pass(words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    fn said(looks: &[(usize, i32)]) -> (Outcome, String) {
        let at = |minute: usize| format!("2026-11-22T12:{minute:02}:00Z").parse().unwrap();
        let sample = |(i, (ready, restarts)): (usize, &(usize, i32))| Sample {
            at: at(i),
            health: Ok(5),
            ready: *ready,
            restarts: *restarts,
            metrics: None,
        };
        let all: Vec<Sample> = looks.iter().enumerate().map(sample).collect();
        let answer = up(all.first().unwrap(), all.last().unwrap(), &all);
        (answer.outcome, answer.evidence)
    }

    #[test]
    fn a_pod_that_goes_takes_no_restart_of_another_along() {
        // Three restarts of a pod that was replaced; the new one crashes once.
        let (outcome, words) = said(&[(1, 3), (1, 0), (1, 1)]);
        assert!(outcome == Outcome::Fail && words.ends_with("1 restarts"), "{words}");
        assert_eq!(said(&[(1, 3), (1, 3), (1, 3)]).0, Outcome::Pass);
        assert_eq!(said(&[(1, 3), (1, 0), (1, 0)]).0, Outcome::Pass);
    }

    #[test]
    fn a_pod_that_ceases_to_be_ready_is_told() {
        let (outcome, words) = said(&[(2, 0), (1, 0), (2, 0)]);
        assert!(outcome == Outcome::Warn && words.ends_with("at times 1 of 2 pods were ready"), "{words}");
        assert_eq!(said(&[(2, 0), (2, 0)]).0, Outcome::Pass);
    }
}
