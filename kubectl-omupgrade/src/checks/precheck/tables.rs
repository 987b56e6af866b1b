//! The tables that a precheck reads beside those of `shared`: what the chart does with values, known troubles, notes,
//! API versions that went away, the order in which search engines are upgraded. All can be replaced by files of the same name.

use serde::de::Error;
use serde::{Deserialize, Deserializer};
use shared::versions::tables::{self as versions, FILES, Wrong, rows};
use shared::versions::{Dotted, Version};

/// Those of the precheck alone, by the names of their files, with what is built in.
const OWN: &[(&str, &str)] = &[
    ("chart-keys.csv", include_str!("tables/chart-keys.csv")),
    ("chart-types.csv", include_str!("tables/chart-types.csv")),
    ("values-rules.csv", include_str!("tables/values-rules.csv")),
    ("notes.csv", include_str!("tables/notes.csv")),
    ("troubles.csv", include_str!("tables/troubles.csv")),
    ("api-removals.csv", include_str!("tables/api-removals.csv")),
    ("search-steps.csv", include_str!("tables/search-steps.csv")),
];

/// All tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tables {
    /// Those of `shared`.
    pub versions: versions::Tables,
    /// Keys of the chart that came, went, or got another default.
    pub keys: Vec<KeyChange>,
    /// Types and words that the chart's schema takes.
    pub types: Vec<KeyType>,
    /// Values that a target takes in another way.
    pub rules: Vec<Rule>,
    /// Breaking changes.
    pub notes: Vec<Note>,
    /// Known troubles.
    pub troubles: Vec<Trouble>,
    /// API versions that are no longer served.
    pub apis: Vec<Removal>,
    /// The order in which search engines are upgraded.
    pub search_steps: Vec<SearchStep>,
}

/// A key of the chart that changed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeyChange {
    /// The chart that did it.
    pub chart: Version,
    /// `added`, `rejected`, `ignored`, `default`.
    #[serde(deserialize_with = "change")]
    pub change: String,
    /// The key.
    pub key: String,
    /// The default before, as JSON.
    pub old: String,
    /// The default after, as JSON.
    pub new: String,
}

/// What a key takes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct KeyType {
    /// From this chart on.
    pub chart: Version,
    /// The key.
    pub key: String,
    /// Types, joined by `|`.
    pub types: String,
    /// Words, joined by `|`; empty for any.
    pub words: String,
}

/// A rule about a value.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Rule {
    /// Its name.
    pub id: String,
    /// The key.
    pub key: String,
    /// What the value is: see the table's head.
    pub value: String,
    /// Keys that silence it.
    pub unless: String,
    /// From this chart on.
    pub target_from: Version,
    /// Below this chart.
    pub target_below: Option<Version>,
    /// `fail`, `warn`, or `ignored`: without a word.
    #[serde(deserialize_with = "level_of_rule")]
    pub level: String,
    /// What happens.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// A breaking change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Note {
    /// The minor version.
    pub minor: Dotted,
    /// The values that it touches.
    pub key: String,
    /// What changed.
    #[serde(rename = "note")]
    pub what: String,
}

/// A known trouble.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Trouble {
    /// Its name.
    pub id: String,
    /// Targets from here on.
    pub target_from: Version,
    /// Targets below.
    pub target_below: Option<Version>,
    /// Databases from here on.
    pub database_from: Option<Version>,
    /// Databases below.
    pub database_below: Option<Version>,
    /// The engine; empty for both.
    pub engine: String,
    /// `latin1`, `flyway`, or empty.
    #[serde(deserialize_with = "when")]
    pub when: String,
    /// `fail` or `warn`.
    #[serde(deserialize_with = "level")]
    pub level: String,
    /// What happens.
    pub what: String,
    /// What to do.
    pub fix: String,
    /// Where it is told.
    pub source: String,
}

/// An API version that is no longer served.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Removal {
    /// The API version.
    pub api: String,
    /// The kind; empty for all.
    pub kind: String,
    /// From this Kubernetes on.
    pub removed: Dotted,
}

/// The last release of a search engine's major version, from which the next one can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SearchStep {
    /// `elasticsearch` or `opensearch`.
    pub engine: String,
    /// The major version.
    pub major: u64,
    /// Its last release.
    pub last: Dotted,
    /// Where it is told.
    pub source: String,
}

