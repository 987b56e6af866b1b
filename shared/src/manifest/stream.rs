//! Splits a stream into documents at its true boundaries. Never parses YAML and never copies text.
//!
//! A line that starts in column 0 with `---` or `...`, followed by white space or its end, is always a marker:
//! YAML forbids it inside every scalar, block or quoted (production `c-forbidden`). So a scan of line starts is
//! exact, and one odd document that nobody touches cannot fail the rest.

use super::error::{Place, StreamError};

/// One document with the marker line before it, as it stands in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document<'a> {
    /// All bytes of the piece. The pieces of a stream, joined, are the input.
    pub text: &'a str,
    /// Position in the stream, from 1.
    pub number: usize,
    /// The line of the input on which the piece begins, from 1.
    pub line: usize,
}

/// A split input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream<'a> {
    /// The whole input.
    pub text: &'a str,
    /// Its documents in order; empty and comment-only ones included.
    pub documents: Vec<Document<'a>>,
}

impl<'a> Stream<'a> {
    /// Splits `input`.
    ///
    /// # Errors
    /// When the input is not UTF-8.
    pub fn split(input: &'a [u8]) -> Result<Self, StreamError> {
        let text = std::str::from_utf8(input).map_err(|e| {
            let good = String::from_utf8_lossy(&input[..e.valid_up_to()]);
            StreamError::NotUtf8 { place: Place::of(&good, good.len()), offset: e.valid_up_to() }
        })?;
        Ok(Self { text, documents: pieces(text) })
    }
}

impl<'a> Document<'a> {
    /// The template that Helm rendered this from: the `# Source:` comment (Helm 3), else the annotation that
    /// Helm 4 adds.
    pub fn source(&self) -> Option<&'a str> {
        let annotation = super::dialect::FILENAME_ANNOTATION;
        self.text.lines().find_map(|line| {
            let line = line.trim();
            line.strip_prefix("# Source: ").or_else(|| {
                let (_, value) = line.split_once(annotation)?;
                Some(value.trim_start_matches([':', ' ', '\'', '"']).trim_end_matches(['\'', '"', ' ']))
            })
        })
    }

    /// Whether nothing but comments, blank lines, directives and markers stands here.
    pub fn is_blank(&self) -> bool {
        self.text.trim_start_matches('\u{feff}').lines().all(|line| {
            let rest = marker(line).map_or(line, |m| &line[m.len()..]).trim();
            rest.is_empty() || rest.starts_with('#') || line.starts_with('%')
        })
    }

    /// The value of the one `kind:` line in column 0, where there is exactly one and the document is a block
    /// mapping that starts in column 0; otherwise `None`, and the document has to be read to know its kind.
    ///
    /// This spares the reading of documents that no rule looks at. It is exact because such a mapping's own
    /// `kind` stands in column 0, so a second one (in a quoted scalar, say) makes two.
    pub fn kind_at_a_glance(&self) -> Option<&'a str> {
        let mut lines = self.text.trim_start_matches('\u{feff}').lines();
        let first = lines
            .by_ref()
            .find(|l| marker(l) != Some(*l) && !l.trim_start().starts_with('#') && !l.trim().is_empty())?;
        if !first.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let mut kinds = std::iter::once(first).chain(lines).filter(|line| {
            let bare = line.trim_start_matches(['"', '\'', '?', ' ', '!', '&', '*', '{', ',']);
            bare.starts_with("kind") && bare.len() + 3 > line.len() && !line.starts_with(' ')
        });
        let value = kinds.next()?.strip_prefix("kind:")?.trim();
        if kinds.next().is_some() { None } else { Some(value) }
    }
}

fn pieces(text: &str) -> Vec<Document<'_>> {
    let mut out: Vec<Document<'_>> = Vec::new();
    let (mut start, mut start_line) = (0, 1);
    // A `...` ends a document; what follows it, up to the next `---`, is a piece of its own.
    let mut ended = false;
    let (mut offset, mut line_number) = (0, 1);
    let mut cut = |from: usize, to: usize, line: usize| {
        if to > from {
            out.push(Document { text: &text[from..to], number: out.len() + 1, line });
        }
    };
    for line in text.split_inclusive('\n') {
        let bare = if offset == 0 { line.trim_start_matches('\u{feff}') } else { line };
        let found = marker(bare.trim_end_matches(['\n', '\r']));
        // A document's first marker belongs to it when only comments, blank lines or directives stand before.
        let begins = found == Some("---") && !only_prefix(&text[start..offset]);
        if begins || (ended && found != Some("...")) {
            cut(start, offset, start_line);
            (start, start_line) = (offset, line_number);
        }
        ended = found == Some("...");
        offset += line.len();
        line_number += 1;
    }
    cut(start, text.len(), start_line);
    out
}

/// The marker that a line (without its line break) starts with.
fn marker(line: &str) -> Option<&'static str> {
    let after = |m: &'static str| {
        let rest = line.strip_prefix(m)?;
        (rest.is_empty() || rest.starts_with([' ', '\t', '\r'])).then_some(m)
    };
    after("---").or_else(|| after("..."))
}

/// Whether a piece's text so far leaves the next `---` to be its own first marker: only directives, with
/// comments and blank lines between.
fn only_prefix(text: &str) -> bool {
    let mut directive = false;
    for line in text.trim_start_matches('\u{feff}').lines() {
        directive |= line.starts_with('%');
        if !(line.starts_with('%') || line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return false;
        }
    }
    directive || text.trim_start_matches('\u{feff}').is_empty()
}
