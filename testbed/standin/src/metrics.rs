//! What the server counts about itself, as Prometheus text. It never keeps more than a few numbers.
//!
//! Source of the names: Micrometer's own binders, which the server registers (`http.server.requests`, JVM memory, Hikari),
//! and its `OpenMetadataMetrics` (`db.connections`, `db.errors.total`, `auth.failures.total`). Assumption: the labels.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::database::Database;

/// Logins that failed.
pub static LOGIN_FAILURES: AtomicU64 = AtomicU64::new(0);
/// Statements that failed.
pub static DATABASE_ERRORS: AtomicU64 = AtomicU64::new(0);
/// The heap that the compose files give the real server (`-Xmx1G`).
pub const HEAP: u64 = 1 << 30;

/// Requests by method and status: how many, and how long together.
static REQUESTS: Mutex<BTreeMap<(String, u16), (u64, Duration)>> = Mutex::new(BTreeMap::new());

/// One more.
pub fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// A request was answered.
pub fn request(method: &str, status: u16, took: Duration) {
    let mut requests = REQUESTS.lock().unwrap_or_else(PoisonError::into_inner);
    let (count, sum) = requests.entry((method.to_owned(), status)).or_default();
    *count += 1;
    *sum += took;
}

/// The memory of this process in bytes, in place of a heap.
pub fn memory() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    pages.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default() * 4096
}

/// All of it.
pub fn text(database: &Database) -> String {
    let mut text = String::new();
    let load = database.load();
    let mut add = |name: &str, kind: &str, lines: &[(String, f64)]| {
        let _ = writeln!(text, "# TYPE {name} {kind}");
        for (labels, value) in lines {
            let _ = writeln!(text, "{labels} {value}");
        }
    };
    let requests = REQUESTS.lock().unwrap_or_else(PoisonError::into_inner);
    let mut lines = Vec::new();
    for ((method, status), (count, sum)) in requests.iter() {
        let outcome = match status {
            200..400 => "SUCCESS",
            400..500 => "CLIENT_ERROR",
            _ => "SERVER_ERROR",
        };
        let labels = format!("{{method=\"{method}\",status=\"{status}\",outcome=\"{outcome}\"}}");
        lines.push((format!("http_server_requests_seconds_count{labels}"), exact(*count)));
        lines.push((format!("http_server_requests_seconds_sum{labels}"), sum.as_secs_f64()));
    }
    add("http_server_requests_seconds", "summary", &lines);
    let mut gauge = |name: &str, labels: &str, value: u64| {
        add(name, "gauge", &[(format!("{name}{labels}"), exact(value))]);
    };
    gauge("jvm_memory_used_bytes", "{area=\"heap\",id=\"G1 Old Gen\"}", memory());
    gauge("jvm_memory_max_bytes", "{area=\"heap\",id=\"G1 Old Gen\"}", HEAP);
    let pool = "{pool=\"openmetadata-hikari-pool\"}";
    gauge("hikaricp_connections_active", pool, load.active as u64);
    gauge("hikaricp_connections_idle", pool, load.idle as u64);
    gauge("hikaricp_connections_pending", pool, load.pending as u64);
    gauge("hikaricp_connections_max", pool, load.max as u64);
    gauge("db_connections", "", (load.active + load.idle) as u64);
    let mut counter = |name: &str, counter: &AtomicU64| {
        add(name, "counter", &[(name.to_owned(), exact(counter.load(Ordering::Relaxed)))]);
    };
    counter("db_errors_total", &DATABASE_ERRORS);
    counter("auth_failures_total", &LOGIN_FAILURES);
    text
}

/// Prometheus counts in floating point.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn exact(value: u64) -> f64 {
    value as f64
}
