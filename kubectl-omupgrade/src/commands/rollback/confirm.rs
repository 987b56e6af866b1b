//! Drops what the last restore kept: the database from before, once a person says that it is not needed any more.

use super::{Args, Terms};
use crate::adapters::cluster::Cluster;
use crate::adapters::journal::Stored;
use crate::adapters::lock::{Claim, Lock, holder_name};
use crate::adapters::{journal, pod, release, restore};
use crate::cli::say as to;
use crate::exit::Exit;
use crate::facts::Release;
use crate::failure::Failure;
use crate::journal::{Outcome, Phase};
use crate::wayback::restore::Plan;

/// The step, in the restore's own run.
pub(super) const STEP: &str = "drop the database from before";

/// Drops what every ended restore kept.
pub async fn confirmed(cluster: &Cluster, args: &Args, terms: Terms) -> anyhow::Result<Exit> {
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
    if last.run.is_done(STEP) {
        to::note(&format!("what the restore {} kept is dropped already", plan.id));
    }
    for (mut stored, plan) in kept.into_iter().filter(|(s, _)| !s.run.is_done(STEP)) {
        drop_kept(cluster, args, terms, &found, &mut stored, &plan).await?;
    }
    Ok(Exit::Done)
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
    let claim = Claim { holder: holder_name(), plan: format!("drop what the restore {} kept", plan.id) };
    let lock = Lock::acquire(cluster, name, &claim, terms.lock).await?;
    stored.write(&lock, STEP, Phase::About, &format!("by {}", claim.holder)).await?;
    let done = restore::act(&lock, &beside, plan, "clean-up").await;
    let phase = if done.is_ok() { Phase::Done } else { Phase::Failed };
    let words = done.as_ref().map_or_else(ToString::to_string, Clone::clone);
    stored.write(&lock, STEP, phase, &words).await?;
    pod::forget(cluster, name, restore::ROLE).await;
    lock.release().await?;
    done?;
    to::note(&format!("what the restore {} kept is dropped", plan.id));
    Ok(())
}
