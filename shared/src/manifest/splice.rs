//! Turns a tree with its wishes into splices of the text: which bytes go, which come, where. Reads the text only to
//! find line ends, colons and dashes between the nodes.

mod flow;
mod places;

use super::overlay::Refused;
use super::render;
use super::tree::{Child, Entry, Kind, Name, Node};
use granit_parser::ScalarStyle;
use serde_json::{Map, Value};
use std::ops::Range;

/// Bytes to take out (perhaps none) and text to put in their place.
#[derive(Debug, Clone)]
pub struct Splice {
    /// Which bytes of the text go.
    pub range: Range<usize>,
    /// What comes.
    pub text: String,
}

/// The splices that make the text say what the tree wishes, in order and without overlap.
///
/// # Errors
/// When two wishes meet on the same bytes, or a place cannot be addressed in this notation.
pub fn splices(text: &str, root: &Node) -> Result<Vec<Splice>, Refused> {
    let eol = if text.find('\n').is_some_and(|i| i > 0 && text.as_bytes()[i - 1] == b'\r') { "\r\n" } else { "\n" };
    let mut writer = Writer { text, eol, out: Vec::new() };
    writer.inside(root, None)?;
    // Stable: wishes at one place come in the order of the recursion, inner ones first.
    writer.out.sort_by_key(|s| s.range.start);
    if let Some(odd) = writer.out.iter().find(|s| text.get(s.range.clone()).is_none()) {
        return Err((odd.range.start.min(text.len()), "this notation cannot be edited in place".to_owned()));
    }
    for pair in writer.out.windows(2) {
        if let [a, b] = pair
            && a.range.end > b.range.start
        {
            return Err((b.range.start, "two edits meet on the same bytes".to_owned()));
        }
    }
    Ok(writer.out)
}

struct Writer<'t> {
    text: &'t str,
    eol: &'static str,
    out: Vec<Splice>,
}

/// Where a value hangs: the byte after its `:` or `-`, and the column of the mapping's keys or the list's dashes.
#[derive(Clone, Copy)]
struct Hook {
    lead: usize,
    column: usize,
    item: bool,
}

