//! The facts that a verdict is made of. What could not be found out is an `Err` with the reason, never a default.

use crate::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};
use shared::backup::Engine;
use shared::versions::Version;
use std::collections::BTreeMap;

/// All that is asked about the way back to one revision.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The Helm release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The revision to go back to.
    pub revision: u64,
    /// The database's state now.
    pub now: Result<Fingerprint, String>,
    /// Its state from before the step that followed that revision.
    pub before: Option<Before>,
    /// The highest version in change log and SQL logs; `None` for a database without any.
    pub head: Result<Option<Version>, String>,
    /// What the revision's image carries.
    pub reach: Reach,
    /// The claim that backups are kept on.
    pub claim: String,
    /// Whether there is known to be none.
    pub no_claim: bool,
    /// The backups of this claim.
    pub backups: Backups,
    /// The server images that run now.
    pub running: Vec<Running>,
    /// Database settings (`DB_HOST`, …) that differ between now and the revision: it would use another database.
    pub elsewhere: Vec<String>,
    /// Whether the revision's pods carry the schema guard.
    pub guarded: bool,
}

/// A list of backups, or why there is none to look at.
pub type Backups = Result<Vec<Backup>, String>;

/// A state from before, and where it was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The state.
    pub fingerprint: Fingerprint,
    /// Where it stands.
    pub source: Source,
    /// When it was taken, RFC 3339.
    pub at: String,
}

/// Where a fingerprint was recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// In a run of the journal.
    Journal(String),
    /// In a backup's record.
    Backup(String),
}

/// How far an image's own migrations go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// Its migration folders, where they were listed.
    pub folders: Vec<String>,
    /// Its tag.
    pub tag: Option<String>,
}

impl Reach {
    /// Of an image: its tag, and its migration folders where they were listed.
    pub fn of(image: &str, listed: &BTreeMap<String, Vec<String>>) -> Self {
        let tag = shared::component::image_tag(image).map(str::to_owned);
        Self { folders: listed.get(image).cloned().unwrap_or_default(), tag }
    }

    /// The highest of folders and tag, as the guard judges it; none where neither is a version.
    pub fn highest(&self) -> Option<Version> {
        let folders = self.folders.iter().filter_map(|f| Version::parse(f.trim_end_matches('/')));
        folders.chain(self.tag.as_deref().and_then(Version::parse)).max()
    }
}

/// A backup, as far as a verdict looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backup {
    /// Its directory.
    pub name: String,
    /// The release that it was made of.
    pub release: String,
    /// That release's namespace.
    pub namespace: String,
    /// Its engine.
    pub engine: Engine,
    /// Whether it was made before the step that followed the revision; unknown where nothing tells it.
    pub from_before: bool,
    /// The highest version in it.
    pub head: Option<Version>,
    /// Its state, where the record holds one that can be read.
    pub fingerprint: Option<Fingerprint>,
}

/// A server image that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The image reference.
    pub image: String,
    /// How many pods run it.
    pub pods: usize,
    /// What it carries.
    pub reach: Reach,
}
