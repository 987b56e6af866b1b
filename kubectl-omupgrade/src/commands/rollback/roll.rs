//! Helm's step of a way back: whether it is done already, what appeared in between, and the run of helm itself.

use super::alone::appeared;
use super::{Args, Terms};
use crate::adapters::cluster::Cluster;
use crate::adapters::helm::Helm;
use crate::adapters::journal::Stored;
use crate::adapters::lock::Lock;
use crate::adapters::release;
use crate::cli::say as to;
use crate::facts::{Release, Status};
use crate::failure::Failure;
use crate::journal::Phase;
use crate::wayback::Decision;
use crate::wayback::restore::Plan;
use std::time::Duration;
use tokio::time::{Instant, sleep};

pub(super) use crate::wayback::restore::HELM;

/// Helm's step. What tells whether it is done is the release itself, never the journal alone.
pub(super) async fn roll(
    cluster: &Cluster,
    helm: &Helm,
    decision: &Decision,
    args: &Args,
    terms: Terms,
    lock: &Lock,
    stored: &mut Stored,
) -> anyhow::Result<()> {
    let step = HELM;
    let target = target(cluster, decision).await?;
    let newest = newest(cluster, decision).await?;
    let from = stored.run.from.unwrap_or(decision.from);
    let newest = if stored.run.begun(step) && newest.revision.status.is_pending() {
        // A helm that we started may have outlived us: it gets its time.
        settled(cluster, decision, newest, terms.settle).await?
    } else {
        newest
    };
    if arrived(&newest, &target, from) {
        if !stored.run.is_done(step) {
            stored.write(lock, step, Phase::Done, &format!("revision {} is there", newest.revision.number)).await?;
        }
        return Ok(());
    }
    let ours = stored.run.begun(step) && newest.revision.status == Status::PendingRollback;
    if newest.revision.status.is_pending() && !args.clear_pending && !ours {
        let number = newest.revision.number;
        return Err(Failure::refused(format!(
            "revision {number} began in between and is {}",
            newest.revision.status.word()
        ))
        .hint(format!("kubectl omupgrade status {} -n {}", decision.release, decision.namespace))
        .into());
    }
    let plan = super::restore::recalled(&stored.run)?;
    // Asked before, too; but a helm of ours was waited for since.
    let anothers = newest.revision.number != from && newest.manifest != target.manifest;
    if plan.is_some() && stored.run.begun(step) && anothers {
        return Err(appeared(&format!("revision {} appeared", newest.revision.number), decision));
    }
    if newest.revision.number != decision.from && !stored.run.begun(step) {
        return Err(Failure::refused(format!("revision {} appeared while this was decided", newest.revision.number))
            .hint(format!(
                "kubectl omupgrade rollback {} {} -n {} --dry-run",
                decision.release, decision.to, decision.namespace
            ))
            .into());
    }
    let force = conflicts(decision, plan.as_ref());
    let arguments = helm.rollback_args(cluster, &decision.release, decision.to, force);
    stored.write(lock, step, Phase::About, &helm.shown(cluster, &arguments, decision.driver)).await?;
    for last in [false, true] {
        lock.check().await?;
        let said = helm.run(cluster, &arguments, decision.driver).await?;
        if said.ok {
            return stored.write(lock, step, Phase::Done, &said.words).await;
        }
        // A helm that could not even write down that it failed lost the API server. It has ended, so its pending
        // revision is nobody's; the question what is there waits until the server is back.
        let lost = self::newest(cluster, decision).await?;
        let half_way = lost.revision.status == Status::PendingRollback;
        let not_begun = lost.revision.number == newest.revision.number && said.found_no_server();
        if last || !(half_way || not_begun) {
            return Err(Failure::no(format!("helm rollback failed: {}", said.words))
                .hint(format!("kubectl omupgrade status {} -n {}", decision.release, decision.namespace))
                .into());
        }
        let how = match lost.revision.number {
            number if half_way => format!("helm lost the API server and left revision {number} pending"),
            number => format!("helm found no API server and left revision {number} as it was"),
        };
        let words = format!("{how}: {}", said.words);
        to::note(&format!("{words}; running it again"));
        stored.write(lock, step, Phase::Note, &words).await?;
    }
    Ok(())
}

/// Whether helm is told to take fields over: what a restore scales to zero is ours on the server, too, also after it was
/// given up.
pub(super) fn conflicts(decision: &Decision, restore: Option<&Plan>) -> bool {
    decision.conflicts() || (decision.server_side && (restore.is_some() || decision.given_up))
}

/// Whether the newest revision is the target's content, made after this run began.
fn arrived(newest: &Release, target: &Release, from: u64) -> bool {
    newest.revision.status == Status::Deployed && newest.revision.number > from && newest.manifest == target.manifest
}

async fn newest(cluster: &Cluster, decision: &Decision) -> anyhow::Result<Release> {
    let newest = release::latest(cluster, &decision.release).await?;
    newest.ok_or_else(|| Failure::unknown(format!("the release {} is gone", decision.release)).into())
}

/// The revision that we go back to.
pub(super) async fn target(cluster: &Cluster, decision: &Decision) -> anyhow::Result<Release> {
    let all =
        release::stored(cluster, Some(&decision.release)).await.map_err(|r| r.failure("listing the revisions"))?;
    match all.iter().find(|s| s.number == decision.to) {
        Some(stored) => release::one(cluster, stored).await,
        None => Err(Failure::unknown(format!("revision {} is not there any more", decision.to)).into()),
    }
}

async fn settled(
    cluster: &Cluster,
    decision: &Decision,
    mut release: Release,
    patience: Duration,
) -> anyhow::Result<Release> {
    let until = Instant::now() + patience;
    to::note(&waits(&release, patience));
    while release.revision.status.is_pending() && Instant::now() < until {
        sleep((patience / 20).min(Duration::from_secs(2))).await;
        release = newest(cluster, decision).await?;
    }
    Ok(release)
}

/// What is said while a helm is waited for that an earlier run of ours may have left.
fn waits(release: &Release, patience: Duration) -> String {
    let (number, status) = (release.revision.number, release.revision.status.word());
    let most = patience.as_secs();
    format!("revision {number} is {status}: waiting for a helm that may still run, for {most} s at most")
}

#[cfg(test)]
mod tests {
    use super::waits;
    use serde_json::json;
    use std::time::Duration;

    #[test]
    fn how_long_is_waited_is_said() {
        let release = serde_json::from_value(
            json!({"name": "om", "namespace": "data", "number": 3, "status": "pending-rollback",
            "chart": {}, "object": "s", "driver": "secrets", "holdsOpenmetadata": true}),
        );
        let words = waits(&release.unwrap(), Duration::from_secs(90));
        assert!(words.starts_with("revision 3 is pending-rollback") && words.ends_with("for 90 s at most"), "{words}");
    }
}
