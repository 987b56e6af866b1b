//! What becomes of a decision, of a look at the cluster or of a saved one.

use crate::wayback::{Decision, Refusal};

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// End with the verdict as exit code.
    Verdict,
    /// Nothing: the release is there already.
    Already,
    /// Nothing: this stands against it.
    Refused(&'a Refusal),
    /// Say what would be done.
    Preview,
    /// Do it.
    Perform,
}

impl<'a> Next<'a> {
    /// `left_open` tells of a run of this plan without an end: what a killed run began is finished, all else has to be free
    /// of objections.
    pub(super) fn of(decision: &'a Decision, left_open: bool, dry_run: bool, exit_verdict: bool) -> Self {
        match decision.refusals.first() {
            _ if exit_verdict => Self::Verdict,
            _ if decision.already && !left_open => Self::Already,
            Some(first) if !decision.already => Self::Refused(first),
            _ if dry_run => Self::Preview,
            _ => Self::Perform,
        }
    }
}
