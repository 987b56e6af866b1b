//! What ends a command without an answer: its exit, its words, the next step. Prints nothing and exits nowhere.

use crate::exit::Exit;
use std::fmt;

/// A failure with its words: what failed, while doing what. Lower case, no final period.
///
/// It travels inside an [`anyhow::Error`]; [`exit_of`] finds it there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What failed, while doing what.
    pub message: String,
    /// Commands to type next, best first.
    pub hints: Vec<String>,
}

impl Failure {
    /// The command line or a file that it names is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, message)
    }

    /// The answer could not be found out.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(Exit::Unknown, message)
    }

    /// Going on needs a decision.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Exit::Refused, message)
    }

    /// The answer is no.
    pub fn no(message: impl Into<String>) -> Self {
        Self::new(Exit::No, message)
    }

    /// A failure with any exit.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hints: Vec::new() }
    }

    /// The same with one more next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The exit of any error: that of the [`Failure`] in its chain, else "could not find out".
pub fn exit_of(error: &anyhow::Error) -> Exit {
    failure_in(error).map_or(Exit::Unknown, |f| f.exit)
}

/// The next steps that an error's chain holds.
pub fn hints_of(error: &anyhow::Error) -> Vec<String> {
    failure_in(error).map(|f| f.hints.clone()).unwrap_or_default()
}

fn failure_in(error: &anyhow::Error) -> Option<&Failure> {
    error.chain().find_map(|cause| cause.downcast_ref::<Failure>())
}
