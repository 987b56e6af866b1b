//! What the verbs of `backup` answer with `-o json` and `-o yaml`. Their schemas are shown by `schema`: within v1 they
//! only grow. What is measured or decided stands elsewhere.

use super::{Drilled, Entry, Fate, Listing, Receipt};
use schemars::JsonSchema;
use serde::Serialize;
use std::path::PathBuf;

/// `backup`: one was made.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Made {
    /// `omupgrade.io/backup/v1`.
    pub schema: &'static str,
    /// `done`.
    pub outcome: &'static str,
    /// The claim that it lies on; none for a snapshot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claim: Option<String>,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub backup: Entry,
    /// The receipt that was written, where an upgrade was planned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

/// `backup --dry-run`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Planned {
    /// `omupgrade.io/backup-plan/v1`.
    pub schema: &'static str,
    /// `dry-run`.
    pub outcome: &'static str,
    /// What would be done, in order.
    pub steps: Vec<String>,
}

/// `backup init`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claimed {
    /// `omupgrade.io/backup-claim/v1`.
    pub schema: &'static str,
    /// The claim.
    pub claim: String,
    /// `made`, or `already`: it was there.
    pub outcome: &'static str,
    /// Its size, where it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// What to know of it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// `backup list`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Listed {
    /// `omupgrade.io/backups/v1`.
    pub schema: &'static str,
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The claim.
    pub claim: String,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub listing: Listing,
}

/// `backup show`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Shown {
    /// `omupgrade.io/backup-entry/v1`.
    pub schema: &'static str,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub entry: Entry,
}

/// `backup verify`, where it is whole.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// `omupgrade.io/verify/v1`.
    pub schema: &'static str,
    /// The backup.
    pub backup: String,
    /// Always `true`: what is not whole is an error.
    pub verified: bool,
}

/// `backup drill`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tried {
    /// `omupgrade.io/drill/v1`.
    pub schema: &'static str,
    /// The backup.
    pub backup: String,
    /// Whether it restores to what was dumped.
    pub proven: bool,
    #[serde(flatten)]
    #[allow(missing_docs)]
    pub drilled: Drilled,
}

/// `backup export`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    /// `omupgrade.io/export/v1`.
    pub schema: &'static str,
    /// The backup.
    pub backup: String,
    /// The folder that holds it now, too.
    pub folder: PathBuf,
}

/// `backup import`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// `omupgrade.io/import/v1`.
    pub schema: &'static str,
    /// The backup.
    pub backup: String,
    /// The claim that holds it now, too.
    pub claim: String,
}

/// `backup bring-back`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BroughtBack {
    /// `omupgrade.io/bring-back/v1`.
    pub schema: &'static str,
    /// The snapshot.
    pub backup: String,
    /// The host of the instance that was made of it.
    pub host: String,
    /// Whether it holds what was recorded.
    pub proven: bool,
    /// What is not as recorded.
    pub differs: Vec<String>,
    /// What is left to type.
    pub commands: Vec<String>,
}

/// `backup prune`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pruned {
    /// `omupgrade.io/prune/v1`.
    pub schema: &'static str,
    /// `done`, or `dry-run`.
    pub outcome: &'static str,
    /// Each backup, oldest first; one without a reason to stay was removed, or would be.
    pub backups: Vec<Fate>,
}
