//! What a run ends with: the new stream and what was done and said on the way, or a refusal.

use crate::proposal::Level;
use crate::scene::{ObjectId, Scene};
use serde_json::Value;
use shared::manifest::{EditError, PlanError, ProofError, ReadError};
use std::borrow::Cow;

/// A run that went through.
#[derive(Debug)]
pub struct Outcome<'a> {
    /// The new stream in pieces; untouched documents are the input's own bytes.
    pub pieces: Vec<Cow<'a, str>>,
    /// The scene as the rules left it.
    pub scene: Scene,
    /// Every change, in the order made.
    pub changes: Vec<Change>,
    /// Everything said, in the order said.
    pub notes: Vec<Note>,
}

/// One change that a rule made.
#[derive(Debug, Clone, PartialEq)]
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

/// The kinds of change. Their values are for people: long texts in them are cut to their first line.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// A value was set.
    Set {
        /// What stood there; nothing where it was absent.
        old: Option<Value>,
        /// What stands there now.
        new: Value,
    },
    /// A list got an item.
    Inserted {
        /// Its position, from 0.
        index: usize,
        /// The item.
        item: Value,
    },
    /// A value was removed.
    Removed {
        /// What stood there.
        old: Value,
    },
    /// A new object.
    Added {
        /// The object that it serves.
        beside: ObjectId,
    },
}

/// The longest text that a change repeats.
const LONGEST: usize = 512;

/// A value with long texts (the scripts that rules add) cut to their first line.
pub fn shortened(value: &Value) -> Value {
    match value {
        Value::String(text) if text.len() > LONGEST => {
            let first: String = text.lines().next().unwrap_or_default().chars().take(80).collect();
            format!("{first} … ({} lines)", text.lines().count()).into()
        }
        Value::Array(list) => list.iter().map(shortened).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), shortened(v))).collect()),
        other => other.clone(),
    }
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
