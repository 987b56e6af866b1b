//! Turns a tree with its wishes into splices of the text: which bytes go, which come, where. Reads the text only to
//! find line ends, colons and dashes between the nodes.

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
        match hook.filter(|h| self.text[h.lead..start].contains('\n')) {
            Some(hook) => self.put_lines(hook.lead, column, &[line.to_owned()]),
            None => {
                let text = format!("{line}{}", self.line_break(column));
                self.put(start..start, text);
            }
        }
    }

    fn flow_map(&mut self, node: &Node, entries: &[Entry]) -> Result<(), Refused> {
        let json = entries.first().is_some_and(|e| self.text[e.key.clone()].starts_with('"'));
        let children: Vec<FlowChild<'_>> = entries
            .iter()
            .map(|entry| match &entry.child {
                Child::New(value) => {
                    let name = if let Name::Plain(name) = &entry.name { name.as_str() } else { "" };
                    Ok(FlowChild::New(format!("{}: {}", render::flow_key(name, json), render::flow(value, json))))
                }
                child => {
                    let lead = self.after_colon(entry).unwrap_or(entry.key.end);
                    Ok(FlowChild::Old { start: entry.key.start, lead, child })
                }
            })
            .collect::<Result<_, Refused>>()?;
        self.flow_children(node, &children, json)
    }

    fn flow_seq(&mut self, node: &Node, items: &[Child]) -> Result<(), Refused> {
        let json = self.text[..node.span.start].trim_start().starts_with('{');
        let children: Vec<FlowChild<'_>> = items
            .iter()
            .map(|child| match (child, child.node()) {
                (Child::New(value), _) => FlowChild::New(render::flow(value, json)),
                (_, node) => {
                    let start = node.map_or(0, |n| n.outer);
                    FlowChild::Old { start, lead: start, child }
                }
            })
            .collect();
        self.flow_children(node, &children, json)
    }

    fn flow_children(&mut self, node: &Node, children: &[FlowChild<'_>], json: bool) -> Result<(), Refused> {
        let span = |w: &Self, c: &FlowChild<'_>| match c {
            FlowChild::Old { start, lead, child } => child.node().map(|n| *start..w.end_of(n, *lead)),
            FlowChild::New(_) => None,
        };
        let live: Vec<Option<Range<usize>>> =
            children.iter().map(|c| if c.is_live() { span(self, c) } else { None }).collect();
        let mut before: Option<usize> = None;
        for (i, child) in children.iter().enumerate() {
            let following = live.iter().skip(i + 1).flatten().next().map(|r| r.start);
            match child {
                FlowChild::New(text) => match (before, following) {
                    (Some(at), _) => self.put(at..at, format!(", {text}")),
                    (None, Some(at)) => self.put(at..at, format!("{text}, ")),
                    (None, None) => {
                        let at = node.span.start + 1;
                        let comma = if self.out.iter().any(|s| s.range == (at..at)) { ", " } else { "" };
                        self.put(at..at, format!("{comma}{text}"));
                    }
                },
                FlowChild::Old { start, lead, child: Child::Removed(old) } => {
                    let end = self.end_of(old, *lead);
                    let range = match (before, following) {
                        (Some(from), _) => from..end,
                        (None, Some(to)) => *start..to,
                        (None, None) => *start..end,
                    };
                    if self.text[range.clone()].contains('#') {
                        return Err((range.start, "a comment stands beside what shall go".to_owned()));
                    }
                    // A run of removed neighbours is one splice.
                    match self.out.last_mut().filter(|s| s.text.is_empty() && s.range.start == range.start) {
                        Some(splice) => splice.range.end = range.end,
                        None => self.put(range, String::new()),
                    }
                }
                FlowChild::Old { lead, child: Child::Changed { old, new }, .. } => {
                    let end = self.end_of(old, *lead);
                    let (range, space) = if absent(old) { (*lead..*lead, " ") } else { (old.outer..end, "") };
                    self.put(range, format!("{space}{}", render::flow(new, json)));
                    before = Some(end);
                }
                FlowChild::Old { lead, child, .. } => {
                    if let Child::Old(node) = child {
                        self.inside(node, None)?;
                        before = Some(self.end_of(node, *lead));
                    }
                }
            }
        }
        Ok(())
    }

    /// An old child with wishes further down; a block collection that would be left empty is written anew.
    fn child(&mut self, node: &Node, hook: Hook) -> Result<(), Refused> {
        match &node.kind {
            Kind::Map { flow: false, entries } if entries.iter().all(|e| e.child.live().is_none()) => {
                let fresh = entries.iter().filter_map(|e| match (&e.name, &e.child) {
                    (Name::Plain(name), Child::New(value)) => Some((name.clone(), value.clone())),
                    _ => None,
                });
                self.rewrite(node, &Value::Object(fresh.collect::<Map<_, _>>()), hook)
            }
            Kind::Seq { flow: false, items } if items.iter().all(|i| i.live().is_none()) => {
                let fresh = items.iter().filter_map(|i| if let Child::New(v) = i { Some(v.clone()) } else { None });
                self.rewrite(node, &fresh.collect(), hook)
            }
            // An empty `{}` or `[]` under a block key becomes a block collection.
            Kind::Map { flow: true, entries } if entries.iter().all(|e| e.child.node().is_none()) => {
                let fresh = entries.iter().filter_map(|e| match (&e.name, &e.child) {
                    (Name::Plain(name), Child::New(value)) => Some((name.clone(), value.clone())),
                    _ => None,
                });
                self.rewrite(node, &Value::Object(fresh.collect::<Map<_, _>>()), hook)
            }
            Kind::Seq { flow: true, items } if items.iter().all(|i| i.node().is_none()) => {
                let fresh = items.iter().filter_map(|i| if let Child::New(v) = i { Some(v.clone()) } else { None });
                self.rewrite(node, &fresh.collect(), hook)
            }
            _ => self.inside(node, Some(hook)),
        }
    }

    /// Writes `new` in the place of a value under a block key or dash.
    fn rewrite(&mut self, old: &Node, new: &Value, hook: Hook) -> Result<(), Refused> {
        let indent = hook.column + 2;
        let start = if absent(old) { hook.lead } else { old.outer.max(hook.lead) };
        let end = self.end_of(old, hook.lead);
        let end = start.max(self.text[..end].trim_end_matches(['\n', '\r', ' ']).len());
        let block_scalar = is_block_scalar(old);
        let block = block_scalar || matches!(old.kind, Kind::Map { flow: false, .. } | Kind::Seq { flow: false, .. });
        if block && has_comment(&self.text[start..end], block_scalar) {
            return Err((start, "a comment stands inside what shall be written anew".to_owned()));
        }
        let start = if block && !block_scalar { hook.lead } else { start };
        let start = if block_scalar { self.header(old, hook.lead) } else { start };
        let nested =
            matches!(new, Value::Object(m) if !m.is_empty()) || matches!(new, Value::Array(l) if !l.is_empty());
        let rest = &self.text[end..self.line_end(end)];
        if !nested {
            let text = if rest.trim().is_empty() {
                render::in_block(new, indent, self.eol, true)
            } else {
                render::flow(new, false)
            };
            let space = if self.text[..start].ends_with([':', '-']) { " " } else { "" };
            self.put(start..end, format!("{space}{text}"));
        } else if hook.item {
            let text = if rest.trim().is_empty() {
                render::in_block(new, indent, self.eol, true)
            } else {
                render::flow(new, false)
            };
            let space = if self.text[..start].ends_with('-') { " " } else { "" };
            self.put(start..end, format!("{space}{text}"));
        } else {
            // The old value goes, a comment on its line stays there, the new lines follow below.
            let from = self.text[..start].trim_end_matches([' ', '\t']).len().max(hook.lead);
            if end > start {
                self.put(from..end, String::new());
            }
            let at = self.line_end(end);
            let tail = if self.text[end..at].trim().is_empty() { end.max(from)..at } else { at..at };
            self.put(tail, render::in_block(new, indent, self.eol, false));
        }
        Ok(())
    }

    /// Takes out whole lines, from the one that `start` begins to the one that `end` is on.
    fn remove_lines(&mut self, start: usize, end: usize, next: Option<usize>) -> Result<(), Refused> {
        let line = self.line_start(start);
        if self.text[line..start].trim().is_empty() {
            let at = self.line_end(end);
            let to = if end > 0 && self.text[..end].ends_with('\n') { end } else { at + self.break_at(at) };
            let from = if to == at { line.saturating_sub(self.break_before(line)) } else { line };
            self.put(from..to, String::new());
            return Ok(());
        }
        match next {
            Some(next) if !self.text[end..next].contains('#') => {
                self.put(start..next, String::new());
                Ok(())
            }
            _ => Err((start, "what shall go shares its line with something that stays".to_owned())),
        }
    }

    /// Puts lines after the line that `end` is on.
    fn put_lines(&mut self, end: usize, column: usize, lines: &[String]) {
        let indent = " ".repeat(column);
        if end > 0 && self.text[..end].ends_with('\n') {
            // After a block scalar that keeps its trailing line breaks.
            let text = lines.iter().fold(String::new(), |text, line| text + &indent + line + self.eol);
            self.put(end..end, text);
        } else {
            let at = self.line_end(end);
            let text = lines.iter().fold(String::new(), |text, line| text + self.eol + &indent + line);
            self.put(at..at, text);
        }
    }

    /// The byte after a node's last own byte.
    fn end_of(&self, node: &Node, lead: usize) -> usize {
        match &node.kind {
            _ if absent(node) => lead.max(if node.outer < node.span.start { node.span.start } else { lead }),
            Kind::Scalar(ScalarStyle::Literal | ScalarStyle::Folded) => {
                let header = self.header(node, lead);
                let keeps = self.text[header..self.line_end(header)].split('#').next().is_some_and(|h| h.contains('+'));
                let end = node.span.end.max(self.line_end(header)).min(self.text.len());
                let trimmed = self.text[..end].trim_end_matches([' ', '\t', '\n', '\r']).len();
                // A keeping scalar owns its blank lines, but not the indentation of what follows.
                if keeps { self.text[..end].trim_end_matches([' ', '\t']).len() } else { trimmed }
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
    fn header(&self, node: &Node, lead: usize) -> usize {
        let from = lead.min(node.span.start);
        let line = &self.text[from..self.line_end(from).max(node.span.start).min(self.text.len())];
        line.find(['|', '>']).map_or(node.span.start, |i| from + i)
    }

    /// Whether a value ends the text as a block scalar without a line break of its own.
    fn open_ended(&self, child: &Child) -> bool {
        let mut node = if let Child::Old(node) = child { node } else { return false };
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
    fn after_colon(&self, entry: &Entry) -> Result<usize, Refused> {
        let mut rest = &self.text[entry.key.end..];
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
    fn dash_before(&self, item: &Node, column: usize) -> Result<usize, Refused> {
        let mut at = item.outer.min(self.text.len());
        loop {
            let line = self.line_start(at);
            let dash = line + column;
            if dash <= item.outer
                && self.text.as_bytes().get(dash) == Some(&b'-')
                && self.text[line..dash].bytes().all(|b| b == b' ')
            {
                return Ok(dash);
            }
            if line == 0 {
                return Err((item.outer, "the dash of this item is not found".to_owned()));
            }
            at = line - 1;
        }
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |i| i + 1)
    }

    fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// The end of a line, before its line break.
    fn line_end(&self, at: usize) -> usize {
        let end = self.text[at..].find('\n').map_or(self.text.len(), |i| at + i);
        if end > at && self.text.as_bytes()[end - 1] == b'\r' && end < self.text.len() { end - 1 } else { end }
    }

    fn break_at(&self, at: usize) -> usize {
        let rest = &self.text[at..];
        if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) }
    }

    fn break_before(&self, at: usize) -> usize {
        let before = &self.text[..at];
        if before.ends_with("\r\n") { 2 } else { usize::from(before.ends_with('\n')) }
    }

    fn line_break(&self, column: usize) -> String {
        format!("{}{}", self.eol, " ".repeat(column))
    }
}

/// A flow collection's child: its text if new, its place if old.
enum FlowChild<'a> {
    New(String),
    Old { start: usize, lead: usize, child: &'a Child },
}

impl FlowChild<'_> {
    fn is_live(&self) -> bool {
        matches!(self, Self::Old { child, .. } if child.live().is_some())
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

/// Whether text that shall go holds a comment. In a block scalar only its first line can.
fn has_comment(text: &str, block_scalar: bool) -> bool {
    let comment = |line: &str| line.trim_start().starts_with('#') || line.contains(" #");
    if block_scalar { text.lines().next().is_some_and(comment) } else { text.lines().any(comment) }
}
