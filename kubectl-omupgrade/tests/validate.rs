//! What `validate` says: every folder of `testdata/validate` is a situation, told as what differs from one in which all
//! is well, with the outcome of every check that is not as there; the checks test themselves.
#![allow(clippy::unwrap_used, clippy::panic)]

mod moment;

use clap::Parser;
use kubectl_omupgrade::checks::validate::{Facts, checks, report};
use kubectl_omupgrade::checks::{Row, Strictness, commands, faults};
use kubectl_omupgrade::cli::Cli;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::facts::{Fact, NO_INDEX};
use kubectl_omupgrade::view::{self, Shape};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/validate");
    let mut all: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|e| e.unwrap().path()).collect();
    all.sort();
    all
}

const NOW: &str = "2026-11-22T12:10:00Z";

fn known(value: &Value) -> Value {
    json!({"known": {"value": value, "source": "test", "at": NOW}})
}

fn unknown(reason: &Value) -> Value {
    json!({"unknown": {"reason": reason, "source": "test", "at": NOW}})
}

/// A server of which all is well.
fn well() -> Value {
    json!({
        "version": "1.13.1", "provider": "basic",
        "health": {"status": 200, "what": "text/plain", "millis": 7},
        "page": {"status": 200, "what": "text/html", "millis": 9},
        "who": {"name": "ingestion-bot", "admin": false, "by": "Secret om-omupgrade-token, key token"},
        "steps": [{"name": "database", "passed": true, "message": "Connected"}, {"name": "searchInstance", "passed": true, "message": "Connected"}],
        "entity": {"path": "tables", "kind": "table", "name": "sample.shop.public.t01"},
        "entityRead": {"status": 200, "what": "the entity", "millis": 11}, "entityFound": true,
        "lineage": {"up": 0, "down": 1}, "kinds": {"table": [20, 20], "role": [3, null]},
        "apps": [{"name": "SearchIndexingApplication", "last": "success", "began": "2026-11-22T12:09:00Z"}],
        "subscriptions": [{"name": "ActivityFeedAlert", "enabled": true, "destinations": [["active", ""]]}],
        "permissions": {"user": "viewer", "access": {"table ViewBasic": "allow", "policy Create": "notAllow", "bot Create": "notAllow"}},
        "bots": [{"name": "ingestion-bot", "lacks": null}],
        "pipelines": [{"name": "sample.metadata", "enabled": true, "deployed": true, "state": "success", "at": "2026-11-22T09:00:00Z"}],
        "metrics": {"requests": 1000, "errors": 0, "seconds": 40, "heap": [300_000_000, 1_073_741_824], "pool": [2, 0, 50]},
    })
}

/// A search engine of which all is well.
fn engine(s: &Value) -> Value {
    let mut engine = json!({"engine": "opensearch", "version": "3.3.0", "health": "green", "nodes": 1,
        "indexes": {"table_search_index": {"health": "green", "documents": 20, "guessed": []}}, "aliases": {"table": ["table_search_index"]}});
    for (key, value) in s["engine"].as_object().into_iter().flatten() {
        engine[key] = value.clone();
    }
    engine
}

fn database(s: &Value) -> Value {
    let mut rows = json!({"role_entity": 3, "policy_entity": 4, "bot_entity": 2, "user_entity": 5, "entity_relationship": 43, "table_entity": 20});
    for (table, count) in s["rows"].as_object().into_iter().flatten() {
        rows[table] = count.clone();
    }
    if let Some(table) = s["without_table"].as_str() {
        rows.as_object_mut().unwrap().remove(table);
    }
    let tables: Value = rows
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (k.clone(), json!({"bytes": 8192, "rows": v})))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let statements = if s["statements"].is_null() { json!({"1.13.1": 3}) } else { s["statements"].clone() };
    let mut database = json!({"engine": "postgresql", "version": "15.4", "name": "openmetadata_db", "user": "openmetadata_user", "bytes": 9_000_000, "charset": "UTF8",
        "collation": "C", "sortBuffer": 20_971_520, "readOnly": false, "may": {}, "settings": {}, "migrations": [{"version": "1.13.1", "at": "2026-11-22 12:06:00"}],
        "statements": statements, "tables": tables, "fingerprint": {"engine": "postgresql", "parts": {}, "head": "1.13.1"}});
    if !s["indexed"].is_null() {
        database["indexed"] = s["indexed"].clone();
    }
    database
}

