//! The admin port: says that the process lives, not that its database does. It never asks the database anything.

use crate::database::Database;
use crate::http::{Answer, Request};
use crate::metrics;

/// Answers one request. Source: Dropwizard's admin servlet (`/ping`, `/healthcheck`) and the chart's service
/// monitor (`/prometheus`). A variant of `/healthcheck` that asked the database existed for a while upstream; not here.
pub fn answer(database: &Database, request: &Request) -> Answer {
    match request.path.as_str() {
        "/ping" => Answer::text("pong\n"),
        "/healthcheck" => Answer::json(&serde_json::json!({
            "OpenMetadataServerHealthCheck": { "healthy": true },
            "deadlocks": { "healthy": true },
        })),
        "/prometheus" => {
            Answer { kind: "text/plain; version=0.0.4; charset=utf-8", ..Answer::text(&metrics::text(database)) }
        }
        _ => Answer::error(404, "HTTP 404 Not Found"),
    }
}
