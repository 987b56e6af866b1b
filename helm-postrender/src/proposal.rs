//! What a rule answers: changes it proposes and things it wants said. Data only; [`crate::transform`] makes them.

use crate::scene::{Object, ObjectId};
use serde_json::Value;

/// How much a note asks of the reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Left as the chart or the user set it, and why.
    Kept,
    /// Something to know before the upgrade.
    Notice,
    /// Something that is wrong and that no rule can mend.
    Warning,
}

/// One wish of a rule. Every `path` is a JSON Pointer below the object.
#[derive(Debug, Clone, PartialEq)]
pub enum Proposal {
    /// Make `path` hold `wish`; mappings above it are made where absent.
    Set {
        /// Of which object.
        object: ObjectId,
        /// Where.
        path: String,
        /// What shall stand there.
        wish: Value,
        /// Why, in one clause.
        why: String,
    },
    /// Put `item` into the list at `path` before position `index`.
    Insert {
        /// Of which object.
        object: ObjectId,
        /// The list.
        path: String,
        /// Position, from 0.
        index: usize,
        /// What to put there.
        item: Value,
        /// Why, in one clause.
        why: String,
    },
    /// Remove what stands at `path`.
    Remove {
        /// Of which object.
        object: ObjectId,
        /// Where.
        path: String,
        /// Why, in one clause.
        why: String,
    },
    /// Add a new object to the stream, beside the one it serves.
    Add {
        /// The object that it serves.
        beside: ObjectId,
        /// The new object.
        object: Value,
        /// Why, in one clause.
        why: String,
    },
    /// Change nothing, say something.
    Note {
        /// About which object, where it is one.
        object: Option<ObjectId>,
        /// How much it asks of the reader.
        level: Level,
        /// What is said: the fact, then what to do.
        text: String,
    },
}

impl Proposal {
    /// Make `path` of `object` hold `wish`.
    pub fn set(object: &Object, path: impl Into<String>, wish: impl Into<Value>, why: impl Into<String>) -> Self {
        Self::Set { object: object.id, path: path.into(), wish: wish.into(), why: why.into() }
    }

    /// Put `item` into the list at `path` of `object`, before position `index`.
    pub fn insert(object: &Object, path: impl Into<String>, index: usize, item: Value, why: impl Into<String>) -> Self {
        Self::Insert { object: object.id, path: path.into(), index, item, why: why.into() }
    }

    /// Remove what stands at `path` of `object`.
    pub fn remove(object: &Object, path: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Remove { object: object.id, path: path.into(), why: why.into() }
    }

    /// Add `new` to the stream, beside `served`.
    pub fn add(served: &Object, new: Value, why: impl Into<String>) -> Self {
        Self::Add { beside: served.id, object: new, why: why.into() }
    }

    /// Say that something was left alone.
    pub fn kept(object: &Object, text: impl Into<String>) -> Self {
        Self::Note { object: Some(object.id), level: Level::Kept, text: text.into() }
    }

    /// Say something worth knowing.
    pub fn notice(object: &Object, text: impl Into<String>) -> Self {
        Self::Note { object: Some(object.id), level: Level::Notice, text: text.into() }
    }

    /// Say that something is wrong that no rule can mend.
    pub fn warning(object: &Object, text: impl Into<String>) -> Self {
        Self::Note { object: Some(object.id), level: Level::Warning, text: text.into() }
    }
}
