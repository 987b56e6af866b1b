//! Which request is which. It never keeps anything.

use serde_json::{Value, json};

use super::settings::{Distribution, Moment, Settings};
use super::store::Store;
use super::{cat, find, write};
use crate::http::{Answer, Request};

/// Answers one request.
pub fn answer(settings: &Settings, moment: &Moment, store: &mut Store, request: &Request) -> Answer {
    let parts: Vec<&str> = request.path.split('/').filter(|part| !part.is_empty()).collect();
    let method = if request.method == "HEAD" { "GET" } else { request.method.as_str() };
    let mut answer = match (method, parts.as_slice()) {
        ("GET", []) => Answer::json(&who(settings)),
        ("GET", ["_cluster", "health", ..]) => Answer::json(&cat::health(moment, store)),
        ("GET", ["_cat", "indices", rest @ ..]) => cat::indices(moment, store, rest, request),
        ("GET", ["_cat", "aliases", ..]) => cat::aliases(store, request),
        ("GET", ["_cat", "allocation", ..]) => cat::allocation(store, request),
        ("GET", ["_alias" | "_aliases"]) => find::aliases(store, "*", None),
        ("GET", ["_alias", alias]) => find::aliases(store, "*", Some(alias)),
        ("GET", [index, "_alias"]) => find::aliases(store, index, None),
        ("GET", [index, "_alias", alias]) => find::aliases(store, index, Some(alias)),
        ("GET", ["_mapping"]) => find::mappings(moment, store, "*"),
        ("GET", [index, "_mapping"]) => find::mappings(moment, store, index),
        ("GET" | "POST", ["_count"]) => find::count(store, "*"),
        ("GET" | "POST", [index, "_count"]) => find::count(store, index),
        ("GET" | "POST", ["_search"]) => find::search(store, "*", request),
        ("GET" | "POST", [index, "_search"]) => find::search(store, index, request),
        ("GET", [index, "_doc", id]) => find::document(store, index, id),
        ("GET", [index]) if !index.starts_with('_') => find::index(moment, store, index),
        ("POST" | "GET", ["_refresh"] | [_, "_refresh"]) => Answer::json(&json!({ "_shards": shards(1) })),
        _ => write::answer(store, method, &parts, request),
    };
    if settings.distribution == Distribution::Elasticsearch {
        // The published clients refuse a server that does not say so.
        answer.header = Some("X-Elastic-Product: Elasticsearch");
    }
    answer
}

/// How both count shards; there is one for each index.
pub fn shards(indices: usize) -> Value {
    json!({ "total": indices, "successful": indices, "skipped": 0, "failed": 0 })
}

/// The error for an index that is not there.
pub fn no_index(name: &str) -> Answer {
    let cause = json!({
        "type": "index_not_found_exception", "reason": format!("no such index [{name}]"), "resource.type": "index_or_alias",
        "resource.id": name, "index": name, "index_uuid": "_na_",
    });
    error(404, &cause)
}

/// An error as both word it.
pub fn error(status: u16, cause: &Value) -> Answer {
    let mut error = cause.clone();
    error["root_cause"] = json!([cause]);
    Answer { status, ..Answer::json(&json!({ "error": error, "status": status })) }
}

/// The error for what cannot be taken.
pub fn refusal(kind: &str, reason: &str) -> Answer {
    error(400, &json!({ "type": kind, "reason": reason }))
}

/// A body as JSON: an object, or null where there is none. Anything else is refused.
pub fn body(request: &Request) -> Result<Value, Answer> {
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    match serde_json::from_slice(&request.body) {
        Ok(body @ Value::Object(_)) => Ok(body),
        Ok(_) => Err(refusal("parsing_exception", "the body is no object")),
        Err(wrong) => Err(refusal("parsing_exception", &format!("the body is no JSON: {wrong}"))),
    }
}

fn who(settings: &Settings) -> Value {
    let (tagline, wire) = match settings.distribution {
        Distribution::Opensearch => ("The OpenSearch Project: https://opensearch.org/", "2.19.0"),
        Distribution::Elasticsearch => ("You Know, for Search", "8.19.0"),
    };
    let mut version = json!({
        "number": settings.number, "build_type": "tar", "build_hash": "stand-in", "build_date": "2026-01-01T00:00:00Z",
        "build_snapshot": false, "lucene_version": "10.3.1", "minimum_wire_compatibility_version": wire,
        "minimum_index_compatibility_version": wire,
    });
    if settings.distribution == Distribution::Opensearch {
        version["distribution"] = json!("opensearch");
    }
    json!({
        "name": "opensearch-0", "cluster_name": "opensearch", "cluster_uuid": "c3RhbmQtaW4tc2VhcmNoIQ",
        "version": version, "tagline": tagline,
    })
}
