//! The command line of `precheck` without a cluster: files that are wrong, formats, ends. The binary itself is run.
#![allow(clippy::unwrap_used)]

mod typed;

use std::path::{Path, PathBuf};
use typed::run;

fn base() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/precheck/base.yaml")
}

/// A precheck of the base, without a cluster.
fn saved(more: &[&str]) -> (i32, String, String) {
    let base = base();
    let mut args = vec!["precheck", "--from-facts", base.to_str().unwrap()];
    args.extend(more);
    run(&args)
}

#[test]
fn ends() {
    assert_eq!(saved(&[]).0, 0);
    assert_eq!(saved(&["--strict"]).0, 1, "a warning counts");
    assert_eq!(saved(&["--exit-verdict"]).0, 21);
}

/// While what nothing can be decided without is open, the verdict is no end; but that it cannot be done is.
#[test]
fn no_verdict_is_the_end_while_a_needed_answer_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let text = std::fs::read_to_string(base()).unwrap();
    let mut facts: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
    let ends = |facts: &serde_json::Value, more: &[&str]| {
        let file = folder.path().join("facts.json");
        std::fs::write(&file, facts.to_string()).unwrap();
        run(&[&["precheck", "--from-facts", file.to_str().unwrap()][..], more].concat())
    };
    facts["database"] = serde_json::json!({"unknown": "not asked (--no-probe)"});
    let (code, said, _) = ends(&facts, &["--exit-verdict"]);
    assert!(code == 3 && said.contains("quiesce: ") && said.contains("find these out first"), "{code}: {said}");
    // A warning besides does not make it a no, and strictness has no say.
    assert_eq!(ends(&facts, &["--exit-verdict", "--strict"]).0, 3);
    assert_eq!((ends(&facts, &[]).0, ends(&facts, &["--strict"]).0), (3, 1));
    // Whoever answers for what is not known gets the verdict.
    let ids = ["direction", "migrations-finished", "known-troubles", "database-version", "database-writable"];
    let waived = ids.map(|id| format!("- {{check: {id}, reason: asked by hand, until: 2099-01-01}}\n")).concat();
    let waivers = folder.path().join("waivers.yaml");
    std::fs::write(&waivers, format!("waivers:\n{waived}")).unwrap();
    assert_eq!(ends(&facts, &["--exit-verdict", "--waivers", waivers.to_str().unwrap()]).0, 21);
    facts["server"]["settled"] = false.into();
    assert_eq!(ends(&facts, &["--exit-verdict"]).0, 24, "refused, whatever else is open");
}

#[test]
fn formats() {
    let (_, json, _) = saved(&["-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["schema"], "omupgrade.io/checks/v1");
    assert_eq!(report["verdict"]["word"], "quiesce");
    let (_, yaml, _) = saved(&["-o", "yaml"]);
    let again: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
    assert_eq!(again["counts"], report["counts"]);
    assert!(saved(&["-o", "junit"]).1.starts_with("<?xml"));
    assert!(saved(&["-o", "markdown"]).1.starts_with("# precheck"));
    assert!(saved(&["-o", "wide"]).1.contains("https://"));
    let (code, _, words) = run(&["rbac", "status", "-o", "junit"]);
    assert!(code == 2 && words.contains("runs no checks"), "{words}");
}

#[test]
fn wrong_words_are_refused_before_anything_is_asked() {
    for (args, words) in [
        (vec!["precheck", "om"], "--to <VERSION>"),
        (vec!["precheck", "om", "--to", "1.13"], "three numbers"),
        (vec!["precheck", "om", "--to", "latest"], "three numbers"),
        (vec!["precheck", "om", "--to", "1.13.1", "--slo", "101"], "no availability"),
        (vec!["precheck", "om", "--to", "1.13.1", "--spent", "5m"], "--slo"),
        (vec!["precheck", "om", "--to", "1.13.1", "-f", "/nowhere.yaml"], "reading /nowhere.yaml"),
        (vec!["precheck", "om", "--to", "1.13.1", "--waivers", "/nowhere.yaml"], "reading /nowhere.yaml"),
        (vec!["precheck", "--from-facts", "/nowhere.yaml"], "reading /nowhere.yaml"),
        (vec!["precheck", "om", "--to", "1.13.1", "--tables", "/nowhere"], "reading the tables in /nowhere"),
    ] {
        let (code, out, said) = run(&args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {said}");
        assert!(said.contains(words), "{args:?}: {said}");
    }
}

#[test]
fn a_cluster_that_is_not_there_is_not_an_answer() {
    let (code, _, said) = run(&["precheck", "om", "--to", "1.13.1"]);
    assert!(code == 3 && said.contains("try:"), "{code}: {said}");
}

#[test]
fn wrong_files_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let values = put("values.yaml", "image:\n  tag: [1.13\n");
    let (code, _, said) = run(&["precheck", "om", "--to", "1.13.1", "-f", &values]);
    assert!(code == 2 && said.contains("values.yaml") && said.contains("line "), "{said}");
    // What stands around the place is not repeated.
    let secret = put("secret.yaml", "password: hunter2\nx: [\n");
    let (code, _, said) = run(&["precheck", "om", "--to", "1.13.1", "-f", &secret]);
    assert!(code == 2 && said.contains("line 2") && !said.contains("hunter2"), "{said}");
    let config = put("config", "users:\n- name: u\n  user:\n    token: hunter2\n    client-key-data: [\n");
    let (code, _, said) = run(&["precheck", "om", "--to", "1.13.1", "--kubeconfig", &config]);
    assert!(code == 3 && said.contains("line 5") && !said.contains("hunter2"), "{said}");
    let list = put("list.yaml", "- a\n");
    assert!(run(&["precheck", "om", "--to", "1.13.1", "-f", &list]).2.contains("no keys"));

    let waivers = put("waivers.yaml", "waivers:\n- {check: serch-version, reason: x, until: 2099-01-01}\n");
    let (code, _, said) = saved(&["--waivers", &waivers]);
    assert!(code == 2 && said.contains("no such check") && said.contains("the nearest is `search-version`"), "{said}");
}

#[test]
fn tables_of_somebody_stand_in_and_are_read_with_care() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_str().unwrap();
    // Nothing migrates any more: the verdict follows the table, where the target's image says the same.
    std::fs::write(folder.path().join("migrations.csv"), "version,kinds\n1.12.13,sql\n").unwrap();
    assert_eq!(saved(&["--tables", at, "--exit-verdict"]).0, 21);
    let facts = folder.path().join("facts.yaml");
    let text = std::fs::read_to_string(base()).unwrap() + "folders: [1.12.12, 1.12.13]\n";
    std::fs::write(&facts, text).unwrap();
    let facts = facts.to_str().unwrap();
    assert_eq!(run(&["precheck", "--from-facts", facts, "--tables", at, "--exit-verdict"]).0, 20);

    std::fs::write(folder.path().join("migrations.csv"), "version,kinds\n1.12.13,sql\n1.13,sql\n").unwrap();
    let (code, _, said) = saved(&["--tables", at]);
    assert!(code == 2 && said.contains("migrations.csv, line 3") && said.contains("try: ls "), "{said}");

    std::fs::write(folder.path().join("migrations.csv"), "version,kinds\n1.13.0,sql\n").unwrap();
    std::fs::write(folder.path().join("migration.csv"), "version,kinds\n").unwrap();
    let (code, _, said) = saved(&["--tables", at]);
    assert!(code == 2 && said.contains("migration.csv is no table") && said.contains("releases.csv"), "{said}");
}
