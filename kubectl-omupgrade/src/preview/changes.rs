//! The difference of two manifests, object by object and field by field, without secrets.

use super::mask::{follows_option, shown};
use super::objects::Object;
use crate::redact::HIDDEN;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Preview {
    /// Objects that would be made.
    pub added: Vec<String>,
    /// Objects that would be deleted.
    pub removed: Vec<String>,
    /// Objects that would be changed.
    pub changed: Vec<Change>,
    /// How many stay as they are.
    pub same: usize,
}

/// An object that would change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Kind and name.
    pub object: String,
    /// Its fields.
    pub fields: Vec<Field>,
}

/// A field that would change; none stands for absence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Field {
    /// Where: names of keys and of list items, joined by dots.
    pub path: String,
    /// What it is now.
    pub now: Option<String>,
    /// What it would be.
    pub then: Option<String>,
}

/// The difference between what is and what would be.
pub fn preview(now: &[Object], then: &[Object]) -> Preview {
    let mut out = Preview::default();
    for object in then {
        match now.iter().find(|o| o.is_same(object)) {
            None => out.added.push(object.label()),
            Some(old) => {
                let mut fields = Vec::new();
                walk(&object.kind, &mut Vec::new(), Some(&old.value), Some(&object.value), &mut fields);
                if fields.is_empty() {
                    out.same += 1;
                } else {
                    out.changed.push(Change { object: object.label(), fields });
                }
            }
        }
    }
    out.removed = now.iter().filter(|o| !then.iter().any(|t| t.is_same(o))).map(Object::label).collect();
    out
}

/// The fields that differ between two values, secrets hidden.
pub fn fields(now: &Value, then: &Value) -> Vec<Field> {
    let mut out = Vec::new();
    walk("", &mut Vec::new(), Some(now), Some(then), &mut out);
    out
}

fn walk(kind: &str, at: &mut Vec<String>, now: Option<&Value>, then: Option<&Value>, out: &mut Vec<Field>) {
    if now == then {
        return;
    }
    match (now, then) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let keys = a.keys().chain(b.keys().filter(|k| !a.contains_key(*k)));
            for key in keys {
                at.push(key.clone());
                walk(kind, at, a.get(key), b.get(key), out);
                at.pop();
            }
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => match (by_name(a), by_name(b)) {
            (Some(a), Some(b)) => {
                let names = a
                    .iter()
                    .map(|(n, _)| *n)
                    .chain(b.iter().map(|(n, _)| *n).filter(|n| !a.iter().any(|(m, _)| m == n)));
                let find = |list: &[(&str, &Value)], name: &str| {
                    list.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).clone())
                };
                for name in names {
                    at.push(name.to_owned());
                    walk(kind, at, find(&a, name).as_ref(), find(&b, name).as_ref(), out);
                    at.pop();
                }
            }
            _ => {
                for i in 0..a.len().max(b.len()) {
                    at.push(i.to_string());
                    if follows_option(a, i) || follows_option(b, i) {
                        let hidden = |item: Option<&Value>| item.map(|_| HIDDEN.to_owned());
                        let field = Field { path: at.join("."), now: hidden(a.get(i)), then: hidden(b.get(i)) };
                        out.extend((a.get(i) != b.get(i)).then_some(field));
                    } else {
                        walk(kind, at, a.get(i), b.get(i), out);
                    }
                    at.pop();
                }
            }
        },
        _ => {
            let show = |v: Option<&Value>| v.map(|v| shown(kind, at, v));
            let (now, then) = (show(now), show(then));
            // A container that comes or goes is said by its name alone.
            let both_hidden = now.as_deref() == Some(HIDDEN) && then.as_deref() == Some(HIDDEN);
            if now != then || both_hidden {
                out.push(Field { path: at.join("."), now, then });
            } else {
                out.push(Field { path: at.join("."), now: now.map(|t| format!("{t} (…)")), then });
            }
        }
    }
}

/// A list as Kubernetes merges it, by the names of its items; nothing where they have none.
fn by_name(items: &[Value]) -> Option<Vec<(&str, &Value)>> {
    let named: Option<Vec<_>> = items.iter().map(|i| Some((i.get("name")?.as_str()?, i))).collect();
    let named = named?;
    let unique = named.iter().enumerate().all(|(i, (name, _))| !named[..i].iter().any(|(n, _)| n == name));
    unique.then_some(named)
}
