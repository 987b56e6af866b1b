//! What the operator asks for: one section a rule, with overrides for single workloads. Works with no file at all.

use crate::rules::{backup_hook, hpa, pdb, probes, rollout, schema_guard, spread};
use crate::scene::Object;
use std::collections::BTreeMap;

/// A complete policy: every section has a value.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// Section of the rule `schema_guard`.
    pub schema_guard: schema_guard::Settings,
    /// Section of the rule `rollout`.
    pub rollout: rollout::Settings,
    /// Section of the rule `probes`.
    pub probes: probes::Settings,
    /// Section of the rule `hpa`.
    pub hpa: hpa::Settings,
    /// Section of the rule `pdb`.
    pub pdb: pdb::Settings,
    /// Section of the rule `spread`.
    pub spread: spread::Settings,
    /// Section of the rule `backup_hook`.
    pub backup_hook: backup_hook::Settings,
    /// Complete policies of single workloads (`Kind/name`), already merged over this one.
    #[serde(skip)]
    pub workloads: BTreeMap<String, Policy>,
}

impl Policy {
    /// Reads a policy file's text.
    ///
    /// # Errors
    /// When it is no policy: unknown keys, wrong types, no YAML.
    pub fn from_yaml(text: &str) -> anyhow::Result<Self> {
        Ok(serde_saphyr::from_str(text)?)
    }

    /// The policy for one object: its own where the file has an override, else this one.
    pub fn on(&self, object: &Object) -> &Self {
        if self.workloads.is_empty() { self } else { self.workloads.get(&object.label()).unwrap_or(self) }
    }
}
