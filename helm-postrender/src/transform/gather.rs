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
    "List",
];

/// Secrets matter only where they tell the database engine.
const ENGINE_SECRET: &str = "-db-secret";

/// The scene of a stream.
///
/// # Errors
/// When a document of a kind that rules look at cannot be read.
pub fn scene(stream: &Stream<'_>, dialect: Dialect) -> Result<Scene, Refusal> {
    let mut scene = Scene { dialect, objects: Vec::new() };
    for (index, document) in stream.documents.iter().enumerate() {
        if document.is_blank() || !of_interest(document) {
            continue;
        }
        let value = shared::manifest::read(document.text).map_err(|e| unreadable(document, e))?;
        let source = document.source().map(str::to_owned);
        let prefixes = match value.get("items") {
            Some(Value::Array(items))
                if value.get("kind").and_then(Value::as_str).is_some_and(|k| k.ends_with("List")) =>
            {
                (0..items.len()).map(|i| format!("/items/{i}")).collect()
            }
            _ => vec![String::new()],
        };
        for prefix in prefixes {
            let id = scene.objects.len();
            let plan = Plan::new(value.clone());
            scene.objects.push(Object { id, document: Some(index), prefix, source: source.clone(), plan });
        }
    }
    Ok(scene)
}

fn of_interest(document: &Document<'_>) -> bool {
    match document.kind_at_a_glance() {
        Some("Secret") => document.text.contains(ENGINE_SECRET),
        Some(kind) => KINDS.contains(&kind) || kind.ends_with("List"),
        None => true,
    }
}

/// Where a document stands, for messages.
pub fn at(document: &Document<'_>) -> At {
    At { number: document.number, line: document.line, source: document.source().map(str::to_owned) }
}

fn unreadable(document: &Document<'_>, mut error: ReadError) -> Refusal {
    error.place = error.place.below(document.line);
    Refusal::Read { at: at(document), error }
}
