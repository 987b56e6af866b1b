//! The search stand-in as a process: no database is needed.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

mod support;

use serde_json::json;
use support::Search;

fn filled(search: &Search) {
    let mapping = json!({ "mappings": { "properties": { "fullyQualifiedName": { "type": "keyword" } } }, "aliases": { "table": {} } });
    assert_eq!(search.ask("PUT", "table_search_index", &mapping.to_string()).0, 200);
    let lines =
        "{\"index\":{\"_id\":\"1\"}}\n{\"name\":\"orders\"}\n{\"index\":{\"_id\":\"2\"}}\n{\"name\":\"customers\"}\n";
    assert_eq!(search.ask("POST", "table_search_index/_bulk", lines).1["errors"], false);
}

#[test]
fn answers_have_the_references_shapes() {
    let search = Search::start(&[]);
    filled(&search);
    let mut seen = json!({});
    for path in [
        "",
        "_cluster/health",
        "_cat/indices?format=json",
        "_cat/indices",
        "_cat/aliases?format=json",
        "_cat/allocation?format=json",
        "_alias/table",
        "_alias/none",
        "table/_count",
        "none/_count",
        "table/_mapping",
        "table_search_index",
        "table/_search?q=orders",
        "table/_doc/2",
        "_nodes",
    ] {
        seen[path] = json!(search.ask("GET", path, ""));
    }
    insta::assert_json_snapshot!("search", seen);
}

#[test]
fn settings_change_the_number_the_colour_and_the_mapping() {
    let settings = [
        ("SEARCH_DISTRIBUTION", "elasticsearch"),
        ("SEARCH_VERSION", "8.11.4"),
        ("SEARCH_HEALTH", "red"),
        ("SEARCH_DRIFT", "table_search_index"),
    ];
    let search = Search::start(&settings);
    filled(&search);
    let version = &search.get("")["version"];
    assert_eq!((version["number"].as_str(), version.get("distribution")), (Some("8.11.4"), None));
    assert_eq!(search.get("_cluster/health")["status"], "red");
    let mapping = search.get("table/_mapping");
    assert_eq!(mapping["table_search_index"]["mappings"]["properties"]["fullyQualifiedName"]["type"], "text");
}

#[test]
fn a_swap_moves_a_name_at_once() {
    let search = Search::start(&[]);
    filled(&search);
    assert_eq!(search.ask("PUT", "table_search_index", "{}").0, 400, "the name is taken");
    assert_eq!(search.ask("PUT", "staged", "{}").0, 200);
    let actions = |lost: &str| json!({ "actions": [{ "remove_index": { "index": lost } }, { "add": { "index": "staged", "alias": "table_search_index" } }] });
    assert_eq!(search.ask("POST", "_aliases", &actions("none").to_string()).0, 404, "all or nothing");
    assert_eq!(search.get("table_search_index/_count")["count"], 2);
    assert_eq!(search.ask("POST", "_aliases", &actions("table_search_index").to_string()).0, 200);
    assert_eq!(search.get("table_search_index/_count")["count"], 0);
}

#[test]
fn indices_outlive_the_process_where_they_have_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("SEARCH_DATA", folder.path().to_str().unwrap())];
    let mut search = Search::start(&settings);
    filled(&search);
    search.restart(&settings);
    assert_eq!(search.get("table/_count")["count"], 2);
}

#[test]
fn a_field_cannot_change_its_type() {
    let search = Search::start(&[]);
    filled(&search);
    let field = |name: &str, kind: &str| json!({ "properties": { name: { "type": kind } } }).to_string();
    assert_eq!(search.ask("PUT", "table/_mapping", &field("fullyQualifiedName", "text")).0, 400);
    assert_eq!(search.ask("PUT", "table/_mapping", &field("entityStatus", "keyword")).0, 200);
}

/// The status that each request gets on a filled search.
fn refused(requests: &[(&str, &str, &str)]) {
    let search = Search::start(&[]);
    filled(&search);
    for (method, path, body) in requests {
        let (status, said) = search.ask(method, path, body);
        assert_eq!((status, said["status"].as_u64()), (400, Some(400)), "{method} {path} {body}: {said}");
    }
    assert_eq!(search.get("table/_count")["count"], 2, "it still answers, and nothing came of them");
}

