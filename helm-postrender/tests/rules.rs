//! Every rule against its cases in `testdata/rules/ID/CASE.yaml` (policy beside it as `CASE.policy.yaml`), alone and
//! with nothing else: what it says, and what it changes as a diff, stand in `CASE.snap`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where something is wrong, and says what it skipped"
)]

use helm_postrender::policy::Policy;
use helm_postrender::rules::{ALL, Rule};
use helm_postrender::transform::{Memory, Outcome, transform};
use shared::manifest::{Stream, detect};
use std::fmt::Write;
use std::path::{Path, PathBuf};

fn run(text: &str, policy: &Policy, rule: &Rule) -> (String, String) {
    let stream = Stream::split(text.as_bytes()).unwrap();
    let dialect = detect(&stream).expect("a case of one dialect");
    match transform(&stream, dialect, policy, std::slice::from_ref(rule), Memory::default()) {
        Ok(outcome) => (outcome.pieces.text(), said(&outcome)),
        Err(refusal) => (text.to_owned(), format!("refused: {refusal}\n")),
    }
}

fn said(outcome: &Outcome<'_>) -> String {
    let label = |id: usize| outcome.scene.objects[id].label();
    let mut out = String::new();
    for change in &outcome.changes {
        writeln!(out, "change {} {}: {}", label(change.object), change.path, change.why).unwrap();
    }
    for note in &outcome.notes {
        let about = note.object.map(label).unwrap_or_default();
        writeln!(out, "{} {about}: {}", format!("{:?}", note.level).to_lowercase(), note.text).unwrap();
    }
    out
}

/// Shortens what a rule adds as a long block scalar (its scripts) to its first line and `…`.
fn elided(text: &str) -> String {
    let mut out = String::new();
    let mut lines = text.split_inclusive('\n').peekable();
    let depth = |line: &str| line.trim_start_matches('+').len() - line.trim_start_matches('+').trim_start().len();
    while let Some(line) = lines.next() {
        out.push_str(line);
        if line.trim_end().ends_with(['|']) {
            let own = depth(line);
            let mut body = Vec::new();
            while let Some(next) = lines.next_if(|l| l.trim_start_matches('+').trim().is_empty() || depth(l) > own) {
                body.push(next);
            }
            match body.as_slice() {
                [first, rest @ ..] if rest.len() > 10 => {
                    let indent = &first[..first.len() - first.trim_start_matches(['+', ' ']).len()];
                    out += &[first, indent, "…\n"].concat();
                }
                short => short.iter().for_each(|l| out.push_str(l)),
            }
        }
    }
    out
}

fn cases(rule: &Rule) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/rules").join(rule.head.id);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).map(|entries| entries.map(|e| e.unwrap().path()).collect()).unwrap_or_default();
    files.retain(|f| {
        let name = f.file_name().unwrap().to_string_lossy().into_owned();
        f.extension().is_some_and(|e| e == "yaml") && !name.ends_with(".policy.yaml")
    });
    files.sort();
    files
}

#[test]
fn cases_are_as_their_snapshots_say() {
    for rule in ALL {
        for file in cases(rule) {
            let text = std::fs::read_to_string(&file).unwrap();
            let policy = std::fs::read_to_string(file.with_extension("policy.yaml"))
                .map(|p| Policy::from_yaml(&p).unwrap())
                .unwrap_or_default();
            let (new, said) = run(&text, &policy, rule);
            let diff = similar::TextDiff::from_lines(&text, &new).unified_diff().context_radius(2).to_string();
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(file.parent().unwrap());
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| {
                insta::assert_snapshot!(
                    file.file_stem().unwrap().to_str().unwrap(),
                    format!("{said}{}", elided(&diff))
                );
            });
            let (again, _) = run(&new, &policy, rule);
            assert_eq!(again, new, "{}: a second pass changes something", file.display());
        }
    }
}

/// The default policy with the rule on: some wait to be asked.
fn switched_on(rule: &Rule) -> Policy {
    let mut words = rule.head.id.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    let section = words.fold(first, |all, word| all + &word[..1].to_uppercase() + &word[1..]);
    Policy::from_yaml(&format!("{section}: {{enabled: true}}")).unwrap()
}

#[test]
fn every_rule_is_documented_and_its_example_is_true() {
    for rule in ALL {
        let head = rule.head;
        // INSTA_UPDATE=always writes the examples anew as it does the snapshots; read them before they go in.
        if std::env::var("INSTA_UPDATE").is_ok_and(|v| v == "always") {
            let (after, _) = run(head.before, &switched_on(rule), rule);
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/rules").join(head.id);
            std::fs::write(folder.join("example/after.yaml"), elided(&after)).unwrap();
            continue;
        }
        for (name, text) in [
            ("summary", head.summary),
            ("what", head.what),
            ("why", head.why),
            ("leaves_alone", head.leaves_alone),
            ("before", head.before),
            ("after", head.after),
        ] {
            assert!(!text.trim().is_empty(), "rule {} has no {name}", head.id);
        }
        let (after, _) = run(head.before, &switched_on(rule), rule);
        assert_eq!(
            elided(&after),
            head.after,
            "rule {}: the example's `after` is not what the rule makes of `before`",
            head.id
        );
        assert!(!cases(rule).is_empty(), "rule {} has no cases", head.id);
    }
}
