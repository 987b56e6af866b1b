//! The rules, and the one list that orders them. A rule is a pure function: scene and policy in, proposals out.
//!
//! To add one: a file here with its [`Head`], its `Settings` and its function, a line in [`ALL`], a field in
//! [`crate::policy::Policy`], and cases under `testdata/rules/ID/`. The tests fail until all are there.

pub mod backup_hook;
pub mod hpa;
pub mod pdb;
pub mod probes;
pub mod rollout;
pub mod schema_guard;
pub mod spread;

use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::scene::Scene;

/// What `explain` prints and the rules page is made of.
#[derive(Debug, Clone, Copy)]
pub struct Head {
    /// The rule's name in policy files, annotations and reports.
    pub id: &'static str,
    /// One sentence: what is true after it.
    pub summary: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Why, with the source of each fact.
    pub why: &'static str,
    /// What it leaves alone.
    pub leaves_alone: &'static str,
    /// A manifest before, as a chart renders it.
    pub before: &'static str,
    /// The same manifest after this rule alone. Checked by a test.
    pub after: &'static str,
}

/// A rule: what it says of itself and what it does.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its documentation.
    pub head: Head,
    /// Looks, and proposes.
    pub propose: fn(&Scene, &Policy) -> Vec<Proposal>,
}

/// Every rule, in the order in which they run; each sees what the earlier ones made.
pub const ALL: &[Rule] =
    &[schema_guard::RULE, hpa::RULE, rollout::RULE, probes::RULE, pdb::RULE, spread::RULE, backup_hook::RULE];
