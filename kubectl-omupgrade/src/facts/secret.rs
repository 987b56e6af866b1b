//! Content that must not be shown. Neither `Debug` nor `Serialize` can reach it, so no report, facts file or message
//! can by accident.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Something secret, or that it was and is no longer here (read from a facts file).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret<T>(Option<T>);

/// What stands in its place.
pub const MASK: &str = "(masked)";

impl<T> Secret<T> {
    /// Keeps `content` from being shown.
    pub fn new(content: T) -> Self {
        Self(Some(content))
    }

    /// What came from a facts file: the content is gone.
    pub fn gone() -> Self {
        Self(None)
    }

    /// The content, for a decision. Whoever shows any of it masks it first.
    pub fn expose(&self) -> Option<&T> {
        self.0.as_ref()
    }
}

/// What was typed.
impl From<String> for Secret<String> {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(MASK)
    }
}

impl<'de, T> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self::gone())
    }
}

impl<T> Default for Secret<T> {
    fn default() -> Self {
        Self::gone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_shown() {
        let secret = Secret::new("hunter2".to_owned());
        assert_eq!(format!("{secret:?}"), MASK);
        let json = serde_json::to_string(&secret).unwrap();
        assert!(!json.contains("hunter2"));
        let back: Secret<String> = serde_json::from_str(&json).unwrap();
        assert_eq!(back.expose(), None);
    }
}
