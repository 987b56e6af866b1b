//! A thing that was found out, or why it was not. Absence is never read as "none".

use super::no_answer::{self, NoAnswer};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A fact: known with its source and time, or unknown with the reason.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fact<T> {
    /// It was found out.
    Known(Known<T>),
    /// It was not.
    Unknown(Unknown),
}

/// What was found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Known<T> {
    /// The thing.
    pub value: T,
    /// Where it was read: `list pods`, `Secret sh.helm.release.v1.om.v3`.
    pub source: String,
    /// When.
    pub at: Timestamp,
}

/// What was not found out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// Why, in words.
    pub reason: String,
    /// What was asked.
    pub source: String,
    /// When.
    pub at: Timestamp,
    /// The status that OpenMetadata's server answered with instead; older looks have it in the words alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

impl<T> Fact<T> {
    /// A known fact.
    pub fn known(value: T, source: impl Into<String>, at: Timestamp) -> Self {
        Self::Known(Known { value, source: source.into(), at })
    }

    /// An unknown one.
    pub fn unknown(reason: impl Into<String>, source: impl Into<String>, at: Timestamp) -> Self {
        Self::Unknown(Unknown { reason: reason.into(), source: source.into(), at, status: None })
    }

    /// One that OpenMetadata's server gave no answer for.
    pub fn unanswered(why: NoAnswer, source: impl Into<String>, at: Timestamp) -> Self {
        Self::Unknown(Unknown { reason: why.words, source: source.into(), at, status: why.status })
    }

    /// The status that the server answered with in place of the thing.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(unknown) => unknown.status.or_else(|| no_answer::status_in(&unknown.reason)),
        }
    }

    /// The thing, where it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Known(known) => Some(&known.value),
            Self::Unknown(_) => None,
        }
    }

    /// Why it is unknown.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Known(_) => None,
            Self::Unknown(unknown) => Some(&unknown.reason),
        }
    }

    /// The same fact about something made from the thing.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Fact<U> {
        match self {
            Self::Known(k) => Fact::Known(Known { value: make(k.value), source: k.source, at: k.at }),
            Self::Unknown(unknown) => Fact::Unknown(unknown),
        }
    }
}

impl<T> Fact<Vec<T>> {
    /// The items; none where they are unknown. For places that have said so already.
    pub fn items(&self) -> &[T] {
        self.value().map_or(&[], Vec::as_slice)
    }
}
