//! The program at its edges: who is calling, what goes where. What rules change is not looked at here: most runs use a
//! policy with one rule or none.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

mod program;

use helm_postrender::rules::ALL;
use insta::assert_snapshot;
use program::{assert_failed_closed, feed, path, program, run, shown, small};
use std::fmt::Write;
use std::fs;

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
fn what_only_shows_is_not_for_helms_flag() {
    for flag in ["--diff", "--check", "--prove"] {
        let output = run(&["--caller=helm4", flag], small(4));
        assert_failed_closed(&output, 2);
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(words.contains(&format!("{flag} is not for --post-renderer: pipe helm template into it")), "{words}");
    }
}

#[test]
fn wrong_arguments_stand_in_the_report_too() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report.txt");
    let path = report.to_str().unwrap();
    let joined = format!("--report={path}");
    for (args, env) in [
        (&["--caller=helm4", "--bakup=off"][..], path),
        (&["--bakup=off", "--report", path], ""),
        (&["--bakup=off", &joined], "/nowhere/report"),
    ] {
        let _ = fs::remove_file(&report);
        let output = feed(program().env("OMUPGRADE_REPORT", env).args(args), small(4));
        assert_eq!(output.status.code(), Some(2));
        let text = fs::read_to_string(&report).unwrap();
        assert!(
            text.starts_with("error: unexpected argument '--bakup' found\n") && text.contains("--backup"),
            "{text}"
        );
    }
    feed(program().args(["--bakup=off", &joined, "--report-format=json"]), "");
    let report: serde_json::Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    assert_eq!(report["exit"], 2);
}

#[test]
fn variables_set_to_nothing_are_unset() {
    let mut command = program();
    for name in ["OMUPGRADE_POLICY", "OMUPGRADE_REPORT", "OMUPGRADE_RECEIPT"] {
        command.env(name, "");
    }
    let output = feed(command.arg("--backup=off"), small(3));
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
}

#[test]
fn check_prints_json_and_a_dash_is_the_stream_that_is_free() {
    let json = |output: &std::process::Output| serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    let output = run(&["--check", "--report-format=json"], small(4));
    assert_eq!((output.status.code(), &json(&output)["exit"]), (Some(1), &1.into()));
    // Also of a failure.
    let output = run(&["--check", "--report-format=json"], "kind: [");
    assert_eq!((output.status.code(), &json(&output)["exit"]), (Some(3), &3.into()));
    let output = run(&["--check", "--report=-", "--report-format=json"], small(4));
    assert_eq!(json(&output)["exit"], 1);
    let output = run(&["--backup=off", "--report=-"], small(3));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("release  om, "), "{}", shown(&output));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("release  om, "));
}

#[cfg(target_os = "linux")]
#[test]
fn a_report_to_an_open_file_takes_nothing_away_from_it() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("log");
    let link = dir.path().join("link");
    std::os::unix::fs::symlink("/proc/self/fd/2", &link).unwrap();
    for path in ["/dev/stderr", "/dev/fd/2", link.to_str().unwrap()] {
        fs::write(&log, "what stood there\n").unwrap();
        let file = fs::File::options().append(true).open(&log).unwrap();
        let output = feed(program().args(["--backup=off", "--report", path]).stderr(file), small(3));
        assert_eq!(output.status.code(), Some(0));
        let text = fs::read_to_string(&log).unwrap();
        assert!(text.starts_with("what stood there\nrelease  om, "), "{path}: {text}");
    }
}

#[test]
fn numbers_agree_between_check_prove_and_report() {
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report.txt");
    let output = run(&["--report", report.to_str().unwrap()], small(3));
    assert_eq!(output.status.code(), Some(5));
    let report: serde_json::Value = {
        let text = fs::read_to_string(&report).unwrap();
        let check = run(&["--check", "--report-format=json"], small(3));
        let check: serde_json::Value = serde_json::from_slice(&check.stdout).unwrap();
        let refused =
            format!("\nresult   refused, nothing written ({} changes would be made)\n", check["summary"]["changes"]);
        assert!(text.contains(&refused), "{text}");
        check
    };
    let proof = String::from_utf8(run(&["--prove"], small(3)).stdout).unwrap();
    let (changes, added) =
        (report["summary"]["changes"].as_u64().unwrap(), report["summary"]["added"].as_u64().unwrap());
    assert!(proof.contains(&format!(": {} changes", changes - added)), "{proof}");
    assert!(proof.contains("1 annotation that names the rules"), "{proof}");
    assert!(proof.contains(&format!("added      {added:>6}  {added} change")), "{proof}");
}

