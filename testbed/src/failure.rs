//! What a failed command says: what failed, while doing what, and a command to type next. It never ends the process.

use std::fmt;

use crate::say;

/// Why a command did not do what it was asked to; the numbers are the exit codes of the whole project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It could not be found out or done.
    Could = 3,
    /// It took longer than allowed.
    Time = 4,
    /// Wrong arguments.
    Words = 2,
    /// Somebody asked for the end.
    Interrupted = INTERRUPTED as isize,
}

/// The exit code of what was done and could not be said.
pub const UNWRITTEN: u8 = Kind::Could as u8;

/// The exit code of what was interrupted.
pub const INTERRUPTED: u8 = 130;

/// An error with a hint that is a command to type.
#[derive(Debug)]
pub struct Failure {
    what: String,
    hint: String,
    kind: Kind,
}

impl Failure {
    /// Something failed, and `hint` is what to type next.
    pub fn new(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), kind: Kind::Could }
    }

    /// Something was asked for that does not exist, and `hint` is what to type next.
    pub fn words(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), kind: Kind::Words }
    }

    /// Somebody asked for the end, and `hint` is what to type next.
    pub fn interrupted(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), kind: Kind::Interrupted }
    }

    /// Something took too long, and `hint` is what to type next.
    pub fn late(what: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { what: what.into(), hint: hint.into(), kind: Kind::Time }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

/// Prints the chain of causes, outermost first, and the innermost hint.
pub fn report(error: &anyhow::Error) {
    say::line(&format!("error: {error}"));
    for cause in error.chain().skip(1) {
        say::line(&format!("  because: {cause}"));
    }
    if let Some(failure) = innermost(error) {
        say::line(&format!("hint: {}", failure.hint));
    }
}

/// The project's exit code for this error.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    innermost(error).map_or(Kind::Could as u8, |failure| failure.kind as u8)
}

fn innermost(error: &anyhow::Error) -> Option<&Failure> {
    error.chain().filter_map(|cause| cause.downcast_ref::<Failure>()).last()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn the_innermost_hint_and_kind_win() {
        let inner = anyhow::Error::new(Failure::late("etcd did not answer", "testbed logs etcd"));
        let error = Err::<(), _>(inner).context(Failure::new("no cluster", "testbed up")).unwrap_err();
        assert_eq!(exit_code(&error), 4);
        assert_eq!(innermost(&error).map(|failure| failure.hint.as_str()), Some("testbed logs etcd"));
    }
}
