//! The program at its edges: who is calling, what stands for a backup, what goes where. What rules change is not
//! looked at here: most runs use a policy with one rule or none.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

mod program;

use helm_postrender::rules::ALL;
use insta::assert_snapshot;
use program::{assert_failed_closed, feed, path, program, run, shown, small};
use std::fmt::Write;
use std::fs;

/// A receipt for the small chart; `change` edits its fields.
fn receipt(dir: &tempfile::TempDir, change: impl FnOnce(&mut serde_json::Value)) -> String {
    let mut receipt = serde_json::json!({
        "v": 1, "release": "om", "namespace": "data", "target": "1.13.1", "backup": "om-20261122-1",
        "made": "2026-01-02T03:04:05Z", "expires": "2999-01-02T03:04:05Z",
    });
    change(&mut receipt);
    let file = dir.path().join("receipt.json");
    fs::write(&file, receipt.to_string()).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn with_every_rule_off_the_stream_leaves_as_it_came() {
    let nothing = path("policy/nothing.yaml");
    for (args, text) in [
        (&["--caller=helm4"][..], small(4)),
        (&[], small(3)),
        (&["--dialect=plain"], small(3)),
        (&[], small(3).replace("# Source", "# source")),
        (&[], small(3).replace('\n', "\r\n")),
        (&[], format!("\u{feff}{}", small(3))),
    ] {
        let output = run(&[args, &["--policy", &nothing]].concat(), &text);
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
        assert!(output.stderr.is_empty(), "{}", shown(&output));
        assert_eq!(String::from_utf8_lossy(&output.stdout), text);
    }
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
    assert_failed_closed(&run(&["--policy", policy.to_str().unwrap()], small(3)), 5);
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
    // The namespace can be checked only where the stream names one.
    let file = receipt(&dir, |_| {});
    let text = small(3).replace("kind: Deployment\nmetadata:\n", "kind: Deployment\nmetadata:\n  namespace: other\n");
    let output = feed(program().env("OMUPGRADE_RECEIPT", &file), &text);
    assert_failed_closed(&output, 5);
    assert_snapshot!("a_receipt_of_another_namespace", shown(&output));
}

#[test]
fn who_is_calling_is_told_by_argument_and_marks_together() {
    let mixed = small(3) + "---\n" + &small(4);
    let plain = small(3).replace("# Source", "# source");
    let mut words = String::new();
    for (name, args, text) in [
        ("helm 4's marks without the argument", &[][..], &small(4)),
        ("the argument with helm 3's marks", &["--caller=helm4"], &small(3)),
        ("the argument without marks", &["--caller=helm4"], &plain),
        ("the argument and another dialect", &["--caller=helm4", "--dialect=plain"], &small(4)),
        ("--dialect helm4 with helm 3's marks", &["--dialect=helm4"], &small(3)),
        ("--dialect helm3 with helm 4's marks", &["--dialect=helm3"], &small(4)),
        ("mixed marks", &[], &mixed),
        ("mixed marks, only to show", &["--diff"], &mixed),
    ] {
        let output = run(args, text);
        assert_failed_closed(&output, output.status.code().unwrap());
        writeln!(words, "# {name}\n{}", shown(&output)).unwrap();
    }
    assert_snapshot!(words);
    for (args, text) in [
        (&["--caller=helm4"][..], &small(4)),
        (&["--caller=helm4", "--dialect=helm4"], &small(4)),
        (&["--dialect=helm4"], &small(4)),
        (&["--dialect=plain"], &small(4)),
        (&[], &plain),
        (&["--check"], &small(4)),
        (&["--check", "--dialect=helm4"], &small(3)),
        (&["--check", "--dialect=plain"], &mixed),
    ] {
        let output = run(&[args, &["--policy", &path("policy/nothing.yaml")]].concat(), text);
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", shown(&output));
    }
}

#[test]
fn other_charts_pass_only_when_asked() {
    let text = "# Source: a/templates/b.yaml\nkind: ConfigMap\nmetadata: {name: a}   # odd   spacing\n";
    assert_failed_closed(&run(&[], text), 3);
    let output = run(&["--pass-through"], text);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), text.as_bytes()));
    // Not what is empty or cannot be read.
    assert_failed_closed(&run(&["--pass-through"], ""), 3);
    assert_failed_closed(&run(&["--pass-through"], "# nothing\n"), 3);
    assert_failed_closed(&run(&["--pass-through"], "kind: ["), 3);
    let output = run(&["--pass-through", "--diff"], text);
    assert_snapshot!(shown(&output));
}

