//! The report as text for people, fitted to a width. Plain: no colours, no cursor movements.

use super::{Done, Entry, Report, Run, Said};
use crate::layout::{count, shorten, wrap};
use crate::proposal::Level;
use std::fmt::Write;

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
    head(run, width, &mut out);
    for entry in &run.objects {
        object(entry, width, &mut out);
    }
    if !run.notes.is_empty() {
        out += "\nThe stream as a whole\n";
        run.notes.iter().for_each(|n| note(n, width, &mut out));
    }
    out += "\nWhere no backup is proven\n";
    for road in &run.backup.unproven {
        out += &wrap(road, width, "  - ", "    ");
    }
    out
}

fn head(run: &Run, width: usize, out: &mut String) {
    let mut fact = |name: &str, text: &str| {
        *out += &wrap(text, width, &format!("{name:<9}"), &" ".repeat(9));
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
    let mut parts = vec![count(s.changes, "change")];
    parts.push(format!("{} of {} touched", s.touched, count(s.documents, "document")));
    if s.added > 0 {
        parts.push(format!("{} added", s.added));
    }
    if s.warnings > 0 {
        parts.push(count(s.warnings, "warning"));
    }
    fact("result", &parts.join(", "));
}

fn object(entry: &Entry, width: usize, out: &mut String) {
    let mut place = match entry.document {
        Some(number) => format!("document {number}"),
        None => "added".to_owned(),
    };
    if let Some(template) = &entry.template {
        let _ = write!(place, ", {template}");
    }
    out.push('\n');
    *out += &wrap(&format!("{} ({place})", entry.object), width, "", "  ");
    entry.changes.iter().for_each(|c| change(c, width, out));
    let mut notes: Vec<&Said> = entry.notes.iter().collect();
    notes.sort_by_key(|n| std::cmp::Reverse(n.level));
    for said in notes {
        note(said, width, out);
    }
}

fn change(done: &Done, width: usize, out: &mut String) {
    let room = width.saturating_sub(8).max(20);
    let line = |value: &Option<super::Masked>| value.as_ref().map(super::Masked::line);
    match (done.action, line(&done.old), line(&done.new)) {
        ("add", ..) => {
            let _ = writeln!(out, "  {}: new", done.rule);
        }
        (_, Some(old), Some(new)) if old.chars().count() + new.chars().count() + 3 <= room => {
            let _ = writeln!(out, "  {}: {}\n      {old} → {new}", done.rule, done.path);
        }
        (_, Some(old), Some(new)) => {
            let (old, new) = (shorten(&old, room), shorten(&new, room));
            let _ = writeln!(out, "  {}: {}\n      {old}\n    → {new}", done.rule, done.path);
        }
        (_, Some(old), None) => {
            let _ = writeln!(out, "  {}: {}\n    - {}", done.rule, done.path, shorten(&old, room));
        }
        (_, None, Some(new)) => {
            let _ = writeln!(out, "  {}: {}\n    + {}", done.rule, done.path, shorten(&new, room));
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
