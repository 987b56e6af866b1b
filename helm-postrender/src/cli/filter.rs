//! The filter run: standard input to standard output, as helm calls it. Writes once, at the very end, or not at all.

use super::args::Args;
use super::run::{self, Ended};
use super::{input, say};
use crate::backup;

/// Runs the filter.
pub fn run(args: &Args) -> Result<u8, Box<Ended>> {
    let bytes = input::bytes(args)?;
    let stream = run::stream(&bytes)?;
    let finished = run::finish(args, &stream)?;
    if finished.concerns_us() {
        backup::allowed(&finished.outcome, &finished.policy, &finished.backup).map_err(|f| finished.ended(f))?;
    }
    let output = finished.output();
    if finished.concerns_us() {
        finished.read_back(&output)?;
    }
    // The report goes first: if it cannot be written, helm must not go on.
    if say::wants_report(args) {
        say::report(args, &finished.report(0)).map_err(|f| finished.ended(f))?;
    }
    say::warnings(&finished.outcome);
    say::output(&output)?;
    Ok(0)
}
