//! Canaries in what others say: none is in the file of facts, on the screen or in a change request.

use super::{answer, look, says};
use kubectl_omupgrade::adapters::precheck::redacted;
use kubectl_omupgrade::checks::precheck::{self, Case, Facts, Tables, decide};
use kubectl_omupgrade::redact::Redactor;
use kubectl_omupgrade::view::{self, Shape};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What is known to be secret somewhere: its looks tell nothing.
const KNOWN: &str = "kanarievogel";
/// What only its place tells.
const PASSWORD: &str = "kanarie7Q";

fn words() -> String {
    format!(
        "the server answered 500: cannot reach jdbc:postgresql://om:{PASSWORD}@db:5432/om as {KNOWN}; this is said, too"
    )
}

/// The file, the report for people, and the one for a change request.
fn shown(facts: Facts) -> String {
    let file = facts.to_text().unwrap();
    let case = Case { facts, tables: Tables::read(|_| None).unwrap() };
    let mut report = precheck::report(&case);
    decide(&case, &mut report);
    let wide = view::plain(&view::checks(&report, Shape { width: 400, wide: true, live: false }));
    [file, wide, view::markdown(&report), serde_json::to_string(&report).unwrap()].concat()
}

fn base() -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/precheck/base.yaml");
    let facts = Facts::from_text(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::to_value(facts).unwrap()
}

#[test]
fn no_words_of_others_hold_a_secret() {
    let redactor = Redactor::new([KNOWN.to_owned()], &BTreeSet::new()).unwrap();
    let clean = |value: Value, place: &str| {
        let facts: Facts = serde_json::from_value(value).unwrap();
        assert!(shown(facts.clone()).contains(PASSWORD), "{place} is said nowhere");
        let text = shown(redacted(facts, &redactor).unwrap());
        assert!(!text.contains("kanarie"), "{place}: {text}");
        assert!(text.contains("this is said, too"), "{place}: the words are gone with it");
    };
    let whole = base();
    for key in whole.as_object().unwrap().keys() {
        if !matches!(key.as_str(), "schema" | "made" | "release" | "namespace" | "asked" | "driftUnread") {
            let mut less = whole.clone();
            less[key] = json!({"unknown": words()});
            clean(less, key);
        }
    }
    for (place, said) in [
        ("/ingestion/pipelines", json!({"unknown": words()})),
        ("/ingestion/pipelines", json!([words()])),
        ("/ingestion/managedUnseen", json!(words())),
        ("/ingestion/airflowUnseen", json!(words())),
        ("/ingestion/placeUnseen", json!(words())),
        ("/ingestion/managed", json!(words())),
        ("/ingestion/airflow", json!(words())),
        ("/server/budgetsUnseen", json!(words())),
        ("/server/autoscalerUnseen", json!(words())),
        ("/backup/waitsUnseen", json!(words())),
        ("/backup/free", json!({"unknown": words()})),
        ("/room/nodesUnseen", json!(words())),
        ("/search/source", json!(words())),
        ("/search/unanswered", json!({"/_mapping": words()})),
        ("/driftUnread", json!([format!("Service/om: {}", words())])),
        ("/kinds", json!({"unasked": [format!("X/om: {}", words())]})),
        ("/helm/description", json!(words())),
    ] {
        let mut other = whole.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        other.pointer_mut(parent).unwrap()[key] = said;
        clean(other, place);
    }
}

/// A look takes them out by itself: what is secret in the release is known then.
#[tokio::test]
async fn a_look_knows_the_secrets_of_its_release() {
    let (facts, _) = look(|path| {
        let (code, mut refused) = says(403, "Forbidden");
        refused["message"] =
            json!("the key hunter2 is none, and jdbc:mysql://om:kanarie7Q@db/om is; this is said, too");
        if path.ends_with("/persistentvolumeclaims") { (code, refused) } else { answer(path) }
    })
    .await;
    assert!(facts.backup.known().unwrap_err().ends_with("this is said, too"), "{:?}", facts.backup);
    let text = shown(facts);
    assert!(!text.contains("hunter2") && !text.contains("kanarie"), "{text}");
}
