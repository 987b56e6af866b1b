//! Not written yet.

use super::{Head, Rule};
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::scene::Scene;

/// The rule.
pub const RULE: Rule =
    Rule { head: Head { id: "hpa", summary: "", what: "", why: "", leaves_alone: "", before: "", after: "" }, propose };

/// What a policy may set for this rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Whether the rule runs.
    pub enabled: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true }
    }
}

fn propose(_scene: &Scene, _policy: &Policy) -> Vec<Proposal> {
    Vec::new()
}
