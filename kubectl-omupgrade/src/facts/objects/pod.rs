//! Pods and their containers.

use super::{Condition, Meta};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A pod.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Pod {
    /// Its metadata.
    pub meta: Meta,
    /// `Pending`, `Running`, `Succeeded`, `Failed`, `Unknown`.
    pub phase: String,
    /// `Evicted` and the like.
    pub reason: String,
    /// The sentence to it.
    pub message: String,
    /// Where it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Its conditions.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Init containers in their order, then the others.
    pub containers: Vec<Container>,
    /// The volume claims that it mounts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<String>,
}

impl Pod {
    /// The condition of this kind.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|c| c.kind == kind)
    }

    /// Whether it migrates the database now: what is unfinished there is then at work, and has not broken off.
    pub fn is_migrating(&self) -> bool {
        self.containers.iter().any(|c| c.migrates && matches!(c.state, State::Running { .. }))
    }

    /// Whether it is ready.
    pub fn is_ready(&self) -> bool {
        self.condition("Ready").is_some_and(|c| c.holds == Some(true))
    }
}

/// A container: what it should be, and how it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// What it is there for.
    pub role: Role,
    /// Its image.
    pub image: String,
    /// Whether it runs the database migrations.
    pub migrates: bool,
    /// How it is.
    pub state: State,
    /// How its run before the last restart ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last: Option<Terminated>,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether its startup probe has passed; none where that is not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<bool>,
    /// How often it was started again.
    pub restarts: i32,
    /// Its probes, in the order startup, readiness, liveness.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<Probe>,
}

/// What a container is there for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// It must end before the next one starts.
    Init,
    /// An init container that keeps running.
    Sidecar,
    /// An ordinary one.
    #[default]
    Main,
}

/// Why a container waits that will not start by itself, however long one waits.
pub const STUCK: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
];

/// How a container is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum State {
    /// Nothing is said of it yet.
    #[default]
    Unsaid,
    /// It does not run yet, or not now.
    Waiting {
        /// One word.
        reason: String,
        /// A sentence.
        message: String,
    },
    /// It runs.
    Running {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// It ended.
    Terminated(Terminated),
}

/// The end of a container's run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Terminated {
    /// Its exit code.
    pub exit: i32,
    /// `Error`, `OOMKilled`, `Completed` and the like.
    pub reason: String,
    /// Its termination message.
    pub message: String,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
}

/// A probe.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Probe {
    /// `startup`, `readiness` or `liveness`.
    pub kind: String,
    /// What it asks: `GET :8586/healthcheck`, `tcp :3306`, `exec`.
    pub asks: String,
    /// For how long it may fail before it counts, in seconds.
    pub patience: i64,
}
