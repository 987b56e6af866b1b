//! The only writer: standard output, standard error, the report's file and, where helm 4 swallows standard error, the
//! terminal itself.

use super::args::{Args, ReportFormat};
use super::input::named;
use crate::failure::{Failure, io};
use crate::layout::{count, wrap};
use crate::proposal::Level;
use crate::report::{Report, text};
use crate::scene::Object;
use crate::transform::{Outcome, Pieces};
use anstyle::{AnsiColor, Style};
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
pub fn pieces(pieces: &Pieces<'_>) -> Result<(), Failure> {
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

/// Whether the report goes to standard output: `-`, where nothing for helm goes there.
pub fn report_on_stdout(args: &Args) -> bool {
    args.shows() && args.report.as_deref() == Some(Path::new("-"))
}

/// Writes the report, where one is wanted.
pub fn report(args: &Args, report: &Report) -> Result<(), Failure> {
    let Some(path) = named(args.report.as_deref()) else { return Ok(()) };
    let form = args.report_format;
    let done = match (path.to_str(), args.shows()) {
        (Some("-"), true) => return output_styled(&written(report, form, path, width())),
        (Some("-"), false) => anstream::stderr().write_all(written(report, form, path, width()).as_bytes()),
        // Helm holds it too: a second opening would write over what is there.
        (Some("/dev/stderr"), _) => std::io::stderr().write_all(plain(report, form, path).as_bytes()),
        _ => write_file(path, &plain(report, form, path)),
    };
    done.map_err(|e| {
        Failure::report(format!("writing the report {}: {}", path.display(), io(&e)))
            .hint("nothing was given to helm; free some space or name another file with --report")
    })
}

/// Writes the report of wrong arguments, whatever of them can be understood. Nobody is left to tell of a failure.
pub fn report_to(path: &Path, form: Option<ReportFormat>, report: &Report) {
    if path != Path::new("-") {
        let _ = write_file(path, &plain(report, form, path));
    }
}

fn written(report: &Report, form: Option<ReportFormat>, path: &Path, width: usize) -> String {
    let by_name = if path.extension().is_some_and(|e| e == "json") { ReportFormat::Json } else { ReportFormat::Text };
    match form.unwrap_or(by_name) {
        ReportFormat::Json => report.json(),
        ReportFormat::Text => text(report, width),
    }
}

fn plain(report: &Report, form: Option<ReportFormat>, path: &Path) -> String {
    anstream::adapter::strip_str(&written(report, form, path, PAGE)).to_string()
}

fn output_styled(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|e| stdout_failed(&e))
}

/// Whether a path leads, over however many links, to what somebody else writes to as well: a device, a pipe, or
/// an open file such as `/dev/stderr`, which is a regular one behind `2>FILE`.
fn shared_with_others(path: &Path) -> bool {
    let mut at = path.to_owned();
    for _ in 0..16 {
        if at.starts_with("/proc") || at.starts_with("/dev") {
            return !at.starts_with("/dev/shm");
        }
        let Ok(next) = std::fs::read_link(&at) else { break };
        at = at.parent().map_or(next.clone(), |folder| folder.join(&next));
    }
    std::fs::metadata(path).is_ok_and(|m| !m.is_file())
}

fn write_file(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = if shared_with_others(path) { File::options().append(true).open(path) } else { File::create(path) }?;
    file.write_all(text.as_bytes())?;
    // A full disk may show only here; what is no regular file cannot be synced and need not be.
    if file.metadata()?.is_file() { file.sync_data() } else { Ok(()) }
}

/// Says the warnings of a run that went through, in one short block.
pub fn warnings(outcome: &Outcome<'_>, from_helm4: bool) {
    let warnings: Vec<_> = outcome.notes.iter().filter(|n| n.level == Level::Warning).collect();
    if warnings.is_empty() {
        return;
    }
    let mut text = count(warnings.len(), "warning") + "\n";
    for note in warnings.iter().take(MOST) {
        let about = note.object.and_then(|id| outcome.scene.objects.get(id)).map(Object::label);
        let about = about.map(|label| format!("{label}: ")).unwrap_or_default();
        text += &wrap(&format!("{about}{} ({})", note.text, note.rule), PAGE, "  ", "    ");
    }
    if warnings.len() > MOST {
        text += &wrap("and so on: `--report FILE` or `--check` tells all", PAGE, "  ", "  ");
    }
    let _ = write!(anstream::stderr(), "helm-postrender: {text}");
    if from_helm4 {
        terminal(&text);
    }
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
