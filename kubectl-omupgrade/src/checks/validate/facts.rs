//! What a validation is made from: the look at the release that `status` takes, the server's own answers, the database,
//! the state before. A facts file of it gives the same answers.

use crate::facts::{Database, Fact, Facts as Look, Metrics, SCHEMA as LOOK_SCHEMA, SearchEngine, Server};
use crate::failure::Failure;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The facts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Facts {
    /// The release and what belongs to it, with the ends of the servers' logs.
    #[serde(flatten)]
    pub look: Look,
    /// What the server said.
    pub server: Fact<Server>,
    /// The database.
    pub database: Fact<Database>,
    /// The search engine; older files do not hold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<Fact<SearchEngine>>,
    /// What was before.
    pub before: Fact<Before>,
    /// Alerts that fire for this namespace, where somebody named a Prometheus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alerts: Option<Fact<Vec<String>>>,
    /// Looks of `--for`, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

/// The state before, as somebody recorded it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Before {
    /// From where: a run of the journal, a backup, a facts file.
    pub source: String,
    /// When.
    pub at: Timestamp,
    /// Rows by table.
    pub rows: BTreeMap<String, u64>,
    /// The server's numbers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Metrics>,
    /// Where those are from, where it is not where the rows are from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics_source: Option<String>,
}

/// One look of a watch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sample {
    /// When.
    pub at: Timestamp,
    /// Milliseconds after which the server answered, or why it did not.
    pub health: Result<u64, String>,
    /// Ready pods of the server.
    pub ready: usize,
    /// Restarts of its containers so far.
    pub restarts: i32,
    /// Its numbers since its start.
    pub metrics: Option<Metrics>,
}

impl Before {
    /// The state to compare with: the newest of those from before the rollout. One from after it would compare what is
    /// with itself. A backup holds no numbers of a server: those are of the newest that has any.
    pub fn choose(all: Vec<Self>, rolled_out: Option<Timestamp>) -> Option<Self> {
        let mut all: Vec<Self> = all.into_iter().filter(|b| rolled_out.is_none_or(|rolled| b.at <= rolled)).collect();
        all.sort_by_key(|b| b.at);
        let mut chosen = all.pop()?;
        if chosen.metrics.is_none()
            && let Some(other) = all.into_iter().rfind(|b| b.metrics.is_some())
        {
            chosen.metrics = other.metrics;
            chosen.metrics_source = Some(other.source);
        }
        Some(chosen)
    }

    /// Where the server's numbers are from.
    pub fn source_of_metrics(&self) -> &str {
        self.metrics_source.as_deref().unwrap_or(&self.source)
    }
}

impl Facts {
    /// The text of a facts file.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the text of a facts file.
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|e| Failure::usage(format!("this is no facts file: {e}")).hint(HINT))?;
        match value.get("schema").and_then(serde_json::Value::as_str) {
            Some(LOOK_SCHEMA) if value.get("server").is_some() => {}
            Some(LOOK_SCHEMA) => {
                return Err(Failure::usage("these facts were not gathered by `validate`").hint(HINT));
            }
            Some(other) => {
                return Err(Failure::usage(format!(
                    "a facts file of schema {other}, and this omupgrade reads {LOOK_SCHEMA}"
                )));
            }
            None => return Err(Failure::usage("this is no facts file: it has no `schema`").hint(HINT)),
        }
        serde_json::from_value(value).map_err(|e| Failure::usage(format!("reading the facts file: {e}")))
    }

    /// The state that a later validation compares with: what a facts file of before holds.
    pub fn as_before(&self, source: &str) -> Before {
        let rows = self.database.value().map(|d| d.counted().into_iter().map(|(k, v)| (k.to_owned(), v)).collect());
        let metrics = self.server.value().and_then(|s| s.metrics.value().cloned());
        Before {
            source: source.to_owned(),
            at: self.look.made,
            rows: rows.unwrap_or_default(),
            metrics,
            metrics_source: None,
        }
    }
}

const HINT: &str = "kubectl omupgrade validate --facts FILE    # writes one";

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hour: i8) -> Timestamp {
        format!("2026-11-22T{hour:02}:00:00Z").parse().unwrap()
    }

    fn of(hour: i8, metrics: Option<Metrics>) -> Before {
        Before { source: hour.to_string(), at: at(hour), rows: BTreeMap::new(), metrics, metrics_source: None }
    }

    #[test]
    fn numbers_are_of_the_newest_that_holds_any() {
        let numbers = |requests: f64| Some(Metrics { requests, ..Metrics::default() });
        let all = || vec![of(8, numbers(1.0)), of(9, numbers(2.0)), of(11, None), of(14, numbers(3.0))];
        let chosen = Before::choose(all(), Some(at(12))).unwrap();
        assert_eq!((chosen.source.as_str(), chosen.source_of_metrics()), ("11", "9"));
        assert_eq!(chosen.metrics, numbers(2.0));
        let newest = Before::choose(all(), None).unwrap();
        assert_eq!((newest.source.as_str(), newest.source_of_metrics()), ("14", "14"));
        assert_eq!(Before::choose(vec![of(9, None)], None).unwrap().metrics, None);
    }

    #[test]
    fn what_is_compared_with_is_from_before_the_rollout() {
        let before = |hour: i8| of(hour, None);
        let chosen = |hours: &[i8], rolled: Option<i8>| {
            Before::choose(hours.iter().map(|h| before(*h)).collect(), rolled.map(at)).map(|b| b.source)
        };
        assert_eq!(chosen(&[9, 11, 14], Some(12)).as_deref(), Some("11"));
        assert_eq!(chosen(&[14, 13], Some(12)), None);
        assert_eq!(chosen(&[9, 11], None).as_deref(), Some("11"));
        assert_eq!(chosen(&[], Some(12)), None);
    }
}
