//! Policy files: what they may say, how profile, file, override and flag are laid over each other, and what each
//! mistake reads like. Mistakes are the files of `testdata/policy/wrong`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says so by failing")]

mod program;

use helm_postrender::policy::{Policy, Profile};
use insta::assert_snapshot;
use program::{assert_failed_closed, feed, path, program, run, shown, small, testdata};

#[test]
fn mistakes_are_refused_with_place_and_meaning() {
    let mut files: Vec<_> = std::fs::read_dir(testdata("policy/wrong")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "yaml"));
    files.sort();
    assert!(files.len() >= 12);
    for file in files {
        let output = run(&["--policy", file.to_str().unwrap(), "--dialect", "plain"], small(3));
        assert_failed_closed(&output, 2);
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(testdata("policy/wrong"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.add_filter("policy .*/testdata/", "policy testdata/");
        settings.bind(|| assert_snapshot!(file.file_stem().unwrap().to_str().unwrap(), shown(&output)));
    }
}

#[test]
fn a_policy_that_is_not_there() {
    let output = run(&["--policy", "/nowhere/policy.yaml"], small(3));
    assert_failed_closed(&output, 2);
    assert_snapshot!(shown(&output));
}

#[test]
fn a_quoted_number_and_a_key_of_another_section_are_shown_with_their_place() {
    let says = |text: &str| {
        let error = Policy::from_yaml(text).unwrap_err();
        format!("{error}\n{}{}\n", error.excerpt, error.hint.as_deref().unwrap_or_default())
    };
    assert_snapshot!(
        [
            says("rollout: {minReadySeconds: \"60\"}\n"),
            says("workloads:\n  Deployment/om:\n    rollout:\n      minReadySeconds: '60'\n"),
            says("engine: mysql\n"),
            says("rollout:\n  engine: mysql\n"),
        ]
        .concat()
    );
}

/// The mark of an excerpt stands in its column as far as the line is shown.
#[test]
fn a_mistake_far_out_in_a_line_is_shown_at_its_end() {
    for blanks in [200, 70_000] {
        let error = Policy::from_yaml(&format!("pdb: {{{}enabledd: true}}\n", " ".repeat(blanks))).unwrap_err();
        assert_eq!(error.place, Some((1, blanks + 7)));
        assert_eq!(error.excerpt.lines().nth(1).map(str::len), Some("  1 | ".len() + 100), "{}", error.excerpt);
    }
}

#[test]
fn no_file_an_empty_file_and_comments_are_the_profile_safe() {
    for text in ["", "\n", "# nothing\n", "---\n# nothing\n", "{}\n", "profile: safe\n"] {
        assert_eq!(Policy::from_yaml(text).unwrap(), Policy::default(), "{text:?}");
    }
}

#[test]
fn a_file_stands_over_its_profile_and_a_flag_over_the_files_profile() {
    let policy = Policy::from_yaml("profile: gitops\n").unwrap();
    assert!(!policy.backup_hook.enabled && policy.schema_guard.enabled);
    let policy = Policy::from_yaml("profile: gitops\nbackupHook: {enabled: yes}\n").unwrap();
    assert!(policy.backup_hook.enabled);
    let policy = Policy::from_yaml_on("profile: gitops\n", Some(Profile::Minimal)).unwrap();
    assert_eq!(policy.profile, Profile::Minimal);
    assert!(
        policy.backup_hook.enabled && policy.schema_guard.enabled && !policy.rollout.enabled && !policy.probes.enabled
    );
}

#[test]
fn an_override_stands_over_the_base_and_both_over_the_profile() {
    let text = "profile: minimal\nrollout: {enabled: true, minReadySeconds: 7}\n\
                workloads:\n  Deployment/om: {rollout: {preStopSeconds: 9}}\n  StatefulSet/db: {pdb: {enabled: false}}\n";
    let policy = Policy::from_yaml(text).unwrap();
    let own = &policy.workloads["Deployment/om"];
    assert!(own.rollout.enabled && !own.probes.enabled && own.workloads.is_empty());
    assert_eq!((own.rollout.min_ready_seconds, own.rollout.pre_stop_seconds), (7, 9));
    assert_ne!(policy.rollout.pre_stop_seconds, 9);
    assert!(!policy.workloads["StatefulSet/db"].pdb.enabled && policy.pdb.enabled);
}

#[test]
fn the_order_of_keys_does_not_count_and_anchors_work() {
    let a = Policy::from_yaml("rollout: &off {enabled: false}\nprobes: *off\n").unwrap();
    let b = Policy::from_yaml("probes: {enabled: false}\nrollout: {enabled: false}\n").unwrap();
    assert_eq!(a, b);
}

#[test]
fn the_environment_names_a_policy_and_the_flag_goes_first() {
    let nothing = path("policy/nothing.yaml");
    let output = feed(program().env("OMUPGRADE_POLICY", &nothing).arg("--check"), small(4));
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let change = path("policy/one-change.yaml");
    let output = feed(program().env("OMUPGRADE_POLICY", &nothing).args(["--check", "--policy", &change]), small(4));
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let output = feed(program().env("OMUPGRADE_POLICY", "").args(["--check", "--policy", &nothing]), small(4));
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
}

#[test]
fn the_schema_is_as_its_snapshot_says() {
    let output = run(&["schema"], "");
    assert_eq!(output.status.code(), Some(0));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(testdata("policy"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| assert_snapshot!("schema", String::from_utf8_lossy(&output.stdout)));
}

#[test]
fn every_setting_is_described_in_the_schema() {
    fn walk(value: &serde_json::Value, at: &str, missing: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(|p| p.as_object()) {
            for (key, property) in properties {
                if property.get("description").is_none() {
                    missing.push(format!("{at}/{key}"));
                }
            }
        }
        match value {
            serde_json::Value::Object(map) => map.iter().for_each(|(k, v)| walk(v, &format!("{at}/{k}"), missing)),
            serde_json::Value::Array(list) => list.iter().for_each(|v| walk(v, at, missing)),
            _ => {}
        }
    }
    let mut missing = Vec::new();
    walk(&helm_postrender::policy::schema(), "", &mut missing);
    assert!(missing.is_empty(), "no description: {missing:?}");
}
