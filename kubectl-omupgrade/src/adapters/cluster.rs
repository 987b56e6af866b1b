//! The Kubernetes API: connects, asks, watches. Its answers become facts; an answer that is refused becomes an unknown
//! fact with the reason. Writes nothing.

mod ask;
mod connect;
mod gather;
mod logs;
pub mod patient;
mod store;
mod target;
mod watch;

pub use ask::{Refused, reason, why};
pub use connect::connect;
pub use gather::{gather, logs_of, release_facts};
pub use store::Store;
pub use watch::{Question, Watch};

use crate::facts::Secret;
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
    /// What points helm at the same place.
    pub pointers: Pointers,
}

/// Where helm must look to see the same cluster as the same user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pointers {
    /// `--kubeconfig`.
    pub kubeconfig: Option<std::path::PathBuf>,
    /// The context that is meant, also where nobody named it: helm gets it by name, because another window may make
    /// another one current while a person reads a preview.
    pub context: Option<String>,
    /// `--server`.
    pub server: Option<String>,
    /// `--certificate-authority`.
    pub certificate_authority: Option<std::path::PathBuf>,
    /// `--insecure-skip-tls-verify`.
    pub insecure: bool,
    /// `--tls-server-name`.
    pub tls_server_name: Option<String>,
    /// `--token`. Never among the flags: everybody on the machine sees those of a process.
    pub token: Secret<String>,
    /// The flags that were said and that helm has no words for.
    pub beyond_helm: Vec<&'static str>,
    /// `--as`.
    pub as_user: Option<String>,
    /// `--as-group`.
    pub as_groups: Vec<String>,
}

impl Pointers {
    /// As flags that helm takes.
    pub fn for_helm(&self) -> Vec<String> {
        let file = |file: &std::path::PathBuf| file.display().to_string();
        let values = [
            ("--kubeconfig", self.kubeconfig.as_ref().map(file)),
            ("--kube-context", self.context.clone()),
            ("--kube-apiserver", self.server.clone()),
            ("--kube-ca-file", self.certificate_authority.as_ref().map(file)),
            ("--kube-insecure-skip-tls-verify", self.insecure.then(|| "true".to_owned())),
            ("--kube-tls-server-name", self.tls_server_name.clone()),
            ("--kube-as-user", self.as_user.clone()),
        ];
        let said = values.into_iter().filter_map(|(flag, value)| Some(format!("{flag}={}", value?)));
        said.chain(self.as_groups.iter().map(|group| format!("--kube-as-group={group}"))).collect()
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}
