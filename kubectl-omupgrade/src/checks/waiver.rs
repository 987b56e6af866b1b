//! Waivers: findings that somebody answers for, with a reason and a last day. Expired ones count for nothing and are
//! said.

use super::answer::Outcome;
use super::report::{Finding, Report, Waived};
use crate::failure::Failure;
use jiff::civil::Date;
use serde::Deserialize;

/// A file of waivers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waivers {
    /// Its entries.
    pub waivers: Vec<Waiver>,
}

/// One waiver.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// The check.
    pub check: String,
    /// Why it need not hold.
    pub reason: String,
    /// The last day on which this is so.
    pub until: Date,
    /// Only for this release.
    #[serde(default)]
    pub release: Option<String>,
}

/// What a right file looks like.
const EXAMPLE: &str = "a waiver is {check: ID, reason: TEXT, until: YYYY-MM-DD}, in a list `waivers:`";

impl Waivers {
    /// Reads a file's text. `ids` are the checks that there are.
    pub fn read(text: &str, ids: &[&str]) -> Result<Self, Failure> {
        let read: Self = serde_saphyr::from_str(text)
            .map_err(|e| Failure::usage(format!("this is no file of waivers: {}; {EXAMPLE}", first(&e.to_string()))))?;
        for waiver in &read.waivers {
            if !ids.contains(&waiver.check.as_str()) {
                let near = ids.iter().max_by_key(|id| alike(id, &waiver.check)).copied().unwrap_or_default();
                return Err(Failure::usage(format!(
                    "a waiver of `{}`: there is no such check; the nearest is `{near}`",
                    waiver.check
                )));
            }
            if waiver.reason.trim().is_empty() {
                return Err(Failure::usage(format!("the waiver of `{}` gives no reason", waiver.check)));
            }
        }
        Ok(read)
    }

    /// Takes the waived findings of a report out of the count.
    pub fn apply(&self, report: &mut Report, today: Date) {
        for waiver in self.waivers.iter().filter(|w| w.release.as_ref().is_none_or(|r| *r == report.release)) {
            let finding = report.checks.iter_mut().find(|f| f.id == waiver.check);
            match finding {
                _ if waiver.until < today => {
                    report.notes.push(format!("the waiver of {} ended on {}", waiver.check, waiver.until));
                }
                Some(finding) if open(finding) => {
                    finding.waived = Some(Waived { reason: waiver.reason.clone(), until: waiver.until.to_string() });
                }
                _ => report.notes.push(format!("the waiver of {} is not needed: the check holds", waiver.check)),
            }
        }
        report.count();
    }
}

/// The reader's sentence with its place. What it shows of the file below repeats that.
fn first(words: &str) -> &str {
    let line = words.lines().next().unwrap_or_default().trim();
    line.strip_prefix("error: ").unwrap_or(line)
}

fn open(finding: &Finding) -> bool {
    matches!(finding.outcome, Outcome::Warn | Outcome::Fail | Outcome::Unknown)
}

/// How many of the words between dashes two names share, and then how long their common beginning is.
fn alike(a: &str, b: &str) -> (usize, usize) {
    let shared = a.split('-').filter(|word| b.split('-').any(|other| other == *word)).count();
    (shared, a.bytes().zip(b.bytes()).take_while(|(x, y)| x == y).count())
}
