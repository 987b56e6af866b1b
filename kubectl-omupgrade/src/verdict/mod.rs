//! The verdict of a way back: may the code go back alone, must the database be restored, or is it not known? Pure: facts
//! in, an answer in words out. It asks nothing and performs nothing.

mod before;
mod facts;
mod judge;
mod words;

pub use before::{Moment, from_before};
pub use facts::{Backup, Backups, Before, Facts, Reach, Running, Source};
pub use judge::judge;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The four answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// The database is as it was: the code can go back alone.
    CodeOnly,
    /// The database moved: it must be restored together with the code.
    Restore,
    /// Nothing proves either.
    Unproven,
    /// The database moved, and there is no backup from before.
    Impossible,
}

impl Way {
    /// The words for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::CodeOnly => "code only",
            Self::Restore => "restore",
            Self::Unproven => "unproven",
            Self::Impossible => "impossible",
        }
    }

    /// The exit code under `--exit-verdict`.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::CodeOnly => 30,
            Self::Restore => 31,
            Self::Impossible => 32,
            Self::Unproven => 33,
        }
    }
}

/// A verdict with all that a person needs to follow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The answer.
    pub way: Way,
    /// Why, most telling first.
    pub reasons: Vec<Reason>,
    /// What else to know; nothing here changed the answer.
    pub cautions: Vec<String>,
    /// What a bare `helm rollback` would do now.
    pub bare: String,
    /// What to do, in order.
    pub next: Vec<Step>,
    /// The backup that a restore takes, where one is listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup: Option<String>,
}

/// A reason and what it stands on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// In words.
    pub text: String,
    /// Where it was read.
    pub evidence: String,
}

/// A next step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// What it is for.
    pub what: String,
    /// What to type.
    pub command: String,
}
