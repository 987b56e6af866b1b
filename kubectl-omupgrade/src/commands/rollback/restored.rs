//! Whether the restore that is asked for was done already. Decides nothing of one that is not.

use super::Args;
use super::restore::QUIESCE;
use crate::cli::say as to;
use crate::failure::Failure;
use crate::journal::{Outcome, RESTORED, Run};
use crate::wayback::restore::{DROPPED, Plan};
use crate::wayback::{Decision, Look};
use std::collections::BTreeSet;

/// The restore that a run remembers. One that this version cannot read says nothing here: who goes on over it is refused
/// before.
fn plan_of(run: &Run) -> Option<Plan> {
    Plan::recall(&run.remembered).ok().flatten()
}

/// Whether this very backup was brought back under this revision already, and nobody confirmed it yet: a command that is
/// typed again after its end does not begin anew.
pub(super) fn done_already(look: &Look, args: &Args) -> bool {
    let mut begun = look.runs.iter().rev().filter(|run| run.begun(QUIESCE));
    let last = begun.find_map(|run| Some((run, plan_of(run)?)));
    let Some((run, plan)) = last.filter(|(run, plan)| {
        run.outcome == Outcome::Done
            && run.to == Some(look.target.revision.number)
            && Some(&plan.backup) == args.backup.as_ref()
            && !run.is_done(DROPPED)
    }) else {
        return false;
    };
    let ended = run.ended.map(|at| format!(" at {at:.0}")).unwrap_or_default();
    let on = format!("{} -n {}", look.current.name, look.current.namespace);
    to::note(&format!(
        "{} was brought back{ended} already, and nothing was done now; to do it again, first: kubectl omupgrade rollback {on} --confirm",
        plan.backup
    ));
    true
}

/// Who names a backup under the revision that serves already would see nothing restored.
pub(super) fn refuse_for_nothing(look: &Look, decision: &Decision, args: &Args) -> anyhow::Result<()> {
    let Some(backup) = args.backup.as_ref().filter(|_| args.restore && !done_already(look, args)) else {
        return Ok(());
    };
    // A run that was given up at its very end brought it back all the same.
    let there = |run: &&Run| run.to == Some(decision.to) && run.is_done(RESTORED) && !run.is_done(DROPPED);
    if look.runs.iter().filter(there).filter_map(plan_of).any(|plan| plan.backup == *backup) {
        return Ok(());
    }
    let why = format!("revision {} serves already, so nothing goes back, and {backup} is not restored", decision.to);
    let only = format!("kubectl omupgrade backup restore {} {backup} -n {}", decision.release, decision.namespace);
    Err(Failure::refused(why).hint(format!("{only}    # the database alone, under the revision that serves")).into())
}

/// The ways back that ended and changed something.
pub(super) fn ended(runs: &[Run]) -> BTreeSet<String> {
    let ended = |run: &&Run| {
        run.verb == "rollback" && (run.outcome == Outcome::Done || run.outcome != Outcome::Open && run.begun(QUIESCE))
    };
    runs.iter().filter(ended).map(|run| run.id.clone()).collect()
}

/// Refuses where a way back ended after this one had looked: what was written since its end is in nothing that was looked
/// at. Asked under the lock, so none ends after it. Under a revision that stays no other number tells of it.
pub(super) fn none_since(known: &BTreeSet<String>, runs: &[Run], decision: &Decision) -> Result<(), Failure> {
    let ended = ended(runs);
    let Some(run) = runs.iter().rev().find(|run| ended.contains(&run.id) && !known.contains(&run.id)) else {
        return Ok(());
    };
    Err(Failure::refused(format!(
        "the way back {} of {} ended while this one looked, so the database is not the one that was looked at; nothing was done",
        run.id, run.by
    ))
    .hint(format!("kubectl omupgrade history {} -n {}", decision.release, decision.namespace))
    .hint("the same command looks again"))
}
