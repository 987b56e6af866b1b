//! Finds the bytes of a value by its JSON Pointer, for those who hide or show a value. Never used to edit.

use super::tree::{self, Child, Kind, Name, Node};
use std::ops::Range;

/// The bytes of every scalar at or below `pointer`, duplicates of its keys included. Nothing where the text cannot
/// be read, the place does not exist, or an alias or merge key stands on the road: then the bytes are elsewhere.
pub fn locate(text: &str, pointer: &str) -> Option<Vec<Range<usize>>> {
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let root = tree::parse(&text[bom..]).ok()?;
    let keys: Vec<String> = pointer.split('/').skip(1).map(|k| k.replace("~1", "/").replace("~0", "~")).collect();
    let mut found = Vec::new();
    walk(&root, &keys, &mut found)?;
    (!found.is_empty()).then(|| found.into_iter().map(|r| r.start + bom..r.end + bom).collect())
}

fn walk(node: &Node, keys: &[String], found: &mut Vec<Range<usize>>) -> Option<()> {
    let (first, rest) = match keys.split_first() {
        Some((first, rest)) => (Some(first), rest),
        None => (None, keys),
    };
    match &node.kind {
        Kind::Alias => None,
        Kind::Scalar(_) => {
            first.is_none().then_some(())?;
            found.push(node.span.clone());
            Some(())
        }
        Kind::Map { entries, .. } => {
            if entries.iter().any(|e| !matches!(e.name, Name::Plain(_))) {
                return None;
            }
            let wanted = |name: &Name| first.is_none_or(|key| *name == Name::Plain(key.clone()));
            entries
                .iter()
                .filter(|e| wanted(&e.name))
                .filter_map(|e| e.child.node())
                .try_for_each(|n| walk(n, rest, found))
        }
        Kind::Seq { items, .. } => match first {
            None => items.iter().filter_map(Child::node).try_for_each(|n| walk(n, rest, found)),
            Some(key) => walk(items.get(key.parse::<usize>().ok()?)?.node()?, rest, found),
        },
    }
}