#[test]
fn a_mapping_is_made_of_objects() {
    refused(&[
        ("PUT", "brk", r#"{"mappings":"x"}"#),
        ("PUT", "brk", r#"{"mappings":{"properties":"x"}}"#),
        ("PUT", "brk", r#"{"mappings":{"properties":{"a":"text"}}}"#),
        ("PUT", "table/_mapping", r#"{"properties":"x"}"#),
        ("PUT", "table/_mapping", r#"{"properties":{"a":1}}"#),
        ("PUT", "table/_mapping", "[1]"),
    ]);
    let search = Search::start(&[]);
    for body in ["", "{}", r#"{"mappings":{}}"#, r#"{"mappings":null}"#] {
        assert_eq!(search.ask("PUT", "bare", body).0, 200, "{body}");
        assert_eq!(search.ask("PUT", "bare/_mapping", r#"{"properties":{"a":{"type":"text"}}}"#).0, 200, "{body}");
        assert_eq!(search.ask("DELETE", "bare", "").0, 200);
    }
}

#[test]
fn a_body_is_json() {
    refused(&[
        ("PUT", "brk", "no"),
        ("PUT", "brk", "\"x\""),
        ("PUT", "table/_mapping", "no"),
        ("PUT", "table/_doc/1", "no"),
        ("PUT", "table/_doc/1", "[]"),
        ("POST", "_aliases", "no"),
        ("POST", "table/_search", "no"),
        ("POST", "table/_bulk", "no\n"),
        ("POST", "table/_bulk", "{\"index\":{\"_id\":\"3\"}}\n{}"),
        ("POST", "table/_bulk", "{\"index\":{\"_id\":\"3\"}}\n"),
        ("POST", "table/_bulk", "{\"index\":{\"_id\":\"3\"}}\n{}\n{\"upsert\":{\"_id\":\"3\"}}\n"),
        ("POST", "_bulk", "{\"index\":{\"_id\":\"3\"}}\n{}\n"),
    ]);
}

#[test]
fn a_name_is_one_indexs_or_an_alias() {
    refused(&[
        ("PUT", "BAD%20name,*", ""),
        ("PUT", "other", r#"{"aliases":{"table_search_index":{}}}"#),
        ("PUT", "other", r#"{"aliases":{"other":{}}}"#),
        ("PUT", "other", r#"{"aliases":{"a,b":{}}}"#),
        ("POST", "_aliases", r#"{"actions":[{"add":{"index":"table_search_index","alias":"table_search_index"}}]}"#),
        ("POST", "_aliases", r#"{"actions":[{"add":{"index":"table_search_index"}}]}"#),
        ("POST", "_aliases", r#"{"actions":[{"swap":{"index":"table_search_index","alias":"a"}}]}"#),
    ]);
}

#[test]
fn bulk_tells_of_each_item_that_failed() {
    let search = Search::start(&[]);
    filled(&search);
    let bulk = |path: &str, kind: &str, id: &str| {
        let lines = format!("{{\"{kind}\":{{\"_id\":\"{id}\"}}}}\n{{}}\n");
        let said = search.ask("POST", path, &lines).1;
        (said["errors"].as_bool(), said["items"][0][kind]["status"].as_u64())
    };
    assert_eq!(bulk("none/_bulk", "create", "1"), (Some(true), Some(404)));
    assert_eq!(bulk("table/_bulk", "create", "1"), (Some(true), Some(409)));
    assert_eq!(bulk("table/_bulk", "create", "3"), (Some(false), Some(201)));
    assert_eq!(bulk("table/_bulk", "index", "3"), (Some(false), Some(200)));
    let gone = search.ask("POST", "table/_bulk", "{\"delete\":{\"_id\":\"9\"}}\n").1;
    assert_eq!((gone["errors"].as_bool(), gone["items"][0]["delete"]["status"].as_u64()), (Some(false), Some(404)));
}
