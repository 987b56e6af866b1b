//! `status --record`: writes the database's state into the journal while a revision serves, so that a later way back to
//! it can be proven. Only for a revision that is rolled out: any other state belongs to no revision.

use super::Args;
use crate::adapters::cluster::Cluster;
use crate::adapters::lock::holder_name;
use crate::adapters::{journal, probe, release};
use crate::cli::say;
use crate::commands::prune_journal;
use crate::facts::{Release, Status};
use crate::failure::Failure;
use crate::rollout::{Rollout, Verdict};
use crate::verdict::Reach;
use shared::versions::Version;
use std::collections::BTreeMap;

/// Refuses to record what is not rolled out.
pub fn refuse_unless_rolled_out(cluster: &Cluster, rollout: &Rollout) -> anyhow::Result<()> {
    if rollout.verdict == Verdict::RolledOut {
        return Ok(());
    }
    Err(refused(cluster, &rollout.tree.name, &rollout.sentence))
}

/// Asks the database and writes its state down for the newest revision.
pub async fn record(cluster: &Cluster, name: &str, args: &Args, labels: &probe::Labels) -> anyhow::Result<()> {
    let newest = release::latest(cluster, name).await?;
    let newest = newest.ok_or_else(|| Failure::unknown(format!("the release {name} is gone")))?;
    let (number, status) = (newest.revision.number, newest.revision.status);
    if status != Status::Deployed {
        return Err(refused(cluster, name, &format!("revision {number} is {}", status.word())));
    }
    let (image, fingerprint) = probe::of_release(cluster, &newest, args.probe_image.as_deref(), labels)
        .await
        .map_err(|reason| Failure::unknown(format!("recording the database of {name}: {reason}")))?;
    refuse_older(cluster, &newest, labels, &image, fingerprint.head()).await?;
    // Someone else may have upgraded while the database was asked: then the state belongs to neither revision.
    let again = release::latest(cluster, name).await?.map(|r| (r.revision.number, r.revision.status));
    if again != Some((number, status)) {
        return Err(refused(cluster, name, "another revision began while the database was asked"));
    }
    let by = holder_name();
    let head = fingerprint.head.clone().unwrap_or_else(|| "no version".to_owned());
    journal::record_fingerprint(cluster, name, number, &image, fingerprint, &by).await?;
    let mut words = format!("recorded: the database is at {head} while revision {number} serves");
    if args.validated {
        journal::record_validated(
            cluster,
            name,
            number,
            "said by a person: status --record --validated",
            &by,
            BTreeMap::new(),
        )
        .await?;
        words.push_str("; the revision is called good");
    }
    say::note(&words);
    prune_journal(cluster, None, name).await;
    Ok(())
}

/// Refuses to record the state of a database that is newer than its server: nobody goes back to that.
async fn refuse_older(
    cluster: &Cluster,
    newest: &Release,
    labels: &probe::Labels,
    image: &str,
    head: Option<Version>,
) -> anyhow::Result<()> {
    let older = |folders: &BTreeMap<String, Vec<String>>| {
        let reach = Reach::of(image, folders).highest()?;
        head.filter(|head| *head > reach).map(|head| (head, reach))
    };
    if older(&BTreeMap::new()).is_none() {
        return Ok(());
    }
    // A release's folders may run ahead of its tag.
    let folders = probe::folders(cluster, newest, labels).await.into_iter().collect();
    let Some((head, reach)) = older(&folders) else { return Ok(()) };
    let (name, number) = (&newest.name, newest.revision.number);
    Err(Failure::refused(format!(
        "nothing is recorded: the database is at {head}, and revision {number} runs {reach}: an older server on a newer schema"
    ))
    .hint(format!("kubectl omupgrade rollback {name} {number} -n {} --restore --dry-run", cluster.namespace))
    .into())
}

fn refused(cluster: &Cluster, name: &str, why: &str) -> anyhow::Error {
    Failure::refused(format!("nothing is recorded: {why}"))
        .hint(format!("kubectl omupgrade status {name} -n {} --watch --record", cluster.namespace))
        .into()
}
