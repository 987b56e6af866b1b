//! Kinds of a release that are not Kubernetes' own.

use serde::{Deserialize, Serialize};

/// What the cluster answers of the kinds that are not Kubernetes' own, each by an object of it: `ServiceMonitor/om`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Kinds {
    /// It serves them no more.
    pub gone: Vec<String>,
    /// It did not tell, with the reason.
    pub unasked: Vec<String>,
}

impl Kinds {
    /// Whether nothing is to be said of them.
    pub fn is_empty(&self) -> bool {
        self.gone.is_empty() && self.unasked.is_empty()
    }
}
