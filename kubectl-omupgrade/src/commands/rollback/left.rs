//! Going on with a restore that a run was left in the middle of: with what it set out to do, and not over what happened
//! meanwhile.

use super::Args;
use super::again::again;
use super::alone::unlock;
use super::perform::left_open;
use super::restore::{Restoration, stand_beside};
use crate::failure::Failure;
use crate::journal::{RESTORED, Run};
use crate::wayback::restore::Plan;
use crate::wayback::{Decision, Look};
use std::collections::BTreeSet;

/// Goes on with this plan.
pub(super) fn left(look: &Look, decision: &Decision, args: &Args, plan: Plan) -> anyhow::Result<Restoration> {
    if let Some(other) = args.backup.as_ref().filter(|b| **b != plan.backup) {
        return Err(Failure::refused(format!(
            "a restore of {} was begun and did not end; {other} is another one",
            plan.backup
        ))
        .hint(format!("the same command with --backup {}    # goes on with it", plan.backup))
        .hint(format!("{}    # gives it up; `history` tells the replicas of before", unlock(decision)))
        .into());
    }
    if let Some(run) = left_open(look).filter(|run| run.is_done(RESTORED)) {
        not_migrated_since(&run, decision, args, &plan)?;
    }
    let beside = stand_beside(&look.current, args, Some(&plan))?;
    Ok(Restoration { current: look.current.clone(), beside, found: None, plan, ended: BTreeSet::new() })
}

/// Refuses where the database, brought back already, is newer by now than what the revision's image knows: its servers would
/// run on it all the same.
fn not_migrated_since(run: &Run, decision: &Decision, args: &Args, plan: &Plan) -> Result<(), Failure> {
    let head = decision.database.as_ref().and_then(crate::fingerprint::Fingerprint::head);
    let Some((head, reach)) = head.zip(decision.reach).filter(|(head, reach)| head > reach) else { return Ok(()) };
    let said = Args { stay: decision.stay, ..args.clone() };
    let command = again(&said, &decision.release, &decision.namespace, decision.to, &plan.backup);
    Err(Failure::refused(format!(
        "a newer server migrated the database to {head} after the run {} had brought {} back, and revision {} knows {reach}",
        run.id, plan.backup, decision.to
    ))
    .hint(format!("{}    # gives that run up", unlock(decision)))
    .hint(format!("{command}    # then: brings it back again")))
}
