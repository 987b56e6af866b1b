//! Finds places in the text between the nodes: ends, colons, dashes, line breaks. Changes nothing.

use super::super::overlay::Refused;
use super::super::tree::{Child, Entry, Kind, Node};
use super::{Writer, absent, is_block_scalar};
use granit_parser::ScalarStyle;
use std::slice::SliceIndex;

impl<'t> Writer<'t> {
    /// A part of the text; nothing where the bounds are none, which odd documents can bring about and the check of
    /// the splices or the proof then refuses.
    pub(super) fn part(&self, range: impl SliceIndex<str, Output = str>) -> &'t str {
        self.text.get(range).unwrap_or_default()
    }

    /// The byte after a node's last own byte.
    pub(super) fn end_of(&self, node: &Node, lead: usize) -> usize {
        match &node.kind {
            _ if absent(node) && node.outer < node.span.start => lead.max(node.span.start),
            _ if absent(node) => lead,
            Kind::Scalar(ScalarStyle::Literal | ScalarStyle::Folded) => {
                let header = self.header(node, lead);
                let keeps = self.part(header..self.line_end(header)).split('#').next().is_some_and(|h| h.contains('+'));
                let end = node.span.end.max(self.line_end(header)).min(self.text.len());
                let trimmed = self.part(..end).trim_end_matches([' ', '\t', '\n', '\r']).len();
                // A keeping scalar owns its blank lines, but not the indentation of what follows.
                if keeps { self.part(..end).trim_end_matches([' ', '\t']).len() } else { trimmed }
            }
            Kind::Scalar(_) | Kind::Alias | Kind::Map { flow: true, .. } | Kind::Seq { flow: true, .. } => {
                node.span.end
            }
            Kind::Map { entries, .. } => {
                let last = entries.iter().rev().find(|e| e.child.node().is_some());
                last.and_then(|e| Some(self.end_of(e.child.node()?, self.after_colon(e).unwrap_or(e.key.end))))
                    .unwrap_or(node.span.end)
            }
            Kind::Seq { items, .. } => {
                let column = self.column(node.span.start);
                let mut old = items.iter().filter_map(Child::node);
                let first = old.next();
                let last = old.next_back();
                match (first, last) {
                    (_, Some(last)) => {
                        let dash = self.dash_before(last, column).unwrap_or(last.span.start);
                        self.end_of(last, dash + 1)
                    }
                    (Some(first), None) => self.end_of(first, node.span.start + 1),
                    (None, None) => node.span.end,
                }
            }
        }
    }

    /// Where a block scalar's `|` or `>` stands.
    pub(super) fn header(&self, node: &Node, lead: usize) -> usize {
        let from = lead.min(node.span.start);
        let line = self.part(from..self.line_end(from).max(node.span.start).min(self.text.len()));
        line.find(['|', '>']).map_or(node.span.start, |i| from + i)
    }

    /// Whether a value ends the text as a block scalar without a line break of its own.
    pub(super) fn open_ended(&self, child: &Child) -> bool {
        let Child::Old(first) = child else { return false };
        let mut node = first;
        loop {
            let last = match &node.kind {
                Kind::Map { flow: false, entries } => entries.iter().rev().find_map(|e| e.child.live()),
                Kind::Seq { flow: false, items } => items.iter().rev().find_map(Child::live),
                _ => None,
            };
            match last {
                Some(child) => node = child,
                None => return is_block_scalar(node) && node.span.end >= self.text.len() && !self.text.ends_with('\n'),
            }
        }
    }

    /// The byte after the colon of an entry.
    pub(super) fn after_colon(&self, entry: &Entry) -> Result<usize, Refused> {
        let mut rest = self.part(entry.key.end..);
        loop {
            rest = rest.trim_start();
            match rest.strip_prefix('#') {
                Some(comment) => rest = &comment[comment.find('\n').unwrap_or(comment.len())..],
                None => break,
            }
        }
        let at = self.text.len() - rest.len();
        if rest.starts_with(':') { Ok(at + 1) } else { Err((entry.key.start, "this key has no colon".to_owned())) }
    }

    /// The dash of an item that is not its list's first: it begins its line, in the list's column.
    pub(super) fn dash_before(&self, item: &Node, column: usize) -> Result<usize, Refused> {
        let mut at = item.outer.min(self.text.len());
        loop {
            let line = self.line_start(at);
            let dash = line + column;
            if dash <= item.outer
                && self.text.as_bytes().get(dash) == Some(&b'-')
                && self.part(line..dash).bytes().all(|b| b == b' ')
            {
                return Ok(dash);
            }
            if line == 0 {
                return Err((item.outer, "the dash of this item is not found".to_owned()));
            }
            at = line - 1;
        }
    }

    pub(super) fn line_start(&self, at: usize) -> usize {
        self.part(..at).rfind('\n').map_or(0, |i| i + 1)
    }

    pub(super) fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// The end of a line, before its line break.
    pub(super) fn line_end(&self, at: usize) -> usize {
        let end = self.part(at..).find('\n').map_or(self.text.len(), |i| at + i);
        if end > at && self.text.as_bytes()[end - 1] == b'\r' && end < self.text.len() { end - 1 } else { end }
    }

    pub(super) fn break_at(&self, at: usize) -> usize {
        let rest = self.part(at..);
        if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
    }

    pub(super) fn break_before(&self, at: usize) -> usize {
        let before = self.part(..at);
        if before.ends_with("\r\n") { 2 } else { usize::from(before.ends_with('\n')) }
    }

    pub(super) fn line_break(&self, column: usize) -> String {
        format!("{}{}", self.eol, " ".repeat(column))
    }
}
