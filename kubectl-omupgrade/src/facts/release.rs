//! A Helm release as its storage holds it. Data only; reading the storage is the adapter's work.

use super::Secret;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// One revision of a release, whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Release {
    /// What lists show of it.
    #[serde(flatten)]
    pub revision: Revision,
    /// The release.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The values that the user set.
    #[serde(default)]
    pub values: Secret<Value>,
    /// What was rendered, without hooks. It holds the chart's Secrets.
    #[serde(default)]
    pub manifest: Secret<String>,
    /// The hooks.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// Whether some manifest of it holds an OpenMetadata server.
    pub holds_openmetadata: bool,
    /// The workloads that its manifest names in its own namespace: `Deployment/om`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workloads: Vec<String>,
    /// Of these, the image that each serves with, as the manifest names it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub images: BTreeMap<String, String>,
}

/// Why the newest revision of a release is unknown that was there, and of which nothing is stored any more.
pub const GONE: &str = "the release is gone";

/// What a list of revisions shows of one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Revision {
    /// Its number.
    pub number: u64,
    /// What Helm says of it.
    pub status: Status,
    /// Its chart.
    pub chart: Chart,
    /// When it was made or last changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub updated: Option<Timestamp>,
    /// Helm's own sentence: `Upgrade complete`, `Rollback to 2`, or the error.
    #[serde(default)]
    pub description: String,
    /// The storage object that holds it.
    pub object: String,
    /// Where it is stored.
    pub driver: Driver,
    /// Helm 4 only: `ssa` or `csa`, how the objects were applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply_method: Option<String>,
}

impl Revision {
    /// Whether a hook stopped it before anything of it was applied: the revision before it served on.
    pub fn stopped_at_its_hook(&self) -> bool {
        self.status == Status::Failed && self.description.contains("pre-upgrade hooks failed")
    }

    /// Whether helm waited for what it had applied until its time was over: its pods may have come up since.
    pub fn ran_out_of_time(&self) -> bool {
        let says = |words: &str| self.description.contains(words);
        let late = says("timed out waiting") || says("deadline exceeded");
        let nothing_applied =
            ["pre-install", "pre-upgrade", "pre-rollback"].iter().any(|hook| says(&format!("{hook} hooks failed")));
        self.status == Status::Failed && late && !nothing_applied
    }

    /// Whether it is one that helm failed to go back to: of one that it waited for it says what it says of an install.
    pub fn rolls_back(&self) -> bool {
        self.description.starts_with("Rollback") || self.number > 1 && self.description.starts_with("Release \"")
    }
}

/// The revision with which the present version came, of a history in its order: what helm did since with the same chart
/// (a second upgrade that brings the replicas back, a changed value) began no new one. Where all that is known is of one
/// version, the newest revision.
pub fn rollout_of(history: &[Revision]) -> Option<&Revision> {
    // A try that its hook stopped changed nothing: of another chart, it brought no version.
    let applied = history.iter().rposition(|r| !r.stopped_at_its_hook());
    let history = applied.map_or(history, |newest| &history[..=newest]);
    let newest = history.last()?;
    let same = history.iter().rev().take_while(|r| r.chart == newest.chart).count();
    let first = history.iter().skip(history.len() - same).find(|r| !r.stopped_at_its_hook());
    if same == history.len() { Some(newest) } else { first.or(Some(newest)) }
}

/// The revision that helm begins an upgrade from, of a history in its order: its chart, values and manifest are what the
/// next one is made of. The newest where it is deployed, else the last deployed one before it; where there is none, the
/// newest. Source: `Upgrade.prepareUpgrade` of Helm 3.22 and 4.3.
pub fn begins_from(history: &[(u64, Status)]) -> Option<u64> {
    let deployed = history.iter().rfind(|(_, status)| *status == Status::Deployed);
    deployed.or(history.last()).map(|(number, _)| *number)
}

/// A chart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Chart {
    /// Its name.
    pub name: String,
    /// Its own version.
    pub version: String,
    /// The version of what it installs.
    pub app_version: String,
}

/// Where Helm stores revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Driver {
    /// In Secrets, the default.
    Secrets,
    /// In `ConfigMaps`.
    ConfigMaps,
}

impl Driver {
    /// What `HELM_DRIVER` calls it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Secrets => "secret",
            Self::ConfigMaps => "configmap",
        }
    }
}

/// Helm's status words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It is the current one.
    Deployed,
    /// A later one is.
    Superseded,
    /// Helm gave up on it.
    Failed,
    /// `helm uninstall --keep-history` ran.
    Uninstalled,
    /// `helm uninstall` runs, or was killed.
    Uninstalling,
    /// `helm install` runs, or was killed.
    PendingInstall,
    /// `helm upgrade` runs, or was killed.
    PendingUpgrade,
    /// `helm rollback` runs, or was killed.
    PendingRollback,
    /// Helm does not know, or a word that we do not know.
    #[serde(other)]
    Unknown,
}

impl Status {
    /// Reads Helm's word.
    pub fn read(word: &str) -> Self {
        serde_json::from_value(Value::from(word)).unwrap_or(Self::Unknown)
    }

    /// Helm's word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployed => "deployed",
            Self::Superseded => "superseded",
            Self::Failed => "failed",
            Self::Uninstalled => "uninstalled",
            Self::Uninstalling => "uninstalling",
            Self::PendingInstall => "pending-install",
            Self::PendingUpgrade => "pending-upgrade",
            Self::PendingRollback => "pending-rollback",
            Self::Unknown => "unknown",
        }
    }

    /// Whether a helm is at work on it, or was killed at it.
    pub fn is_pending(self) -> bool {
        matches!(self, Self::PendingInstall | Self::PendingUpgrade | Self::PendingRollback | Self::Uninstalling)
    }
}

/// A hook of a revision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hook {
    /// The object's kind.
    pub kind: String,
    /// The object's name.
    pub name: String,
    /// `pre-upgrade`, `test` and so on.
    #[serde(default)]
    pub events: Vec<String>,
    /// Its manifest.
    #[serde(default)]
    pub manifest: Secret<String>,
    /// Its last run, as Helm recorded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_run: Option<HookRun>,
}

/// The last run of a hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct HookRun {
    /// `Running`, `Succeeded`, `Failed` or `Unknown`.
    pub phase: String,
    /// When it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
}
