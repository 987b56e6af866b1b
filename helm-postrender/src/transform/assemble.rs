//! Builds the new stream: untouched documents as they are, touched ones edited and proven, new ones beside the
//! object they serve.

use super::gather::{at, unreadable};
use super::outcome::{At, Refusal};
use crate::scene::{Object, Scene};
use json_patch::PatchOperation;
use json_patch::jsonptr::PointerBuf;
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
        if group.iter().any(|o| !o.plan.operations().is_empty()) {
            *piece = Cow::Owned(edited(document, group)?);
        }
    }
    add(scene, &mut pieces)?;
    Ok(pieces)
}

fn edited(document: &Document<'_>, group: &[Object]) -> Result<String, Refusal> {
    let (operations, wished) = match group {
        [object] if object.prefix.is_empty() => {
            (Cow::Borrowed(object.plan.operations()), Cow::Borrowed(object.plan.value()))
        }
        items => (Cow::Owned(items.iter().flat_map(below).collect()), Cow::Owned(together(document, items)?)),
    };
    let text = manifest::edit(document.text, &operations).map_err(|mut error| {
        error.place = error.place.below(document.line);
        Refusal::Edit { at: at(document), error }
    })?;
    manifest::prove(document.text, &text, &wished).map_err(|error| Refusal::Proof { at: at(document), error })?;
    Ok(text)
}

/// An item's operations with the paths that they have in its `List`.
fn below(item: &Object) -> impl Iterator<Item = PatchOperation> {
    item.plan.operations().iter().map(|operation| {
        let mut operation = operation.clone();
        let path = match &mut operation {
            PatchOperation::Add(o) => &mut o.path,
            PatchOperation::Remove(o) => &mut o.path,
            PatchOperation::Replace(o) => &mut o.path,
            PatchOperation::Move(o) => &mut o.path,
            PatchOperation::Copy(o) => &mut o.path,
            PatchOperation::Test(o) => &mut o.path,
        };
        if let Ok(longer) = PointerBuf::parse(format!("{}{path}", item.prefix)) {
            *path = longer;
        }
        operation
    })
}

/// A `List` as it shall be: its touched items anew, the others as they stand.
fn together(document: &Document<'_>, items: &[Object]) -> Result<Value, Refusal> {
    let mut list = manifest::read(document.text).map_err(|error| unreadable(document, error))?;
    for item in items.iter().filter(|i| !i.plan.operations().is_empty()) {
        if let Some(place) = list.pointer_mut(&item.prefix) {
            *place = item.value().clone();
        }
    }
    Ok(list)
}

/// The byte order mark.
const BOM: char = '\u{feff}';

/// Puts the added objects at the end, or before a last document whose missing line break could be part of its
/// value.
fn add(scene: &Scene, pieces: &mut Vec<Cow<'_, str>>) -> Result<(), Refusal> {
    let mut new: Vec<Cow<'_, str>> = scene
        .objects
        .iter()
        .filter(|o| o.document.is_none())
        .enumerate()
        .map(|(i, o)| text(o, scene.dialect, pieces.len() + i + 1).map(Cow::Owned))
        .collect::<Result<_, Refusal>>()?;
    if new.is_empty() {
        return Ok(());
    }
    let open = pieces.last().is_some_and(|p| !p.ends_with('\n'));
    if open {
        let last = pieces.len().saturating_sub(1);
        // A byte order mark stays the first thing of the stream.
        if let ([only], Some(first)) = (pieces.as_mut_slice(), new.first_mut())
            && let Some(rest) = only.strip_prefix(BOM).map(str::to_owned)
        {
            *only = Cow::Owned(rest);
            *first = Cow::Owned(format!("{BOM}{first}"));
        }
        if pieces.get(last).is_some_and(|p| !p.starts_with("---")) {
            pieces.insert(last, Cow::Borrowed("---\n"));
        }
        pieces.splice(last..last, new);
    } else {
        pieces.extend(new);
    }
    Ok(())
}

/// A new object as a document, read back as touched ones are.
fn text(object: &Object, dialect: Dialect, number: usize) -> Result<String, Refusal> {
    let head = match (dialect, &object.source) {
        (Dialect::Helm3, Some(source)) => format!("---\n# Source: {source}\n"),
        _ => "---\n".to_owned(),
    };
    let text = head + &manifest::document(object.value());
    manifest::prove("---\n", &text, object.value())
        .map_err(|error| Refusal::Proof { at: At { number, line: 1, source: object.source.clone() }, error })?;
    Ok(text)
}
