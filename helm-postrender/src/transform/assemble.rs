//! Builds the new stream: untouched documents as they are, touched ones edited and proven, new ones beside the
//! object they serve.

use super::gather::at;
use super::outcome::Refusal;
use crate::scene::{Object, Scene};
use json_patch::PatchOperation;
use serde_json::Value;
use shared::manifest::{self, Dialect, Document, Stream};
use std::borrow::Cow;

/// The pieces of the new stream.
///
/// # Errors
/// When an edit cannot be made in place or does not prove.
pub fn pieces<'a>(stream: &Stream<'a>, scene: &Scene) -> Result<Vec<Cow<'a, str>>, Refusal> {
    let mut pieces: Vec<Cow<'a, str>> = stream.documents.iter().map(|d| Cow::Borrowed(d.text)).collect();
    // The items of one `List` come one after another and share a document: one edit, one proof.
    for group in scene.objects.chunk_by(|a, b| a.document.is_some() && a.document == b.document) {
        let Some(index) = group.first().and_then(|o| o.document) else { continue };
        let (Some(document), Some(piece)) = (stream.documents.get(index), pieces.get_mut(index)) else { continue };
        let operations: Vec<_> = group.iter().flat_map(|o| o.plan.operations()).cloned().collect();
        if !operations.is_empty() {
            *piece = Cow::Owned(edited(document, group, &operations)?);
        }
    }
    add(scene, &mut pieces);
    Ok(pieces)
}

fn edited(document: &Document<'_>, group: &[Object], operations: &[PatchOperation]) -> Result<String, Refusal> {
    let text = manifest::edit(document.text, operations).map_err(|mut error| {
        error.place = error.place.below(document.line);
        Refusal::Edit { at: at(document), error }
    })?;
    let wished = match group {
        [object] => Cow::Borrowed(object.plan.value()),
        _ => Cow::Owned(together(group)),
    };
    manifest::prove(document.text, &text, &wished).map_err(|error| Refusal::Proof { at: at(document), error })?;
    Ok(text)
}

/// A `List` with the plans of all its items: each item's own value at that item's place.
fn together(group: &[Object]) -> Value {
    let mut list = group.first().map_or(Value::Null, |o| o.plan.value().clone());
    for object in group {
        if let Some(item) = list.pointer_mut(&object.prefix) {
            *item = object.value().clone();
        }
    }
    list
}

/// Puts the added objects at the end, or before a last document whose missing line break could be part of its
/// value.
fn add(scene: &Scene, pieces: &mut Vec<Cow<'_, str>>) {
    let new: Vec<Cow<'_, str>> = scene
        .objects
        .iter()
        .filter(|o| o.document.is_none())
        .map(|o| Cow::Owned(text(o.value(), scene.dialect, o.source.as_deref())))
        .collect();
    if new.is_empty() {
        return;
    }
    let open = pieces.last().is_some_and(|p| !p.ends_with('\n'));
    if open {
        let last = pieces.len().saturating_sub(1);
        if pieces.get(last).is_some_and(|p| !p.starts_with("---")) {
            pieces.insert(last, Cow::Borrowed("---\n"));
        }
        pieces.splice(last..last, new);
    } else {
        pieces.extend(new);
    }
}

fn text(value: &Value, dialect: Dialect, source: Option<&str>) -> String {
    let head = match (dialect, source) {
        (Dialect::Helm3, Some(source)) => format!("---\n# Source: {source}\n"),
        _ => "---\n".to_owned(),
    };
    head + &manifest::document(value)
}
