//! The unified diff of a run, a document at a time, without the contents of secrets. Writes to whom it is given.

use crate::layout::wrap;
use crate::readback::ReadBack;
use crate::report::MaskedText;
use crate::scene::{Object, ObjectId};
use crate::transform::Outcome;
use anstyle::{AnsiColor, Style};
use shared::manifest::Stream;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();
const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();
const HUNK: Style = AnsiColor::Cyan.on_default();

/// Writes the diff of every touched and added document.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(
    out: &mut impl Write,
    stream: &Stream<'_>,
    outcome: &Outcome<'_>,
    back: &ReadBack<'_>,
    width: usize,
) -> io::Result<()> {
    let mut rules: BTreeMap<ObjectId, Vec<&str>> = BTreeMap::new();
    for change in &outcome.changes {
        let names = rules.entry(change.object).or_default();
        if !names.contains(&change.rule) {
            names.push(change.rule);
        }
    }
    let by = |group: &[Object]| {
        let mut names: Vec<&str> = group.iter().filter_map(|o| rules.get(&o.id)).flatten().copied().collect();
        names.dedup();
        names.join(", ")
    };
    let objects = &outcome.scene.objects;
    let mut added = 0..;
    for group in objects.chunk_by(|a, b| a.document.is_some() && a.document == b.document) {
        let Some(first) = group.first() else { continue };
        match first.document.and_then(|i| stream.documents.get(i)) {
            Some(document) if group.iter().any(|o| !o.plan.operations().is_empty()) => {
                header(out, group, &format!("document {}", document.number), &by(group), width)?;
                let new = back.document(document.number - 1);
                match (MaskedText::of(document.text), new.and_then(|d| MaskedText::of(d.text))) {
                    (Some(old), Some(new)) => hunks(out, old.as_str(), new.as_str(), document.line)?,
                    _ => writeln!(out, "(not shown: it holds secrets that cannot be told apart; see --report)")?,
                }
            }
            Some(_) => {}
            None => {
                header(out, group, "new", &by(group), width)?;
                let new = added.next().and_then(|nth| back.added(nth));
                match new.and_then(|d| MaskedText::of(d.text)) {
                    Some(text) => hunks(out, "", text.as_str(), 1)?,
                    None => writeln!(out, "(not shown: it holds secrets that cannot be told apart)")?,
                }
            }
        }
    }
    Ok(())
}

fn header(out: &mut impl Write, group: &[Object], place: &str, rules: &str, width: usize) -> io::Result<()> {
    let labels: Vec<String> =
        group.iter().filter(|o| o.document.is_none() || !o.plan.operations().is_empty()).map(Object::label).collect();
    let template = group.first().and_then(|o| o.source.as_deref()).map(|s| format!(", {s}")).unwrap_or_default();
    let text = wrap(&format!("{} ({place}{template}) by {rules}", labels.join(", ")), width, "", "  ");
    for line in text.lines() {
        writeln!(out, "{BOLD}{line}{BOLD:#}")?;
    }
    Ok(())
}

/// The hunks, with line numbers as in the whole input.
fn hunks(out: &mut impl Write, old: &str, new: &str, first_line: usize) -> io::Result<()> {
    let diff = TextDiff::from_lines(old, new);
    for group in diff.grouped_ops(3) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let span = |from: usize, to: usize| format!("{},{}", if to == from { 0 } else { from + first_line }, to - from);
        let olds = span(first.old_range().start, last.old_range().end);
        let news = span(first.new_range().start, last.new_range().end);
        writeln!(out, "{HUNK}@@ -{olds} +{news} @@{HUNK:#}")?;
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let line = change.value().trim_end_matches(['\n', '\r']);
            match change.tag() {
                ChangeTag::Delete => writeln!(out, "{OLD}-{line}{OLD:#}")?,
                ChangeTag::Insert => writeln!(out, "{NEW}+{line}{NEW:#}")?,
                ChangeTag::Equal => writeln!(out, " {line}")?,
            }
        }
    }
    writeln!(out)
}
