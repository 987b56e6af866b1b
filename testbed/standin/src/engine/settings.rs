//! What kind of search is played, and how well it is. It never changes while it runs, but for ordered faults.
//!
//! Assumption: the four versions that are played differ in nothing but name and number.

use std::env;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::faults::Faults;

/// The two kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Distribution {
    /// `SEARCH_DISTRIBUTION=opensearch`
    Opensearch,
    /// `SEARCH_DISTRIBUTION=elasticsearch`
    Elasticsearch,
}

impl Distribution {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opensearch => "OpenSearch",
            Self::Elasticsearch => "Elasticsearch",
        }
    }
}

/// What stays.
#[derive(Debug)]
pub struct Settings {
    /// Which kind.
    pub distribution: Distribution,
    /// The version that it says it has.
    pub number: String,
    /// Where it listens.
    pub port: u16,
    /// Where indices are kept; nowhere means that a restart loses them.
    pub data: Option<PathBuf>,
    health: String,
    drift: String,
}

impl Settings {
    /// Reads the environment.
    pub fn from_environment() -> Result<Self> {
        let read = |name: &str, otherwise: &str| env::var(name).unwrap_or_else(|_| otherwise.to_owned());
        let distribution = match read("SEARCH_DISTRIBUTION", "opensearch").as_str() {
            "opensearch" => Distribution::Opensearch,
            "elasticsearch" => Distribution::Elasticsearch,
            other => bail!("SEARCH_DISTRIBUTION is {other:?}; there are opensearch and elasticsearch"),
        };
        Ok(Self {
            distribution,
            number: read("SEARCH_VERSION", "3.3.0"),
            port: read("SEARCH_PORT", "9200").parse().context("SEARCH_PORT")?,
            data: env::var_os("SEARCH_DATA").map(PathBuf::from),
            health: read("SEARCH_HEALTH", "green"),
            drift: read("SEARCH_DRIFT", ""),
        })
    }
}

/// How it is at this moment: an ordered fault goes before a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// `green`, `yellow`, `red`.
    pub health: String,
    /// The index whose mapping is not what the server wrote.
    pub drift: String,
    /// Whether nothing is answered.
    pub down: bool,
}

impl Moment {
    /// Asks the testbed.
    pub fn ask(settings: &Settings) -> Self {
        let faults = Faults::ask();
        Self {
            health: faults.get("search-health").unwrap_or(&settings.health).to_owned(),
            drift: faults.get("search-drift").unwrap_or(&settings.drift).to_owned(),
            down: faults.get("search-down").is_some(),
        }
    }
}
