//! Edits a document's text in place. The result is not trusted until [`super::prove`] has read it again.

use super::error::{EditError, Place};
use super::splice::{self, Splice};
use super::{overlay, tree};
use json_patch::PatchOperation;

/// Largest document that is edited: etcd refuses objects of more than 1.5 MiB, so a larger one is a mistake.
const LARGEST: usize = 4 << 20;

/// An edited text: the bytes that stay, and what comes between them.
#[derive(Debug, Clone)]
pub struct Edited<'t> {
    text: &'t str,
    splices: Vec<Splice>,
}

/// A stretch of an edited text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'t, 'e> {
    /// As it stood.
    Old(&'t str),
    /// What an edit put there.
    New(&'e str),
}

impl<'t> Edited<'t> {
    /// Its stretches in order; joined they are the new text.
    pub fn parts(&self) -> impl Iterator<Item = Part<'t, '_>> {
        let starts = std::iter::once(0).chain(self.splices.iter().map(|s| s.range.end));
        let ends = self.splices.iter().map(|s| s.range.start).chain([self.text.len()]);
        let new = self.splices.iter().map(|s| Part::New(s.text.as_str())).chain([Part::New("")]);
        let old = starts.zip(ends).map(|(from, to)| Part::Old(&self.text[from..to]));
        old.zip(new).flat_map(|(old, new)| [old, new]).filter(|p| !p.text().is_empty())
    }
}

impl<'e> Part<'e, 'e> {
    /// Its text.
    pub fn text(self) -> &'e str {
        match self {
            Self::Old(text) | Self::New(text) => text,
        }
    }
}

/// The text with the operations applied, in order. Every byte that no operation concerns stays as it is.
///
/// # Errors
/// When a place cannot be edited without touching something else (an alias, a shared anchor, a merged or a
/// duplicate key), or the editor cannot read the text.
pub fn edit(text: &str, operations: &[PatchOperation]) -> Result<String, EditError> {
    let edited = edited(text, operations)?;
    let mut out = String::with_capacity(edited.parts().map(|p| p.text().len()).sum());
    edited.parts().for_each(|p| out.push_str(p.text()));
    Ok(out)
}

/// The same in parts, for those who hold many texts and hold nothing twice.
///
/// # Errors
/// As [`edit`].
pub fn edited<'t>(text: &'t str, operations: &[PatchOperation]) -> Result<Edited<'t>, EditError> {
    if text.len() > LARGEST {
        return Err(EditError {
            path: "/".to_owned(),
            place: Place { line: 1, column: 1 },
            reason: format!("the document has {} bytes; Kubernetes stores objects of at most 1.5 MiB", text.len()),
        });
    }
    let bom = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
    let body = &text[bom..];
    let mut root = tree::parse(body)?;
    for operation in operations {
        overlay::lay(&mut root, operation).map_err(|(at, reason)| EditError {
            path: operation.path().to_string(),
            place: Place::of(body, at),
            reason,
        })?;
    }
    let mut splices = splice::splices(body, &root).map_err(|(at, reason)| EditError {
        path: "/".to_owned(),
        place: Place::of(body, at),
        reason,
    })?;
    for splice in &mut splices {
        splice.range = splice.range.start + bom..splice.range.end + bom;
    }
    Ok(Edited { text, splices })
}
