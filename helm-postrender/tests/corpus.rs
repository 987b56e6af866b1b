//! All rules together on every recorded stream (`OMUPGRADE_CORPUS`; skipped, and said so, without it) and every case
//! of `testdata/rules`: untouched documents are byte-identical, touched ones are the original plus exactly the listed
//! edits, and a second pass changes no byte.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where something is wrong, and says what it skipped"
)]

use helm_postrender::policy::Policy;
use helm_postrender::rules::ALL;
use helm_postrender::transform::{Action, Change, Memory, Outcome, transform};
use shared::manifest::{Dialect, Stream, detect, read};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if path.extension().is_some_and(|e| e == "yaml") && !name.ends_with(".policy.yaml") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn inputs() -> Vec<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/rules");
    let mut all = files(&own);
    match std::env::var("OMUPGRADE_CORPUS") {
        Ok(root) => all.extend(files(Path::new(&root))),
        Err(_) => eprintln!("skipped in part: OMUPGRADE_CORPUS is not set"),
    }
    all
}

/// The policies that every input is tried with: each profile, and one with everything on.
fn policies() -> Vec<(&'static str, Policy)> {
    let everything = "hpa: {add: true}\nspread: {enabled: true}\nbackupHook: {enabled: true}\n";
    let texts =
        [("safe", ""), ("minimal", "profile: minimal"), ("gitops", "profile: gitops"), ("everything", everything)];
    texts.into_iter().map(|(name, text)| (name, Policy::from_yaml(text).unwrap())).collect()
}

/// Checks one input and says how many documents it has and how many were touched.
fn check(name: &str, text: &str, policy: &Policy) -> (usize, usize) {
    let stream = Stream::split(text.as_bytes()).unwrap();
    let Some(dialect) = detect(&stream) else { return (0, 0) };
    let outcome = match transform(&stream, dialect, policy, ALL, Memory::default()) {
        Ok(outcome) => outcome,
        // The hand-written files hold what cannot be edited in place on purpose.
        Err(refusal) if name.contains("nasty") => {
            eprintln!("{name}: {refusal}");
            return (0, 0);
        }
        Err(refusal) => panic!("{name}: {refusal}"),
    };
    let touched: BTreeSet<usize> = outcome
        .changes
        .iter()
        .filter(|c| !matches!(c.action, Action::Added { .. }))
        .filter_map(|c| outcome.scene.objects[c.object].document)
        .collect();
    let added = outcome.scene.objects.iter().filter(|o| o.document.is_none()).count();
    let output = outcome.pieces.text();
    let new = Stream::split(output.as_bytes()).unwrap();
    assert_eq!(new.documents.len(), stream.documents.len() + added, "{name}");
    // Untouched documents, byte for byte and in their order; new ones stand between or behind them.
    let mut rest = new.documents.iter();
    for (i, old) in stream.documents.iter().enumerate() {
        if touched.contains(&i) {
            continue;
        }
        assert!(rest.any(|d| d.text == old.text), "{name}: document {} is not byte-identical", old.number);
    }
    // Touched ones: what the operations make of the original, and the mark; nothing else.
    for i in &touched {
        let mut wished = read(stream.documents[*i].text).unwrap();
        for object in outcome.scene.objects.iter().filter(|o| o.document == Some(*i)) {
            let place = wished.pointer_mut(&object.prefix).unwrap();
            json_patch::patch(place, object.plan.operations()).unwrap();
        }
        assert_eq!(read(&outcome.pieces.get(*i)).unwrap(), wished, "{name}: document {}", i + 1);
    }
    let again =
        transform(&new, dialect, policy, ALL, Memory::default()).unwrap_or_else(|e| panic!("{name}, second pass: {e}"));
    let diff = similar::TextDiff::from_lines(&output, &again.pieces.text()).unified_diff().to_string();
    assert_eq!(diff, "", "{name}: a second pass changes something");
    if name.contains("everything") {
        in_turns(name, text, policy, &outcome);
    }
    (stream.documents.len(), touched.len())
}

/// Checks that servers which take turns get what they get together; new documents may come in another order.
fn in_turns(name: &str, text: &str, policy: &Policy, together: &Outcome<'_>) {
    let stream = Stream::split(text.as_bytes()).unwrap();
    let thrifty = Memory { whole: 0, edits: false };
    let outcome = transform(&stream, together.scene.dialect, policy, ALL, thrifty).unwrap();
    let documents = |o: &Outcome<'_>| -> Vec<String> { o.pieces.iter().map(Cow::into_owned).collect() };
    let said = |o: &Outcome<'_>| {
        let label = |id: usize| o.scene.objects[id].label();
        let notes = o.notes.iter().map(|n| format!("{} {:?} {}", n.rule, n.object.map(label), n.text));
        let change = |c: &Change| {
            let action =
                if let Action::Added { beside } = &c.action { label(*beside) } else { format!("{:?}", c.action) };
            format!("{} {} {} {action} {}", c.rule, label(c.object), c.path, c.why)
        };
        let mut said: Vec<String> = notes.chain(o.changes.iter().map(change)).collect();
        said.sort();
        said
    };
    let sorted = |mut texts: Vec<String>| {
        texts.sort();
        texts
    };
    assert_eq!(said(&outcome), said(together), "{name}: in turns");
    assert_eq!(sorted(documents(&outcome)), sorted(documents(together)), "{name}: in turns");
}

/// The cases of one rule as one stream of many releases, each under a name of its own, and the first one twice.
fn joined(rule: &str, dialect: Dialect) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/rules").join(rule);
    let texts = files(&folder).into_iter().map(|f| std::fs::read_to_string(f).unwrap());
    let fits = |text: &String| {
        let stream = Stream::split(text.as_bytes()).unwrap();
        let told = detect(&stream) == Some(dialect) && text.starts_with("---") && text.ends_with('\n');
        told && transform(&stream, dialect, &Policy::default(), ALL, Memory::default()).is_ok()
    };
    let named = |(i, text): (usize, String)| text.replace("openmetadata", &format!("om{i}"));
    let mut all: Vec<String> = texts.filter(fits).enumerate().map(named).collect();
    all.extend(all.first().cloned());
    all.concat()
}

#[test]
fn a_stream_of_many_releases_is_one_stream() {
    let mut servers = 0;
    for rule in ALL {
        for dialect in [Dialect::Helm3, Dialect::Helm4] {
            let text = joined(rule.head.id, dialect);
            servers += text.matches("name: run-db-migrations").count();
            for (name, policy) in policies().into_iter().filter(|(name, _)| *name == "everything") {
                check(&format!("{} ({name}, {dialect:?})", rule.head.id), &text, &policy);
            }
        }
    }
    assert!(servers > 150, "only {servers} servers");
}

#[test]
fn untouched_identical_touched_proven_second_pass_nothing() {
    let (mut documents, mut edited) = (0, 0);
    for file in inputs() {
        let text = std::fs::read_to_string(&file).unwrap();
        for (name, policy) in policies() {
            let (d, t) = check(&format!("{} ({name})", file.display()), &text, &policy);
            (documents, edited) = (documents + d, edited + t);
        }
    }
    eprintln!("{documents} documents, {edited} touched");
    let (least, least_edited) = if std::env::var("OMUPGRADE_CORPUS").is_ok() { (5000, 1000) } else { (500, 300) };
    assert!(documents >= least && edited >= least_edited, "{documents} documents, {edited} touched");
}
