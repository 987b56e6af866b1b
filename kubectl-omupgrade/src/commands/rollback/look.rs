//! Gathers what a way back is decided on. Writes nothing but the short-lived Pod that asks the database.

use super::Args;
use crate::adapters::cluster::Cluster;
use crate::adapters::helm::Helm;
use crate::adapters::{claim, flux, live, probe, snapshots};
use crate::beside::Beside;
use crate::cli::say as to;
use crate::facts::Release;
use crate::failure::Failure;
use crate::journal::{Outcome, Run};
use crate::preview::{Object, losses, objects, servers};
use crate::wayback::Look;
use shared::backup::Record;
use std::collections::{BTreeMap, BTreeSet};

/// Looks.
pub(super) async fn look(
    cluster: &Cluster,
    args: &Args,
    helm: &Helm,
    history: Vec<Release>,
    runs: Vec<Run>,
    revision: u64,
) -> anyhow::Result<Look> {
    let current = history.last().cloned().ok_or_else(|| Failure::unknown("the release has no revision"))?;
    let target = history.iter().find(|r| r.revision.number == revision).cloned();
    let target = target.ok_or_else(|| Failure::unknown(format!("revision {revision} is not there any more")))?;
    let read = |release: &Release| -> anyhow::Result<Vec<Object>> {
        let number = release.revision.number;
        let text = release.manifest.expose().map_or("", String::as_str);
        objects(text, &release.namespace)
            .map_err(|e| Failure::unknown(format!("reading the manifest of revision {number}: {e}")).into())
    };
    let (now, then) = (read(&current)?, read(&target)?);
    let server = servers(&now).into_iter().next();
    let server = server.and_then(|s| now.iter().find(|o| o.label() == s.label));
    let running = match server {
        Some(server) => live::running(cluster, server).await,
        None => Vec::new(),
    };
    let migrating = live::migrating(cluster, &current.name).await;
    // Only what would be deleted is asked about.
    let lost: Vec<String> = losses(&now, &then, |_| false).into_iter().map(|l| l.object).collect();
    let at_risk: Vec<&Object> = now.iter().filter(|o| lost.contains(&o.label())).collect();
    let kept = live::kept(cluster, &at_risk).await;
    let beside = if args.no_probe {
        Err("not asked (--no-probe)".to_owned())
    } else {
        stand_beside(args, &current.name, &now, server)?
    };
    let state = async {
        match &beside {
            Ok(beside) => probe::state(cluster, beside).await,
            Err(why) => Err(why.clone()),
        }
    };
    let carried = async {
        if args.no_probe { BTreeMap::new() } else { folders(cluster, &target, &current, &args.pod_labels).await }
    };
    let (database, folders) = tokio::join!(state, carried);
    let claim = claim::name_of(&current.name, args.claim.as_deref(), &history);
    let (backups, no_claim) = match &beside {
        Ok(beside) => match backups(cluster, beside, &claim, &runs).await {
            Ok((backups, no_claim)) => (Ok(backups), no_claim),
            Err(why) => (Err(why), false),
        },
        Err(why) => (Err(why.clone()), false),
    };
    let mut live = live::workloads(cluster, &now).await;
    let mut suspended = BTreeSet::new();
    for workload in live.iter_mut().flatten() {
        suspended.extend(flux::without_suspended(cluster, &mut workload.marks).await);
    }
    for owner in suspended {
        to::note(&format!("{owner} is suspended, so nothing undoes this; once resumed, it brings back what Git says"));
    }
    Ok(Look {
        live,
        claim,
        no_claim,
        backups,
        current,
        target,
        history,
        runs,
        database,
        running,
        migrating,
        folders,
        kept,
        helm: helm.major,
    })
}

/// The server to stand beside, or why there is none. With the labels that were said; those that would make it one of the
/// server's own pods are wrong arguments.
fn stand_beside(
    args: &Args,
    release: &str,
    objects: &[Object],
    server: Option<&Object>,
) -> Result<Result<Beside, String>, Failure> {
    let Some(server) = server else {
        return Ok(Err("the newest revision holds no OpenMetadata server to stand beside".to_owned()));
    };
    match Beside::of(release, objects, server, args.probe_image.as_deref()) {
        Ok(beside) => beside.labelled(&args.pod_labels).map(Ok),
        Err(why) => Ok(Err(why)),
    }
}

/// The migration folders of the server images of both revisions. An image that cannot be listed is judged by its tag.
async fn folders(
    cluster: &Cluster,
    target: &Release,
    current: &Release,
    labels: &probe::Labels,
) -> BTreeMap<String, Vec<String>> {
    // One after the other: a Pod of ours that ended is taken away by the next one of its role.
    let mut out: BTreeMap<String, Vec<String>> = probe::folders(cluster, target, labels).await.into_iter().collect();
    out.extend(probe::folders(cluster, current, labels).await);
    out
}

/// The backups on the release's claim, as far as a Pod may look, and whether there is no claim at all.
async fn backups(
    cluster: &Cluster,
    beside: &Beside,
    claim: &str,
    runs: &[Run],
) -> Result<(Vec<(String, Record)>, bool), String> {
    let (snapshots, _) = snapshots::all(cluster, &beside.release).await?;
    let snapshots: Vec<_> = snapshots.into_iter().map(|e| (e.name, e.record)).collect();
    let there = claim::get(cluster, claim).await.map_err(|r| format!("looking for the claim {claim}: {r}"))?;
    if there.is_none() {
        // One of another name may hold what is looked for.
        let others =
            claim::ours(cluster, &beside.release).await.map_err(|r| format!("looking for claims with backups: {r}"))?;
        let made = |run: &Run| run.verb == "backup" && run.outcome == Outcome::Done;
        let elsewhere = !others.is_empty() || runs.iter().any(made);
        if snapshots.is_empty() && elsewhere {
            let others =
                if others.is_empty() { "the one with the journal's backups".to_owned() } else { others.join(", ") };
            return Err(format!("there is no claim {claim} to list backups on; --claim names another one: {others}"));
        }
        return Ok((snapshots, !elsewhere));
    }
    let listing = claim::listing(cluster, beside, claim).await?;
    Ok((listing.backups.into_iter().map(|e| (e.name, e.record)).chain(snapshots).collect(), false))
}
