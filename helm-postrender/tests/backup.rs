//! What stands for a backup at the program's edges: a hook, a receipt, a decision, and the refusals.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

mod program;

use insta::assert_snapshot;
use program::{assert_failed_closed, feed, program, run, shown, small};
use std::fs;

/// A receipt for the small chart; `change` edits its fields.
fn receipt(dir: &tempfile::TempDir, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let made = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(10);
    let mut receipt = serde_json::json!({
        "v": 1, "release": "om", "namespace": "data", "target": "1.13.1", "backup": "om-20261122-1",
        "made": made.to_string(), "expires": (made + jiff::SignedDuration::from_hours(24)).to_string(),
    });
    change(&mut receipt);
    let file = dir.path().join("receipt.json");
    fs::write(&file, receipt.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn helm_3_needs_a_decision_about_the_backup() {
    let output = run(&[], small(3));
    assert_failed_closed(&output, 5);
    assert_snapshot!(shown(&output));
    for args in [&["--backup=off"][..], &["--backup", "off"], &["--profile=gitops"], &["--dialect=plain"]] {
        let output = run(args, small(3));
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", shown(&output));
        assert!(!String::from_utf8_lossy(&output.stdout).contains("helm.sh/hook"));
    }
    // The flag goes before the policy, both ways.
    let output = run(&["--profile=gitops", "--backup=on"], small(3));
    assert_failed_closed(&output, 5);
    // What only shows never refuses.
    for args in [&["--diff"][..], &["--prove"], &["--check"]] {
        let output = run(args, small(3));
        assert!(matches!(output.status.code(), Some(0 | 1)), "{args:?}: {}", shown(&output));
    }
}

#[test]
fn helm_4_is_refused_where_no_hook_can_be_made() {
    // Nobody would see a warning: helm 4 swallows it.
    let text = small(4).replace("  DB_SCHEME: \"postgresql\"\n", "");
    let output = run(&["--caller=helm4"], &text);
    assert_failed_closed(&output, 5);
    assert_snapshot!(shown(&output));
    let output = run(&["--caller=helm4", "--backup=off"], &text);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(run(&["--check"], &text).status.code(), Some(1));
}

#[test]
fn a_single_server_can_do_without_a_backup() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy.yaml");
    fs::write(&policy, "workloads:\n  Deployment/om: {backupHook: {enabled: false}}\n").unwrap();
    let output = run(&["--policy", policy.to_str().unwrap()], small(3));
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    fs::write(&policy, "workloads:\n  Deployment/other: {backupHook: {enabled: false}}\n").unwrap();
    let output = run(&["--policy", policy.to_str().unwrap()], small(3));
    assert_failed_closed(&output, 2);
    assert_snapshot!("an_override_of_what_is_not_there", shown(&output).replace(policy.to_str().unwrap(), "FILE"));
    let skip = "  annotations: {skip.omupgrade.io/backup_hook: dumped by hand}\n";
    let text = small(3).replace("kind: Deployment\nmetadata:\n", &format!("kind: Deployment\nmetadata:\n{skip}"));
    let output = run(&[], &text);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
}

#[test]
fn a_receipt_stands_for_a_proven_backup() {
    let dir = tempfile::tempdir().unwrap();
    for (helm, args) in [(3, &[][..]), (4, &["--caller=helm4"])] {
        let file = receipt(&dir, |_| {});
        let output = feed(program().env("OMUPGRADE_RECEIPT", file).args(args), small(helm));
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
        assert!(!String::from_utf8_lossy(&output.stdout).contains("pre-upgrade"), "helm {helm} would back up twice");
    }
}

#[test]
fn a_receipt_that_does_not_hold_is_refused_by_its_field() {
    let dir = tempfile::tempdir().unwrap();
    let set = |key: &'static str, value: serde_json::Value| move |r: &mut serde_json::Value| r[key] = value;
    let says = |file: &str| {
        let output = feed(program().env("OMUPGRADE_RECEIPT", file), small(3));
        assert_failed_closed(&output, 5);
        String::from_utf8_lossy(&output.stderr).lines().next().unwrap().replace(file, "FILE")
    };
    let mut words = Vec::new();
    for (key, value) in [
        ("v", 2.into()),
        ("v", "1".into()),
        ("release", "other".into()),
        ("release", 7.into()),
        ("target", "1.13.0".into()),
        ("target", "latest".into()),
        ("backup", " ".into()),
        ("made", "yesterday".into()),
        ("made", "2998-01-01T00:00:00Z".into()),
        ("expires", "2026-01-02T03:04:06Z".into()),
        ("expires", "2999-01-02".into()),
    ] {
        let first = says(&receipt(&dir, set(key, value)));
        // The present time stands in two of them.
        words.push(first.split(", now is ").next().unwrap().to_owned());
    }
    words.push(says(&receipt(&dir, |r| drop(r.as_object_mut().unwrap().remove("expires")))));
    let none = dir.path().join("none.json");
    words.push(says(none.to_str().unwrap()));
    fs::write(&none, "receipt").unwrap();
    words.push(says(none.to_str().unwrap()));
    assert_snapshot!(words.join("\n"));
    let file = receipt(&dir, |r| {
        let made: jiff::Timestamp = r["made"].as_str().unwrap().parse().unwrap();
        r["expires"] = (made + jiff::SignedDuration::from_mins(24 * 60 + 1)).to_string().into();
    });
    assert!(says(&file).ends_with(": a receipt stands for at most 24 h"));
    // The namespace can be checked only where the stream names one.
    let file = receipt(&dir, |_| {});
    let text = small(3).replace("kind: Deployment\nmetadata:\n", "kind: Deployment\nmetadata:\n  namespace: other\n");
    let output = feed(program().env("OMUPGRADE_RECEIPT", &file), &text);
    assert_failed_closed(&output, 5);
    assert_snapshot!("a_receipt_of_another_namespace", shown(&output));
}

#[test]
fn a_receipts_namespace_is_compared_or_said_to_be_unchecked() {
    let dir = tempfile::tempdir().unwrap();
    let file = receipt(&dir, |_| {});
    let check = |namespace: &str, text: &str| {
        let mut command = program();
        command.env("OMUPGRADE_RECEIPT", &file).env("OMUPGRADE_NAMESPACE", namespace).arg("--check");
        let output = feed(&mut command, text);
        (output.status.code(), shown(&output).split_whitespace().collect::<Vec<_>>().join(" "))
    };
    let unchecked = "; namespace data: not checked, the stream names none";
    let (code, words) = check("", &small(3));
    assert!(code == Some(1) && words.contains("proven before this run") && words.contains(unchecked), "{words}");
    let (code, words) = check("data", &small(3));
    assert!(code == Some(1) && words.contains("proven before this run") && !words.contains("not checked"), "{words}");
    let (code, words) = check("other", &small(3));
    assert!(code == Some(5) && words.contains("field `namespace` is data, OMUPGRADE_NAMESPACE is other"), "{words}");
    let named = small(3).replace("kind: Deployment\nmetadata:\n", "kind: Deployment\nmetadata:\n  namespace: data\n");
    let (code, words) = check("", &named);
    assert!(code == Some(1) && !words.contains("not checked"), "{words}");
}
