//! What makes pods: Deployments, `StatefulSets`, `DaemonSets`, `ReplicaSets`, Jobs.

use super::{Condition, Meta, Selector};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Which kind of workload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// A Deployment.
    #[default]
    Deployment,
    /// A `StatefulSet`.
    StatefulSet,
    /// A `DaemonSet`.
    DaemonSet,
}

impl WorkloadKind {
    /// The kind's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
        }
    }
}

/// Which part of an installation it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Component {
    /// The OpenMetadata server.
    Server,
    /// The operator of the Kubernetes pipeline client.
    Operator,
    /// The database.
    Database,
    /// The search engine.
    Search,
    /// Airflow's parts.
    Airflow,
    /// Something else.
    #[default]
    Other,
}

/// A Deployment, `StatefulSet` or `DaemonSet`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Workload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its metadata.
    pub meta: Meta,
    /// Which part it is.
    pub component: Component,
    /// The generation that its status speaks of.
    pub observed_generation: i64,
    /// How many pods it should have.
    pub wanted: i32,
    /// How many there are.
    pub pods: i32,
    /// How many are of the newest template.
    pub updated: i32,
    /// How many are ready.
    pub ready: i32,
    /// How many have been ready for long enough.
    pub available: i32,
    /// `RollingUpdate`, `Recreate`, `OnDelete`.
    pub strategy: String,
    /// `StatefulSet`: pods below this ordinal stay old.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<i32>,
    /// Whether its rollout is paused.
    pub paused: bool,
    /// Deployment: seconds without progress after which it gives up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_deadline: Option<i32>,
    /// Seconds for which a pod must be ready.
    pub min_ready: i32,
    /// `StatefulSet`: the revision that the pods go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_revision: Option<String>,
    /// `StatefulSet`: the revision that its last finished rollout went to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_revision: Option<String>,
    /// Which pods are its.
    pub selector: Selector,
    /// Its conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The image that it serves with.
    pub image: String,
    /// The volume claims that its template mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
    /// Whether its template holds the schema guard.
    pub guarded: bool,
}

impl Workload {
    /// Kind and name, as a release's manifest is kept by: `Deployment/om`.
    pub fn label(&self) -> String {
        format!("{}/{}", self.kind.name(), self.meta.name)
    }

    /// The condition of this kind.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }
}

/// A `ReplicaSet`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaSet {
    /// Its metadata.
    pub meta: Meta,
    /// The revision of its Deployment.
    pub revision: u64,
    /// How many pods it should have.
    pub wanted: i32,
    /// How many there are.
    pub pods: i32,
    /// How many are ready.
    pub ready: i32,
    /// The image that it serves with.
    pub image: String,
    /// Its conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
}

/// A Job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Job {
    /// Its metadata.
    pub meta: Meta,
    /// What omupgrade made it for: `backup` and the like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The Helm events that it runs at; empty for no hook.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<String>,
    /// How many of its pods run.
    pub active: i32,
    /// How many ended well.
    pub succeeded: i32,
    /// How many did not.
    pub failed: i32,
    /// How many failures it allows.
    pub backoff_limit: i32,
    /// Seconds after which it is ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<i64>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed: Option<Timestamp>,
    /// Its conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// The volume claims that it mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
}

impl Job {
    /// The condition of this kind, where it holds.
    pub fn holds(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind && c.holds == Some(true))
    }
}
