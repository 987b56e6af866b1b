//! `OpenMetadata` versions: three numbers, compared as numbers. Never as strings (`1.9.9` is older than `1.13.0`).

mod dotted;
pub mod tables;

pub use dotted::Dotted;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A release as design and schema guard compare it: a leading `v`, all from the first `-` or `+`, and a fourth
/// number are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// `x` of `x.y.z`.
    pub major: u64,
    /// `y` of `x.y.z`.
    pub minor: u64,
    /// `z` of `x.y.z`.
    pub patch: u64,
}

impl Version {
    /// Reads a version, or nothing where the text is none. A date (`2026.04.01`) is none: read as a version it would
    /// be newer than every database.
    ///
    /// ```
    /// use shared::versions::Version;
    /// assert!(Version::parse("v1.13.0-rc1") > Version::parse("1.9.9.2"));
    /// assert_eq!(Version::parse("latest"), None);
    /// assert_eq!(Version::parse("2026.04.01"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let text = text.split(['-', '+']).next()?;
        let numbers: Vec<&str> = text.split('.').collect();
        let number = |i: usize| numbers.get(i).filter(|n| n.bytes().all(|b| b.is_ascii_digit()))?.parse().ok();
        if numbers.len() > 4 || (numbers.len() == 4 && number(3).is_none()) {
            return None;
        }
        let version = Self { major: number(0)?, minor: number(1)?, patch: number(2)? };
        (version.major < 100).then_some(version)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Version {
    /// `x.y`, without the patch.
    pub fn line(self) -> (u64, u64) {
        (self.major, self.minor)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no version: three numbers are, as 1.13.1")))
    }
}
