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

    /// The kind, where one look at the lines in column 0 tells it for sure; otherwise `None`, and the document has
    /// to be read.
    ///
    /// This spares the reading of documents that no rule looks at. It is sure where the document is a block mapping
    /// in column 0 with plain keys, one `kind:` among them, and its value is one plain word.
    pub fn kind_at_a_glance(&self) -> Option<&'a str> {
        if has_odd_line_break(self.text) {
            return None;
        }
        let mut kind = None;
        let mut value_may_go_on = false;
        let mut begun = false;
        for line in self.text.trim_start_matches('\u{feff}').lines() {
            let first = line.bytes().next().unwrap_or(b'\n');
            match first {
                b'\n' | b'#' => {}
                b' ' | b'\t' | b'-' if begun => {
                    if value_may_go_on && !line.trim_start().starts_with('#') && !line.trim().is_empty() {
                        return None;
                    }
                }
                b'-' | b'.' if marker(line) == Some(line.trim_end()) => {}
                b'a'..=b'z' | b'A'..=b'Z' => {
                    begun = true;
                    value_may_go_on = false;
                    if let Some(value) = line.strip_prefix("kind") {
                        let word = value.strip_prefix(": ")?.split(" #").next()?.trim();
                        if kind.is_some() || word.is_empty() || !word.bytes().all(|b| b.is_ascii_alphanumeric()) {
                            return None;
                        }
                        kind = Some(word);
                        value_may_go_on = true;
                    }
                }
                _ => return None,
            }
        }
        kind
    }
}

/// A line break that YAML 1.1 knows and [`str::lines`] does not: a lone CR, NEL, LS, PS.
fn has_odd_line_break(text: &str) -> bool {
    let bytes = text.as_bytes();
    let after = |i: usize, rest: &[u8]| bytes.get(i + 1..).is_some_and(|b| b.starts_with(rest));
    memchr::memchr3_iter(b'\r', 0xc2, 0xe2, bytes).any(|i| match bytes.get(i) {
        Some(b'\r') => !after(i, b"\n"),
        Some(0xc2) => after(i, b"\x85"),
        _ => after(i, b"\x80\xa8") || after(i, b"\x80\xa9"),
    })
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