/// The facts of a situation, and what its checks must say where they differ from the well one.
fn situation(folder: &Path) -> (Facts, BTreeMap<String, String>) {
    let text = std::fs::read_to_string(folder.join("situation.yaml")).unwrap();
    let s: Value = serde_saphyr::from_str(&text).unwrap();
    let (mut look, now) = moment::facts(&folder.join("../../cluster").join(s["moment"].as_str().unwrap()));
    let usual = json!({"openmetadata-7c9d8f6b54-kq2xz/openmetadata": ["INFO [main] started"], "openmetadata-7c9d8f6b54-kq2xz/run-db-migrations": ["INFO Update Search Indexes."]});
    for logs in [&usual, &s["logs"]] {
        for (key, lines) in logs.as_object().into_iter().flatten() {
            let key = serde_json::from_value(json!(key)).unwrap();
            look.logs.insert(key, Fact::known(serde_json::from_value(lines.clone()).unwrap(), "logs", now));
        }
    }
    let mut server = well();
    for (key, value) in s["server"].as_object().into_iter().flatten() {
        server[key] = value.clone();
    }
    let kinds = server["kinds"].take();
    let number = |v: &Value| match v {
        Value::Null => unknown(&json!(NO_INDEX)),
        Value::String(_) => unknown(v),
        _ => known(v),
    };
    let away = |v: &Value| {
        if v.is_null() && !s["unknown"].is_null() { unknown(&json!("the server answered 500")) } else { number(v) }
    };
    let kinds: serde_json::Map<String, Value> = kinds
        .as_object()
        .unwrap()
        .iter()
        .map(|(k, v)| (k.clone(), json!({"there": number(&v[0]), "found": away(&v[1])})))
        .collect();
    let mut server: serde_json::Map<String, Value> =
        server.as_object().unwrap().iter().map(|(k, v)| (k.clone(), known(v))).collect();
    server.insert("kinds".to_owned(), kinds.into());
    server.insert("asked".to_owned(), json!("Pod openmetadata-7c9d8f6b54-kq2xz"));
    for (key, reason) in s["unknown"].as_object().into_iter().flatten() {
        server.insert(key.clone(), unknown(reason));
    }
    let mut facts = serde_json::to_value(&look).unwrap();
    if !s["search_due"].is_null() {
        facts["searchDue"] = s["search_due"].clone();
    }
    if !s["jobs"].is_null() {
        facts["jobs"] = known(&s["jobs"]);
    }
    facts["server"] = if s["without_server"].is_null() { known(&server.into()) } else { unknown(&s["without_server"]) };
    facts["database"] = known(&database(&s));
    facts["search"] = if s["without_engine"].is_null() { known(&engine(&s)) } else { unknown(&s["without_engine"]) };
    facts["before"] = match &s["before"] {
        Value::Null => unknown(&json!("nothing to compare with (--before FILE, --since-backup)")),
        rows => known(
            &json!({"source": "before.json", "at": "2026-11-22T09:00:00Z", "rows": rows, "metrics": s["before_metrics"]}),
        ),
    };
    if !s["alerts"].is_null() {
        facts["alerts"] = known(&s["alerts"]);
    }
    facts["samples"] = if s["samples"].is_null() { json!([]) } else { s["samples"].clone() };
    let mut expect: BTreeMap<String, String> = serde_json::from_value(s["expect"].clone()).unwrap();
    for (key, value) in s["also"].as_object().into_iter().flatten() {
        expect.insert(key.clone(), value.as_str().unwrap().to_owned());
    }
    (serde_json::from_value(facts).unwrap(), expect)
}

fn outcomes(facts: &Facts) -> BTreeMap<String, String> {
    report(facts).checks.into_iter().map(|c| (c.id, c.outcome.word().to_owned())).collect()
}

