//! The tree of a rollout as lines: every node on a line, its causes below it, the verdict at the end.

use super::line::{Line, Tone};
use super::text::{middle, wrap};
use crate::rollout::{Health, Kind, Node, Rollout, Verdict, Why, span};
use jiff::Timestamp;

/// How the tree is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Columns.
    pub width: usize,
    /// With the containers of healthy pods and whole images.
    pub wide: bool,
    /// Whether it is painted over: then no line may be longer than the terminal is wide.
    pub live: bool,
}

/// Pods that are shown of those that are alike.
const ALIKE: usize = 3;

/// The lines of a judgement.
pub fn lines(rollout: &Rollout, shape: Shape) -> Vec<Line> {
    let mut out = Vec::new();
    let painter = Painter { shape, now: rollout.at };
    painter.node(&rollout.tree, "", "", &mut out);
    out.push(Line::default());
    if !rollout.unseen.is_empty() {
        for unseen in &rollout.unseen {
            for (i, part) in wrap(&format!("not seen: {unseen}"), shape.width.saturating_sub(2)).into_iter().enumerate()
            {
                out.push(Line::of(if i == 0 { "? " } else { "  " }, Tone::Warn).and(part, Tone::Quiet));
            }
        }
        out.push(Line::default());
    }
    let tone = match rollout.verdict {
        Verdict::RolledOut => Tone::Good,
        Verdict::Progressing => Tone::Busy,
        Verdict::NotReady | Verdict::Blocked | Verdict::Unknown => Tone::Warn,
        Verdict::Failed => Tone::Bad,
    };
    out.extend(wrap(&rollout.sentence, shape.width).into_iter().map(|part| Line::of(part, tone)));
    if shape.live {
        return out.iter().map(|line| line.clipped(shape.width)).collect();
    }
    out
}

struct Painter {
    shape: Shape,
    now: Timestamp,
}

impl Painter {
    /// `lead` stands before the node's own line, `below` before everything under it.
    fn node(&self, node: &Node, lead: &str, below: &str, out: &mut Vec<Line>) {
        let children = self.children(node);
        let trunk = format!("{below}{}", if children.is_empty() { "  " } else { "│ " });
        self.head(node, lead, &trunk, out);
        for why in &node.why {
            self.why(node.health, why, &trunk, out);
        }
        let last = children.len().saturating_sub(1);
        for (i, child) in children.iter().enumerate() {
            let (branch, next) = if i == last { ("└─", "  ") } else { ("├─", "│ ") };
            match child {
                Child::Node(child) => self.node(child, &format!("{below}{branch}"), &format!("{below}{next}"), out),
                Child::More(count, words) => {
                    let text = format!("… {count} more: {words}");
                    out.push(Line::of(format!("{below}{branch}"), Tone::Quiet).and(text, Tone::Quiet));
                }
            }
        }
    }

    /// The node's own line; where it does not fit, its words go to the next one.
    fn head(&self, node: &Node, lead: &str, trunk: &str, out: &mut Vec<Line>) {
        // The release is as its worst part is: it has no state of its own that a reader looks for.
        let (sign, tone) = sign(if node.kind == Kind::Release { node.worst() } else { node.health });
        let kind = if node.kind == Kind::Release { String::new() } else { format!("{} ", node.kind.word()) };
        let room = self.shape.width.saturating_sub(lead.chars().count() + 2 + kind.len());
        let name = if self.shape.width < 80 { middle(&node.name, room) } else { node.name.clone() };
        let head =
            Line::of(lead, Tone::Quiet).and(format!("{sign} "), tone).and(kind, Tone::Quiet).and(name, Tone::Name);
        let age = node.since.map(|at| format!(" ({})", span(at, self.now))).unwrap_or_default();
        let words = format!("{}{age}", node.words);
        let image = node
            .image
            .as_deref()
            .map(|i| self.image(i))
            .filter(|_| self.shape.wide || node.health != Health::Failed || self.shape.width >= 80);
        let words_tone = if matches!(node.health, Health::Done | Health::Idle) { Tone::Quiet } else { Tone::Plain };
        let full = head.clone().and("  ", Tone::Plain).and(words.clone(), words_tone);
        let with_image = image.as_ref().map(|i| full.clone().and("  ", Tone::Plain).and(i, Tone::Quiet));
        match with_image {
            Some(line) if line.width() <= self.shape.width => return out.push(line),
            _ if full.width() <= self.shape.width || words.is_empty() => out.push(full),
            _ => {
                out.push(head);
                for part in wrap(&words, self.shape.width.saturating_sub(trunk.chars().count() + 2)) {
                    out.push(Line::of(format!("{trunk}  "), Tone::Quiet).and(part, words_tone));
                }
            }
        }
        if let Some(image) = image.filter(|_| self.shape.wide) {
            out.push(Line::of(format!("{trunk}  "), Tone::Quiet).and(image, Tone::Quiet));
        }
    }

