//! What ends a run without output: its kind, its words, the next step. Prints nothing and exits nowhere.

use crate::transform::{At, Refusal};
use shared::marks;
use std::fmt;

/// The kinds of failure that callers tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The command line or the policy file is wrong.
    Usage,
    /// The input or another file cannot be read, or the output cannot be written: the answer is not known.
    Unknown,
    /// Everything is readable, and going on needs a decision.
    Refused,
    /// The report cannot be written: nothing was handed on, and there is no second try.
    Report,
    /// Whoever reads our output went away: nobody is left to tell.
    Closed,
}

/// The one table from kinds to exit codes (0 is done, 1 is `--check` saying "it would change").
pub fn exit_code(kind: Kind) -> u8 {
    match kind {
        Kind::Usage => 2,
        Kind::Unknown | Kind::Report | Kind::Closed => 3,
        Kind::Refused => 5,
    }
}

/// A failure with its words. Messages are lower case without a final period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which kind.
    pub kind: Kind,
    /// What failed, while doing what.
    pub message: String,
    /// Lines of the text at fault, already laid out; empty where there is nothing to show.
    pub excerpt: String,
    /// What to do next, best first.
    pub hints: Vec<String>,
}

impl Failure {
    /// A wrong command line or policy.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Kind::Usage, message)
    }

    /// Something could not be read or written.
    pub fn unknown(message: impl Into<String>) -> Self {
        Self::new(Kind::Unknown, message)
    }

    /// Going on needs a decision.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// The report cannot be written.
    pub fn report(message: impl Into<String>) -> Self {
        Self::new(Kind::Report, message)
    }

    /// The reader of our output is gone.
    pub fn closed() -> Self {
        Self::new(Kind::Closed, "the output was closed")
    }

    fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), excerpt: String::new(), hints: Vec::new() }
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
        write!(f, "error: {}", self.message)?;
        if !self.excerpt.is_empty() {
            write!(f, "\n{}", self.excerpt.trim_end())?;
        }
        self.hints.iter().try_for_each(|hint| write!(f, "\nhint: {hint}"))
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match &refusal {
            Refusal::Read { at, .. } => Self::unknown(format!("reading the manifests: {refusal}")).hint(show(at)),
            Refusal::Plan { rule, object, .. } => Self::refused(format!("planning the changes: {refusal}")).hint(format!(
                "keep the rule away from {object} with the annotation `{}{rule}: REASON`, or switch it off in the policy",
                marks::SKIP_PREFIX
            )),
            Refusal::Edit { at, .. } => Self::refused(format!("editing the manifests: {refusal}"))
                .hint(show(at))
                .hint(format!(
                    "or keep the rule away from this object with the annotation `{}RULE: REASON` (`helm-postrender rules` lists them)",
                    marks::SKIP_PREFIX
                )),
            Refusal::Proof { at, .. } => Self::unknown(format!("proving the changes: {refusal}"))
                .hint(show(at))
                .hint("this is a defect of helm-postrender; please report it with that document"),
        }
    }
}

/// How to look at a document.
fn show(at: &At) -> String {
    match at.source.as_deref().and_then(|s| s.split_once("/templates/")) {
        Some((_, file)) => {
            format!("see the rendered document with `helm template RELEASE CHART --show-only templates/{file}`")
        }
        None => format!("see the document where it begins, on line {} of what helm rendered", at.line),
    }
}

/// An input/output error as a message says it: lower case, without the number.
pub fn io(error: &std::io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    chars.next().map(|c| c.to_lowercase().chain(chars).collect()).unwrap_or_default()
}
