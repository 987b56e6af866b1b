//! What a server's API said, reduced to what a validation needs. No content of entities but the name of one, and no token.

use super::Fact;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One look through the API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// The pod that was asked, or the address.
    pub asked: String,
    /// Its version, as it names itself.
    pub version: Fact<String>,
    /// The status and time in milliseconds of the health endpoint of its era.
    pub health: Fact<Answered>,
    /// The same of the user interface's first page.
    pub page: Fact<Answered>,
    /// How users log in: `basic`, `google` and so on.
    pub provider: Fact<String>,
    /// Who the token says that we are.
    pub who: Fact<Who>,
    /// The steps of `/system/status`.
    pub steps: Fact<Vec<Step>>,
    /// An entity that there is; none where there is not any.
    pub entity: Fact<Option<Entity>>,
    /// Whether its page's answer holds it.
    pub entity_read: Fact<Answered>,
    /// Whether search finds it by its name.
    pub entity_found: Fact<bool>,
    /// The edges of its lineage.
    pub lineage: Fact<Edges>,
    /// Entities by kind: those in the database and those in search.
    pub kinds: BTreeMap<String, Counted>,
    /// Background apps and their last runs.
    pub apps: Fact<Vec<App>>,
    /// Alerts and webhooks.
    pub subscriptions: Fact<Vec<Subscription>>,
    /// Permissions of somebody who is no administrator.
    pub permissions: Fact<Permissions>,
    /// Bots, and whether their user is there.
    pub bots: Fact<Vec<Bot>>,
    /// Ingestion pipelines.
    pub pipelines: Fact<Vec<Pipeline>>,
    /// Its own numbers.
    pub metrics: Fact<Metrics>,
}

/// That something answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Answered {
    /// With which status.
    pub status: u16,
    /// What the answer is, in words: its type, or what it lacks.
    pub what: String,
    /// After how many milliseconds.
    pub millis: u64,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Who {
    /// The name.
    pub name: String,
    /// Whether an administrator.
    pub admin: bool,
    /// Whether a bot.
    #[serde(default)]
    pub bot: bool,
    /// Where the token is from.
    pub by: String,
}

/// A step of the server's own validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its key.
    pub name: String,
    /// Whether it passed.
    pub passed: bool,
    /// What it says.
    pub message: String,
}

/// An entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entity {
    /// The path of its kind: `tables`.
    pub path: String,
    /// Its kind in lineage and search: `table`.
    pub kind: String,
    /// Its full name.
    pub name: String,
}

/// Edges of a lineage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Edges {
    /// Into it.
    pub up: usize,
    /// Out of it.
    pub down: usize,
}

/// How many there are of a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// In the database, as the API counts them.
    pub there: Fact<u64>,
    /// In search; unknown for kinds that have no index.
    pub found: Fact<u64>,
}

/// Why a kind that lies in no index is not found in search.
pub const NO_INDEX: &str = "this kind has no index";

impl Counted {
    /// What search said instead of a number, of a kind of which there is something to find.
    pub fn uncounted(&self) -> Option<&Fact<u64>> {
        let there = self.there.value().is_some_and(|there| *there > 0);
        (there && self.found.reason().is_some_and(|why| why != NO_INDEX)).then_some(&self.found)
    }
}

/// A background app.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct App {
    /// Its name.
    pub name: String,
    /// How its last run is or ended; none before the first.
    pub last: Option<String>,
    /// When that began.
    pub began: Option<Timestamp>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// An alert or webhook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subscription {
    /// Its name.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// How its destinations are: `active`, `failed`, with the reason.
    pub destinations: Vec<(String, String)>,
}

/// Permissions of a user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Permissions {
    /// The user.
    pub user: String,
    /// Whether that is a bot.
    #[serde(default)]
    pub bot: bool,
    /// `RESOURCE OPERATION` to `allow`, `deny`, `conditionalAllow` and so on.
    pub access: BTreeMap<String, String>,
}

/// A bot.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bot {
    /// Its name.
    pub name: String,
    /// Why its user does not resolve.
    pub lacks: Option<String>,
}

/// An ingestion pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pipeline {
    /// Its full name.
    pub name: String,
    /// Whether it is on.
    pub enabled: bool,
    /// Whether it is deployed.
    pub deployed: bool,
    /// How its last run is or ended.
    pub state: Option<String>,
    /// When that began.
    pub at: Option<Timestamp>,
}

/// A server's own numbers, since its start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Metrics {
    /// Requests.
    pub requests: f64,
    /// Those answered with 5xx.
    pub errors: f64,
    /// Seconds that all of them took.
    pub seconds: f64,
    /// Heap in use and at most, in bytes.
    pub heap: Option<(f64, f64)>,
    /// Database connections in use, waited for, and at most.
    pub pool: Option<(f64, f64, f64)>,
}

