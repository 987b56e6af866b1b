//! The command lines of `validate` and `diagnose` without a cluster: files that are wrong, flags that do not go together,
//! ends. The binary itself is run.
#![allow(clippy::unwrap_used)]

mod typed;

use std::path::{Path, PathBuf};
use typed::run;

fn recorded(name: &str, file: &str) -> String {
    let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/recorded").join(name).join(file);
    path.to_str().unwrap().to_owned()
}

/// Each is refused with 2, names what is wrong, and says nothing on standard output.
fn refused(args: &[&str], words: &[&str]) {
    let (code, out, said) = run(args);
    assert_eq!(code, 2, "{args:?}: {said}");
    for word in words {
        assert!(said.contains(word), "{args:?}: no `{word}` in {said}");
    }
    assert!(out.is_empty(), "{args:?}: {out}");
}

#[test]
fn wrong_files_are_named_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let broken = put("broken.json", "{");
    let other = put("other.json", "{\"schema\": \"omupgrade.io/facts/v9\"}");
    let none = folder.path().join("none.json").to_str().unwrap().to_owned();
    let nowhere = folder.path().join("no/such/folder.json").to_str().unwrap().to_owned();
    let at = folder.path().to_str().unwrap();
    for verb in ["validate", "diagnose"] {
        refused(&[verb, "--from-facts", &none], &["none.json"]);
        refused(&[verb, "--from-facts", &broken], &["broken.json", "no facts file"]);
        refused(&[verb, "--from-facts", &other], &["other.json", "v9"]);
        refused(&[verb, "om", "--facts", &nowhere], &["the folder is not there"]);
        refused(&[verb, "om", "--facts", at], &["it is a folder"]);
        #[cfg(target_os = "linux")]
        refused(&[verb, "om", "--facts", "/proc/facts.json"], &["writing /proc/facts.json"]);
    }
    refused(&["validate", "om", "--before", &broken], &["broken.json", "no facts file"]);
    let look = recorded("upgraded", "diagnose.json");
    refused(&["validate", "--from-facts", &look], &["not gathered by `validate`"]);
    let other = recorded("upgraded", "validate.json");
    refused(&["diagnose", "--from-facts", &other], &["gathered by `validate`", "validate --from-facts"]);
    refused(&["diagnose", "om", "--bundle", at], &["it is a folder"]);
    let rules = put("rules.yaml", "- id: X1\n  symptom: nosuch\n");
    refused(&["diagnose", "om", "--rules", &rules], &["rules.yaml", "line 2"]);
    let waivers = put("waivers.yaml", "waivers:\n- {check: logins, reason: x, until: 2099-01-01}\n");
    refused(&["validate", "om", "--waivers", &waivers], &["no such check", "waivers.yaml"]);
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let facts = recorded("upgraded", "validate.json");
    let look = recorded("upgraded", "diagnose.json");
    refused(&["validate", "om", "--from-facts", &facts], &["cannot be used with"]);
    refused(&["validate", "--from-facts", &facts, "--for", "5m"], &["cannot be used with"]);
    refused(&["validate", "om", "--since-backup", "--before", &facts], &["cannot be used with"]);
    refused(&["validate", "om", "--ingestion-bot", "--no-probe"], &["cannot be used with"]);
    refused(&["validate", "om", "--for", "soon"], &["soon"]);
    for verb in ["validate", "diagnose"] {
        refused(&[verb, "om", "--openmetadata", "https://om.example"], &["host:port", "without https://"]);
    }
    refused(&["validate", "om", "--prometheus", "http://prometheus:9090"], &["NAMESPACE/SERVICE:PORT"]);
    refused(&["diagnose", "om", "--from-facts", &look], &["cannot be used with"]);
    refused(&["diagnose", "om", "--token-secret", "a", "--ingestion-bot"], &["cannot be used with"]);
    refused(&["diagnose", "om", "--print-rules"], &["cannot be used with"]);
}

/// What was not redacted leaves the house in no bundle.
#[test]
fn no_bundle_is_made_of_a_look_that_was_not_redacted() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("om.tar.gz");
    let bundle = bundle.to_str().unwrap();
    let look = recorded("upgraded", "diagnose.json");
    refused(&["diagnose", "--from-facts", &look, "--bundle", bundle], &["does not say", "diagnose RELEASE --bundle"]);
    assert!(!Path::new(bundle).exists());
    let text = std::fs::read_to_string(&look).unwrap().replacen('{', "{\"redacted\": true,", 1);
    let marked = folder.path().join("marked.json");
    std::fs::write(&marked, text).unwrap();
    let (code, _, said) = run(&["diagnose", "--from-facts", marked.to_str().unwrap(), "--bundle", bundle]);
    assert!(code == 0 && Path::new(bundle).exists(), "{said}");
}

#[test]
fn a_file_of_another_verb_says_what_it_lacks() {
    for verb in ["validate", "diagnose"] {
        let file = recorded("upgraded", &format!("{verb}.json"));
        let (code, out, said) = run(&["status", "--from-facts", &file]);
        assert!(code == 0 && out.contains("om is rolled out"), "{verb}: {said}");
        assert!(said.contains(&format!("gathered by `{verb}`")) && said.contains("--probe --facts FILE"), "{said}");
    }
    // What `status --probe` saved: the database as it was read, and not in sentences.
    let text = std::fs::read_to_string(recorded("upgraded", "validate.json")).unwrap();
    let mut look: serde_json::Value = serde_json::from_str(&text).unwrap();
    for key in ["server", "before", "search"] {
        look.as_object_mut().unwrap().remove(key);
    }
    assert!(look["database"]["known"]["value"].is_object());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("look.json");
    std::fs::write(&file, look.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let (code, _, said) = run(&["status", "--from-facts", file]);
    assert!(code == 0 && !said.contains("gathered by"), "{said}");
    let (code, out, said) = run(&["diagnose", "--from-facts", file]);
    assert!(code != 2 && out.contains("om"), "{code}: {said}");
}

#[test]
fn ends() {
    for (name, validate, diagnose) in [("upgraded", 0, 0), ("migrate-fails", 1, 1), ("answers-500", 1, 1)] {
        assert_eq!(run(&["validate", "--from-facts", &recorded(name, "validate.json")]).0, validate, "{name}");
        assert_eq!(run(&["diagnose", "--from-facts", &recorded(name, "diagnose.json")]).0, diagnose, "{name}");
    }
    let (code, rules, _) = run(&["diagnose", "--print-rules"]);
    assert!(code == 0 && rules.contains("- id: T01"));
    let (code, json, _) = run(&["diagnose", "--from-facts", &recorded("fernet", "diagnose.json"), "-o", "json"]);
    assert!(code == 1 && serde_json::from_str::<serde_json::Value>(&json).unwrap()["findings"][0]["id"] == "M04");
}
