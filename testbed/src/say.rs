//! What the testbed says on the terminal: answers on standard output, progress on standard error. It never decides anything.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Instant;

static START: OnceLock<Instant> = OnceLock::new();

/// An answer, for people and for scripts.
pub fn answer(text: &str) {
    // A closed pipe (`testbed status | head -1`) is not an error of ours.
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

/// A plain line beside the answer.
pub fn line(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A step of longer work, with the seconds since the command started.
pub fn step(text: &str) {
    let seconds = START.get_or_init(Instant::now).elapsed().as_secs_f64();
    line(&format!("[{seconds:6.1}s] {text}"));
}
