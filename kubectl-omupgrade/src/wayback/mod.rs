//! The way back, decided: which revision, what stands against it, in which steps. Pure: what was looked at goes in, a
//! decision comes out; `--dry-run` prints it and the command performs it.

mod choose;
mod contents;
mod counts;
mod decide;
mod elsewhere;
pub mod found;
pub mod keys;
pub mod objections;
mod quiesce;
mod refusals;
pub mod restore;
mod rights;
pub mod saved;
mod surplus;

pub use choose::{Choice, choose};
pub use contents::Contents;
pub use counts::{Count, Live, OURS, as_before};
pub use decide::{Decision, decide, decided, moments};
pub use elsewhere::elsewhere;
pub use quiesce::{Quiesce, repository, version, versions};
pub use refusals::{OWNERS, Refusal, owner_of};
pub use rights::{Need, Rule, needs};
pub use surplus::{NEWEST, surplus};

use crate::facts::Release;
use crate::fingerprint::Fingerprint;
use crate::journal::Run;
use crate::verdict::Running;
use serde::{Deserialize, Serialize};
use shared::backup::Record;
use std::collections::BTreeMap;

/// All that was looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// The newest revision.
    pub current: Release,
    /// The revision to go back to.
    pub target: Release,
    /// All revisions, oldest first.
    pub history: Vec<Release>,
    /// The journal's runs.
    pub runs: Vec<Run>,
    /// The claim with the backups.
    pub claim: String,
    /// Whether there is known to be none, nor another one of omupgrade's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_claim: bool,
    /// The backups' names and records, or why they are not known.
    pub backups: Result<Vec<(String, Record)>, String>,
    /// The database's state, or why it is not known.
    pub database: Result<Fingerprint, String>,
    /// The workloads as they are in the cluster, or why they are not known.
    pub live: Result<Vec<Live>, String>,
    /// The server images that run.
    pub running: Vec<Running>,
    /// The pods in which a migration runs now, or why they are not known.
    pub migrating: Result<Vec<String>, String>,
    /// The migration folders that an image carries, by image; only of images that were looked into.
    pub folders: BTreeMap<String, Vec<String>>,
    /// Objects that Helm will not delete (`helm.sh/resource-policy: keep` in the cluster), by kind and name.
    pub kept: Vec<String>,
    /// Helm's major version.
    pub helm: u32,
}

/// What the person asked for beyond the revision.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Asked {
    /// `--accept-unproven`.
    pub accept_unproven: bool,
    /// `--clear-pending`.
    pub clear_pending: bool,
    /// `--restore`.
    pub restore: bool,
    /// `--backup NAME`: this one is restored whatever the verdict would take, also under the newest revision.
    pub named: bool,
    /// A restore of this plan was begun: what the verdict said before it counts, not what it says in its middle.
    pub restoring: bool,
}

/// What a run of `rollback` sets out to do, in one line: the same command again has the same plan.
pub fn plan(release: &str, revision: u64) -> String {
    format!("rollback {release} to revision {revision}")
}