impl Writer<'_> {
    fn put(&mut self, range: Range<usize>, text: String) {
        self.out.push(Splice { range, text });
    }

    /// The wishes below a node that itself stays.
    fn inside(&mut self, node: &Node, hook: Option<Hook>) -> Result<(), Refused> {
        match &node.kind {
            Kind::Scalar(_) | Kind::Alias => Ok(()),
            Kind::Map { flow: false, entries } => self.block_map(node, entries),
            Kind::Map { flow: true, entries } => self.flow_map(node, entries),
            Kind::Seq { flow: false, items } => self.block_seq(node, items, hook),
            Kind::Seq { flow: true, items } => self.flow_seq(node, items),
        }
    }

    fn block_map(&mut self, node: &Node, entries: &[Entry]) -> Result<(), Refused> {
        let column = self.column(node.span.start);
        for (i, entry) in entries.iter().enumerate() {
            let hook = |w: &Self| w.after_colon(entry).map(|lead| Hook { lead, column, item: false });
            match &entry.child {
                Child::Old(child) if !touched(child) => {}
                Child::Old(child) => self.child(child, hook(self)?)?,
                Child::Changed { old, new } => self.rewrite(old, new, hook(self)?)?,
                Child::Removed(old) => {
                    let end = self.end_of(old, self.after_colon(entry)?);
                    self.remove_lines(
                        entry.key.start,
                        end,
                        entries.get(i + 1).map(|e| e.key.start).filter(|s| *s > 0),
                    )?;
                }
                Child::New(_) => {}
            }
        }
        let fresh: Vec<(&str, &Value)> = entries
            .iter()
            .filter_map(|e| match (&e.name, &e.child) {
                (Name::Plain(name), Child::New(value)) => Some((name.as_str(), value)),
                _ => None,
            })
            .collect();
        if fresh.is_empty() {
            return Ok(());
        }
        let lines = fresh.iter().map(|(name, value)| {
            format!("{}:{}", render::key_text(name), render::in_block(value, column + 2, self.eol, false))
        });
        let Some(last) = entries.iter().rev().find(|e| e.child.live().is_some()) else {
            return Err((node.span.start, "no key of this mapping would be left".to_owned()));
        };
        let end = match &last.child {
            Child::Old(node) | Child::Changed { old: node, .. } => self.end_of(node, self.after_colon(last)?),
            Child::Removed(_) | Child::New(_) => node.span.start,
        };
        if self.open_ended(&last.child) {
            // A block scalar at the very end, without a line break: one more line would become part of it.
            let indent = self.line_break(column);
            let text = lines.fold(String::new(), |text, line| text + &line + &indent);
            let first = entries.iter().find(|e| e.child.live().is_some()).map_or(node.span.start, |e| e.key.start);
            self.put(first..first, text);
        } else {
            let lines: Vec<String> = lines.collect();
            self.put_lines(end, column, &lines);
        }
        Ok(())
    }

    fn block_seq(&mut self, node: &Node, items: &[Child], hook: Option<Hook>) -> Result<(), Refused> {
        let column = self.column(node.span.start);
        let mut dashes = Vec::with_capacity(items.len());
        let mut previous: Option<usize> = None;
        for item in items {
            let dash = match (item.node(), previous) {
                (Some(_), None) => Some(node.span.start),
                (Some(child), Some(_)) => Some(self.dash_before(child, column)?),
                (None, _) => None,
            };
            previous = dash.or(previous);
            dashes.push(dash);
        }
        // Where the next new item goes: after the item before it, or at the list's head.
        let mut after: Option<usize> = None;
        for (item, dash) in items.iter().zip(&dashes) {
            let lead = dash.map_or(0, |d| d + 1);
            match item {
                Child::Old(child) => {
                    if touched(child) {
                        self.child(child, Hook { lead, column, item: true })?;
                    }
                    after = Some(self.end_of(child, lead));
                }
                Child::Changed { old, new } => {
                    self.rewrite(old, new, Hook { lead, column, item: true })?;
                    after = Some(self.end_of(old, lead));
                }
                Child::Removed(old) => {
                    let next = dashes.iter().flatten().find(|d| **d > lead).copied();
                    self.remove_lines(lead.saturating_sub(1), self.end_of(old, lead), next)?;
                }
                Child::New(value) => {
                    let line = format!("- {}", render::in_block(value, column + 2, self.eol, true));
                    match after {
                        Some(end) => self.put_lines(end, column, &[line]),
                        None => self.put_first(node.span.start, column, hook, &line),
                    }
                }
            }
        }
        if items.iter().any(|i| i.node().is_some()) && items.iter().all(|i| i.live().is_none()) {
            return Err((node.span.start, "no item of this list would be left".to_owned()));
        }
        Ok(())
    }

    /// A new first item: on the line after the key, so that a comment above the old first item stays with it.
    fn put_first(&mut self, start: usize, column: usize, hook: Option<Hook>, line: &str) {
        if let Some(hook) = hook.filter(|h| self.part(h.lead..start).contains('\n')) {
            self.put_lines(hook.lead, column, &[line.to_owned()]);
        } else {
            let text = format!("{line}{}", self.line_break(column));
            self.put(start..start, text);
        }
    }

    /// An old child with wishes further down; a collection of which nothing stays is written anew.
    fn child(&mut self, node: &Node, hook: Hook) -> Result<(), Refused> {
        match written_anew(node) {
            Some(new) => self.rewrite(node, &new, hook),
            None => self.inside(node, Some(hook)),
        }
    }

    /// Writes `new` in the place of a value under a block key or dash.
    fn rewrite(&mut self, old: &Node, new: &Value, hook: Hook) -> Result<(), Refused> {
        let indent = hook.column + 2;
        let block = matches!(old.kind, Kind::Map { flow: false, .. } | Kind::Seq { flow: false, .. });
        let start = match &old.kind {
            _ if block || absent(old) => hook.lead,
            _ if is_block_scalar(old) => self.header(old, hook.lead),
            _ => old.outer.max(hook.lead),
        };
        let end = self.end_of(old, hook.lead);
        let end = start.max(self.part(..end).trim_end_matches(['\n', '\r', ' ']).len());
        // In a block scalar only the header's line can hold a comment; the rest is content.
        let lines = if is_block_scalar(old) { 1 } else { usize::MAX };
        if (block || is_block_scalar(old)) && has_comment(self.part(start..end), lines) {
            return Err((start, "a comment stands inside what shall be written anew".to_owned()));
        }
        let nested =
            matches!(new, Value::Object(m) if !m.is_empty()) || matches!(new, Value::Array(l) if !l.is_empty());
        if nested && !hook.item {
            // The old value goes, a comment on its line stays there, the new lines follow below.
            let from = self.part(..start).trim_end_matches([' ', '\t']).len().max(hook.lead);
            if end > start {
                self.put(from..end, String::new());
            }
            let at = self.line_end(end);
            let tail = if self.part(end..at).trim().is_empty() { end.max(from)..at } else { at..at };
            self.put(tail, render::in_block(new, indent, self.eol, false));
            return Ok(());
        }
        let alone = self.part(end..self.line_end(end)).trim().is_empty();
        let text = if alone { render::in_block(new, indent, self.eol, true) } else { render::flow(new, false) };
        let space = if self.part(..start).ends_with([':', '-']) { " " } else { "" };
        self.put(start..end, format!("{space}{text}"));
        Ok(())
    }

    /// Takes out whole lines, from the one that `start` begins to the one that `end` is on.
    fn remove_lines(&mut self, start: usize, end: usize, next: Option<usize>) -> Result<(), Refused> {
        let line = self.line_start(start);
        if self.part(line..start).trim().is_empty() {
            let at = self.line_end(end);
            let to = if end > 0 && self.part(..end).ends_with('\n') { end } else { at + self.break_at(at) };
            let from = if to == at { line.saturating_sub(self.break_before(line)) } else { line };
            self.put(from..to, String::new());
            return Ok(());
        }
        match next {
            Some(next) if !self.part(end..next).contains('#') => {
                self.put(start..next, String::new());
                Ok(())
            }
            _ => Err((start, "what shall go shares its line with something that stays".to_owned())),
        }
    }

    /// Puts lines after the line that `end` is on.
    fn put_lines(&mut self, end: usize, column: usize, lines: &[String]) {
        let indent = " ".repeat(column);
        if end > 0 && self.part(..end).ends_with('\n') {
            // After a block scalar that keeps its trailing line breaks.
            let text = lines.iter().fold(String::new(), |text, line| text + &indent + line + self.eol);
            self.put(end..end, text);
        } else {
            let at = self.line_end(end);
            let text = lines.iter().fold(String::new(), |text, line| text + self.eol + &indent + line);
            self.put(at..at, text);
        }
    }
}

