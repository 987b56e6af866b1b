//! Reads the documents that rules look at into a scene. Documents of other kinds are not even parsed.

use super::Memory;
use super::lean::{is_bare, lean};
use super::outcome::{At, Refusal};
use crate::scene::{Object, Scene};
use serde_json::Value;
use shared::manifest::{Dialect, Document, ReadError, Stream};
use std::collections::HashSet;

/// The kinds that rules look at. Everything else is passed through unread.
const KINDS: &[&str] = &[
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Pod",
    "PodDisruptionBudget",
    "HorizontalPodAutoscaler",
    "Service",
    "PersistentVolumeClaim",
    "Secret",
    "List",
];

/// The scene of a stream. Of what rules only look at, what they look at; of servers the same once more than
/// `memory.whole` bytes of them were read.
///
/// # Errors
/// When a document of a kind that rules look at cannot be read.
pub fn scene(stream: &Stream<'_>, dialect: Dialect, memory: Memory) -> Result<Scene, Refusal> {
    let mut objects: Vec<Object> = Vec::new();
    let (mut settings, mut others) = (HashSet::new(), HashSet::new());
    let mut whole = 0;
    for (index, document) in stream.documents.iter().enumerate() {
        if document.is_blank() || !of_interest(document) {
            continue;
        }
        let value = shared::manifest::read(document.text).map_err(|e| unreadable(document, e))?;
        for (prefix, value) in objects_of(value) {
            let mut object = Object::new(objects.len(), Some(index), value);
            object.prefix = prefix;
            if !object.is_server {
                object.plan.close(|value| lean(value, false), true);
            }
            if object.kind() == "Secret" {
                let name = || (object.name().to_owned(), object.namespace().map(str::to_owned));
                if is_bare(object.value()) && !settings.contains(&name()) {
                    others.insert(name());
                    continue;
                }
                settings.insert(name());
            }
            object.source = document.source().map(str::to_owned);
            if is_alone(&object) {
                let before = whole;
                whole += length(document);
                if whole > memory.whole {
                    let earlier = if before > memory.whole { &mut [][..] } else { objects.as_mut_slice() };
                    let servers = earlier.iter_mut().chain([&mut object]).filter(|o| is_alone(o));
                    servers.for_each(|o| o.plan.close(|value| lean(value, true), true));
                }
            }
            objects.push(object);
        }
    }
    objects.shrink_to_fit();
    Ok(Scene::new(dialect, objects).with_other_secrets(others))
}

/// About as much as the rules add to a server.
const ADDED: usize = 16 << 10;

/// How long a server's document is and becomes.
pub fn length(document: &Document<'_>) -> usize {
    document.text.len() + ADDED
}

/// Whether an object is a server with a document of its own.
pub fn is_alone(object: &Object) -> bool {
    object.is_server && object.prefix.is_empty() && object.document.is_some()
}

/// The objects of a document with the JSON Pointers to them: itself, or the items of a `List`.
fn objects_of(mut document: Value) -> Vec<(String, Value)> {
    let list = document.get("kind").and_then(Value::as_str).is_some_and(|k| k.ends_with("List"));
    match document.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if list => {
            items.into_iter().enumerate().map(|(i, item)| (format!("/items/{i}"), item)).collect()
        }
        Some(other) => {
            document["items"] = other;
            vec![(String::new(), document)]
        }
        None => vec![(String::new(), document)],
    }
}

fn of_interest(document: &Document<'_>) -> bool {
    match document.kind_at_a_glance() {
        Some(kind) => KINDS.contains(&kind) || kind.ends_with("List"),
        None => true,
    }
}

/// Where a document stands, for messages.
pub fn at(document: &Document<'_>) -> At {
    At { number: document.number, line: document.line, source: document.source().map(str::to_owned) }
}

/// The refusal of a document that cannot be read.
pub fn unreadable(document: &Document<'_>, mut error: ReadError) -> Refusal {
    error.place = error.place.below(document.line);
    Refusal::Read { at: at(document), error }
}
