//! What the operator asks for: one section a rule, with overrides for single workloads. Works with no file at all.

mod profile;
mod read;
mod schema;

pub use profile::Profile;
pub use read::PolicyError;
pub use schema::schema;

use crate::database;
use crate::failure::Failure;
use crate::receipt::Receipt;
use crate::rules::{backup_hook, hpa, pdb, probes, rollout, schema_guard, spread};
use crate::scene::{Object, Scene};
use crate::spelling;
use std::collections::{BTreeMap, BTreeSet};

/// A complete policy: every section has a value.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// The values that stand where this file says nothing.
    pub profile: Profile,
    /// The database and the client that speaks to it: for `schema_guard` and `backup_hook`.
    pub database: database::Settings,
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
    /// Sections for single workloads (`Kind/name`), merged over those above.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub workloads: BTreeMap<String, Policy>,
    /// The receipt of a proven backup. Never part of the file: the run puts it here.
    #[serde(skip)]
    pub receipt: Option<Receipt>,
}

impl Policy {
    /// Reads a policy file's text. An empty one is the profile `safe`.
    ///
    /// # Errors
    /// When it is no policy: unknown keys, wrong types, no YAML.
    pub fn from_yaml(text: &str) -> Result<Self, PolicyError> {
        read::policy(text, None)
    }

    /// The same with a profile that goes before the one in the file.
    ///
    /// # Errors
    /// As [`Policy::from_yaml`].
    pub fn from_yaml_on(text: &str, profile: Option<Profile>) -> Result<Self, PolicyError> {
        read::policy(text, profile)
    }

    /// The policy for one object: its own where the file has an override, else this one.
    pub fn on(&self, object: &Object) -> &Self {
        if self.workloads.is_empty() { self } else { self.workloads.get(&object.label()).unwrap_or(self) }
    }

    /// Refuses an override whose workload is not in the stream: a mistyped name would switch nothing.
    ///
    /// # Errors
    /// With the first such name.
    pub fn matched(&self, scene: &Scene) -> Result<(), Failure> {
        let labels: BTreeSet<String> = scene.workloads().map(Object::label).collect();
        let known = |name: &str| scene.objects.iter().any(|o| o.label() == name);
        let Some(name) = self.workloads.keys().find(|name| !known(name)) else { return Ok(()) };
        let failure = Failure::usage(format!("the policy overrides {name}, which is not in the stream"));
        Err(match spelling::closest(name, labels.iter().map(String::as_str)) {
            Some(meant) => failure.hint(format!("did you mean {meant}?")),
            None => failure.hint(format!("in the stream: {}", labels.into_iter().collect::<Vec<_>>().join(", "))),
        })
    }

    /// Says whether the backup hook is wanted, for all workloads alike.
    pub fn set_backup(&mut self, on: bool) {
        self.backup_hook.enabled = on;
        self.workloads.values_mut().for_each(|w| w.backup_hook.enabled = on);
    }

    /// Puts a receipt where the rules look for it.
    pub fn set_receipt(&mut self, receipt: &Receipt) {
        self.workloads.values_mut().for_each(|w| w.receipt = Some(receipt.clone()));
        self.receipt = Some(receipt.clone());
    }
}

/// The key of a rule's section: `schema_guard` is `schemaGuard` there.
///
/// ```
/// assert_eq!(helm_postrender::policy::section("schema_guard"), "schemaGuard");
/// ```
pub fn section(rule: &str) -> String {
    let mut parts = rule.split('_');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |name, part| {
        let (head, tail) = part.split_at(part.len().min(1));
        name + &head.to_uppercase() + tail
    })
}
