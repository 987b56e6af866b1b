//! Edits a document's text in place. The result is not trusted until [`super::prove`] has read it again.

use super::error::{EditError, Place};
use super::{overlay, splice, tree};
use json_patch::PatchOperation;

/// Largest document that is edited: etcd refuses objects of more than 1.5 MiB, so a larger one is a mistake.
const LARGEST: usize = 4 << 20;

/// The text with the operations applied, in order. Every byte that no operation concerns stays as it is.
///
/// # Errors
/// When a place cannot be edited without touching something else (an alias, a shared anchor, a merged or a
/// duplicate key), or the editor cannot read the text.
pub fn edit(text: &str, operations: &[PatchOperation]) -> Result<String, EditError> {
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
    let splices = splice::splices(body, &root).map_err(|(at, reason)| EditError {
        path: "/".to_owned(),
        place: Place::of(body, at),
        reason,
    })?;
    let mut out = String::with_capacity(text.len() + splices.iter().map(|s| s.text.len()).sum::<usize>());
    out.push_str(&text[..bom]);
    let mut from = 0;
    for splice in &splices {
        out.push_str(&body[from..splice.range.start]);
        out.push_str(&splice.text);
        from = splice.range.end;
    }
    out.push_str(&body[from..]);
    Ok(out)
}