#[test]
fn check_answers_by_its_exit_code() {
    let run = |policy: &str| run(&["--check", "--policy", &path(policy)], small(4)).status.code();
    assert_eq!(run("policy/nothing.yaml"), Some(0));
    assert_eq!(run("policy/one-change.yaml"), Some(1));
}

#[test]
fn a_diff_names_the_document_and_hides_secrets() {
    let output = run(&["--diff", "--policy", &path("policy/one-change.yaml"), "--backup=off"], small(3));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("Deployment/om (document 3, small/templates/deployment.yaml) by rollout\n@@ -"), "{text}");
    assert!(text.contains("\n+") && !text.contains("hush") && !text.contains('\u{1b}'), "{text}");
    assert!(
        text.lines()
            .last()
            .unwrap()
            .ends_with("in 1 of 4 documents; read as helm3 (for an upgrade by helm 4, add `--dialect helm4`)"),
        "{text}"
    );
    let mut forced = program();
    forced.env("CLICOLOR_FORCE", "1").args(["--diff", "--policy", &path("policy/one-change.yaml")]);
    let output = feed(&mut forced, small(4));
    assert!(String::from_utf8_lossy(&output.stdout).contains("\u{1b}[32m+"));
    let output = feed(forced.env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE"), small(4));
    assert!(!String::from_utf8_lossy(&output.stdout).contains('\u{1b}'));
}

#[test]
fn a_file_is_read_for_showing_only() {
    let file = path("helm/small-helm4.yaml");
    let nothing = path("policy/nothing.yaml");
    let output = run(&["--check", "--policy", &nothing, &file], "");
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    for args in [&["helm/small.yaml"][..], &["--diff", "nowhere.yaml"], &["explian"], &["--diff", "rule"]] {
        let output = run(args, small(3));
        assert_failed_closed(&output, 2);
        assert_snapshot!(format!("file_argument_{}", args.last().unwrap().replace(['/', '.'], "_")), shown(&output));
    }
}

#[test]
fn prove_shows_equal_digests() {
    let output = run(&["--prove", "--backup=off"], small(3));
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(!text.contains("DOES NOT HOLD"), "{text}");
    let digest = |line: usize| text.lines().rev().nth(line).unwrap().split_whitespace().last().unwrap().to_owned();
    assert_eq!(digest(4), digest(3), "{text}");
    assert_ne!(digest(1), digest(0), "{text}");
    let nothing = run(&["--prove", "--policy", &path("policy/nothing.yaml")], small(4));
    assert_snapshot!(shown(&nothing));
}

#[test]
fn the_report_says_what_was_done_or_why_not() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let nothing = path("policy/nothing.yaml");
    let (text, json) = (file("report.txt"), file("report.json"));
    let output = run(&["--policy", &nothing, "--report", &text], small(3));
    assert_eq!(output.status.code(), Some(0));
    assert_snapshot!("report_text", fs::read_to_string(&text).unwrap());
    feed(program().env("OMUPGRADE_REPORT", &json).args(["--policy", &nothing, "--caller=helm4"]), small(4));
    assert_snapshot!("report_json", fs::read_to_string(&json).unwrap());
    // Of a refusal, with all that was known; and of a failure.
    let output = run(&["--report", &json], small(3));
    assert_eq!(output.status.code(), Some(5));
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(&json).unwrap()).unwrap();
    assert_eq!((report["v"].as_u64(), report["exit"].as_u64()), (Some(1), Some(5)));
    assert!(report["error"]["message"].as_str().unwrap().starts_with("no backup stands"));
    assert_eq!(report["servers"][0]["release"], "om");
    let output = run(&["--report", &text, "--report-format=json"], "");
    assert_eq!(output.status.code(), Some(3));
    assert_snapshot!("report_of_a_failure", fs::read_to_string(&text).unwrap());
    // Never a secret, in any form, whatever the rules did.
    for (report, args) in [(&text, &["--backup=off"][..]), (&json, &["--backup=off"])] {
        run(&[args, &["--report", report]].concat(), small(3));
        assert!(!fs::read_to_string(report).unwrap().contains("hush"));
    }
}

