//! The Kubernetes API: connects, asks, watches. Its answers become facts; an answer that is refused becomes an unknown
//! fact with the reason. Writes nothing.

mod ask;
mod connect;
mod gather;
mod logs;
pub mod patient;
mod store;
mod watch;

pub use ask::{Refused, reason, why};
pub use connect::connect;
pub use gather::{gather, logs_of, release_facts};
pub use store::Store;
pub use watch::{Question, Watch};

use std::time::Duration;

/// A way to one namespace of one cluster.
#[derive(Clone)]
pub struct Cluster {
    /// The client.
    pub client: kube::Client,
    /// The namespace of the release.
    pub namespace: String,
    /// How long one question may take; none for ever.
    pub patience: Option<Duration>,
    /// The flags that point another program (helm, kubectl) at the same place, ready to be given to it.
    pub pointers: Pointers,
}

/// Where a child process must look to see the same cluster as the same user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointers {
    /// `--kubeconfig`.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// `--context`.
    pub context: Option<String>,
    /// The context that was current when we connected: helm gets it by name, because another window may make another one
    /// current while a person reads a preview.
    pub current: Option<String>,
    /// Whether `--cluster` or `--user` replace a part of the context: helm has no such flags.
    pub mixed: bool,
    /// `--as`.
    pub as_user: Option<String>,
    /// `--as-group`.
    pub as_groups: Vec<String>,
}

impl Pointers {
    /// As flags that helm takes.
    pub fn for_helm(&self) -> Vec<String> {
        self.flags(self.current.as_ref())
    }

    fn flags(&self, context: Option<&String>) -> Vec<String> {
        let mut flags = Vec::new();
        if let Some(file) = &self.kubeconfig {
            flags.push(format!("--kubeconfig={}", file.display()));
        }
        for (flag, value) in [("--kube-context", context), ("--kube-as-user", self.as_user.as_ref())] {
            flags.extend(value.iter().map(|v| format!("{flag}={v}")));
        }
        flags.extend(self.as_groups.iter().map(|g| format!("--kube-as-group={g}")));
        flags
    }

    /// As flags that kubectl and its plugins take, for a command in a hint.
    pub fn for_kubectl(&self) -> Vec<String> {
        let flags = self.flags(self.context.as_ref());
        flags.into_iter().map(|f| f.replace("--kube-as-user", "--as").replace("--kube-", "--")).collect()
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
