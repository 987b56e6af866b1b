//! What a check answers: how it came out, on what evidence, and what to do.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It does not concern this installation or this step.
    Skip,
    /// The fact is true.
    Pass,
    /// It is true enough to go on, and somebody should look.
    Warn,
    /// It could not be found out. Never a silent pass, and never a failure.
    Unknown,
    /// It is not true.
    Fail,
}

impl Outcome {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Unknown => "unknown",
            Self::Fail => "fail",
        }
    }
}

/// An answer. Made by [`pass`], [`warn`], [`fail`], [`skip`] and [`unknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// How it came out.
    pub outcome: Outcome,
    /// What was seen, and where. For people.
    pub evidence: String,
    /// A command that is better here than the row's own hint.
    pub next: Option<String>,
}

impl Answer {
    fn of(outcome: Outcome, evidence: impl Into<String>) -> Self {
        Self { outcome, evidence: evidence.into(), next: None }
    }

    /// The same with a better command than the row's.
    #[must_use]
    pub fn next(mut self, command: impl Into<String>) -> Self {
        self.next = Some(command.into());
        self
    }
}

/// The fact is true.
pub fn pass(evidence: impl Into<String>) -> Answer {
    Answer::of(Outcome::Pass, evidence)
}

/// True enough to go on, and somebody should look.
pub fn warn(evidence: impl Into<String>) -> Answer {
    Answer::of(Outcome::Warn, evidence)
}

/// The fact is not true.
pub fn fail(evidence: impl Into<String>) -> Answer {
    Answer::of(Outcome::Fail, evidence)
}

/// The check does not concern this installation, for this reason.
pub fn skip(evidence: impl Into<String>) -> Answer {
    Answer::of(Outcome::Skip, evidence)
}

/// It could not be found out, for this reason.
pub fn unknown(evidence: impl Into<String>) -> Answer {
    Answer::of(Outcome::Unknown, evidence)
}