/// A word among those that are read: a row with another one would count for nothing, and nobody would know.
fn one_of<'de, D: Deserializer<'de>>(words: &[&str], from: D) -> Result<String, D::Error> {
    let word = String::deserialize(from)?;
    if words.contains(&word.as_str()) {
        return Ok(word);
    }
    let known: Vec<&str> = words.iter().copied().filter(|w| !w.is_empty()).collect();
    Err(D::Error::custom(format!("`{word}` is none of {}", known.join(", "))))
}

fn change<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    one_of(&["added", "rejected", "ignored", "default"], from)
}

fn level_of_rule<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    one_of(&["fail", "warn", "ignored"], from)
}

fn level<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    one_of(&["fail", "warn"], from)
}

fn when<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    one_of(&["", "latin1", "flyway"], from)
}

/// The names of the files that can stand in for a built-in table.
pub fn files() -> impl Iterator<Item = &'static str> {
    FILES.iter().chain(OWN).map(|(name, _)| *name)
}

impl Tables {
    /// Reads all tables: `replaced` gives the text of a file that stands in for a built-in one.
    ///
    /// # Errors
    /// With file and line of what cannot be read.
    pub fn read(replaced: impl Fn(&str) -> Option<String>) -> Result<Self, Wrong> {
        let text = |name: &str| {
            let built_in = OWN.iter().find(|(file, _)| *file == name).map_or("", |(_, text)| *text);
            replaced(name).unwrap_or_else(|| built_in.to_owned())
        };
        let mut tables = Self {
            versions: versions::Tables::read(&replaced)?,
            keys: rows("chart-keys.csv", &text("chart-keys.csv"))?,
            types: rows("chart-types.csv", &text("chart-types.csv"))?,
            rules: rows("values-rules.csv", &text("values-rules.csv"))?,
            notes: rows("notes.csv", &text("notes.csv"))?,
            troubles: rows("troubles.csv", &text("troubles.csv"))?,
            apis: rows("api-removals.csv", &text("api-removals.csv"))?,
            search_steps: rows("search-steps.csv", &text("search-steps.csv"))?,
        };
        tables.keys.sort_by_key(|k| k.chart);
        tables.types.sort_by_key(|t| t.chart);
        Ok(tables)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_built_in_tables_use_only_words_that_are_read() {
        let tables = Tables::read(|_| None).unwrap();
        assert!(tables.rules.iter().all(|r| !r.fix.is_empty()));
        let defaults = tables.keys.iter().filter(|k| k.change == "default");
        for key in defaults {
            for json in [&key.old, &key.new] {
                serde_json::from_str::<serde_json::Value>(json).unwrap_or_else(|e| panic!("{}: {json}: {e}", key.key));
            }
        }
        let ids: BTreeSet<&str> = tables.rules.iter().map(|r| r.id.as_str()).collect();
        assert_eq!(ids.len(), tables.rules.len());
    }

    #[test]
    fn a_table_of_somebody_is_read_in_place() {
        let own = "minor,key,note\n3.0,,all is new\n";
        let tables = Tables::read(|f| (f == "notes.csv").then(|| own.to_owned())).unwrap();
        assert_eq!(tables.notes.len(), 1);
        let wrong = Tables::read(|f| (f == "notes.csv").then(|| "minor,key,note\nx,,y\n".to_owned())).unwrap_err();
        assert!(wrong.to_string().contains("notes.csv, line 2"), "{wrong}");
        for (file, text) in [
            ("chart-keys.csv", "chart,change,key,old,new\n1.0.0,gone,a,,\n"),
            (
                "values-rules.csv",
                "id,key,value,unless,target_from,target_below,level,what,fix\na,a,,,1.0.0,,error,x,y\n",
            ),
            (
                "troubles.csv",
                "id,target_from,target_below,database_from,database_below,engine,when,level,what,fix,source\na,1.0.0,,,,,,Fail,x,y,z\n",
            ),
            (
                "troubles.csv",
                "id,target_from,target_below,database_from,database_below,engine,when,level,what,fix,source\na,1.0.0,,,,,latin,fail,x,y,z\n",
            ),
        ] {
            let wrong = Tables::read(|f| (f == file).then(|| text.to_owned())).unwrap_err().to_string();
            assert!(wrong.contains(&format!("{file}, line 2")) && wrong.contains("is none of"), "{wrong}");
        }
    }
}
