//! The absences that the README's house map states, kept by reading the sources.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test stops where something is wrong, and says what it skipped"
)]

use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        if folder.is_file() {
            found.push((folder.clone(), std::fs::read_to_string(&folder).unwrap()));
            continue;
        }
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() || path.extension().is_some_and(|e| e == "rs") {
                folders.push(path);
            }
        }
    }
    assert!(!found.is_empty(), "{folder} holds no sources");
    found
}

/// The side effects that a pure room never imports.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::net",
    "std::process",
    "std::env",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "clap",
    "tokio",
    "kube::",
    "reqwest",
    "println!",
    "eprintln!",
    "std::io::stdin",
    "std::io::stdout",
];

fn assert_without(folder: &str, words: &[&str]) {
    for (path, text) in sources(folder) {
        // What stands in comments and in doc examples runs nothing.
        let code: String = text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
        for word in words {
            assert!(!code.contains(word), "{} holds `{word}`", path.display());
        }
    }
}

#[test]
fn shared_is_pure() {
    assert_without("shared/src", IMPURE);
}

#[test]
fn rules_and_transform_are_pure() {
    for folder in ["helm-postrender/src/rules", "helm-postrender/src/transform", "helm-postrender/src/transform.rs"] {
        assert_without(folder, IMPURE);
    }
}

#[test]
fn only_manifest_writes_yaml() {
    // serde-saphyr reads policy files here and writes nothing.
    let emitters = ["serde_saphyr::to_", "serde_yaml", "yaml_serde", "granit_parser", "libyaml_rs"];
    for folder in ["helm-postrender/src", "shared/src/backup", "shared/src/component.rs", "shared/src/versions.rs"] {
        assert_without(folder, &emitters);
    }
}

#[test]
fn one_file_holds_unsafe_code() {
    let holders: Vec<PathBuf> = ["shared/src", "helm-postrender/src"]
        .iter()
        .flat_map(|f| sources(f))
        .filter(|(_, text)| text.lines().any(|l| l.contains("unsafe {") || l.contains("unsafe fn")))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(holders.len(), 1, "{holders:?}");
    assert!(holders[0].ends_with("manifest/libyaml.rs"));
}

#[test]
fn files_are_rooms_not_halls() {
    // Tests and benches, too.
    for folder in ["shared", "helm-postrender", "kubectl-omupgrade", "testbed"] {
        for (path, text) in sources(folder) {
            let lines = text.lines().count();
            assert!(lines <= 400, "{} has {lines} lines", path.display());
        }
    }
    for folder in ["shared/src", "helm-postrender/src"] {
        for (path, text) in sources(folder) {
            assert!(
                !path.ends_with("main.rs") || text.lines().count() <= 40,
                "{} does more than start",
                path.display()
            );
            assert!(text.starts_with("//!"), "{} has no first sentence", path.display());
        }
    }
}

fn document(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

#[test]
fn every_place_of_the_readmes_house_map_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = document("README.md");
    let map =
        readme.split("## The house").nth(1).unwrap().split("```text\n").nth(1).unwrap().split("```").next().unwrap();
    let mut folder = String::new();
    let mut seen = 0;
    // `folder/   words`, below it `  place place   words`; a line that goes on with words is indented further.
    for line in map.lines().filter(|l| !l.trim().is_empty() && !l.starts_with("      ")) {
        let inner = line.starts_with("  ");
        let places = line.trim_start().split("  ").next().unwrap();
        if !inner {
            folder = places.to_owned();
        }
        for place in places.split(' ') {
            let path = if inner { format!("{folder}{place}") } else { place.to_owned() };
            let source = path.replace("shared/", "shared/src/");
            let there = [path.clone(), source.clone(), source + ".rs"].iter().any(|p| root.join(p).exists());
            assert!(there, "the README's house map names {path}, which is not there");
            seen += 1;
        }
    }
    assert!(seen > 12, "only {seen} places found in the map");
    for rule in helm_postrender::rules::ALL {
        assert!(readme.contains(&format!("| `{}` |", rule.head.id)), "the README lists no rule {}", rule.head.id);
    }
}

#[test]
fn the_policies_in_the_documents_are_policies() {
    let text = document("docs/helm-postrender.md");
    let blocks = text.split("```yaml\n").skip(1).filter_map(|b| b.split("```").next());
    let policies: Vec<&str> = blocks.filter(|b| b.contains("profile:")).collect();
    assert!(!policies.is_empty());
    for text in policies {
        helm_postrender::policy::Policy::from_yaml(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    }
}

#[test]
fn no_binary_knows_another() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for package in ["helm-postrender", "kubectl-omupgrade", "testbed", "testbed/standin", "shared"] {
        let manifest = std::fs::read_to_string(root.join(package).join("Cargo.toml")).unwrap();
        let depends = manifest.split("[dependencies]").nth(1).unwrap();
        for other in ["helm-postrender", "kubectl-omupgrade", "testbed", "openmetadata-standin"] {
            assert!(!depends.lines().any(|l| l.starts_with(other)), "{package} depends on {other}");
        }
    }
}
