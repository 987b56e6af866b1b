//! What one look at a cluster found, as data. Everything a verb decides on is in here, so that a saved file of it gives
//! the same answer. Nothing secret can be written out: see [`Secret`].

mod database;
mod fact;
mod file;
mod foreign;
pub mod logs;
pub mod membership;
pub mod no_answer;
pub mod objects;
pub mod read;
mod release;
mod search;
mod secret;
mod server;

pub use database::{Database, Migration, NoDatabase, Table};
pub use fact::{Fact, Known, Unknown};
pub use file::{lacks, read_file};
pub use foreign::Foreign;
pub use logs::{LogKey, Logs, is_no_log, says_no_log};
pub use no_answer::NoAnswer;
pub use objects::{
    Autoscaler, Budget, Claim, Component, Condition, Container, Event, Job, Meta, Node, Owner, Pod, Probe, Quota,
    ReplicaSet, Role, Scope, Selector, State, Terminated, Workload, WorkloadKind,
};
pub use release::{Chart, Driver, GONE, Hook, HookRun, Release, Revision, Status, begins_from, rollout_of};
pub use search::{Index, NoSearchEngine, QUESTIONS as SEARCH_QUESTIONS, SearchEngine};
pub use secret::Secret;
pub use server::{
    Answered, App, Bot, Counted, Edges, Entity, Metrics, NO_INDEX, Permissions, Pipeline, Server, Step, Subscription,
    Who,
};

use crate::journal::{Open, Recorded};
use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;

/// The version of the schema of a facts file.
pub const SCHEMA: &str = "omupgrade.io/facts/v1";

/// One look at one release.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// [`SCHEMA`].
    pub schema: String,
    /// When the look was finished.
    pub made: Timestamp,
    /// The namespace of the release.
    pub namespace: String,
    /// The name of the release.
    pub name: String,
    /// The newest revision.
    pub release: Fact<Release>,
    /// All revisions that Helm still has, oldest first.
    pub history: Fact<Vec<Revision>>,
    /// Deployments, `StatefulSets`, `DaemonSets` of the release.
    pub workloads: Fact<Vec<Workload>>,
    /// Kinds of workloads that the release may hold and that could not be seen, while others could: with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workload_gaps: Vec<String>,
    /// The `ReplicaSets` of those Deployments.
    pub replica_sets: Fact<Vec<ReplicaSet>>,
    /// The pods of all of these and of the Jobs.
    pub pods: Fact<Vec<Pod>>,
    /// Jobs of the release: its own, its hooks', ours.
    pub jobs: Fact<Vec<Job>>,
    /// Disruption budgets of the namespace.
    pub budgets: Fact<Vec<Budget>>,
    /// Autoscalers of the release's workloads.
    pub autoscalers: Fact<Vec<Autoscaler>>,
    /// Volume claims of the namespace.
    pub claims: Fact<Vec<Claim>>,
    /// Quotas of the namespace.
    pub quotas: Fact<Vec<Quota>>,
    /// The nodes.
    pub nodes: Fact<Vec<Node>>,
    /// Pods of others that a selector of the workloads, or of a budget of theirs, catches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Foreign>,
    /// Warnings about the objects above, oldest first.
    pub events: Fact<Vec<Event>>,
    /// The database, as a Pod beside the server saw it; unknown where none was started.
    #[serde(default = "not_asked", deserialize_with = "database_read", skip_serializing_if = "is_not_asked")]
    pub database: Fact<Database>,
    /// The state of the database that the journal recorded last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
    /// Since when search holds what a database of before a restore held, by the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search_due: Option<Timestamp>,
    /// A way back that the journal calls open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<Open>,
    /// The migration folders that an image carries, by image; only of images that were looked into.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub folders: BTreeMap<String, Vec<String>>,
    /// The last lines of the logs that say something: of migrations, and of containers that failed.
    #[serde(default)]
    pub logs: Logs,
}

impl Facts {
    /// When the present version came.
    pub fn rolled_out(&self) -> Option<Timestamp> {
        rollout_of(self.history.items()).or(self.release.value().map(|r| &r.revision))?.updated
    }
}

/// `diagnose` saves what the database says in sentences, under the same name: to whoever reads more it was not asked.
fn database_read<'de, D: Deserializer<'de>>(from: D) -> Result<Fact<Database>, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    if value.pointer("/known/value").is_some_and(serde_json::Value::is_array) {
        return Ok(not_asked());
    }
    serde_json::from_value(value).map_err(D::Error::custom)
}

/// Why the database of a look that did not ask it is unknown.
pub const NOT_ASKED: &str = "not asked";

/// `validate` and `diagnose` save what they asked under the same name.
fn is_not_asked(database: &Fact<Database>) -> bool {
    *database == not_asked()
}

/// The database of a look that did not ask it.
pub fn not_asked() -> Fact<Database> {
    Fact::unknown(NOT_ASKED, "probe Pod", Timestamp::UNIX_EPOCH)
}
