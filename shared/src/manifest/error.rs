//! What can go wrong with a manifest, always with the place. Never what to do about it: that is the caller's.

use std::fmt;

/// A place in a text: line and column count from 1, as editors do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

impl Place {
    /// The place of a byte offset in `text`; an offset past the end is the end.
    pub fn of(text: &str, offset: usize) -> Self {
        let mut end = offset.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &text[..end];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Self { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    /// The same place when line 1 of the text is line `first` of a larger one.
    #[must_use]
    pub fn below(self, first: usize) -> Self {
        Self { line: self.line + first.saturating_sub(1), column: self.column }
    }
}

/// The input as a whole is no manifest stream.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StreamError {
    /// Bytes that are not UTF-8.
    #[error("the input is not UTF-8 at {place} (byte {offset})")]
    NotUtf8 {
        /// Where the first bad byte stands.
        place: Place,
        /// Its offset from the start of the input.
        offset: usize,
    },
}

/// A document that cannot be read as a Kubernetes object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at {place}")]
pub struct ReadError {
    /// What is wrong.
    pub reason: String,
    /// Where, within the document.
    pub place: Place,
}

/// An edit that cannot be made in place without touching something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot edit {path} in place at {place}: {reason}")]
pub struct EditError {
    /// The JSON Pointer of the edit.
    pub path: String,
    /// Where, within the document.
    pub place: Place,
    /// Why not.
    pub reason: String,
}
