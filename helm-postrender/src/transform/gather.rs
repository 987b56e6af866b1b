//! Reads the documents that rules look at into a scene. Documents of other kinds are not even parsed.

use super::outcome::{At, Refusal};
use crate::scene::{Object, Scene};
use serde_json::Value;
use shared::manifest::{Dialect, Document, Plan, ReadError, Stream};

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

/// The scene of a stream.
///
/// # Errors
/// When a document of a kind that rules look at cannot be read.
pub fn scene(stream: &Stream<'_>, dialect: Dialect) -> Result<Scene, Refusal> {
    let mut objects = Vec::new();
    for (index, document) in stream.documents.iter().enumerate() {
        if document.is_blank() || !of_interest(document) {
            continue;
        }
        let value = shared::manifest::read(document.text).map_err(|e| unreadable(document, e))?;
        let source = document.source().map(str::to_owned);
        let object = |id, prefix, value| Object {
            id,
            document: Some(index),
            prefix,
            source: source.clone(),
            plan: Plan::new(value),
        };
        for (prefix, mut value) in objects_of(value) {
            super::lean::lean(&mut value);
            objects.push(object(objects.len(), prefix, value));
        }
    }
    Ok(Scene::new(dialect, objects))
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
