//! The only writer: standard output, standard error, the report's file and, where helm 4 swallows standard error, the
//! terminal itself.

use super::args::{Args, ReportFormat};
use super::input::named;
use crate::failure::{Failure, io};
use crate::layout::{count, wrap};
use crate::proposal::Level;
use crate::report::{Report, text};
use crate::scene::Object;
use crate::transform::Outcome;
use anstyle::{AnsiColor, Style};
use std::borrow::Cow;
use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;

/// Columns of what is not read on a terminal.
const PAGE: usize = 100;

/// Most warnings that are said; the report has all.
const MOST: usize = 10;

/// The columns that fit: the terminal's, within reason.
pub fn width() -> usize {
    // Of any of our three streams: `| less` has the terminal's width too.
    let columns = terminal_size::terminal_size().map(|(w, _)| usize::from(w.0));
    columns.unwrap_or(PAGE).clamp(40, 120)
}

/// Writes standard output, whole, once.
pub fn output(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| stdout_failed(&e))
}

/// Writes standard output piece by piece: joined they would be held twice.
pub fn pieces(pieces: &[Cow<'_, str>]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let written = pieces.iter().try_for_each(|piece| out.write_all(piece.as_bytes()));
    written.and_then(|()| out.flush()).map_err(|e| stdout_failed(&e))
}

/// What a failing standard output means.
pub fn stdout_failed(error: &std::io::Error) -> Failure {
    if error.kind() == ErrorKind::BrokenPipe {
        return Failure::closed();
    }
    Failure::unknown(format!("writing standard output: {}", io(error)))
        .hint("what was written is not complete and must not be applied; the exit code tells helm so")
}

/// Whether a report is wanted.
pub fn wants_report(args: &Args) -> bool {
    named(args.report.as_deref()).is_some()
}

/// Writes the report, where one is wanted.
pub fn report(args: &Args, report: &Report) -> Result<(), Failure> {
    let Some(path) = named(args.report.as_deref()) else { return Ok(()) };
    let by_name = if path.extension().is_some_and(|e| e == "json") { ReportFormat::Json } else { ReportFormat::Text };
    let text = match args.report_format.unwrap_or(by_name) {
        ReportFormat::Json => report.json(),
        ReportFormat::Text => text(report, PAGE),
    };
    write_file(path, &text).map_err(|e| {
        Failure::report(format!("writing the report {}: {}", path.display(), io(&e)))
            .hint("nothing was given to helm; free some space or name another file with --report")
    })
}

fn write_file(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(text.as_bytes())?;
    // A full disk may show only here; what is no regular file cannot be synced and need not be.
    if file.metadata()?.is_file() { file.sync_data() } else { Ok(()) }
}

/// Says the warnings of a run that went through, in one short block.
pub fn warnings(outcome: &Outcome<'_>) {
    let warnings: Vec<_> = outcome.notes.iter().filter(|n| n.level == Level::Warning).collect();
    if warnings.is_empty() {
        return;
    }
    let mut text = format!("helm-postrender: {}\n", count(warnings.len(), "warning"));
    for note in warnings.iter().take(MOST) {
        let about = note.object.and_then(|id| outcome.scene.objects.get(id)).map(Object::label);
        let about = about.map(|label| format!("{label}: ")).unwrap_or_default();
        text += &wrap(&format!("{about}{} ({})", note.text, note.rule), PAGE, "  ", "    ");
    }
    if warnings.len() > MOST {
        text += &wrap("and so on: `--report FILE` or `--check` tells all", PAGE, "  ", "  ");
    }
    let _ = anstream::stderr().write_all(text.as_bytes());
}

/// Says why a run failed: on standard error, and on the terminal where helm 4 swallows that.
pub fn failure(failure: &Failure, from_helm4: bool) {
    const ERROR: Style = AnsiColor::Red.on_default().bold();
    const HINT: Style = AnsiColor::Cyan.on_default();
    let plain = failure.to_string();
    let fits = std::io::stderr().is_terminal().then(width);
    let mut coloured = String::new();
    for line in plain.lines() {
        let head = [("error:", ERROR), ("hint:", HINT)].into_iter().find(|(word, _)| line.starts_with(word));
        let line = match (head, fits) {
            (Some((word, _)), Some(width)) => wrap(line, width, "", &" ".repeat(word.len() + 1)),
            _ => format!("{line}\n"),
        };
        coloured += &match head {
            Some((word, style)) => line.replacen(word, &format!("{style}{word}{style:#}"), 1),
            None => line,
        };
    }
    let _ = anstream::stderr().write_all(coloured.as_bytes());
    if from_helm4 {
        terminal(&plain);
    }
}

/// Writes to the terminal itself, if there is one and standard error is not it already. Never fails.
pub fn terminal(text: &str) {
    if std::env::var_os("OMUPGRADE_NO_TTY").is_some() || std::io::stderr().is_terminal() {
        return;
    }
    if let Ok(mut tty) = File::options().write(true).open("/dev/tty") {
        let _ = writeln!(tty, "helm-postrender: {}", text.trim_end());
    }
}
