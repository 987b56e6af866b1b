//! A document's nodes with the bytes they stand on, for editing in place. Knows structure and places; what values
//! mean is the reader's business, except for the names of keys.

use super::error::{EditError, Place};
use super::scalar::plain_scalar;
use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A node and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its own bytes; of a block collection only the start means something.
    pub span: Range<usize>,
    /// Where its anchor or tag starts, if it has any; else the start of the span.
    pub outer: usize,
    /// Whether its anchor is used by an alias: then an edit here would be one there.
    pub shared: bool,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of node.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A scalar in one of five notations; an empty span is an absent value.
    Scalar(ScalarStyle),
    /// `*name`.
    Alias,
    /// A mapping.
    Map {
        /// `{a: b}`.
        flow: bool,
        /// In order of the text; new ones last.
        entries: Vec<Entry>,
    },
    /// A sequence.
    Seq {
        /// `[a, b]`.
        flow: bool,
        /// In order, new ones where they shall stand.
        items: Vec<Child>,
    },
}

/// A mapping's entry.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key as the reader names it.
    pub name: Name,
    /// The key's bytes, with anchor and tag; empty for a new entry.
    pub key: Range<usize>,
    /// The value.
    pub child: Child,
}

/// What a key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A scalar key.
    Plain(String),
    /// `<<`.
    Merge,
    /// A key that cannot be addressed.
    Odd,
}

/// A value's place in its collection, and what shall become of it.
#[derive(Debug, Clone)]
pub enum Child {
    /// As it stands in the text (perhaps with changes further down).
    Old(Node),
    /// To be written anew.
    Changed {
        /// What stands there.
        old: Node,
        /// What shall.
        new: Value,
    },
    /// To be taken out.
    Removed(Node),
    /// To be put in.
    New(Value),
}

impl Child {
    /// The node in the text, for those that stand there.
    pub fn node(&self) -> Option<&Node> {
        match self {
            Self::Old(node) | Self::Changed { old: node, .. } | Self::Removed(node) => Some(node),
            Self::New(_) => None,
        }
    }

    /// The node in the text, for those that stay there.
    pub fn live(&self) -> Option<&Node> {
        match self {
            Self::Old(node) | Self::Changed { old: node, .. } => Some(node),
            Self::Removed(_) | Self::New(_) => None,
        }
    }
}

/// The root node of a document's text.
///
/// # Errors
/// When the text is no YAML to the editor's parser.
pub fn parse(text: &str) -> Result<Node, EditError> {
    let options = granit_parser::options! {
        emit_anchor_events: true,
        emit_comments: false,
        block_scalar_eof_without_line_feed: true,
        bom_inside_document_as_content: true,
    };
    let mut builder = Builder { text, ..Builder::default() };
    for item in Parser::new_from_str_with_options(text, options) {
        let (event, span) = item.map_err(|e| EditError {
            path: "/".to_owned(),
            place: Place { line: e.marker().line(), column: e.marker().col() + 1 },
            reason: format!("the editor cannot read this document: {}", e.info()),
        })?;
        builder.take(event, span);
    }
    let Builder { root, aliased, anchors, .. } = builder;
    let mut root = root.ok_or_else(|| EditError {
        path: "/".to_owned(),
        place: Place { line: 1, column: 1 },
        reason: "the document is empty".to_owned(),
    })?;
    let shared: HashSet<usize> = aliased.iter().filter_map(|id| anchors.get(id).copied()).collect();
    if !shared.is_empty() {
        mark_shared(&mut root, &shared);
    }
    Ok(root)
}

fn mark_shared(node: &mut Node, starts: &HashSet<usize>) {
    // A node with an anchor starts, with its properties, at the anchor or at a tag before it: both are unique.
    node.shared = starts.contains(&node.outer);
    let children: Vec<&mut Child> = match &mut node.kind {
        Kind::Map { entries, .. } => entries.iter_mut().map(|e| &mut e.child).collect(),
        Kind::Seq { items, .. } => items.iter_mut().collect(),
        Kind::Scalar(_) | Kind::Alias => Vec::new(),
    };
    for child in children {
        if let Child::Old(node) = child {
            mark_shared(node, starts);
        }
    }
}

