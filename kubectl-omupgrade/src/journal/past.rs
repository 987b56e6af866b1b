//! What the runs of a release tell: the last validated revision, the states recorded while one served, a run that was
//! left open.

use super::run::{Outcome, Run};
use crate::verdict::{Before, Source};

/// The newest validation's revision, by when it was validated.
pub fn last_validated(runs: &[Run], still_there: impl Fn(u64) -> bool) -> Option<u64> {
    let validated = runs.iter().filter(|r| r.outcome == Outcome::Done);
    let mut found: Vec<_> = validated.filter_map(|r| Some((r.began, r.validated?))).collect();
    found.sort_unstable();
    found.into_iter().rev().map(|(_, revision)| revision).find(|r| still_there(*r))
}

/// The states that were recorded while a revision served, oldest first.
pub fn recorded(runs: &[Run], revision: u64) -> Vec<Before> {
    let mut found: Vec<_> =
        runs.iter().filter_map(|r| Some((r, r.recorded.as_ref()?))).filter(|(_, s)| s.revision == revision).collect();
    found.sort_by_key(|(_, state)| state.at);
    let before = |(run, state): (&Run, &super::run::Recorded)| Before {
        fingerprint: state.fingerprint.clone(),
        source: Source::Journal(run.id.clone()),
        at: state.at.to_string(),
    };
    found.into_iter().map(before).collect()
}

/// The newest run of this plan that did not end.
pub fn open_run(runs: Vec<Run>, plan: &str) -> Option<Run> {
    runs.into_iter().filter(|r| r.outcome == Outcome::Open && r.plan == plan).max_by_key(|r| r.began)
}
