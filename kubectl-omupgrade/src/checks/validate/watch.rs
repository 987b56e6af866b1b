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
        row: row("stays-up", GROUP, "the server answered at every look and no container restarted", GUIDE, DIAGNOSE),
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
    let restarts = last.restarts.saturating_sub(first.restarts);
    match silent.last().and_then(|s| s.health.as_ref().err()) {
        Some(why) => fail(format!("{words}, no answer at {}: {why}", silent.len())),
        None if restarts > 0 => fail(format!("{words}, {restarts} restarts")),
        None => pass(words),
    }
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