/// The first dash after a key: behind its colon, white space, comments, and the list's anchor and tag.
fn first_dash(text: &str, key_end: usize) -> Option<usize> {
    let mut rest = text.get(key_end..)?;
    loop {
        rest = rest.trim_start_matches([' ', '\t', '\r', '\n', ':']);
        let skipped = match rest.chars().next()? {
            '#' => rest.find('\n')?,
            '&' | '!' => rest.find([' ', '\t', '\r', '\n'])?,
            '-' => return Some(text.len() - rest.len()),
            _ => return None,
        };
        rest = rest.get(skipped..)?;
    }
}

/// A collection that is still open.
struct Open {
    node: Node,
    /// A mapping's key that waits for its value.
    key: Option<(Name, Range<usize>)>,
}

#[derive(Default)]
struct Builder<'t> {
    text: &'t str,
    stack: Vec<Open>,
    root: Option<Node>,
    /// Anchor id to the outer start of its node.
    anchors: HashMap<usize, usize>,
    aliased: Vec<usize>,
    /// A scalar or alias waits here for the anchor event that may follow it.
    pending: Option<(Node, Option<Name>)>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) {
        let range = span.byte_range().unwrap_or_default();
        let outer = span.tag_span().and_then(|t| t.byte_range()).map_or(range.start, |t| t.start.min(range.start));
        if let Event::Anchor(id, _) = &event {
            let node = match (&mut self.pending, self.stack.last_mut()) {
                (Some((node, _)), _) => Some(node),
                (None, Some(open)) => Some(&mut open.node),
                (None, None) => None,
            };
            if let Some(node) = node {
                node.outer = node.outer.min(range.start);
                self.anchors.insert(*id, node.outer);
            }
            return;
        }
        self.flush();
        let node = |kind| Node { span: range.clone(), outer, shared: false, kind };
        match event {
            Event::Scalar(text, style, _, tag) => {
                let name = match plain_scalar(&text) {
                    _ if style != ScalarStyle::Plain || tag.is_some() => Name::Plain(text.into_owned()),
                    _ if text == "<<" => Name::Merge,
                    Value::String(text) => Name::Plain(text),
                    Value::Null => Name::Odd,
                    other => Name::Plain(other.to_string()),
                };
                self.pending = Some((node(Kind::Scalar(style)), Some(name)));
            }
            Event::Alias(id) => {
                self.aliased.push(id);
                self.pending = Some((node(Kind::Alias), None));
            }
            Event::SequenceStart(style, ..) => {
                let flow = style == StructureStyle::Flow;
                let mut node = node(Kind::Seq { flow, items: Vec::new() });
                // The parser places a list that is not indented below its key behind its first dash.
                if let (false, Some(Open { key: Some((_, key)), .. })) = (flow, self.stack.last())
                    && let Some(dash) = first_dash(self.text, key.end)
                {
                    node.span.start = dash;
                    node.outer = node.outer.min(dash);
                }
                self.stack.push(Open { node, key: None });
            }
            Event::MappingStart(style, ..) => {
                let kind = Kind::Map { flow: style == StructureStyle::Flow, entries: Vec::new() };
                self.stack.push(Open { node: node(kind), key: None });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { mut node, .. }) = self.stack.pop() {
                    node.span.end = range.end;
                    self.place(node, None);
                }
            }
            _ => {}
        }
    }

    fn flush(&mut self) {
        if let Some((node, name)) = self.pending.take() {
            self.place(node, name);
        }
    }

    fn place(&mut self, node: Node, name: Option<Name>) {
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return;
        };
        match &mut open.node.kind {
            Kind::Seq { items, .. } => items.push(Child::Old(node)),
            Kind::Map { entries, .. } => match open.key.take() {
                None => open.key = Some((name.unwrap_or(Name::Odd), node.outer..node.span.end)),
                Some((name, key)) => entries.push(Entry { name, key, child: Child::Old(node) }),
            },
            Kind::Scalar(_) | Kind::Alias => {}
        }
    }
}
