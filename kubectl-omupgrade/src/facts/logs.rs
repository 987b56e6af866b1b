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

/// How kubelet's answer begins, with success, where the container or its file is gone.
const NO_LOG: &[&str] = &["unable to retrieve container logs for ", "failed to try resolving symlinks in path "];

/// Whether this is no line of a log: kubelet had none, and said so with success.
pub fn says_no_log(line: &str) -> bool {
    NO_LOG.iter().any(|words| line.starts_with(words))
}

/// Whether nothing of this is a log's.
pub fn is_no_log(lines: &[String]) -> bool {
    !lines.is_empty() && lines.iter().all(|line| says_no_log(line))
}

/// Logs by container: their last lines, oldest first.
pub type Logs = BTreeMap<LogKey, Fact<Vec<String>>>;

#[cfg(test)]
mod tests {
    use super::is_no_log;

    #[test]
    fn what_kubelet_says_in_place_of_a_log_is_none() {
        let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
        for text in [
            "unable to retrieve container logs for containerd://ab",
            "failed to try resolving symlinks in path \"/var/log/pods/om/1.log\": lstat: no such file or directory",
        ] {
            assert!(is_no_log(&lines(text)), "{text}");
            assert!(!is_no_log(&lines(&format!("{text}\nINFO started"))), "{text}");
        }
        assert!(!is_no_log(&[]));
    }
}
