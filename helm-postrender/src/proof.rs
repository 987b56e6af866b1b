//! The proof that `--prove` shows: digests of what left untouched, and every touched document read again. Stands on
//! the reader and on the bytes of input and output, never on what the editor says it did.

use crate::layout::{count, wrap};
use crate::readback::ReadBack;
use crate::scene::Object;
use crate::transform::{Action, Outcome};
use json_patch::PatchOperation;
use sha2::{Digest, Sha256};
use shared::manifest::{Stream, escape};
use shared::marks;
use std::fmt::Write as _;
use std::io::{self, Write};

/// What was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Documents in the input.
    pub documents: usize,
    /// The touched ones, and whether each, read again, is the original plus its edits.
    pub touched: Vec<Touched>,
    /// Changes that are no added document: what the rules did to the touched ones.
    pub changes: usize,
    /// Documents that were added.
    pub added: usize,
    /// SHA-256 of all untouched documents' bytes in the input, in order.
    pub untouched_in: String,
    /// SHA-256 of the same documents' bytes in the output.
    pub untouched_out: String,
    /// SHA-256 of the input.
    pub input: String,
    /// SHA-256 of the output.
    pub output: String,
}

/// A touched document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Touched {
    /// Its position, from 1.
    pub document: usize,
    /// Its objects.
    pub objects: String,
    /// How many edits it got.
    pub edits: usize,
    /// How many of them are no change of a rule but the annotation that names the rules.
    pub marks: usize,
    /// Whether it holds.
    pub holds: bool,
}

impl Proof {
    /// Whether all of it holds.
    pub fn holds(&self) -> bool {
        self.untouched_in == self.untouched_out && self.touched.iter().all(|t| t.holds)
    }
}

/// Proves a run.
pub fn of(stream: &Stream<'_>, outcome: &Outcome<'_>, back: &ReadBack<'_>, output: &str) -> Proof {
    let edited = |o: &&Object| o.edits > 0;
    let (mut before, mut after) = (Sha256::new(), Sha256::new());
    let mut touched: Vec<Touched> = Vec::new();
    let mut groups = outcome.scene.objects.chunk_by(|a, b| a.document.is_some() && a.document == b.document).peekable();
    for (index, document) in stream.documents.iter().enumerate() {
        let group: &[Object] = groups.next_if(|g| g.first().is_some_and(|o| o.document == Some(index))).unwrap_or(&[]);
        let new = back.document(index).map_or("", |d| d.text);
        if !group.iter().any(|o| edited(&o)) {
            before.update(document.text);
            after.update(new);
            continue;
        }
        touched.push(Touched {
            document: document.number,
            objects: group.iter().filter(edited).map(Object::label).collect::<Vec<_>>().join(", "),
            edits: group.iter().map(|o| o.edits).sum(),
            marks: group.iter().flat_map(|o| o.plan.operations()).filter(|o| marks_rules(o)).count(),
            holds: equals_original_plus_edits(document.text, new, group),
        });
    }
    Proof {
        documents: stream.documents.len(),
        touched,
        changes: outcome.changes.iter().filter(|c| !matches!(c.action, Action::Added { .. })).count(),
        added: outcome.scene.objects.iter().filter(|o| o.document.is_none()).count(),
        untouched_in: hex(before),
        untouched_out: hex(after),
        input: hex(Sha256::new_with_prefix(stream.text)),
        output: hex(Sha256::new_with_prefix(output)),
    }
}

/// Whether an edit only names the rules that were at work.
fn marks_rules(edit: &PatchOperation) -> bool {
    let (path, value) = match edit {
        PatchOperation::Add(o) => (&o.path, &o.value),
        PatchOperation::Replace(o) => (&o.path, &o.value),
        _ => return false,
    };
    let path = path.to_string();
    path.ends_with(&format!("/{}", escape(marks::RULES)))
        || (path == "/metadata/annotations" && value.get(marks::RULES).is_some())
}

fn equals_original_plus_edits(old: &str, new: &str, group: &[Object]) -> bool {
    let (Ok(mut old), Ok(new)) = (shared::manifest::read(old), shared::manifest::read(new)) else { return false };
    let applied = group.iter().all(|o| json_patch::patch(&mut old, o.plan.operations()).is_ok());
    applied && old == new
}

/// Writes the proof as a table.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(out: &mut impl Write, proof: &Proof, width: usize) -> io::Result<()> {
    let edits: usize = proof.touched.iter().map(|t| t.edits).sum();
    let marks: usize = proof.touched.iter().map(|t| t.marks).sum();
    let for_changes = match edits - marks {
        same if same == proof.changes => count(same, "change"),
        more => format!("{}, made in {},", count(proof.changes, "change"), count(more, "edit")),
    };
    let named =
        if marks == 1 { "1 annotation that names".to_owned() } else { format!("{marks} annotations that name") };
    let edits_are = match marks {
        0 => count(edits, "edit"),
        _ => format!("{}: {for_changes} and {named} the rules", count(edits, "edit")),
    };
    let untouched = proof.documents - proof.touched.len();
    let digest = |d: &str| if width >= 80 { d.to_owned() } else { format!("{}…", d.get(..16).unwrap_or(d)) };
    let verdict = |holds: bool| if holds { "holds" } else { "DOES NOT HOLD" };
    writeln!(out, "documents  {:>6}", proof.documents)?;
    writeln!(out, "untouched  {untouched:>6}  byte for byte: {}", verdict(proof.untouched_in == proof.untouched_out))?;
    write!(out, "{}", wrap(&edits_are, width, &format!("touched    {:>6}  ", proof.touched.len()), &" ".repeat(19)))?;
    for t in &proof.touched {
        let text = format!(
            "document {}, {}: {}; read again, it is the original plus its edits: {}",
            t.document,
            t.objects,
            count(t.edits, "edit"),
            verdict(t.holds)
        );
        write!(out, "{}", wrap(&text, width, "             - ", "               "))?;
    }
    let added = if proof.added == 0 { String::new() } else { format!("  {}", count(proof.added, "change")) };
    writeln!(out, "added      {:>6}{added}", proof.added)?;
    writeln!(out, "sha256 of the untouched bytes")?;
    writeln!(out, "  in   {}", digest(&proof.untouched_in))?;
    writeln!(out, "  out  {}", digest(&proof.untouched_out))?;
    writeln!(out, "sha256 of all bytes")?;
    writeln!(out, "  in   {}", digest(&proof.input))?;
    writeln!(out, "  out  {}", digest(&proof.output))
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
