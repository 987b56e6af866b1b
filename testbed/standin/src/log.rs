//! Lines in the shape that the real server's log has. It never writes to standard error, as the real one does not.
//!
//! Source: the texts of facts 3.10. Assumption: the head of a line (level, then a moment in brackets); nothing reads the moment.

use std::io::Write as _;

/// Something happened.
pub fn info(text: &str) {
    line("INFO ", text);
}

/// Something is wrong and goes on.
pub fn warn(text: &str) {
    line("WARN ", text);
}

/// Something failed.
pub fn error(text: &str) {
    line("ERROR", text);
}

/// A line without a head.
pub fn plain(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

fn line(level: &str, text: &str) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let _ = writeln!(std::io::stdout().lock(), "{level} [{}] {text}", now.as_secs());
}
