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

    /// An answer about the thing; "unknown" with the reason where it was not seen, which tells the next step, too.
    pub fn judge(&self, answer: impl FnOnce(&T) -> Answer) -> Answer {
        match self {
            Self::Known(value) => answer(value),
            Self::Unknown(reason) => unknown(reason),
        }
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