#[test]
fn rules_lists_all_and_explain_tells_each_in_every_spelling() {
    let table = String::from_utf8(run(&["rules"], "").stdout).unwrap();
    for rule in ALL {
        let id = rule.head.id;
        assert!(table.lines().any(|l| l.starts_with(id)), "{id}");
        let page = run(&["explain", id], "");
        assert_eq!(page.status.code(), Some(0));
        assert_eq!(page.stdout, run(&["explain", &id.replace('_', "-")], "").stdout);
        assert_eq!(page.stdout, run(&["explain", &helm_postrender::policy::section(id)], "").stdout);
        let page = String::from_utf8(page.stdout).unwrap();
        assert!(page.contains("\nSettings (section") && page.contains("  enabled: "), "{page}");
    }
    for wrong in ["shema_guard", "probe", "database"] {
        let output = run(&["explain", wrong], "");
        assert_failed_closed(&output, 2);
        assert_snapshot!(format!("explain_{wrong}"), shown(&output));
    }
}

#[test]
fn wrong_arguments_are_exit_2() {
    for args in [&["--no-such-flag"][..], &["--backup=maybe"], &["--dialect=helm5"], &["rules", "--diff"]] {
        let output = run(args, "");
        assert_eq!(output.status.code(), Some(2), "{}", shown(&output));
        assert!(output.stdout.is_empty());
    }
    assert_eq!(run(&["--help"], "").status.code(), Some(0));
    assert_eq!(run(&["--version"], "").status.code(), Some(0));
    assert_snapshot!("help", shown(&run(&["-h"], "")));
}

#[test]
fn the_plugin_folder_is_made_once_and_never_among_helms_own() {
    let home = tempfile::tempdir().unwrap();
    let in_home = |args: &[&str]| {
        let mut command = program();
        command.env("HOME", home.path()).env_remove("XDG_DATA_HOME").env_remove("HELM_DATA_HOME").args(args);
        feed(&mut command, "")
    };
    let output = in_home(&["plugin-dir"]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let folder = home.path().join(".local/share/omupgrade/helm4");
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{}\n", folder.display()));
    let yaml = folder.join("helm-postrender/plugin.yaml");
    let binary = folder.join("../bin/helm-postrender");
    assert_eq!(fs::canonicalize(&binary).unwrap(), fs::canonicalize(env!("CARGO_BIN_EXE_helm-postrender")).unwrap());
    let made = fs::metadata(&yaml).unwrap().modified().unwrap();
    in_home(&["plugin-dir"]);
    assert_eq!(fs::metadata(&yaml).unwrap().modified().unwrap(), made);
    // Out of date: made again.
    fs::write(&yaml, "name: old\n").unwrap();
    in_home(&["plugin-dir"]);
    assert!(fs::read_to_string(&yaml).unwrap().contains("name: helm-postrender\n"));
    // Helm's own, also through a link.
    let shared = home.path().join(".local/share/helm/plugins");
    fs::create_dir_all(&shared).unwrap();
    std::os::unix::fs::symlink(&shared, home.path().join("link")).unwrap();
    for dir in [shared.join("omupgrade"), home.path().join("link/omupgrade"), shared.clone()] {
        let output = in_home(&["plugin-dir", "--dir", dir.to_str().unwrap()]);
        assert_failed_closed(&output, 2);
        assert_eq!(fs::read_dir(&shared).unwrap().count(), 0);
    }
    let output = feed(program().env_remove("HOME").env_remove("XDG_DATA_HOME").arg("plugin-dir"), "");
    assert_failed_closed(&output, 2);
}

#[test]
fn the_plugin_has_the_version_of_the_program() {
    let yaml = fs::read_to_string(program::testdata("../plugin/helm4/helm-postrender/plugin.yaml")).unwrap();
    assert!(yaml.contains(&format!("\nversion: {}\n", env!("CARGO_PKG_VERSION"))));
}
