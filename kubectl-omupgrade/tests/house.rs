//! What the house must not hold, read off its sources: pure rooms import no adapter and wait for nothing, files are
//! small and say what they are for.
#![allow(clippy::unwrap_used, clippy::panic)]

use kubectl_omupgrade::checks::commands;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()));
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

#[test]
fn pure_rooms_are_pure() {
    for room in [
        "checks",
        "rollout",
        "facts",
        "view",
        "verdict",
        "fingerprint.rs",
        "wayback",
        "preview",
        "beside.rs",
        "beside",
        "fernet.rs",
        "backup",
        "diagnose",
        "journal",
        "redact.rs",
    ] {
        for (path, text) in sources(room) {
            // Tests may do as they need.
            let text = text.split("#[cfg(test)]").next().unwrap();
            for word in [
                "crate::adapters",
                "async fn",
                ".await",
                "kube::",
                "tokio",
                "Timestamp::now",
                "std::process",
                "std::fs::",
            ] {
                assert!(!text.contains(word), "{} holds `{word}`", path.display());
            }
        }
    }
}

/// Every room takes secrets out by it: it knows none of them.
#[test]
fn redaction_lies_below_all() {
    for (path, text) in sources("redact.rs") {
        assert!(!text.contains("crate::"), "{}", path.display());
    }
}

#[test]
fn adapters_do_not_speak() {
    for (path, text) in sources("adapters") {
        for word in ["println!", "eprintln!", "std::io::stdout", "crate::commands", "cli::say"] {
            assert!(!text.contains(word), "{} holds `{word}`", path.display());
        }
    }
}

/// Flags that only Helm 3 has, or only Helm 4, are not said to whoever has the other.
#[test]
fn releases_are_listed_as_both_helms_take_it() {
    let mut seen = 0;
    for (path, text) in sources("") {
        for rest in text.split("\"helm list").skip(1) {
            let hint = format!("helm list{}", rest.split('"').next().unwrap_or_default());
            commands(&hint, |_| Ok(())).unwrap_or_else(|why| panic!("{}: `{hint}` {why}", path.display()));
            seen += 1;
        }
    }
    assert!(seen >= 4, "{seen}");
}

#[test]
fn files_are_small_and_say_what_they_are_for() {
    for (path, text) in sources("") {
        assert!(text.starts_with("//! "), "{} has no first sentence", path.display());
        assert!(text.lines().count() <= 400, "{} is too long", path.display());
    }
    let main = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/main.rs")).unwrap();
    assert!(main.lines().count() <= 40);
}
