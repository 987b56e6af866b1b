//! Lays RFC 6902 operations over a document's nodes. Decides what can be edited in place; writes nothing.

use super::tree::{Child, Entry, Kind, Name, Node};
use json_patch::PatchOperation;
use json_patch::jsonptr::PointerBuf;
use serde_json::Value;

/// Why an operation has no place, and at which byte.
pub type Refused = (usize, String);

/// What an operation does at the end of its path.
enum Act<'a> {
    Put(&'a Value),
    Take,
}

/// Lays one operation over the tree.
///
/// # Errors
/// When its place is an alias, is shared through an anchor, comes through a merge key, or has a duplicate key.
pub fn lay(root: &mut Node, operation: &PatchOperation) -> Result<(), Refused> {
    let (path, act) = match operation {
        PatchOperation::Add(op) => (&op.path, Act::Put(&op.value)),
        PatchOperation::Replace(op) => (&op.path, Act::Put(&op.value)),
        PatchOperation::Remove(op) => (&op.path, Act::Take),
        _ => return Err((0, "only add, replace and remove are known".to_owned())),
    };
    let insert = matches!(operation, PatchOperation::Add(_));
    let keys: Vec<String> = path.tokens().map(|t| t.decoded().into_owned()).collect();
    if keys.is_empty() {
        return Err((0, "a whole document is not replaced".to_owned()));
    }
    descend(root, &keys, &act, insert)
}

fn descend(node: &mut Node, keys: &[String], act: &Act<'_>, insert: bool) -> Result<(), Refused> {
    let at = node.outer;
    if node.shared {
        return Err((at, "its anchor is used by an alias, so an edit here would be one there as well".to_owned()));
    }
    let Some((key, rest)) = keys.split_first() else { return Ok(()) };
    match &mut node.kind {
        Kind::Alias => Err((at, "an alias stands here".to_owned())),
        Kind::Scalar(_) => Err((at, "a scalar stands where a mapping or list is needed".to_owned())),
        Kind::Map { entries, .. } => in_map(entries, at, key, rest, act, insert),
        Kind::Seq { items, .. } => in_seq(items, at, key, rest, act, insert),
    }
}

fn in_map(
    entries: &mut Vec<Entry>,
    at: usize,
    key: &str,
    rest: &[String],
    act: &Act<'_>,
    insert: bool,
) -> Result<(), Refused> {
    let matches = |e: &Entry| e.name == Name::Plain(key.to_owned()) && !matches!(e.child, Child::Removed(_));
    if let Some(second) = entries.iter().filter(|e| matches(e)).nth(1) {
        return Err((second.key.start, format!("the key `{key}` stands here twice")));
    }
    let merged = entries.iter().any(|e| e.name == Name::Merge);
    match entries.iter_mut().find(|e| matches(e)) {
        Some(entry) if rest.is_empty() => end(&mut entry.child, act),
        Some(entry) => go_on(&mut entry.child, rest, act, insert),
        None => match act {
            // Beside a merge key an own key wins, so a merged value can be overridden but not changed or removed.
            Act::Put(value) if rest.is_empty() => {
                let child = Child::New((*value).clone());
                entries.push(Entry { name: Name::Plain(key.to_owned()), key: 0..0, child });
                Ok(())
            }
            _ if merged => Err((at, format!("`{key}` comes through a merge key"))),
            _ => Err((at, format!("there is no key `{key}`"))),
        },
    }
}

fn in_seq(
    items: &mut Vec<Child>,
    at: usize,
    key: &str,
    rest: &[String],
    act: &Act<'_>,
    insert: bool,
) -> Result<(), Refused> {
    let live: Vec<usize> =
        items.iter().enumerate().filter(|(_, c)| !matches!(c, Child::Removed(_))).map(|(i, _)| i).collect();
    let index = if key == "-" { Some(live.len()) } else { key.parse::<usize>().ok() };
    let missing = || (at, format!("there is no item {key}"));
    let index = index.filter(|i| *i <= live.len()).ok_or_else(missing)?;
    if let (true, true, Act::Put(value)) = (insert, rest.is_empty(), act) {
        let position = live.get(index).copied().unwrap_or(items.len());
        items.insert(position, Child::New((*value).clone()));
        return Ok(());
    }
    let child = live.get(index).and_then(|i| items.get_mut(*i)).ok_or_else(missing)?;
    if rest.is_empty() {
        let new = matches!(child, Child::New(_)) && matches!(act, Act::Take);
        if new {
            let position = live.get(index).copied().unwrap_or_default();
            items.remove(position);
            return Ok(());
        }
        end(child, act)
    } else {
        go_on(child, rest, act, insert)
    }
}

/// The operation's own place.
fn end(child: &mut Child, act: &Act<'_>) -> Result<(), Refused> {
    if let Some(node) = child.live()
        && node.shared
    {
        return Err((node.outer, "its anchor is used by an alias".to_owned()));
    }
    let taken = std::mem::replace(child, Child::New(Value::Null));
    *child = match (taken, act) {
        (Child::Old(old) | Child::Changed { old, .. }, Act::Put(value)) => {
            Child::Changed { old, new: (*value).clone() }
        }
        (Child::Old(old) | Child::Changed { old, .. } | Child::Removed(old), Act::Take) => Child::Removed(old),
        (Child::New(_) | Child::Removed(_), Act::Put(value)) => Child::New((*value).clone()),
        (Child::New(_), Act::Take) => return Err((0, "a value put in by this plan is taken out by it".to_owned())),
    };
    Ok(())
}

/// Further down: in the text, or in a value that an earlier operation put here.
fn go_on(child: &mut Child, rest: &[String], act: &Act<'_>, insert: bool) -> Result<(), Refused> {
    let value = match child {
        Child::Old(node) => return descend(node, rest, act, insert),
        Child::Changed { new, .. } | Child::New(new) => new,
        Child::Removed(node) => return Err((node.outer, "an earlier edit takes this out".to_owned())),
    };
    let path = PointerBuf::from_tokens(rest.iter().map(String::as_str));
    let operation = match act {
        Act::Put(value) if insert => PatchOperation::Add(json_patch::AddOperation { path, value: (*value).clone() }),
        Act::Put(value) => PatchOperation::Replace(json_patch::ReplaceOperation { path, value: (*value).clone() }),
        Act::Take => PatchOperation::Remove(json_patch::RemoveOperation { path }),
    };
    json_patch::patch(value, &[operation]).map_err(|e| (0, e.to_string()))
}
