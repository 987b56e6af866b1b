//! The record that a backup leaves beside its dump: `catalog.json`. A directory without it is no backup.

use super::Engine;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The content of `catalog.json`, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The version of this format.
    pub v: u32,
    /// Who made the backup: `hook` (the post-renderer's Job) or `omupgrade` (the plugin, which records more).
    pub origin: String,
    /// The Helm release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The version that the upgrade goes to; empty where none was planned.
    pub target: String,
    /// The engine.
    pub engine: Engine,
    /// The server's version, as it names itself.
    pub server_version: String,
    /// The dumping client's version.
    pub client_version: String,
    /// The database's name.
    pub database: String,
    /// The server's address.
    pub host: String,
    /// When the dump began, RFC 3339 in UTC.
    pub started: String,
    /// When it was verified, RFC 3339 in UTC.
    pub finished: String,
    /// The files beside the record.
    pub files: Vec<File>,
    /// The database's fingerprint, equal before and after the dump.
    pub fingerprint: BTreeMap<String, String>,
    /// The highest version in the database; empty for one without migrations.
    pub schema_head: String,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// Its name, without a directory.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest, in hexadecimal.
    pub sha256: String,
}
