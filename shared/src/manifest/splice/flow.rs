//! Wishes inside `{}` and `[]`: what goes and comes between the commas.

use super::super::overlay::Refused;
use super::super::render;
use super::super::tree::{Child, Entry, Name, Node};
use super::{Writer, absent};
use std::ops::Range;

impl Writer<'_> {
    pub(super) fn flow_map(&mut self, node: &Node, entries: &[Entry]) -> Result<(), Refused> {
        let json = entries.first().is_some_and(|e| self.part(e.key.clone()).starts_with('"'));
        let children: Vec<FlowChild<'_>> = entries
            .iter()
            .map(|entry| match &entry.child {
                Child::New(value) => {
                    let name = if let Name::Plain(name) = &entry.name { name.as_str() } else { "" };
                    FlowChild::New(format!("{}: {}", render::flow_key(name, json), render::flow(value, json)))
                }
                child => {
                    let lead = self.after_colon(entry).unwrap_or(entry.key.end);
                    FlowChild::Old { start: entry.key.start, lead, child }
                }
            })
            .collect();
        self.flow_children(node, &children, json)
    }

    pub(super) fn flow_seq(&mut self, node: &Node, items: &[Child]) -> Result<(), Refused> {
        let json = self.part(..node.span.start).trim_start().starts_with('{');
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
                    if self.part(range.clone()).contains('#') {
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
