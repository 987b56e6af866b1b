//! Which runs of the journal may go: it is written to with every backup and every `--record`, and must not grow for ever.
//! What a later way back, a validation or a restore would read off it stays, however old it is.

use super::restore::{DROPPED, Plan, QUIESCE};
use crate::journal::{Outcome, Phase, RESTORED, Run};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// The newest runs that stay whatever they tell. Chosen: a year of upgrades, or a month of nightly backups and checks.
pub const NEWEST: usize = 100;

/// The places of the runs that may go, oldest first. `runs` are all of a release, oldest first, `revisions` those that Helm
/// still has.
pub fn surplus(runs: &[Run], revisions: &[u64]) -> Vec<usize> {
    let needed = needed(runs, revisions);
    (0..runs.len().saturating_sub(NEWEST)).filter(|at| !needed.contains(at)).collect()
}

fn needed(runs: &[Run], revisions: &[u64]) -> BTreeSet<usize> {
    let all = || runs.iter().enumerate();
    let stays = |run: &Run| run.outcome == Outcome::Open || (stills(run) && !run.is_done(DROPPED));
    let mut out: BTreeSet<usize> = all().filter(|(_, run)| stays(run)).map(|(at, _)| at).collect();
    let there = |revision: &u64| revisions.contains(revision);
    let validated = |run: &Run| run.validated.filter(|_| run.outcome == Outcome::Done);
    // One that remembers counts is compared with, also where a person called the revision good after it.
    out.extend(newest(runs, |run| Some(((validated(run).filter(there)?, run.remembered.is_empty()), run.began))));
    out.extend(newest(runs, |run| validated(run).map(|_| ((), run.began))));
    out.extend(newest(runs, |run| {
        let state = run.recorded.as_ref().filter(|state| there(&state.revision))?;
        Some(((state.revision, state.image.clone()), state.at))
    }));
    out.extend(newest(runs, |run| run.recorded.as_ref().map(|state| ((), state.at))));
    out.extend(newest(runs, |run| {
        let swapped = run.entries.iter().filter(|e| e.step == RESTORED && e.phase == Phase::Done);
        swapped.map(|entry| ((), entry.at)).max()
    }));
    out.extend(last_ways_back(runs));
    out
}

/// Whether a run began to restore, or may have: one that cannot be read is never taken for less.
fn stills(run: &Run) -> bool {
    match Plan::recall(&run.remembered) {
        Ok(plan) => plan.is_some() && run.begun(QUIESCE),
        Err(_) => true,
    }
}

/// The ways back from the last one on that ended well or stilled servers: they tell whether counts are still to be put
/// back, see [`super::restore::unfinished`].
fn last_ways_back(runs: &[Run]) -> Vec<usize> {
    let mut found = Vec::new();
    for (at, run) in runs.iter().enumerate().rev().filter(|(_, run)| run.verb == "rollback") {
        found.push(at);
        if run.outcome == Outcome::Done || stills(run) {
            return found;
        }
    }
    Vec::new()
}

/// The newest run of each kind, by a time of its own.
fn newest<K: Ord>(runs: &[Run], of: impl Fn(&Run) -> Option<(K, Timestamp)>) -> Vec<usize> {
    let mut found: BTreeMap<K, (Timestamp, usize)> = BTreeMap::new();
    for (at, run) in runs.iter().enumerate() {
        let Some((kind, time)) = of(run) else { continue };
        let held = found.entry(kind).or_insert((time, at));
        if time >= held.0 {
            *held = (time, at);
        }
    }
    found.into_values().map(|(_, at)| at).collect()
}
