//! The database engines that `OpenMetadata` runs on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A database engine, by the name that the server's `DB_SCHEME` gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// `PostgreSQL`.
    Postgresql,
    /// `MySQL`.
    Mysql,
}

impl Engine {
    /// The engine of a `DB_SCHEME`; the chart writes some values with literal quotes.
    ///
    /// ```
    /// use shared::backup::Engine;
    /// assert_eq!(Engine::of_scheme("\"mysql\""), Some(Engine::Mysql));
    /// assert_eq!(Engine::of_scheme("h2"), None);
    /// ```
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        match scheme.trim().trim_matches('"') {
            "postgresql" => Some(Self::Postgresql),
            "mysql" => Some(Self::Mysql),
            _ => None,
        }
    }

    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgresql => "PostgreSQL",
            Self::Mysql => "MySQL",
        }
    }
}
