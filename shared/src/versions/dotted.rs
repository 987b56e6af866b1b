//! Versions of what is not `OpenMetadata`: databases, search engines, Kubernetes. Any count of numbers, compared as
//! numbers.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;

/// The leading numbers of a version: `15.4 (Debian 15.4-1)` is 15.4, `v1.35.4+k3s` is 1.35.4.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dotted(Vec<u64>);

impl Dotted {
    /// Reads the leading numbers, or nothing where there are none.
    ///
    /// ```
    /// use shared::versions::Dotted;
    /// let of = |text| Dotted::parse(text).unwrap();
    /// assert!(of("8.0.37-debian") < of("8.0.42") && of("15.4 (Debian)") > of("15"));
    /// assert_eq!(of("v1.35.4+k3s").to_string(), "1.35.4");
    /// assert_eq!(of("9").cmp(&of("9.0.0")), std::cmp::Ordering::Equal);
    /// assert_eq!(Dotted::parse("latest"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('v').unwrap_or(text);
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let numbers: Option<Vec<u64>> =
            text.get(..end)?.split('.').filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect();
        numbers.filter(|n| !n.is_empty()).map(Self)
    }

    /// The number at a place; 0 where it is not said.
    pub fn number(&self, at: usize) -> u64 {
        self.0.get(at).copied().unwrap_or(0)
    }

    /// The first number.
    pub fn major(&self) -> u64 {
        self.number(0)
    }
}

impl PartialOrd for Dotted {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Dotted {
    fn cmp(&self, other: &Self) -> Ordering {
        let places = self.0.len().max(other.0.len());
        (0..places).map(|i| self.number(i).cmp(&other.number(i))).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

impl fmt::Display for Dotted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u64::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

impl Serialize for Dotted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Dotted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` holds no number")))
    }
}
