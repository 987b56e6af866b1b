//! The only writer of messages: failures and notes go to standard error, answers to standard output.

use super::flags::Output;
use crate::exit::Exit;
use crate::failure::{exit_of, hints_of};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use std::io::Write;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default();

/// Says why a command failed and what to do, and gives the exit.
pub fn failure(error: &anyhow::Error) -> Exit {
    let mut err = anstream::stderr().lock();
    let _ = writeln!(err, "{ERROR}error:{ERROR:#} {error:#}");
    for hint in hints_of(error) {
        let _ = writeln!(err, "{HINT}try:{HINT:#} {hint}");
    }
    exit_of(error)
}

/// A note beside the answer.
pub fn note(text: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

/// A line of standard error that the next one replaces; empty: takes it away. For terminals.
pub fn progress(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = write!(err, "\r\x1b[2K{text}");
    let _ = err.flush();
}

/// Writes standard output, whole. A reader that went away is no failure: nobody is left to tell.
pub fn output(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("writing standard output"))
        }
        _ => Ok(()),
    }
}

/// Writes an answer for programs, or gives the words to people.
pub fn answer(format: Output, data: &impl Serialize, words: impl FnOnce() -> String) -> anyhow::Result<()> {
    match format {
        Output::Json => output(&format!("{}\n", serde_json::to_string_pretty(data)?)),
        Output::Yaml => output(&serde_saphyr::to_string(data)?),
        Output::Text | Output::Wide => output(&words()),
    }
}
