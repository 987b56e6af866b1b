//! What a run ends with: the new stream and what was done and said on the way, or a refusal.

use super::pieces::Pieces;
use crate::mask::Masked;
use crate::proposal::Level;
use crate::scene::{ObjectId, Scene};
use shared::manifest::{EditError, PlanError, ProofError, ReadError};

/// A run that went through.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The new stream in pieces; untouched documents are the input's own bytes.
    pub pieces: Pieces<'a>,
    /// The scene as the rules left it.
    pub scene: Scene,
    /// Every change, in the order made.
    pub changes: Vec<Change>,
    /// Everything said, in the order said.
    pub notes: Vec<Note>,
}

/// One change that a rule made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The rule's id.
    pub rule: &'static str,
    /// The object, by its index in the scene.
    pub object: ObjectId,
    /// What was done.
    pub action: Action,
    /// The JSON Pointer below the object; empty for an added one.
    pub path: String,
    /// Why, in one clause.
    pub why: String,
}

/// The kinds of change. Their values are for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// A value was set.
    Set {
        /// What stood there; nothing where it was absent.
        old: Option<Masked>,
        /// What stands there now.
        new: Masked,
    },
    /// A list got an item.
    Inserted {
        /// Its position, from 0.
        index: usize,
        /// The item.
        item: Masked,
    },
    /// A value was removed.
    Removed {
        /// What stood there.
        old: Masked,
    },
    /// A new object.
    Added {
        /// The object that it serves.
        beside: ObjectId,
    },
}

/// Something that a rule said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The rule's id.
    pub rule: &'static str,
    /// The object, by its index in the scene.
    pub object: Option<ObjectId>,
    /// How much it asks of the reader.
    pub level: Level,
    /// The words.
    pub text: String,
}

/// Why nothing is written. The text names document, line and template; the caller adds the next step.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A document that a rule needs is not readable.
    #[error("document {number} ({name}): {error}", number = at.number, name = at.name())]
    Read {
        /// Where.
        at: At,
        /// What is wrong; its place counts from the start of the input.
        error: ReadError,
    },
    /// A proposal contradicts the object.
    #[error("rule {rule} on {object}: {error}")]
    Plan {
        /// The rule's id.
        rule: &'static str,
        /// `Kind/name`.
        object: String,
        /// What stands against it.
        error: PlanError,
    },
    /// A place cannot be edited without touching something else.
    #[error("document {number} ({name}): {error}", number = at.number, name = at.name())]
    Edit {
        /// Where.
        at: At,
        /// What stands against it; its place counts from the start of the input.
        error: EditError,
    },
    /// The new text does not prove.
    #[error("document {number} ({name}): {error}", number = at.number, name = at.name())]
    Proof {
        /// Where.
        at: At,
        /// What did not hold.
        error: ProofError,
    },
}

/// A document, as messages name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At {
    /// Position in the stream, from 1.
    pub number: usize,
    /// First line, from 1.
    pub line: usize,
    /// The template, where the stream says.
    pub source: Option<String>,
}

impl At {
    /// The template, or where the document begins.
    pub fn name(&self) -> String {
        self.source.clone().unwrap_or_else(|| format!("begins on line {}", self.line))
    }
}