impl Metrics {
    /// Reads Prometheus' text: sums of the series that count requests, heap and connections. Names differ between
    /// releases of the server's libraries; what has none of the known names stays unknown.
    pub fn parse(text: &str) -> Self {
        let mut out = Self::default();
        let (mut heap, mut pool) = ((0.0, 0.0, false), (0.0, 0.0, 0.0, false));
        for line in text.lines().filter(|l| !l.starts_with('#')) {
            let Some((series, value)) = line.rsplit_once(' ') else { continue };
            // A gauge of what is gone says NaN, which is no number that could be saved or compared.
            let value = value.trim().parse::<f64>().ok().filter(|value| value.is_finite());
            let Some(value) = value else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            match name.trim() {
                "http_server_requests_seconds_count" | "http_server_requests_sec_count" => {
                    out.requests += value;
                    if labels.contains("status=\"5") || labels.contains("SERVER_ERROR") {
                        out.errors += value;
                    }
                }
                "http_server_requests_seconds_sum" | "http_server_requests_sec_sum" => out.seconds += value,
                "jvm_memory_used_bytes" if labels.contains("heap") && !labels.contains("nonheap") => {
                    heap = (heap.0 + value, heap.1, true);
                }
                "jvm_memory_max_bytes" if labels.contains("heap") && !labels.contains("nonheap") && value > 0.0 => {
                    heap = (heap.0, heap.1 + value, heap.2);
                }
                "hikaricp_connections_active" => pool = (value, pool.1, pool.2, true),
                "hikaricp_connections_pending" => pool = (pool.0, value, pool.2, pool.3),
                "hikaricp_connections_max" => pool = (pool.0, pool.1, value, pool.3),
                _ => {}
            }
        }
        out.heap = heap.2.then_some((heap.0, heap.1));
        out.pool = pool.3.then_some((pool.0, pool.1, pool.2));
        out
    }

    /// Of several servers together: what they counted, and the fullest heap and the busiest pool among them. None of none.
    pub fn of_all(all: &[Self]) -> Option<Self> {
        let sum = |of: fn(&Self) -> f64| all.iter().map(of).sum();
        let share = |(used, most): (f64, f64)| if most > 0.0 { used / most } else { 0.0 };
        let busy = |(active, pending, most): (f64, f64, f64)| pending + share((active, most));
        let heap = all.iter().filter_map(|m| m.heap).max_by(|a, b| share(*a).total_cmp(&share(*b)));
        let pool = all.iter().filter_map(|m| m.pool).max_by(|a, b| busy(*a).total_cmp(&busy(*b)));
        let (requests, errors, seconds) = (sum(|m| m.requests), sum(|m| m.errors), sum(|m| m.seconds));
        (!all.is_empty()).then_some(Self { requests, errors, seconds, heap, pool })
    }

    /// What was counted between an earlier look at the same server and this one; none where it was started again.
    pub fn since(&self, before: &Self) -> Option<Self> {
        let same = self.requests >= before.requests && self.errors >= before.errors;
        same.then(|| Self {
            requests: self.requests - before.requests,
            errors: self.errors - before.errors,
            seconds: (self.seconds - before.seconds).max(0.0),
            heap: self.heap,
            pool: self.pool,
        })
    }

    /// Milliseconds that a request takes in the mean.
    pub fn latency(&self) -> Option<f64> {
        (self.requests > 0.0).then(|| self.seconds / self.requests * 1000.0)
    }

    /// The share of requests answered with 5xx from which on a server is not well. Chosen.
    pub const ERRORS: f64 = 0.01;

    /// The share of requests that were answered with 5xx.
    pub fn error_share(&self) -> Option<f64> {
        (self.requests > 0.0).then(|| self.errors / self.requests)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_summed_over_their_labels() {
        let text = "# TYPE x summary\nhttp_server_requests_seconds_count{method=\"GET\",status=\"200\"} 90\nhttp_server_requests_seconds_count{status=\"503\"} 10\nhttp_server_requests_seconds_sum{status=\"200\"} 5\njvm_memory_used_bytes{area=\"heap\",id=\"a\"} 10\njvm_memory_used_bytes{area=\"nonheap\"} 99\njvm_memory_max_bytes{area=\"heap\"} 40\nhikaricp_connections_active{pool=\"p\"} 3\nhikaricp_connections_max{pool=\"p\"} 50\nhikaricp_connections_max{pool=\"gone\"} NaN\njvm_memory_used_bytes{area=\"heap\"} NaN\n";
        let m = Metrics::parse(text);
        assert_eq!((m.requests, m.errors, m.heap, m.pool), (100.0, 10.0, Some((10.0, 40.0)), Some((3.0, 0.0, 50.0))));
        assert_eq!(m.latency(), Some(50.0));
        let other =
            Metrics { errors: 10.0, heap: Some((39.0, 40.0)), pool: Some((1.0, 2.0, 50.0)), ..Metrics::default() };
        let both = Metrics::of_all(&[m.clone(), other.clone()]).unwrap();
        assert_eq!((both.requests, both.errors, both.heap, both.pool), (100.0, 20.0, other.heap, other.pool));
        assert_eq!(Metrics::of_all(&[]), None);
        assert!(m.since(&Metrics::default()).is_some_and(|s| s.errors > 9.0));
        assert_eq!(Metrics::default().since(&m), None);
    }
}
