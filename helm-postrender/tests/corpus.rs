//! All rules together on every recorded stream (`OMUPGRADE_CORPUS`; skipped, and said so, without it) and every case
//! of `testdata/rules`: untouched documents are byte-identical, touched ones are the original plus exactly the listed
//! edits, and a second pass changes no byte.

use helm_postrender::policy::Policy;
use helm_postrender::rules::ALL;
use helm_postrender::transform::{Action, transform};
use shared::manifest::{Stream, detect, read};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else if name.ends_with(".yaml") && !name.ends_with(".policy.yaml") {
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

/// Checks one input and says how many documents it has and how many were touched.
fn check(name: &str, text: &str) -> (usize, usize) {
    let stream = Stream::split(text.as_bytes()).unwrap();
    let Some(dialect) = detect(&stream) else { return (0, 0) };
    let policy = Policy::default();
    let outcome = match transform(&stream, dialect, &policy, ALL) {
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
    let output = outcome.pieces.concat();
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
    let mut plans: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for object in outcome.scene.objects.iter().filter(|o| o.document.is_some()) {
        plans.entry(object.document.unwrap()).or_default().extend(object.plan.operations().to_vec());
    }
    for i in &touched {
        let mut wished = read(stream.documents[*i].text).unwrap();
        json_patch::patch(&mut wished, &plans[i]).unwrap();
        assert_eq!(read(&outcome.pieces[*i]).unwrap(), wished, "{name}: document {}", i + 1);
    }
    let again = transform(&new, dialect, &policy, ALL).unwrap_or_else(|e| panic!("{name}, second pass: {e}"));
    let diff = similar::TextDiff::from_lines(&output, &again.pieces.concat()).unified_diff().to_string();
    assert_eq!(diff, "", "{name}: a second pass changes something");
    (stream.documents.len(), touched.len())
}

#[test]
fn untouched_identical_touched_proven_second_pass_nothing() {
    let (mut documents, mut edited) = (0, 0);
    for file in inputs() {
        let text = std::fs::read_to_string(&file).unwrap();
        let (d, t) = check(&file.to_string_lossy(), &text);
        (documents, edited) = (documents + d, edited + t);
    }
    eprintln!("{documents} documents, {edited} touched");
    assert!(edited > 10);
}
