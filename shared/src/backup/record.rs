//! The record that a backup leaves beside its dump: `catalog.json`. A directory without it is no backup.

use super::Engine;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The content of `catalog.json`, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// The database's size when it was dumped, with its indexes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_bytes: Option<u64>,
    /// The rows of every table that could be counted, of the dump's own moment. `PostgreSQL`: tables outside the schema
    /// `public` carry their schema's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<BTreeMap<String, u64>>,
    /// Set where the backup is a snapshot that somebody else keeps: then there are no files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// What the plugin knows of the release; the hook does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Of>,
}

impl Record {
    /// The size of its files together.
    pub fn size(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    /// The rows of all tables together, where they were counted.
    pub fn all_rows(&self) -> Option<u64> {
        Some(self.rows.as_ref()?.values().fold(0, |sum, rows| sum.saturating_add(*rows)))
    }
}

/// The release that a backup was made of. Its values, manifest and hooks are in the file `release.json.gz`, with every
/// Secret's content taken out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Of {
    /// The newest revision.
    pub revision: u64,
    /// The chart's name.
    pub chart: String,
    /// The chart's version.
    pub chart_version: String,
    /// The version of what it installs.
    pub app_version: String,
    /// The server's images: as the manifest names them, and as the nodes pulled them (with their digests).
    pub images: BTreeMap<String, Vec<String>>,
    /// Fingerprints of what only Secrets hold: a restore under another key could not read what is encrypted.
    pub keys: Keys,
    /// Where the Fernet key and the values are kept; none: nowhere that we know of, and the backup is not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secrets: Option<Held>,
}

/// HMAC-SHA-256 under a salt of this backup, so that equal keys can be told and no key can be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Keys {
    /// The salt, in hexadecimal.
    pub salt: String,
    /// By name: `env/FERNET_KEY`, `file/VOLUME/FILE`; in hexadecimal.
    pub hmac: BTreeMap<String, String>,
}

/// Where a backup's secrets are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// In this Secret of the release's namespace.
    Secret(String),
    /// In the file `secrets.age` beside the dump, for these recipients.
    Encrypted(Vec<String>),
    /// Elsewhere: an operator said so.
    Elsewhere,
}

/// A snapshot that a provider of databases or of volumes keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct External {
    /// Who keeps it, in a word of the user's.
    pub provider: String,
    /// Its name there.
    pub snapshot: String,
    /// The digest of the file with the user's commands. The commands themselves may hold secrets.
    pub commands_sha256: String,
    /// The rows of every table after it was taken; `rows` are those of before.
    pub rows_after: BTreeMap<String, u64>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct File {
    /// Its name; the files of a parallel dump stand in the directory `database`, and are named with it.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Its digest, in hexadecimal.
    pub sha256: String,
}
