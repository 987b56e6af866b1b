//! The unified diff of a run, a document at a time, without the contents of secrets. Writes to whom it is given.

use crate::layout::{shorten, wrap};
use crate::mask::MaskedText;
use crate::readback::ReadBack;
use crate::scene::{Object, ObjectId};
use crate::transform::{Change, Outcome};
use anstyle::{AnsiColor, Style};
use shared::manifest::Stream;
use similar::{ChangeTag, TextDiff};
use std::collections::BTreeMap;
use std::io::{self, Write};

const BOLD: Style = Style::new().bold();
const OLD: Style = AnsiColor::Red.on_default();
const NEW: Style = AnsiColor::Green.on_default();
const HUNK: Style = AnsiColor::Cyan.on_default();

/// Lines of an added block scalar that are shown before it is folded.
const LONGEST: usize = 8;

/// Writes the diff of every touched and added document, each after its reasons; long added texts folded unless `full`.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(
    out: &mut impl Write,
    stream: &Stream<'_>,
    outcome: &Outcome<'_>,
    back: &ReadBack<'_>,
    width: usize,
    full: bool,
) -> io::Result<()> {
    let mut changes: BTreeMap<ObjectId, Vec<&Change>> = BTreeMap::new();
    outcome.changes.iter().for_each(|c| changes.entry(c.object).or_default().push(c));
    let by = |group: &[Object]| -> Vec<&Change> {
        group.iter().filter_map(|o| changes.get(&o.id)).flatten().copied().collect()
    };
    let objects = &outcome.scene.objects;
    let mut added = 0..;
    for group in objects.chunk_by(|a, b| a.document.is_some() && a.document == b.document) {
        let Some(first) = group.first() else { continue };
        match first.document.and_then(|i| stream.documents.get(i)) {
            Some(document) if group.iter().any(|o| o.edits > 0) => {
                header(out, group, &format!("document {}", document.number), &by(group), width)?;
                let new = back.document(document.number - 1);
                match (MaskedText::of(document.text), new.and_then(|d| MaskedText::of(d.text))) {
                    (Some(old), Some(new)) => hunks(out, old.as_str(), new.as_str(), document.line, full)?,
                    _ => writeln!(out, "(not shown: it holds secrets that cannot be told apart; see --report)")?,
                }
            }
            Some(_) => {}
            None => {
                header(out, group, "new", &by(group), width)?;
                let new = added.next().and_then(|nth| back.added(nth));
                match new.and_then(|d| MaskedText::of(d.text)) {
                    Some(text) => hunks(out, "", text.as_str(), 1, full)?,
                    None => writeln!(out, "(not shown: it holds secrets that cannot be told apart)")?,
                }
            }
        }
    }
    Ok(())
}

/// The objects of a document, and why it changes: one line a change.
fn header(out: &mut impl Write, group: &[Object], place: &str, changes: &[&Change], width: usize) -> io::Result<()> {
    let labels: Vec<String> = group.iter().filter(|o| o.document.is_none() || o.edits > 0).map(Object::label).collect();
    let template = group.first().and_then(|o| o.source.as_deref()).map(|s| format!(", {s}")).unwrap_or_default();
    let text = wrap(&format!("{} ({place}{template})", labels.join(", ")), width, "", "  ");
    for line in text.lines() {
        writeln!(out, "{BOLD}{line}{BOLD:#}")?;
    }
    for change in changes {
        let path = if change.path.is_empty() { "new".to_owned() } else { tail(&change.path) };
        let line = format!("{}: {path}: {}", change.rule, change.why);
        writeln!(out, "  {}", shorten(&line, width.saturating_sub(2)))?;
    }
    Ok(())
}

/// A path's last keys, where it is long: its first ones are much the same in every change.
fn tail(path: &str) -> String {
    const ROOM: usize = 40;
    if path.chars().count() <= ROOM {
        return path.to_owned();
    }
    let fits = path.match_indices('/').map(|(i, _)| path.split_at(i).1).find(|rest| rest.chars().count() < ROOM);
    format!("…{}", fits.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default()))
}

