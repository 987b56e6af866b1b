//! The filter run: standard input to standard output, as helm calls it. Writes once, at the very end, or not at all.

use super::args::Args;
use super::run::{self, Ended};
use super::{input, say};
use crate::{backup, readback};

/// Runs the filter.
pub fn run(args: &Args) -> Result<u8, Box<Ended>> {
    let bytes = input::bytes(args)?;
    let stream = run::stream(&bytes)?;
    let finished = run::finish(args, &stream)?;
    if finished.concerns_us() {
        backup::allowed(&finished.outcome, &finished.policy, &finished.backup).map_err(|f| finished.ended(f))?;
        readback::pieces(&stream, &finished.outcome)?;
    }
    // The report goes first: if it cannot be written, helm must not go on.
    if say::wants_report(args) {
        say::report(args, &finished.report(0)).map_err(|f| finished.ended(f))?;
    }
    say::warnings(&finished.outcome, args.by_helm4());
    if finished.concerns_us() {
        say::pieces(&finished.outcome.pieces)?;
    } else {
        say::output(stream.text)?;
    }
    Ok(0)
}
