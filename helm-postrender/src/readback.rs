//! The output, read again before anyone sees it: split anew and checked against what went in. Fails closed: an output
//! that does not hold what it must is never written.

use crate::failure::Failure;
use crate::transform::Outcome;
use shared::component::{self, Component};
use shared::manifest::{Document, Stream};

/// A checked output.
#[derive(Debug)]
pub struct ReadBack<'o> {
    stream: Stream<'o>,
    inputs: usize,
    added: usize,
    /// New documents stand before the last one, whose missing line break could be part of its value.
    before_last: bool,
}

/// Checks the pieces of an output as they will stand one behind the other, without joining them: every piece is one
/// document that begins on a line of its own, none was lost or won, and they are not all blank.
///
/// # Errors
/// When one of these does not hold.
pub fn pieces(input: &Stream<'_>, outcome: &Outcome<'_>) -> Result<(), Failure> {
    let added = added(outcome);
    let (mut found, mut blank, mut at_line_start) = (0, true, true);
    for piece in outcome.pieces.iter().filter(|p| !p.is_empty()) {
        if !at_line_start {
            return Err(wrong("a document would begin in the middle of a line"));
        }
        at_line_start = piece.ends_with('\n');
        // The separator before a last document that has none of its own belongs to that document.
        if piece.as_ref() == "---\n" && outcome.pieces.len() > input.documents.len() + added {
            continue;
        }
        let documents = Stream::split(piece.as_bytes()).map_err(|e| wrong(&e.to_string()))?.documents;
        found += documents.len();
        blank &= documents.iter().all(Document::is_blank);
    }
    counted(blank, found, input.documents.len() + added)
}

/// That an output is not blank and has as many documents as it should.
fn counted(blank: bool, found: usize, expected: usize) -> Result<(), Failure> {
    if blank {
        return Err(wrong("it would be empty, and helm would delete the release"));
    }
    if expected == found {
        Ok(())
    } else {
        Err(wrong(&format!("it would have {found} documents instead of {expected}")))
    }
}

/// How many objects the rules added.
fn added(outcome: &Outcome<'_>) -> usize {
    outcome.scene.objects.iter().filter(|o| o.document.is_none()).count()
}

impl<'o> ReadBack<'o> {
    /// Reads `output` back and checks that it is not empty, that no document was lost or won, and that every server
    /// of the input is still in it.
    ///
    /// # Errors
    /// When one of these does not hold.
    pub fn of(input: &Stream<'_>, outcome: &Outcome<'_>, output: &'o str) -> Result<Self, Failure> {
        let stream = Stream::split(output.as_bytes()).map_err(|e| wrong(&e.to_string()))?;
        let added = added(outcome);
        let before_last = added > 0 && !input.text.ends_with('\n');
        let back = Self { stream, inputs: input.documents.len(), added, before_last };
        let blank = back.stream.documents.iter().all(Document::is_blank);
        counted(blank, back.stream.documents.len(), back.inputs + added)?;
        for server in outcome.scene.servers() {
            let text = server.document.and_then(|i| back.document(i)).map(|d| d.text);
            let value = text.map(shared::manifest::read).transpose().map_err(|e| wrong(&e.to_string()))?;
            let found = value.as_ref().and_then(|v| v.pointer(&server.prefix));
            if !found.is_some_and(|v| component::of(v) == Component::Server) {
                return Err(wrong(&format!("{} would not be in it", server.label())));
            }
        }
        Ok(back)
    }

    /// The document that was at `index` of the input.
    pub fn document(&self, index: usize) -> Option<&Document<'o>> {
        let moved = self.before_last && index + 1 == self.inputs;
        self.stream.documents.get(if moved { index + self.added } else { index })
    }

    /// The `nth` added document, from 0.
    pub fn added(&self, nth: usize) -> Option<&Document<'o>> {
        let first = if self.before_last { self.inputs.checked_sub(1)? } else { self.inputs };
        (nth < self.added).then(|| self.stream.documents.get(first + nth))?
    }
}

fn wrong(what: &str) -> Failure {
    Failure::unknown(format!("reading the output back: {what}"))
        .hint("this is a defect of helm-postrender; please report it with what helm rendered (`helm template …`)")
}
