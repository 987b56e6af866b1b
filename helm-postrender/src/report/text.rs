//! The report as text for people, fitted to a width. Coloured: whoever writes it where no terminal is strips that.

use super::{Done, Entry, Report, Run, Said};
use crate::layout::{count, shorten, wrap};
use crate::mask::Masked;
use crate::proposal::Level;
use anstyle::{AnsiColor, Style};
use std::fmt::Write;

const BOLD: Style = Style::new().bold();
const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();
const WARNING: Style = AnsiColor::Yellow.on_default();

/// The report as text of at most `width` columns, where words allow.
pub fn text(report: &Report, width: usize) -> String {
    let mut out = String::new();
    if let Some(error) = &report.error {
        out += &wrap(&error.message, width, "error: ", "       ");
        out += &error.excerpt;
        for hint in &error.hints {
            out += &wrap(hint, width, "hint: ", "      ");
        }
    }
    let Some(run) = &report.run else { return out };
    if !out.is_empty() {
        out.push('\n');
    }
    out += &head(run, report.error.is_some(), width);
    warnings(run, width, &mut out);
    for entry in &run.objects {
        object(entry, width, &mut out);
    }
    let rest: Vec<&Said> = run.notes.iter().filter(|n| n.level != Level::Warning).collect();
    if !rest.is_empty() {
        out += "\nThe stream as a whole\n";
        for said in rest {
            note(said, width, &mut out);
        }
    }
    out += "\nWhere no backup is proven\n";
    for road in &run.backup.unproven {
        out += &wrap(road, width, "  - ", "    ");
    }
    out
}

/// Release, dialect, backup and result of a run; `refused` where nothing was written.
pub fn head(run: &Run, refused: bool, width: usize) -> String {
    let mut out = String::new();
    let mut fact = |name: &str, text: &str| {
        out += &wrap(text, width, &format!("{name:<9}"), &" ".repeat(9));
    };
    for server in &run.servers {
        let release = server.release.as_deref().unwrap_or("(no label names it)");
        let target = match (&server.target, server.target_from) {
            (Some(target), Some(from)) => format!("to OpenMetadata {target} (by its {from})"),
            _ => "to a version that nothing names".to_owned(),
        };
        fact("release", &format!("{release}, {}, {target}", server.object));
    }
    fact("dialect", &format!("{}, told by {}", run.dialect, run.dialect_by));
    fact("backup", &run.backup.text);
    let s = &run.summary;
    if refused {
        fact("result", &format!("refused, nothing written ({} would be made)", count(s.changes, "change")));
        return out;
    }
    let mut parts = vec![count(s.changes, "change")];
    parts.push(format!("{} of {} touched", s.touched, count(s.documents, "document")));
    if s.added > 0 {
        parts.push(format!("{} added", s.added));
    }
    if s.warnings > 0 {
        parts.push(count(s.warnings, "warning"));
    }
    fact("result", &parts.join(", "));
    out
}

/// All warnings: what is wrong is read before what was done.
fn warnings(run: &Run, width: usize, out: &mut String) {
    let mut first = true;
    for (about, said) in run.warnings() {
        if std::mem::take(&mut first) {
            let _ = writeln!(out, "\n{WARNING}Warnings{WARNING:#}");
        }
        let about = about.map(|label| format!("{label}: ")).unwrap_or_default();
        let text = wrap(&format!("{about}{} ({})", said.text, said.rule), width, "  - ", "    ");
        *out += &painted(&text, WARNING);
    }
}

/// Every line in a style of its own: so that a pager keeps it.
fn painted(text: &str, style: Style) -> String {
    text.lines().fold(String::new(), |all, line| all + &format!("{style}{line}{style:#}\n"))
}

fn object(entry: &Entry, width: usize, out: &mut String) {
    let mut place = match entry.document {
        Some(number) => format!("document {number}"),
        None => "added".to_owned(),
    };
    if let Some(template) = &entry.template {
        let _ = write!(place, ", {template}");
    }
    let mut notes: Vec<&Said> = entry.notes.iter().filter(|n| n.level != Level::Warning).collect();
    if entry.changes.is_empty() && notes.is_empty() {
        return;
    }
    out.push('\n');
    let name = wrap(&format!("{} ({place})", entry.object), width, "", "  ");
    *out += &name.replacen(&entry.object, &format!("{BOLD}{}{BOLD:#}", entry.object), 1);
    entry.changes.iter().for_each(|c| change(c, width, out));
    notes.sort_by_key(|n| std::cmp::Reverse(n.level));
    for said in notes {
        note(said, width, out);
    }
}

fn change(done: &Done, width: usize, out: &mut String) {
    let room = width.saturating_sub(8).max(20);
    let line = |value: &Option<Masked>| value.as_ref().map(Masked::line);
    match (done.action, line(&done.old), line(&done.new)) {
        ("add", ..) => {
            let _ = writeln!(out, "  {}: new", done.rule);
        }
        (_, Some(old), Some(new)) if old.chars().count() + new.chars().count() + 3 <= room => {
            let _ = writeln!(out, "  {}: {}\n      {OLD}{old}{OLD:#} → {NEW}{new}{NEW:#}", done.rule, done.path);
        }
        (_, Some(old), Some(new)) => {
            let (old, new) = (shorten(&old, room), shorten(&new, room));
            let _ = writeln!(out, "  {}: {}\n      {OLD}{old}{OLD:#}\n    → {NEW}{new}{NEW:#}", done.rule, done.path);
        }
        (_, Some(old), None) => {
            let _ = writeln!(out, "  {}: {}\n    {OLD}- {}{OLD:#}", done.rule, done.path, shorten(&old, room));
        }
        (_, None, Some(new)) => {
            let _ = writeln!(out, "  {}: {}\n    {NEW}+ {}{NEW:#}", done.rule, done.path, shorten(&new, room));
        }
        (_, None, None) => {}
    }
    *out += &wrap(&done.why, width, "      ", "      ");
}

fn note(said: &Said, width: usize, out: &mut String) {
    let level = match said.level {
        Level::Kept => "kept",
        Level::Notice => "notice",
        Level::Warning => "warning",
    };
    *out += &wrap(&said.text, width, &format!("  {}: {level}: ", said.rule), "      ");
}
