//! What the runs of a release tell: the last validated revision, the states recorded while one served, a run that was
//! left open, a search that a restore left behind.

use super::run::{Outcome, Phase, Recorded, Run};
use crate::verdict::{Before, Source};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The newest validation's revision, by when it was validated.
pub fn last_validated(runs: &[Run], still_there: impl Fn(u64) -> bool) -> Option<u64> {
    let validated = runs.iter().filter(|r| r.outcome == Outcome::Done);
    let mut found: Vec<_> = validated.filter_map(|r| Some((r.began, r.validated?))).collect();
    found.sort_unstable();
    found.into_iter().rev().map(|(_, revision)| revision).find(|r| still_there(*r))
}

/// The states that were recorded while a revision served, oldest first. Not those of a revision with the same number of a
/// release that was uninstalled since: they are older than this one, or of another image.
pub fn recorded(runs: &[Run], revision: u64, began: Option<Timestamp>, image: &str) -> Vec<Before> {
    let same = |state: &Recorded| {
        state.revision == revision && began.is_none_or(|began| state.at >= began) && state.image == image
    };
    let mut found: Vec<_> =
        runs.iter().filter_map(|r| Some((r, r.recorded.as_ref()?))).filter(|(_, state)| same(state)).collect();
    found.sort_by_key(|(_, state)| state.at);
    let before = |(run, state): (&Run, &Recorded)| Before {
        fingerprint: state.fingerprint.clone(),
        source: Source::Journal(run.id.clone()),
        at: state.at.to_string(),
    };
    found.into_iter().map(before).collect()
}

/// A run that changes the release and has no end yet: it is at work, or was killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Open {
    /// What it does, as the lock calls it.
    pub plan: String,
    /// Who began it.
    pub by: String,
    /// When it last wrote.
    pub at: Timestamp,
}

/// The newest way back without an end.
pub fn open_way_back(runs: &[Run]) -> Option<Open> {
    let run = runs.iter().rfind(|run| run.outcome == Outcome::Open && run.verb == "rollback")?;
    let at = run.entries.last().map_or(run.began, |entry| entry.at);
    Some(Open { plan: run.plan.clone(), by: run.by.clone(), at })
}

/// The step of a restore after which the database is the restored one, by either road.
pub const RESTORED: &str = "swap";

/// When a restore last brought another database back.
fn last_restore(runs: &[Run]) -> Option<Timestamp> {
    let ways_back = runs.iter().filter(|run| run.verb == "rollback");
    let done = ways_back.flat_map(|run| &run.entries).filter(|e| e.step == RESTORED && e.phase == Phase::Done);
    done.map(|entry| entry.at).max()
}

/// Since when search holds what a database of before held: a restore ended, and no validation was recorded after it.
pub fn search_due(runs: &[Run]) -> Option<Timestamp> {
    let last = last_restore(runs)?;
    let proven = runs.iter().any(|r| r.validated.is_some() && r.outcome == Outcome::Done && r.began > last);
    (!proven).then_some(last)
}

/// The state that was recorded last of the database that is there now: what stands from before a restore is of another.
pub fn last_recorded(runs: &[Run]) -> Option<Recorded> {
    let restored = last_restore(runs);
    let all = runs.iter().filter_map(|run| run.recorded.as_ref());
    all.filter(|state| restored.is_none_or(|restored| state.at > restored)).max_by_key(|state| state.at).cloned()
}

/// The newest run of this plan that did not end.
pub fn open_run(runs: Vec<Run>, plan: &str) -> Option<Run> {
    runs.into_iter().filter(|r| r.outcome == Outcome::Open && r.plan == plan).max_by_key(|r| r.began)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_is_due_from_a_restore_until_a_validation_after_it() {
        let at = |minute: u64| format!("2026-11-22T10:{minute:02}:00Z").parse::<Timestamp>().unwrap();
        let run = |verb: &str, minute: u64| Run::new(verb, "om", "data", verb, verb, "anna", at(minute));
        let ended = |mut run: Run, outcome: Outcome| {
            run.end(outcome, at(59));
            run
        };
        let validated = |minute| {
            let mut run = run("validate", minute);
            run.validated = Some(1);
            ended(run, Outcome::Done)
        };
        let (mut swapped, mut begun) = (run("rollback", 10), run("rollback", 20));
        swapped.write(RESTORED, Phase::About, "", at(11));
        swapped.write(RESTORED, Phase::Done, "", at(12));
        begun.write(RESTORED, Phase::About, "", at(21));
        let open = swapped.clone();
        let swapped = ended(swapped, Outcome::Done);
        for (case, runs, due) in [
            ("nothing", vec![], None),
            ("begun only", vec![begun.clone()], None),
            ("restored", vec![swapped.clone(), begun.clone()], Some(at(12))),
            ("restored, the code not yet back", vec![open], Some(at(12))),
            ("validated before", vec![validated(11), swapped.clone()], Some(at(12))),
            ("validated after", vec![swapped.clone(), validated(13)], None),
            ("validation failed", vec![swapped, ended(validated(13), Outcome::Failed)], Some(at(12))),
        ] {
            assert_eq!(search_due(&runs), due, "{case}");
        }
    }
}
