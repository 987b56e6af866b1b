//! The engine on recorded and hand-written inputs from `OMUPGRADE_CORPUS` (skipped, and said so, without it).
//!
//! Each file gets six edits, one at a time and all in a row. Right means: read again, the result is the input plus
//! the edit, and no line outside the edited place changed; or a clean refusal where the file's difficulty makes an
//! edit in place ambiguous.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where something is wrong, and says what it skipped"
)]

mod edits;

use edits::{EDITS, Edit, lines_kept};
use shared::manifest::{Plan, Stream, edit, prove, read};
use std::path::PathBuf;

fn corpus(folder: &str) -> Vec<PathBuf> {
    let Ok(root) = std::env::var("OMUPGRADE_CORPUS") else {
        eprintln!("skipped: OMUPGRADE_CORPUS is not set");
        return Vec::new();
    };
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(PathBuf::from(root).join(folder)).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(!files.is_empty());
    files
}

/// The documents of a file that a Deployment's edits fit.
fn try_edits(name: &str, text: &str, edits: &[Edit], refused: &mut Vec<String>) -> usize {
    let stream = Stream::split(text.as_bytes()).unwrap();
    let mut done = 0;
    for document in &stream.documents {
        let Ok(value) = read(document.text) else { continue };
        if value.get("kind").and_then(|k| k.as_str()) != Some("Deployment") {
            continue;
        }
        let mut plan = Plan::new(value);
        for e in edits {
            (e.make)(&mut plan).unwrap_or_else(|error| panic!("{name} {}: {error}", e.name));
        }
        match edit(document.text, plan.operations()) {
            Ok(new) => {
                prove(document.text, &new, plan.value()).unwrap_or_else(|error| {
                    panic!(
                        "{name} {:?}: {error}\n{}",
                        edits.iter().map(|e| e.name).collect::<Vec<_>>(),
                        similar_diff(document.text, &new)
                    )
                });
                lines_kept(document.text, &new, plan.operations().len())
                    .unwrap_or_else(|e| panic!("{name}: {e}\n{}", similar_diff(document.text, &new)));
                let again = edit(&new, &[]).unwrap();
                assert_eq!(again, new);
                done += 1;
            }
            Err(error) => {
                let names: Vec<&str> = edits.iter().map(|e| e.name).collect();
                refused.push(format!("{name} {}: {error}", names.join("+")));
            }
        }
    }
    done
}

#[test]
fn nasty_files() {
    let (mut refused, mut done) = (Vec::new(), 0);
    for file in corpus("nasty") {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        for e in EDITS {
            done += try_edits(&name, &text, std::slice::from_ref(e), &mut refused);
        }
        done += try_edits(&name, &text, EDITS, &mut refused);
    }
    if done > 0 {
        eprintln!("{done} edits right, {} refused", refused.len());
        insta::assert_snapshot!("nasty_refusals", refused.join("\n"));
    }
}

#[test]
fn recorded_streams() {
    let (mut refused, mut done) = (Vec::new(), 0);
    for file in corpus("helm-streams") {
        let text = std::fs::read_to_string(&file).unwrap();
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let stream = Stream::split(text.as_bytes()).unwrap();
        assert_eq!(stream.documents.iter().map(|d| d.text).collect::<String>(), text, "{name}");
        for e in EDITS {
            done += try_edits(&name, &text, std::slice::from_ref(e), &mut refused);
        }
        done += try_edits(&name, &text, EDITS, &mut refused);
    }
    eprintln!("{done} edits right");
    assert_eq!(refused, Vec::<String>::new());
}

fn similar_diff(old: &str, new: &str) -> String {
    similar::TextDiff::from_lines(old, new).unified_diff().to_string()
}
