//! What a diagnosis is made from: the facts of a look at the release, and what was asked beyond them. A facts file of
//! `status` is one too, with less in it.

use super::changes::Changes;
use super::edges::Edge;
use super::symptoms::UNREAD;
use crate::facts::{Event, Fact, Facts, Pod, SCHEMA, read_file};
use crate::failure::Failure;
use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// The evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Evidence {
    /// The release and what belongs to it.
    #[serde(flatten)]
    pub facts: Facts,
    /// Whether the contents of the namespace's Secrets were taken out of all of it: only then may it leave the house.
    #[serde(default)]
    pub redacted: bool,
    /// Pods of the namespace that do not belong to it: database, search engine, Airflow, runs of pipelines.
    #[serde(default = "unasked")]
    pub neighbours: Fact<Vec<Pod>>,
    /// Warnings about those pods, oldest first.
    #[serde(default = "unasked")]
    pub events_beside: Fact<Vec<Event>>,
    /// What the database says of itself, a sentence each.
    #[serde(default = "unasked", deserialize_with = "sentences")]
    pub database: Fact<Vec<String>>,
    /// What the search engine says of itself, a sentence each.
    #[serde(default = "unasked")]
    pub search: Fact<Vec<String>>,
    /// The steps of the server's own status, `NAME passed` or `NAME not passed: why`.
    #[serde(default = "unasked")]
    pub api: Fact<Vec<String>>,
    /// The ingestion pipelines' states, a sentence each.
    #[serde(default = "unasked")]
    pub pipelines: Fact<Vec<String>>,
    /// What differs from the last good revision.
    #[serde(default = "unasked")]
    pub changes: Fact<Changes>,
    /// Where TLS is spoken.
    #[serde(default = "unasked")]
    pub edges: Fact<Vec<Edge>>,
}

/// `status` saves the database as it was read, under the same name.
fn sentences<'de, D: Deserializer<'de>>(from: D) -> Result<Fact<Vec<String>>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    if value.pointer("/known/value").is_some_and(serde_json::Value::is_object) {
        let reason = "not asked: the file is of `status`";
        return Ok(Fact::unknown(reason, "facts file", Timestamp::UNIX_EPOCH));
    }
    serde_json::from_value(value).map_err(D::Error::custom)
}

fn unasked<T>() -> Fact<T> {
    Fact::unknown("not asked", "facts file", Timestamp::UNIX_EPOCH)
}

impl Evidence {
    /// Facts alone.
    pub fn of(facts: Facts) -> Self {
        Self {
            facts,
            redacted: false,
            neighbours: unasked(),
            events_beside: unasked(),
            database: unasked(),
            search: unasked(),
            api: unasked(),
            pipelines: unasked(),
            changes: unasked(),
            edges: unasked(),
        }
    }

    /// Why the server's own status was not read; whatever else the server said.
    pub fn status_unread(&self) -> Option<&str> {
        self.api.reason().or_else(|| self.api.items().iter().find_map(|line| line.strip_prefix(UNREAD)))
    }

    /// The text of a facts file.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the text of a facts file, of `diagnose` or of `status`.
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        if is_of_validate(text) {
            return Err(of_validate());
        }
        read_file(text, SCHEMA, "kubectl omupgrade diagnose --facts FILE    # writes one")
    }
}

/// Files of `validate` are of the same schema and hold other things under the same names.
fn is_of_validate(text: &str) -> bool {
    let value = serde_json::from_str::<serde_json::Value>(text);
    value.is_ok_and(|v| v.get("schema").is_some_and(|s| s == SCHEMA) && v.get("server").is_some())
}

fn of_validate() -> Failure {
    Failure::usage("these facts were gathered by `validate`, which judges them itself")
        .hint("kubectl omupgrade validate --from-facts FILE")
}
