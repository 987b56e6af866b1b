//! Whether a restore is alone: nobody else began a revision or started a server since it stilled them. After helm was begun,
//! what helm makes is ours, and nothing else is.

use super::restore::START;
use super::roll::{self, HELM};
use crate::adapters::journal::Stored;
use crate::adapters::lock::Lock;
use crate::adapters::{awake, pod, release, restore};
use crate::exit::Exit;
use crate::failure::{Failure, exit_of};
use crate::preview::objects;
use crate::wayback::restore::Plan;
use crate::wayback::{Decision, versions};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::sleep;

/// How often it is looked whether somebody else is at work while a Pod waits. Chosen.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Ends when somebody began a revision or started a server while the Pod of the step that writes still waits for its node
/// or its image; it is gone then. Once it works it is not torn out of its work.
pub(super) async fn disturbed(
    plan: &Plan,
    decision: &Decision,
    lock: &Lock,
    stored: &Stored,
    action: &str,
) -> anyhow::Error {
    let (cluster, release) = lock.of();
    let pod = restore::step_pod(release, plan, action);
    loop {
        sleep(LOOK_AGAIN).await;
        if !restore::waits(cluster, &pod).await {
            continue;
        }
        let Err(error) = untouched(plan, decision, lock, stored).await else { continue };
        if exit_of(&error) != Exit::Refused {
            continue; // nobody was seen: what could not be asked now is asked again
        }
        return match pod::disarm(cluster, &pod).await {
            Ok(()) => error,
            Err(why) => error.context(why),
        };
    }
}

/// Nobody began a revision or started a server since this run stilled them; after it began helm, nobody but that helm.
pub(super) async fn untouched(plan: &Plan, decision: &Decision, lock: &Lock, stored: &Stored) -> anyhow::Result<()> {
    if stored.run.begun(START) {
        return Ok(()); // from here on it is we who start servers
    }
    let ours = if stored.run.begun(HELM) {
        of_helm(plan, decision, lock, stored).await?
    } else {
        revision_stands(decision, lock, stored).await?;
        BTreeSet::new()
    };
    let awake = awake::awake(lock.of().0, &decision.release, plan, &ours).await?;
    if awake.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!("{} was started in between: somebody else is at work", awake.join(", ")))
        .hint(format!("kubectl get pods -n {}    # once they are gone, the same command goes on", decision.namespace))
        .into())
}

/// The versions of the images that a helm of ours starts. Refused where a revision since the beginning has other content
/// than the one that we go back to, even if that is the newest again: its servers may have migrated the database that was
/// just brought back.
async fn of_helm(plan: &Plan, decision: &Decision, lock: &Lock, stored: &Stored) -> anyhow::Result<BTreeSet<String>> {
    let (cluster, name) = lock.of();
    let target = roll::target(cluster, decision).await?;
    let from = stored.run.from.unwrap_or(decision.from);
    let all = release::stored(cluster, Some(name)).await.map_err(|r| r.failure("listing the revisions"))?;
    for revision in all.iter().filter(|revision| revision.number > from) {
        if release::one(cluster, revision).await?.manifest != target.manifest {
            return Err(appeared(&format!("revision {} appeared", revision.number), decision));
        }
    }
    let text = target.manifest.expose().map_or("", String::as_str);
    let then = objects(text, &decision.namespace);
    let then = then.map_err(|e| Failure::unknown(format!("reading the manifest of revision {}: {e}", decision.to)))?;
    Ok(versions(&then, &plan.images))
}

/// The newest revision is the one that this run looked at.
pub(super) async fn revision_stands(decision: &Decision, lock: &Lock, stored: &Stored) -> anyhow::Result<()> {
    let (cluster, name) = lock.of();
    let newest = release::latest(cluster, name).await?;
    let now = newest.as_ref().map(|r| r.revision.number);
    let from = stored.run.from.or(Some(decision.from));
    if now == from {
        return Ok(());
    }
    let words = now.map_or_else(|| "the release is gone".to_owned(), |n| format!("revision {n} appeared"));
    Err(appeared(&words, decision))
}

/// Somebody else's revision.
pub(super) fn appeared(words: &str, decision: &Decision) -> anyhow::Error {
    let on = format!("{} -n {}", decision.release, decision.namespace);
    Failure::refused(format!("{words} since this restore began: somebody else is at work"))
        .hint(format!("kubectl omupgrade status {on}"))
        .hint(format!("{}    # gives this restore up", unlock(decision)))
        .into()
}

/// The command that gives the restore up.
pub(super) fn unlock(decision: &Decision) -> String {
    format!("kubectl omupgrade unlock {} -n {} --reason WHY", decision.release, decision.namespace)
}
