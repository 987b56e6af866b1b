//! The revisions that count before an upgrade: the one that helm begins from, and later tries that may be in the cluster.

use crate::adapters::cluster::Cluster;
use crate::adapters::evidence::names;
use crate::adapters::release;
use crate::diagnose::known;
use crate::facts::{Release, Revision, Status, begins_from};
use crate::preview::{Object, objects};
use crate::redact::Redactor;

/// The revisions.
pub struct Revisions {
    /// The one whose chart, manifest and values helm takes.
    pub taken: Release,
    /// Later ones that helm gave up on, or was killed at, after it may have applied some of it.
    pub tried: Vec<Release>,
}

/// Looks. Of a release whose newest revision is deployed nothing more is asked.
pub async fn look(cluster: &Cluster, newest: Result<&Release, String>) -> Result<Revisions, String> {
    let newest = newest?;
    if newest.revision.status == Status::Deployed {
        return Ok(Revisions { taken: newest.clone(), tried: Vec::new() });
    }
    let stored = release::stored(cluster, Some(&newest.name)).await.map_err(|refused| refused.to_string())?;
    let numbers: Vec<(u64, Status)> = stored.iter().map(|s| (s.number, s.status)).collect();
    let begins = begins_from(&numbers).unwrap_or(newest.revision.number);
    let mut out = Revisions { taken: newest.clone(), tried: Vec::new() };
    for found in stored.iter().rev() {
        let is_newest = found.number == newest.revision.number;
        let whole = if is_newest { newest.clone() } else { read(cluster, found).await? };
        // One that was applied to its end: nothing from before it is left.
        let whole_there = matches!(found.status, Status::Deployed | Status::Superseded);
        if found.number == begins {
            out.taken = whole;
        } else if !whole.revision.stopped_at_its_hook() {
            out.tried.push(whole);
        }
        if whole_there && found.number <= begins {
            break;
        }
    }
    Ok(out)
}

async fn read(cluster: &Cluster, found: &release::Stored) -> Result<Release, String> {
    release::one(cluster, found).await.map_err(|error| format!("{error:#}"))
}

impl Revisions {
    /// The number of the one that is taken, where a later one is the newest.
    pub fn instead_of(&self, newest: &Revision) -> Option<u64> {
        Some(self.taken.revision.number).filter(|number| *number != newest.number)
    }

    /// The manifests of the later tries.
    pub fn manifests(&self) -> Vec<Vec<Object>> {
        let read = |of: &Release| objects(of.manifest.expose()?, &of.namespace).ok();
        self.tried.iter().filter_map(read).collect()
    }
}

/// What hides the secrets of all of them, and of the newest: messages of others may hold what is secret here.
pub fn redactor(newest: Option<&Release>, revisions: Option<&Revisions>) -> anyhow::Result<Redactor> {
    let others = revisions.into_iter().flat_map(|all| std::iter::once(&all.taken).chain(&all.tried));
    let secrets = newest.into_iter().chain(others).flat_map(known::of_release);
    let public = newest.map(names).unwrap_or_default();
    Redactor::new(secrets, &public).map_err(anyhow::Error::msg)
}
