//! The profiles: a complete policy each, as data. A file's sections are merged over one of them.

use super::Policy;
use crate::rules::hpa::Apply;

/// A named starting point.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
    clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// Every rule that is on by default.
    #[default]
    Safe,
    /// Guard, backup and the repair of broken disruption budgets; everything else stays the chart's.
    Minimal,
    /// As safe, without the backup hook: GitOps tools run hooks as ordinary jobs or on every sync.
    Gitops,
}

impl Profile {
    /// The policy that stands where a file says nothing.
    pub fn policy(self) -> Policy {
        let mut policy = Policy { profile: self, ..Policy::default() };
        match self {
            Self::Safe => {}
            Self::Minimal => {
                policy.rollout.enabled = false;
                policy.probes.enabled = false;
                policy.hpa.enabled = false;
                policy.spread.enabled = false;
                policy.pdb.add = false;
            }
            Self::Gitops => {
                policy.backup_hook.enabled = false;
                // A controller that applies again and again would set an autoscaler's pods back each time.
                policy.hpa.apply = Apply::Server;
            }
        }
        policy
    }
}
