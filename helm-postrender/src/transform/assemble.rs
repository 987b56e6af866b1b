//! Builds the pieces of the new stream: untouched documents as they are, touched ones edited and proven, new ones
//! beside the object they serve.

use super::gather::{at, unreadable};
use super::outcome::{At, Refusal};
use super::pieces::{New, Pieces};
use crate::scene::{Object, Scene};
use json_patch::PatchOperation;
use json_patch::jsonptr::PointerBuf;
use serde_json::Value;
use shared::manifest::{self, Dialect, Document, Stream};
use std::borrow::Cow;

/// Edits and proves the documents of the objects whose turn it is.
///
/// # Errors
/// When an edit cannot be made in place or does not prove.
pub fn edited<'a>(stream: &Stream<'a>, scene: &mut Scene, pieces: &mut Pieces<'a>) -> Result<(), Refusal> {
    let turn = scene.turn;
    // The items of one `List` come one after another and share a document: one edit, one proof, one turn.
    for group in scene.objects.chunk_by_mut(|a, b| a.document.is_some() && a.document == b.document) {
        group.iter_mut().filter(|o| o.turn == turn).for_each(|o| o.edits = o.plan.operations().len());
        let due = group.iter().any(|o| o.turn == turn && o.edits > 0);
        let Some(index) = group.first().and_then(|o| o.document).filter(|_| due) else { continue };
        let Some(document) = stream.documents.get(index) else { continue };
        edit(document, group, index, pieces)?;
    }
    Ok(())
}

fn edit<'a>(document: &Document<'a>, group: &[Object], index: usize, pieces: &mut Pieces<'a>) -> Result<(), Refusal> {
    let (operations, wished) = match group {
        [object] if object.prefix.is_empty() => {
            (Cow::Borrowed(object.plan.operations()), Cow::Borrowed(object.plan.value()))
        }
        items => (Cow::Owned(items.iter().flat_map(below).collect()), Cow::Owned(together(document, items)?)),
    };
    let edited = manifest::edited(document.text, &operations).map_err(|mut error| {
        error.place = error.place.below(document.line);
        Refusal::Edit { at: at(document), error }
    })?;
    pieces.put(index, &edited);
    // What is proven is what will be written.
    manifest::prove(document.text, &pieces.get(index), &wished)
        .map_err(|error| Refusal::Proof { at: at(document), error })
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

/// The objects that were added in this turn as documents, read back as touched ones are.
///
/// # Errors
/// When one does not prove.
pub fn added(scene: &Scene, pieces: &mut Pieces<'_>, documents: &mut Vec<New>) -> Result<(), Refusal> {
    for object in scene.objects.iter().filter(|o| o.document.is_none() && scene.is_due(o)) {
        let text = text(object, scene.dialect);
        let number = pieces.len() + documents.len() + 1;
        manifest::prove("---\n", &text, object.value())
            .map_err(|error| Refusal::Proof { at: At { number, line: 1, source: object.source.clone() }, error })?;
        documents.push(pieces.made(&text));
    }
    Ok(())
}

fn text(object: &Object, dialect: Dialect) -> String {
    let head = match (dialect, &object.source) {
        (Dialect::Helm3, Some(source)) => format!("---\n# Source: {source}\n"),
        _ => "---\n".to_owned(),
    };
    head + &manifest::document(object.value())
}
