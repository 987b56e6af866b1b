//! What a run of checks found, as one model that every view shows. Its schema is versioned: within v1 it only grows.

use super::answer::Outcome;
use crate::exit::Exit;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the schema of a report.
pub const SCHEMA: &str = "omupgrade.io/checks/v1";

/// One run of a list of checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// `precheck` or `validate`.
    pub verb: String,
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// What is served now, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The version to go to, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// When the look was finished.
    #[schemars(with = "String")]
    pub made: Timestamp,
    /// How many came out how.
    pub counts: Counts,
    /// The checks in their order.
    pub checks: Vec<Finding>,
    /// What follows from all of them, where a verb decides something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Decision>,
    /// What to do, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// What is wrong with the waivers: expired ones, ones that matched nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How many checks came out how. A waived one counts only as waived.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Counts {
    /// True.
    pub pass: usize,
    /// To be looked at.
    pub warn: usize,
    /// Not true.
    pub fail: usize,
    /// Of no concern here.
    pub skip: usize,
    /// Not found out.
    pub unknown: usize,
    /// Taken out by a waiver.
    pub waived: usize,
}

impl Counts {
    /// Those of some findings.
    pub fn of<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Self {
        let mut counts = Self::default();
        for finding in findings {
            let slot = match finding.outcome {
                _ if finding.waived.is_some() => &mut counts.waived,
                Outcome::Pass => &mut counts.pass,
                Outcome::Warn => &mut counts.warn,
                Outcome::Fail => &mut counts.fail,
                Outcome::Skip => &mut counts.skip,
                Outcome::Unknown => &mut counts.unknown,
            };
            *slot += 1;
        }
        counts
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The check.
    pub id: String,
    /// Its heading.
    pub group: String,
    /// The fact that should be true.
    pub fact: String,
    /// The bullet of the upgrade guide.
    pub guide: String,
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen, and where.
    pub evidence: String,
    /// A command to type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Where to read more.
    pub docs: String,
    /// Whether nothing can be decided without it.
    pub needed: bool,
    /// The waiver that takes it out of the count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waived: Option<Waived>,
}

impl Finding {
    /// Whether somebody has to look: not true, to be looked at, or not found out, and not waived.
    pub fn is_open(&self) -> bool {
        self.waived.is_none() && matches!(self.outcome, Outcome::Warn | Outcome::Fail | Outcome::Unknown)
    }
}

/// Why a finding does not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Waived {
    /// Somebody's reason.
    pub reason: String,
    /// The last day on which it holds.
    pub until: String,
}

/// What follows from the checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Decision {
    /// One word, or two.
    pub word: String,
    /// The number that `--exit-verdict` ends with.
    pub code: u8,
    /// It as a sentence.
    pub sentence: String,
    /// What it rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// How long nothing is served, and what that estimate rests on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub downtime: Vec<String>,
}

/// A step to take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// What it does, for people.
    pub what: String,
    /// The command; empty where it depends on what nobody here can know.
    pub command: String,
}

/// What counts as a no.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strictness {
    /// What failed.
    #[default]
    Failures,
    /// Also what is to be looked at or was not found out.
    Everything,
}

impl Report {
    /// What is not known and has to be: while one is open, nothing is decided.
    pub fn missing(&self) -> impl Iterator<Item = &Finding> {
        self.checks.iter().filter(|f| f.is_open() && f.outcome == Outcome::Unknown && f.needed)
    }

    /// Counts its findings.
    pub fn count(&mut self) {
        self.counts = Counts::of(&self.checks);
    }

    /// How the command ends: no where something failed, "could not find out" where a needed answer is missing.
    pub fn exit(&self, strictness: Strictness) -> Exit {
        let open = || self.checks.iter().filter(|f| f.is_open());
        if open().any(|f| f.outcome == Outcome::Fail || strictness == Strictness::Everything) {
            Exit::No
        } else if self.missing().next().is_some() {
            Exit::Unknown
        } else {
            Exit::Done
        }
    }

    /// The headings in the order in which they first stand.
    pub fn groups(&self) -> Vec<&str> {
        let mut out: Vec<&str> = Vec::new();
        for finding in &self.checks {
            if !out.contains(&finding.group.as_str()) {
                out.push(&finding.group);
            }
        }
        out
    }
}