/// The column that every line of a block scalar stands behind, where `line` opens one.
fn opens_block(line: &str) -> Option<usize> {
    let mut words = line.split_whitespace().rev();
    let sign = words.next()?;
    let open = sign.starts_with(['|', '>']) && sign.chars().skip(1).all(|c| c.is_ascii_digit() || "+-".contains(c));
    if !open || !words.next()?.ends_with([':', '-']) {
        return None;
    }
    let mut column = indentation(line);
    // The key of a list's item stands behind the item's hyphen, which a bare text is not.
    while let Some(rest) = line.get(column..).and_then(|l| l.strip_prefix('-')) {
        let next = column + 1 + indentation(rest);
        if line.get(next..).is_some_and(|l| l.starts_with(['|', '>'])) {
            break;
        }
        column = next;
    }
    Some(column)
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// The hunks, with line numbers as in the whole input.
fn hunks(out: &mut impl Write, old: &str, new: &str, first_line: usize, full: bool) -> io::Result<()> {
    let diff = TextDiff::from_lines(old, new);
    for group in diff.grouped_ops(3) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let span = |from: usize, to: usize| format!("{},{}", if to == from { 0 } else { from + first_line }, to - from);
        let olds = span(first.old_range().start, last.old_range().end);
        let news = span(first.new_range().start, last.new_range().end);
        writeln!(out, "{HUNK}@@ -{olds} +{news} @@{HUNK:#}")?;
        let lines: Vec<(ChangeTag, &str)> = group
            .iter()
            .flat_map(|op| diff.iter_changes(op))
            .map(|c| (c.tag(), c.value().trim_end_matches(['\n', '\r'])))
            .collect();
        let (mut at, mut fold_at) = (0, None);
        while let Some((tag, line)) = lines.get(at) {
            at += 1;
            match tag {
                ChangeTag::Delete => writeln!(out, "{OLD}-{line}{OLD:#}")?,
                ChangeTag::Insert => writeln!(out, "{NEW}+{line}{NEW:#}")?,
                ChangeTag::Equal => writeln!(out, " {line}")?,
            }
            if let Some(end) = fold_at.take() {
                writeln!(out, "{NEW}+ … {} more lines (--diff=full shows them){NEW:#}", end - at)?;
                at = end;
            } else if !full
                && *tag == ChangeTag::Insert
                && let Some(column) = opens_block(line)
            {
                let inside = |(tag, line): &&(ChangeTag, &str)| {
                    *tag == ChangeTag::Insert && (line.trim().is_empty() || indentation(line) > column)
                };
                let inner = lines.iter().skip(at).take_while(inside).count();
                fold_at = (inner > LONGEST).then_some(at + inner);
            }
        }
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::{hunks, opens_block, tail};

    #[test]
    fn block_scalars_are_told_by_their_first_line() {
        for (line, column) in [
            ("  a: |", Some(2)),
            ("  - a: >-", Some(4)),
            ("  - |", Some(2)),
            ("- - |2+", Some(2)),
            ("a: b |", None),
            ("a: ||", None),
            ("|", None),
            ("  a: b", None),
        ] {
            assert_eq!(opens_block(line), column, "{line}");
        }
    }

    #[test]
    fn long_added_texts_are_folded_unless_all_is_asked_for() {
        let new = |n: usize| format!("a: |\n{}b: 1\n", "  x\n".repeat(n));
        let shown = |n: usize, full: bool| {
            let mut out = Vec::new();
            hunks(&mut out, "", &new(n), 1, full).unwrap();
            anstream::adapter::strip_str(&String::from_utf8(out).unwrap()).to_string()
        };
        assert!(!shown(8, false).contains('…'));
        let folded = shown(9, false);
        assert!(folded.ends_with("+a: |\n+  x\n+ … 8 more lines (--diff=full shows them)\n+b: 1\n\n"), "{folded}");
        assert!(!shown(9, true).contains('…'));
    }

    #[test]
    fn a_long_path_keeps_its_end() {
        assert_eq!(tail("/spec/strategy"), "/spec/strategy");
        assert_eq!(tail("/spec/template/spec/containers/0/lifecycle/preStop"), "…/spec/containers/0/lifecycle/preStop");
    }
}
