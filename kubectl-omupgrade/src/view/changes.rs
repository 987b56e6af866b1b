//! What changed between two judgements, a line each: for logs and for readers without a screen. Spans of time are not
//! changes.

use super::one_line;
use crate::rollout::{Health, Node, Rollout};
use std::collections::HashMap;

/// One line for each node that is new, gone or different. The first judgement gives a line for everything that is not
/// as it should be, and for workloads.
pub fn changes(before: Option<&Rollout>, after: &Rollout) -> Vec<String> {
    let mut old = HashMap::new();
    if let Some(before) = before {
        walk(&before.tree, "", &mut |path, node| {
            old.insert(path.to_owned(), stamp(node));
        });
    }
    let clock = after.at.strftime("%H:%M:%S").to_string();
    let mut lines = Vec::new();
    walk(&after.tree, "", &mut |path, node| {
        let now = stamp(node);
        let known = old.remove(path);
        let news = match &known {
            Some(then) => *then != now,
            None => before.is_some() || node.health != Health::Done || !path.contains("Pod/"),
        };
        if !news {
            return;
        }
        lines.push(format!("{clock} {path}: {}{}", word(node.health), one_line(&node.words)));
        let told: Vec<String> = known.map(|(_, _, causes)| causes).unwrap_or_default();
        for why in &node.why {
            if told.contains(&format!("{:?}", why.cause)) {
                continue;
            }
            lines.push(format!("{clock} {path}: {}", one_line(&why.text)));
            lines.extend(why.lines.iter().map(|l| format!("{clock} {path}: | {}", super::clip(l, 400))));
            lines.extend(why.steps().map(|h| format!("{clock} {path}: try: {h}")));
        }
    });
    let mut gone: Vec<String> = old.into_keys().filter(|path| is_object(path)).collect();
    gone.sort();
    lines.extend(gone.into_iter().map(|path| format!("{clock} {path}: gone")));
    lines
}

type Stamp = (Health, String, Vec<String>);

/// What of a node is news when it differs: the causes by kind, for their words hold spans of time.
fn stamp(node: &Node) -> Stamp {
    (node.health, node.words.clone(), node.why.iter().map(|w| format!("{:?}", w.cause)).collect())
}

/// `Pod/name` for objects; a container's path has its pod before it.
fn walk(node: &Node, above: &str, tell: &mut dyn FnMut(&str, &Node)) {
    use crate::rollout::Kind;
    let own = format!("{}/{}", node.kind.word(), node.name);
    let path = if matches!(node.kind, Kind::Container | Kind::InitContainer) { format!("{above} {own}") } else { own };
    tell(&path, node);
    for child in &node.children {
        walk(child, &path, tell);
    }
}

fn is_object(path: &str) -> bool {
    !path.contains(' ')
}

fn word(health: Health) -> &'static str {
    match health {
        Health::Blocked => "blocked: ",
        Health::Failed => "failed: ",
        Health::Unknown => "unknown: ",
        Health::Idle | Health::Done | Health::Working => "",
    }
}