/// What a collection shall hold of which nothing stays: a block collection that loses all its children, an empty
/// `{}` or `[]` that gets its first.
fn written_anew(node: &Node) -> Option<Value> {
    let gone = |child: &Child, flow: bool| if flow { child.node().is_none() } else { child.live().is_none() };
    match &node.kind {
        Kind::Map { flow, entries } if entries.iter().all(|e| gone(&e.child, *flow)) => {
            let fresh = entries.iter().filter_map(|e| match (&e.name, &e.child) {
                (Name::Plain(name), Child::New(value)) => Some((name.clone(), value.clone())),
                _ => None,
            });
            Some(Value::Object(fresh.collect::<Map<_, _>>()))
        }
        Kind::Seq { flow, items } if items.iter().all(|i| gone(i, *flow)) => Some(
            items.iter().filter_map(|i| if let Child::New(value) = i { Some(value.clone()) } else { None }).collect(),
        ),
        _ => None,
    }
}

/// An absent value: `key:` with nothing behind.
fn absent(node: &Node) -> bool {
    matches!(node.kind, Kind::Scalar(ScalarStyle::Plain)) && node.span.is_empty()
}

fn is_block_scalar(node: &Node) -> bool {
    matches!(node.kind, Kind::Scalar(ScalarStyle::Literal | ScalarStyle::Folded))
}

/// Whether anything is wished at or below a node.
fn touched(node: &Node) -> bool {
    let child = |c: &Child| if let Child::Old(n) = c { touched(n) } else { true };
    match &node.kind {
        Kind::Scalar(_) | Kind::Alias => false,
        Kind::Map { entries, .. } => entries.iter().any(|e| child(&e.child)),
        Kind::Seq { items, .. } => items.iter().any(child),
    }
}

/// Whether one of the first `lines` of a text that shall go holds a comment.
fn has_comment(text: &str, lines: usize) -> bool {
    text.lines().take(lines).any(|line| line.trim_start().starts_with('#') || line.contains(" #"))
}
