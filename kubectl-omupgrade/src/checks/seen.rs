//! A fact as a facts file of checks writes it: the thing itself, or `unknown:` with the reason.

use super::answer::{Answer, unknown};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// Something that was looked at, or why it could not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen<T> {
    /// It was.
    Known(T),
    /// It was not, for this reason.
    Unknown(String),
}

impl<T> Seen<T> {
    /// The thing, or the reason.
    pub fn known(&self) -> Result<&T, &str> {
        match self {
            Self::Known(value) => Ok(value),
            Self::Unknown(reason) => Err(reason),
        }
    }

    /// The thing, where the reason has been said already.
    pub fn value(&self) -> Option<&T> {
        self.known().ok()
    }

    /// An answer about the thing; "unknown" with the reason where it was not seen.
    pub fn judge(&self, answer: impl FnOnce(&T) -> Answer) -> Answer {
        match self {
            Self::Known(value) => answer(value),
            Self::Unknown(reason) => unseen(reason),
        }
    }
}

/// The answer for a thing that was not seen, with what would let it be seen.
pub fn unseen(reason: &str) -> Answer {
    let answer = unknown(reason);
    if reason.contains("--no-probe") {
        answer.next("kubectl omupgrade precheck {release} --to {to} -n {namespace} # lets them be asked")
    } else if reason.contains("--search-image") {
        answer
            .next("kubectl omupgrade precheck {release} --to {to} -n {namespace} --search-image IMAGE # one with curl")
    } else if reason.contains("orbidden") {
        answer.next("kubectl omupgrade rbac precheck -n {namespace} # prints the rights that it needs")
    } else if reason.contains("--probe-image") {
        answer.next("kubectl omupgrade precheck {release} --to {to} -n {namespace} --probe-image IMAGE")
    } else if reason.contains("the probe") {
        answer.next("kubectl omupgrade status {release} -n {namespace} # does the server itself reach its database?")
    } else {
        answer
    }
}

impl<T> From<Result<T, String>> for Seen<T> {
    fn from(result: Result<T, String>) -> Self {
        match result {
            Ok(value) => Self::Known(value),
            Err(reason) => Self::Unknown(reason),
        }
    }
}

impl<T> Default for Seen<T> {
    fn default() -> Self {
        Self::Unknown("not looked at".to_owned())
    }
}

impl<T: Serialize> Serialize for Seen<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Known(value) => value.serialize(serializer),
            Self::Unknown(reason) => serde_json::json!({"unknown": reason}).serialize(serializer),
        }
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Seen<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match value.get("unknown").and_then(Value::as_str) {
            Some(reason) => Ok(Self::Unknown(reason.to_owned())),
            None => serde_json::from_value(value).map(Self::Known).map_err(serde::de::Error::custom),
        }
    }
}
