//! Going on with a restore that a run was left in the middle of: with what it set out to do, and not over what happened
//! meanwhile. Where it cannot go on, what can be said and what is typed to give it up.

use super::Args;
use super::again::again;
use super::alone::unlock;
use super::perform::left_open;
use super::restore::{DUMP, Restoration, recalled, stand_beside};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::fingerprint::Fingerprint;
use crate::journal::{RESTORED, Run};
use crate::wayback::restore::{Plan, Road};
use crate::wayback::{Decision, Look};
use std::collections::BTreeSet;

/// Goes on with this plan. Of what is said now it takes up that nothing is to be dumped, and what its Pods need.
pub(super) fn left(look: &Look, decision: &Decision, args: &Args, plan: Plan) -> anyhow::Result<Restoration> {
    if let Some(said) = otherwise(args, &plan) {
        return Err(another(&said, decision, args, &plan).into());
    }
    let run = left_open(look);
    if let Some(run) = run.as_ref().filter(|run| run.is_done(RESTORED)) {
        not_migrated_since(run, decision, args, &plan)?;
    }
    let dumped = run.is_some_and(|run| run.is_done(DUMP));
    let plan = Plan { dump: plan.dump && (dumped || !args.no_dump), ..plan };
    let beside = stand_beside(&look.current, args, Some(&plan))?;
    Ok(Restoration { current: look.current.clone(), beside, found: None, plan, ended: BTreeSet::new() })
}

/// What was said that makes another restore of it: it was checked for this one before the servers stopped.
fn otherwise(args: &Args, plan: &Plan) -> Option<String> {
    let named = [
        ("--backup", &args.backup, Some(&plan.backup)),
        ("--backup-of", &args.backup_of, plan.of.as_ref()),
        ("--claim", &args.claim, Some(&plan.claim)),
    ];
    let other = named.into_iter().find_map(|(flag, said, has)| {
        let said = said.as_ref().filter(|said| Some(*said) != has)?;
        Some(format!("{flag} {said}"))
    });
    other.or_else(|| (args.in_place && plan.road == Road::Beside).then(|| "--in-place".to_owned()))
}

fn another(said: &str, decision: &Decision, args: &Args, plan: &Plan) -> Failure {
    let same = Args {
        claim: args.claim.as_ref().map(|_| plan.claim.clone()),
        backup_of: plan.of.clone(),
        in_place: args.in_place && plan.road == Road::InPlace,
        ..args.clone()
    };
    let other = args.backup.as_ref().unwrap_or(&plan.backup);
    Failure::refused(format!(
        "a restore of {} was begun and did not end; with {said} it would be another one",
        plan.backup
    ))
    .hint(format!("{}    # goes on with it", typed(decision, &same, &plan.backup)))
    .hint(format!("{}    # gives it up; `history` tells the replicas of before", unlock(decision)))
    .hint(format!("{}    # then: begins the other one", typed(decision, args, other)))
}

/// The command, as it is typed.
fn typed(decision: &Decision, args: &Args, backup: &str) -> String {
    let said = Args { stay: decision.stay, ..args.clone() };
    again(&said, &decision.release, &decision.namespace, decision.to, backup)
}

/// Refuses where the database, brought back already, is newer by now than what the revision's image knows: its servers would
/// run on it all the same.
fn not_migrated_since(run: &Run, decision: &Decision, args: &Args, plan: &Plan) -> Result<(), Failure> {
    let head = decision.database.as_ref().and_then(Fingerprint::head);
    let Some((head, reach)) = head.zip(decision.reach).filter(|(head, reach)| head > reach) else { return Ok(()) };
    Err(Failure::refused(format!(
        "a newer server migrated the database to {head} after the run {} had brought {} back, and revision {} knows {reach}",
        run.id, plan.backup, decision.to
    ))
    .hint(format!("{}    # gives that run up", unlock(decision)))
    .hint(format!("{}    # then: brings it back again", typed(decision, args, &plan.backup))))
}

/// Keeps in the run that nothing is to be dumped any more, where that was said now; whether it was.
pub(super) fn without_dump(run: &mut Run, restoration: Option<&Restoration>) -> anyhow::Result<bool> {
    let Some(mut plan) = recalled(run)? else { return Ok(false) };
    let said = restoration.is_some_and(|now| now.plan.id == plan.id && !now.plan.dump);
    if !said || !plan.dump {
        return Ok(false);
    }
    plan.dump = false;
    plan.remember(&mut run.remembered)?;
    Ok(true)
}

/// A step that failed, with the ways on: the same command may meet the same again, and nobody serves meanwhile.
pub(super) fn stuck(failed: Failure, step: &str, decision: &Decision, args: &Args, plan: &Plan) -> Failure {
    if failed.exit != Exit::No {
        return failed; // nobody said no: the same command asks again
    }
    let (claim, backup) = (&plan.claim, &plan.backup);
    let full = failed.message.contains("the claim is full");
    let mut failed = failed;
    if full && step == DUMP {
        let namespace = &decision.namespace;
        failed = failed.hint(format!(
            "kubectl edit persistentvolumeclaim {claim} -n {namespace}    # more storage, where its class allows it; then the same command"
        ));
    }
    if step == DUMP {
        let lost = match plan.road {
            Road::Beside => "is then only in the database from before, which is kept",
            Road::InPlace => "is then lost",
        };
        let command = typed(decision, &Args { no_dump: true, ..args.clone() }, backup);
        failed = failed.hint(format!("{command}    # without it: what was written since {backup} {lost}"));
    }
    let whole = if step == "in-place" { "; the database is not whole, so that way back has to restore it" } else { "" };
    failed.hint(format!(
        "{}    # gives the restore up; the next way back puts the counts of before back{whole}",
        unlock(decision)
    ))
}
