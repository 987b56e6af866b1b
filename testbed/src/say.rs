//! What the testbed says on the terminal: answers on standard output, progress on standard error. It never decides anything.

use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::time::Instant;

static UNSAID: OnceLock<String> = OnceLock::new();
static START: OnceLock<Instant> = OnceLock::new();

/// An answer, for people and for scripts.
pub fn answer(text: &str) {
    // A closed pipe (`testbed status | head -1`) is not an error of ours.
    if let Err(error) = writeln!(std::io::stdout().lock(), "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        // The work goes on, and its end says so.
        let _ = UNSAID.set(error.to_string());
    }
}

/// Why an answer could not be written, if one could not.
pub fn unsaid() -> Option<&'static str> {
    UNSAID.get().map(String::as_str)
}

/// A heading among answers, which stands out on a terminal.
pub fn heading(text: &str) {
    let bold = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let (on, off) = if bold { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
    answer(&format!("\n{on}── {text}{off}"));
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
