//! What the manifests of a release's revisions tell a decision. They hold secrets and this does not, so that it can be
//! saved and decided on again.

use super::counts::{Count, counts};
use super::quiesce::{Quiesce, quiesce};
use super::{Look, moments};
use crate::facts::Release;
use crate::preview::{Loss, Object, Preview, Server, elsewhere, losses, objects, preview, servers};
use crate::verdict::Moment;
use serde::{Deserialize, Serialize};

/// What they tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contents {
    /// The image that the server runs by the newest revision.
    pub image_now: String,
    /// The servers of the revision to go back to.
    pub servers: Vec<Server>,
    /// What would change.
    pub preview: Preview,
    /// What would be deleted for good.
    pub losses: Vec<Loss>,
    /// Database settings that differ.
    pub elsewhere: Vec<String>,
    /// Whether both revisions hold the same.
    pub same: bool,
    /// The revisions with the target's own content: each way back makes one.
    pub twins: Vec<u64>,
    /// When each revision began, and the version of its server.
    pub moments: Vec<Moment>,
    /// Replica counts that need care.
    pub counts: Vec<Count>,
    /// What has to stand still while the database is restored.
    pub quiesce: Quiesce,
    /// Whether helm applies on the server, where the counts that we set are conflicts.
    pub server_side: bool,
}

impl Contents {
    /// Reads the manifests of a look.
    pub fn of(look: &Look) -> Result<Self, String> {
        let (now, then) = (read(&look.current)?, read(&look.target)?);
        let ssa = |r: &Release| r.revision.apply_method.as_deref() == Some("ssa");
        let server_side = look.helm >= 4 && (ssa(&look.current) || ssa(&look.target));
        Ok(Self {
            image_now: servers(&now).first().map(|s| s.image.clone()).unwrap_or_default(),
            servers: servers(&then),
            preview: preview(&now, &then),
            losses: losses(&now, &then, |o: &Object| look.kept.contains(&o.label())),
            elsewhere: elsewhere(&now, &then),
            same: same(&look.current, &look.target),
            twins: twins(look),
            moments: moments(&look.history),
            counts: look.live.as_ref().map(|live| counts(&then, live, server_side)).unwrap_or_default(),
            quiesce: look.live.as_ref().map(|live| quiesce(&now, &then, live)).unwrap_or_default(),
            server_side,
        })
    }
}

fn read(release: &Release) -> Result<Vec<Object>, String> {
    let number = release.revision.number;
    let manifest = release.manifest.expose().ok_or_else(|| format!("the manifest of revision {number} is not here"))?;
    objects(manifest, &release.namespace).map_err(|e| format!("the manifest of revision {number} cannot be read: {e}"))
}

fn same(a: &Release, b: &Release) -> bool {
    a.manifest == b.manifest && a.hooks.len() == b.hooks.len()
}

/// What the database was while the same code served proves as much.
fn twins(look: &Look) -> Vec<u64> {
    let others = look.history.iter().filter(|r| r.revision.number != look.target.revision.number);
    others.filter(|r| same(r, &look.target)).map(|r| r.revision.number).collect()
}