#[test]
fn warnings_come_first_and_once() {
    let skip = "  annotations: {skip.omupgrade.io/rolout: later}\n";
    let text = small(3).replace("kind: Deployment\nmetadata:\n", &format!("kind: Deployment\nmetadata:\n{skip}"));
    let output = feed(program().env("CLICOLOR_FORCE", "1").arg("--check"), &text);
    let shown = String::from_utf8(output.stdout).unwrap();
    let (_, rest) = shown.split_once("\n\n").unwrap();
    assert!(rest.starts_with("\u{1b}[33mWarnings\u{1b}[0m\n\u{1b}[33m  - Deployment/om: its annotation"), "{shown}");
    assert!(rest.contains("\n\u{1b}[1mDeployment/om\u{1b}[0m (document 3") && rest.contains("\u{1b}[32m+ "), "{shown}");
    assert_eq!(shown.matches("skip.omupgrade.io/rolout names no rule").count(), 1);
    // Without colours in a file.
    let dir = tempfile::tempdir().unwrap();
    let report = dir.path().join("report");
    feed(program().env("CLICOLOR_FORCE", "1").args(["--check", "--report"]).arg(&report), &text);
    let report = fs::read_to_string(&report).unwrap();
    assert!(report.contains("\n\nWarnings\n") && !report.contains('\u{1b}'), "{report}");
}

#[test]
fn a_diff_folds_long_texts_unless_all_is_asked_for() {
    let folded = String::from_utf8(run(&["--diff"], small(4)).stdout).unwrap();
    let full = String::from_utf8(run(&["--diff=full"], small(4)).stdout).unwrap();
    assert!(folded.contains("more lines (--diff=full shows them)\n") && !full.contains("--diff=full"));
    assert!(full.lines().count() > folded.lines().count() + 100);
    assert!(folded.contains("\n  rollout: /spec/minReadySeconds: a new pod that dies"), "{folded}");
    assert_eq!(run(&["--diff=all"], small(4)).status.code(), Some(2));
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
    let (summary, rest) = text.split_once("\n\n").unwrap();
    assert!(summary.starts_with("release  om, ") && summary.lines().count() <= 6, "{text}");
    assert!(summary.contains("\nresult   5 changes, 1 of 4 documents touched"), "{text}");
    let squeezed = summary.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(squeezed.contains("add `--dialect helm4` to see what Helm 4 gets"), "{text}");
    let (first, rest) = rest.split_once('\n').unwrap();
    assert_eq!(first, "Deployment/om (document 3, small/templates/deployment.yaml)");
    assert!(
        rest.starts_with("  rollout: /spec/strategy: new pods ") && rest.contains("\n@@ -36,6 +36,8 @@\n"),
        "{text}"
    );
    assert!(rest.lines().all(|l| l.chars().count() <= 100), "{text}");
    assert!(text.contains("\n+") && !text.contains("hush") && !text.contains('\u{1b}'), "{text}");
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
    for (code, args) in
        [(2, &["helm/small.yaml"][..]), (3, &["--diff", "nowhere.yaml"]), (2, &["explian"]), (3, &["--diff", "rule"])]
    {
        let output = run(args, small(3));
        assert_failed_closed(&output, code);
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
    assert_eq!(String::from_utf8(run(&["explain"], "").stdout).unwrap(), table);
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
    fs::write(&yaml, "name: helm-postrender\nversion: old\n").unwrap();
    in_home(&["plugin-dir"]);
    assert!(!fs::read_to_string(&yaml).unwrap().contains("version: old"));
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