#[test]
fn every_situation_comes_out_as_it_must() {
    let all = folders();
    assert!(all.len() >= 25);
    let usual = outcomes(&situation(&all.iter().find(|f| f.ends_with("well")).unwrap().clone()).0);
    assert!(!usual.values().any(|o| o == "fail" || o == "warn"), "{usual:?}");
    let mut wrong = Vec::new();
    for folder in &all {
        let (facts, expect) = situation(folder);
        let mut wanted = usual.clone();
        wanted.extend(expect);
        for (id, outcome) in outcomes(&facts) {
            if wanted.get(&id) != Some(&outcome) {
                wrong.push(format!("{}: {id}: {outcome} instead of {:?}", folder.display(), wanted.get(&id)));
            }
        }
        // A saved file gives the same answer.
        let again = Facts::from_text(&facts.to_text().unwrap()).unwrap();
        assert_eq!(outcomes(&again), outcomes(&facts), "{}", folder.display());
        insta::with_settings!({snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true}, {
            for width in [120, 60] {
                let shape = Shape { width, wide: false, live: false };
                insta::assert_snapshot!(format!("validate-{width}"), view::plain(&view::checks(&report(&facts), shape)));
            }
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every check can fail, or at least warn: some situation shows it.
#[test]
fn every_check_is_seen_to_object() {
    let mut quiet: Vec<&str> = checks().map(|c| c.row.id).collect();
    for folder in folders() {
        let found = outcomes(&situation(&folder).0);
        quiet.retain(|id| !matches!(found[*id].as_str(), "fail" | "warn"));
    }
    assert_eq!(quiet, [""; 0]);
}

fn parses(words: &[String]) -> Result<(), String> {
    let line = std::iter::once("kubectl-omupgrade".to_owned()).chain(words.iter().cloned());
    Cli::try_parse_from(line).map(|_| ()).map_err(|e| e.to_string())
}

#[test]
fn the_checks_hold_together() {
    let rows: Vec<Row> = checks().map(|c| c.row).collect();
    assert_eq!(faults(&rows, parses), Vec::<String>::new());
}

/// Also what a check says in a situation can be typed.
#[test]
fn every_next_step_is_a_command() {
    for folder in folders() {
        for said in report(&situation(&folder).0).checks.into_iter().filter_map(|c| c.next) {
            commands(&said, parses).unwrap_or_else(|why| panic!("{}: `{said}` {why}", folder.display()));
            assert!(!said.contains('{'), "{}: {said}", folder.display());
        }
    }
}

#[test]
fn the_exit_follows_what_could_be_asked() {
    let exit = |name: &str| {
        let folder = folders().into_iter().find(|f| f.ends_with(name)).unwrap();
        report(&situation(&folder).0).exit(Strictness::Failures)
    };
    assert_eq!(exit("well"), Exit::Done);
    assert_eq!(exit("webhook-retries"), Exit::Done);
    assert_eq!(exit("roles-lost"), Exit::No);
    assert_eq!(exit("no-token"), Exit::Unknown);
    assert_eq!(exit("server-away"), Exit::Unknown);
}

/// Whatever is missing: an answer, and no panic.
#[test]
fn every_fact_may_be_unknown() {
    let (facts, _) = situation(&folders()[0]);
    let whole = serde_json::to_value(&facts).unwrap();
    for key in whole.as_object().unwrap().keys() {
        let mut less = whole.clone();
        if less[key].get("known").is_none() {
            continue;
        }
        less[key] = unknown(&json!("forbidden"));
        let less: Facts = serde_json::from_value(less).unwrap();
        assert_eq!(report(&less).checks.len(), checks().count());
    }
    for (text, words) in [
        ("{}", "no `schema`"),
        ("x", "no facts file"),
        (r#"{"schema":"a/v9"}"#, "schema a/v9"),
        (r#"{"schema":"omupgrade.io/facts/v1"}"#, "not gathered by `validate`"),
    ] {
        let error = Facts::from_text(text).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
}

/// What was recorded on a real cluster under the testbed's faults.
#[test]
fn recorded_faults_come_out_as_they_did() {
    for (name, failed) in [
        ("search", &["documents", "own-validation", "search-finds"][..]),
        ("answers-500", &["errors", "health", "login", "page", "version"]),
        ("migrate-fails", &["errors", "known-troubles", "migrations", "pods"]),
        ("fernet", &["known-troubles", "pods"]),
        ("upgraded", &[]),
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded").join(name);
        let facts = Facts::from_text(&std::fs::read_to_string(folder.join("validate.json")).unwrap()).unwrap();
        let found = outcomes(&facts);
        let no: Vec<&str> = found.iter().filter(|(_, o)| *o == "fail").map(|(id, _)| id.as_str()).collect();
        assert_eq!(no, failed, "{name}");
        insta::with_settings!({snapshot_path => &folder, prepend_module_to_snapshot => false, omit_expression => true}, {
            for width in [120, 60] {
                let shape = Shape { width, wide: false, live: false };
                insta::assert_snapshot!(format!("validate-{width}"), view::plain(&view::checks(&report(&facts), shape)));
            }
        });
    }
}