    fn why(&self, health: Health, why: &Why, trunk: &str, out: &mut Vec<Line>) {
        let (_, tone) = sign(health);
        let tone = if tone == Tone::Good || tone == Tone::Quiet { Tone::Plain } else { tone };
        let indent = format!("{trunk}  ");
        let room = self.shape.width.saturating_sub(indent.chars().count()).max(20);
        for part in wrap(&why.text, room) {
            out.push(Line::of(indent.clone(), Tone::Quiet).and(part, tone));
        }
        for line in &why.lines {
            let whole = self.shape.wide && !self.shape.live;
            let line = if whole { line.clone() } else { super::text::clip(line, room.saturating_sub(2)) };
            out.push(Line::of(format!("{indent}┆ "), Tone::Quiet).and(line, Tone::Plain));
        }
        for hint in why.steps() {
            // A command is not broken: it is there to be copied.
            out.push(Line::of(format!("{indent}→ "), Tone::Quiet).and(hint.clone(), Tone::Command));
        }
    }

    fn image(&self, image: &str) -> String {
        if self.shape.wide {
            return image.to_owned();
        }
        let short = image.rsplit('/').next().unwrap_or(image);
        short.split_once("@sha256:").map_or_else(
            || short.to_owned(),
            |(name, digest)| format!("{name}@{}", digest.chars().take(12).collect::<String>()),
        )
    }

    /// What is shown below a node: containers only where they tell something, and of pods that are alike a few.
    fn children<'a>(&self, node: &'a Node) -> Vec<Child<'a>> {
        let quiet_pod = node.kind == Kind::Pod && node.worst() <= Health::Done;
        if quiet_pod && !self.shape.wide {
            return Vec::new();
        }
        let mut out = Vec::new();
        let mut seen: Vec<(Looks<'_>, usize)> = Vec::new();
        for child in &node.children {
            if child.kind != Kind::Pod || self.shape.wide {
                out.push(Child::Node(child));
                continue;
            }
            let texts = child.reasons().into_iter().map(|(_, why)| why.text.as_str()).collect();
            let key = (child.worst(), child.words.as_str(), texts);
            let at = seen.iter().position(|(k, _)| *k == key).unwrap_or_else(|| {
                seen.push((key, 0));
                seen.len() - 1
            });
            if let Some((_, count)) = seen.get_mut(at) {
                *count += 1;
                if *count > ALIKE {
                    continue;
                }
            }
            out.push(Child::Node(child));
        }
        let more = seen.iter().filter(|(_, count)| *count > ALIKE);
        out.extend(more.map(|((_, words, _), count)| Child::More(count - ALIKE, words)));
        out
    }
}

/// By what pods are alike: how they are, in what words, and why.
type Looks<'a> = (Health, &'a str, Vec<&'a str>);

enum Child<'a> {
    Node(&'a Node),
    More(usize, &'a str),
}

fn sign(health: Health) -> (char, Tone) {
    match health {
        Health::Idle => ('·', Tone::Quiet),
        Health::Done => ('✔', Tone::Good),
        Health::Working => ('◐', Tone::Busy),
        Health::Unknown => ('?', Tone::Warn),
        Health::Blocked => ('!', Tone::Warn),
        Health::Failed => ('✖', Tone::Bad),
    }
}
