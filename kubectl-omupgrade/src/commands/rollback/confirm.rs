//! Drops what the last restore kept: the database from before, once a person says that it is not needed any more.

use super::say::yes;
use super::{Args, Terms};
use crate::adapters::cluster::Cluster;
use crate::adapters::journal::Stored;
use crate::adapters::lock::{self, Claim, Lock, holder_name};
use crate::adapters::{journal, pod, release, restore};
use crate::cli::say as to;
use crate::exit::Exit;
use crate::facts::Release;
use crate::failure::Failure;
use crate::journal::{Outcome, Phase};
use crate::wayback::restore::{DROPPED, Plan};
use schemars::JsonSchema;
use serde::Serialize;

/// What became of what the restores of a release kept.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Confirmed")]
pub struct Confirmed {
    /// `omupgrade.io/confirm/v1`.
    schema: &'static str,
    /// The release.
    release: String,
    /// Its namespace.
    namespace: String,
    /// `dropped`, `already` (there was nothing left to drop) or `failed`.
    outcome: &'static str,
    /// What each restore kept, oldest first.
    restores: Vec<Kept>,
}

/// What one restore kept: the database from before, or what was loaded beside.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Kept {
    /// The restore, as its databases are called.
    restore: String,
    /// The backup that it brought back.
    backup: String,
    /// `dropped` now, `already` dropped before, `failed` to be, or `kept` because another one failed.
    outcome: &'static str,
}

/// Drops what every ended restore kept, and says so.
pub async fn confirmed(cluster: &Cluster, args: &Args, terms: Terms) -> anyhow::Result<Exit> {
    let (answer, done) = dropped(cluster, args, terms).await?;
    to::answer(terms.output, &answer, String::new)?;
    done.map(|()| Exit::Done)
}

/// Drops it. What is refused is an error; what failed half-way is an answer as well.
pub async fn dropped(cluster: &Cluster, args: &Args, terms: Terms) -> anyhow::Result<(Confirmed, anyhow::Result<()>)> {
    let found = release::find(cluster, args.release.as_deref()).await?.release;
    let name = found.name.clone();
    let (runs, _) = journal::runs(cluster, &name).await?;
    // A run that was refused before its first step keeps nothing.
    let mut kept: Vec<(Stored, Plan)> = Vec::new();
    for stored in runs.into_iter().filter(|s| s.run.begun(super::restore::QUIESCE)) {
        if let Some(plan) = super::restore::recalled(&stored.run)? {
            kept.push((stored, plan));
        }
    }
    let Some((last, plan)) = kept.last() else {
        return Err(Failure::refused(format!("the journal of {name} knows no restore, so nothing is kept"))
            .hint(format!("kubectl omupgrade history {name} -n {}", cluster.namespace))
            .into());
    };
    if let Some((open, plan)) = kept.iter().find(|(s, _)| s.run.outcome == Outcome::Open) {
        let to = open.run.to.map(|n| n.to_string()).unwrap_or_default();
        return Err(Failure::refused(format!(
            "the restore {} did not end: what it keeps may still be needed",
            plan.id
        ))
        .hint(format!("kubectl omupgrade rollback {name} {to} -n {} --restore", cluster.namespace))
        .into());
    }
    if last.run.is_done(DROPPED) {
        to::note(&format!("what the restore {} kept is dropped already", plan.id));
    }
    let standing: Vec<&Plan> = kept.iter().filter(|(s, _)| !s.run.is_done(DROPPED)).map(|(_, plan)| plan).collect();
    agreed(&standing, args, terms).await?;
    let left = lock::holder_of(cluster, &name).await?.map(|holder| holder.plan);
    let (mut restores, mut done) = (Vec::new(), Ok(()));
    for (mut stored, plan) in kept {
        let outcome = if stored.run.is_done(DROPPED) {
            if left.as_ref().is_some_and(|left| *left == sets_out(&plan)) {
                tidy(cluster, &name, &plan, terms).await?;
            }
            "already"
        } else if done.is_err() {
            "kept"
        } else {
            done = drop_kept(cluster, args, terms, &found, &mut stored, &plan).await;
            if done.is_ok() { "dropped" } else { "failed" }
        };
        restores.push(Kept { restore: plan.id, backup: plan.backup, outcome });
    }
    let any = |outcome| restores.iter().any(|kept| kept.outcome == outcome);
    let outcome = ["failed", "dropped"].into_iter().find(|outcome| any(*outcome)).unwrap_or("already");
    let namespace = cluster.namespace.clone();
    Ok((Confirmed { schema: "omupgrade.io/confirm/v1", release: name, namespace, outcome, restores }, done))
}

/// Whether a person agrees that it goes; refused where there is none to ask.
async fn agreed(standing: &[&Plan], args: &Args, terms: Terms) -> anyhow::Result<()> {
    if args.yes || standing.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = standing.iter().map(|plan| plan.id.as_str()).collect();
    let what = format!("drop the database from before, which the restore {} kept", ids.join(" and "));
    if !terms.can_ask {
        return Err(Failure::refused(format!("nobody can be asked here whether to {what}"))
            .hint("the same command with --yes")
            .into());
    }
    if !yes(&format!("{what}? Nothing brings it back. [y/N] ")).await? {
        return Err(Failure::refused("nothing was done").into());
    }
    Ok(())
}

/// What a confirmation sets out to do, for each restore.
fn sets_out(plan: &Plan) -> String {
    format!("drop what the restore {} kept", plan.id)
}

/// Gives back a lock that a killed process left behind when all was dropped, and takes its Pod away.
async fn tidy(cluster: &Cluster, name: &str, plan: &Plan, terms: Terms) -> anyhow::Result<()> {
    let claim = Claim { holder: holder_name(), plan: sets_out(plan) };
    let lock = Lock::acquire(cluster, name, &claim, terms.lock).await?;
    pod::forget(cluster, name, restore::ROLE).await;
    lock.release().await
}

async fn drop_kept(
    cluster: &Cluster,
    args: &Args,
    terms: Terms,
    found: &Release,
    stored: &mut Stored,
    plan: &Plan,
) -> anyhow::Result<()> {
    let name = &found.name;
    let beside = super::restore::stand_beside(found, args, Some(plan))?;
    let claim = Claim { holder: holder_name(), plan: sets_out(plan) };
    let lock = Lock::acquire(cluster, name, &claim, terms.lock).await?;
    stored.write(&lock, DROPPED, Phase::About, &format!("by {}", claim.holder)).await?;
    let done = restore::act(&lock, &beside, plan, "clean-up").await;
    let phase = if done.is_ok() { Phase::Done } else { Phase::Failed };
    let words = done.as_ref().map_or_else(ToString::to_string, |said| said.last.clone());
    stored.write(&lock, DROPPED, phase, &words).await?;
    pod::forget(cluster, name, restore::ROLE).await;
    lock.release().await?;
    done?;
    to::note(&format!("what the restore {} kept is dropped", plan.id));
    Ok(())
}
