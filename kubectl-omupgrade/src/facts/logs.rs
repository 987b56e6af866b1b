//! The last lines of a container's log, as data.

use super::Fact;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which log: `pod/container`, and `pod/container@previous` for the run before the last restart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LogKey(String);

impl LogKey {
    /// The log of the container's present or only run.
    pub fn new(pod: &str, container: &str) -> Self {
        Self(format!("{pod}/{container}"))
    }

    /// The log of the run before the last restart.
    pub fn previous(pod: &str, container: &str) -> Self {
        Self(format!("{pod}/{container}@previous"))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How kubelet's answer begins, with success, where the container is gone: it is no line of a log.
pub const NO_LOG: &str = "unable to retrieve container logs for ";

/// Whether nothing of this is a log's: kubelet had none, and said so with success.
pub fn is_no_log(lines: &[String]) -> bool {
    !lines.is_empty() && lines.iter().all(|line| line.starts_with(NO_LOG))
}

/// Logs by container: their last lines, oldest first.
pub type Logs = BTreeMap<LogKey, Fact<Vec<String>>>;
