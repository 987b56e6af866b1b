//! Which revision to go back to. Never helm's own default, which is the one before, even if that one failed.

use crate::facts::{Revision, Status};
use crate::journal::{Run, last_validated};

/// The chosen revision, or what to choose from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// This one was asked for.
    Given(u64),
    /// The journal's last validated one.
    Validated(u64),
    /// A person has to say; these served once, newest first.
    Ask(Vec<u64>),
    /// The asked one is not there; these are, newest first.
    Absent(u64, Vec<u64>),
}

/// Chooses: the one that was asked for, else the last validated one that is not the newest.
pub fn choose(asked: Option<u64>, history: &[Revision], runs: &[Run]) -> Choice {
    let newest = history.last().map_or(0, |r| r.number);
    let there = |number: u64| history.iter().any(|r| r.number == number);
    let mut served: Vec<u64> = history
        .iter()
        .filter(|r| r.number != newest && matches!(r.status, Status::Deployed | Status::Superseded))
        .map(|r| r.number)
        .collect();
    served.reverse();
    match asked {
        Some(number) if there(number) => Choice::Given(number),
        Some(number) => Choice::Absent(number, served),
        None => match last_validated(runs, |r| r != newest && there(r)) {
            Some(number) => Choice::Validated(number),
            None => Choice::Ask(served),
        },
    }
}
