//! Which release is meant: the named one, or the only OpenMetadata release of the namespace.

use super::{Stored, one, stored};
use crate::adapters::cluster::Cluster;
use crate::facts::Release;
use crate::failure::Failure;
use futures::StreamExt;
use std::collections::BTreeMap;

/// Lists what a namespace holds, also what helm did not finish: Helm 3 has `--all` for that, Helm 4 has no such flag.
pub const LIST: &str = "helm list --deployed --failed --pending";

/// A release that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// Its newest revision.
    pub release: Release,
    /// All its stored revisions, oldest first.
    pub stored: Vec<Stored>,
}

/// How many releases are looked into at a time.
const AT_ONCE: usize = 8;

/// The release `name`, or the only one of the namespace that holds an OpenMetadata server.
pub async fn find(cluster: &Cluster, name: Option<&str>) -> anyhow::Result<Found> {
    let ns = &cluster.namespace;
    let doing = format!("looking for Helm releases in the namespace {ns}");
    let all = stored(cluster, name).await.map_err(|r| r.failure(&doing))?;
    let mut by_name: BTreeMap<String, Vec<Stored>> = BTreeMap::new();
    for revision in all {
        by_name.entry(revision.release.clone()).or_default().push(revision);
    }
    if let Some(name) = name {
        let Some(stored) = by_name.remove(name) else {
            let message = format!("there is no Helm release {name} in the namespace {ns}");
            return Err(Failure::unknown(message).hint(format!("{LIST} -n {ns}")).into());
        };
        return newest(cluster, stored).await;
    }
    let opened: Vec<anyhow::Result<Found>> = futures::stream::iter(by_name.into_values().map(|s| newest(cluster, s)))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let (mut hits, mut unread) = (Vec::new(), None);
    for found in opened {
        match found {
            Ok(found) if found.release.holds_openmetadata => hits.push(found),
            Ok(_) => {}
            // Of someone else's, perhaps: it matters only where nothing else is found.
            Err(error) => unread = Some(error),
        }
    }
    if let Some(error) = unread.filter(|_| hits.is_empty()) {
        return Err(error);
    }
    if hits.len() > 1 {
        hits.sort_by(|a, b| a.release.name.cmp(&b.release.name));
        let names: Vec<&str> = hits.iter().map(|f| f.release.name.as_str()).collect();
        let message = format!("the namespace {ns} holds {} OpenMetadata releases: {}", names.len(), names.join(", "));
        let hint = format!("kubectl omupgrade status {} -n {ns}", names.first().copied().unwrap_or("RELEASE"));
        return Err(Failure::usage(message).hint(hint).into());
    }
    hits.pop().ok_or_else(|| {
        Failure::unknown(format!("no Helm release in the namespace {ns} holds OpenMetadata"))
            .hint(format!("{LIST} --all-namespaces"))
            .into()
    })
}

/// The names of the releases of a namespace, for completion.
pub async fn candidates(cluster: &Cluster) -> Vec<String> {
    let mut names: Vec<String> =
        stored(cluster, None).await.unwrap_or_default().into_iter().map(|s| s.release).collect();
    names.dedup();
    names
}

async fn newest(cluster: &Cluster, stored: Vec<Stored>) -> anyhow::Result<Found> {
    let Some(last) = stored.last() else { anyhow::bail!("a release without revisions") };
    let release = one(cluster, last).await?;
    Ok(Found { release, stored })
}
