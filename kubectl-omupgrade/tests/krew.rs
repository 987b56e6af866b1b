//! The krew manifest by krew's own rules (its `internal/index/validation`) and field names, and before the validator of
//! the krew project itself, built from `testdata/krew`, whose binary `OMUPGRADE_KREW` names.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where something is wrong")]

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Plugin {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    version: String,
    homepage: String,
    short_description: String,
    description: String,
    caveats: String,
    platforms: Vec<Platform>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Platform {
    selector: Selector,
    uri: String,
    sha256: String,
    bin: String,
    files: Vec<File>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    from: String,
    to: String,
}

fn template() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("krew/omupgrade.yaml")
}

/// The manifest as a release fills it.
fn filled() -> String {
    let template = std::fs::read_to_string(template()).unwrap();
    let mut text = template.replace("{{VERSION}}", env!("CARGO_PKG_VERSION"));
    while let Some(at) = text.find("{{SHA256_") {
        let end = at + text[at..].find("}}").unwrap() + 2;
        text.replace_range(at..end, &"0a".repeat(32));
    }
    assert!(!text.contains("{{"), "a placeholder that no release fills");
    text
}

/// What krew's own validator says of a manifest of this name; nothing is downloaded or installed.
fn validated(name: &str, text: &str) -> (bool, String) {
    let validator = std::env::var("OMUPGRADE_KREW").expect("OMUPGRADE_KREW: `go build` in testdata/krew");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    std::fs::write(&file, text).unwrap();
    let said = Command::new(validator).args(["-skip-install", "-manifest"]).arg(&file).output().unwrap();
    (said.status.success(), String::from_utf8_lossy(&said.stderr).into_owned())
}

#[test]
#[ignore = "needs OMUPGRADE_KREW"]
fn krew_itself_takes_the_manifest() {
    let text = filled();
    let (taken, said) = validated("omupgrade.yaml", &text);
    assert!(taken, "{said}");
    for (case, name, text, words) in [
        ("another name", "other.yaml", text.clone(), "should be named"),
        ("a field that is none", "omupgrade.yaml", text.replace("shortDescription", "described"), "short description"),
        ("two for one machine", "omupgrade.yaml", text.replace("darwin, arch", "linux, arch"), "overlap"),
    ] {
        let (taken, said) = validated(name, &text);
        assert!(!taken && said.contains(words), "{case}: {said}");
    }
}

#[test]
fn the_manifest_is_one_that_krew_takes() {
    let file = template();
    let text = filled();
    let plugin: Plugin = serde_saphyr::from_str(&text).unwrap();
    assert_eq!(plugin.api_version, "krew.googlecontainertools.github.com/v1alpha2");
    assert_eq!(plugin.kind, "Plugin");
    assert_eq!(plugin.metadata.name, file.file_stem().unwrap().to_str().unwrap());
    let spec = &plugin.spec;
    assert!(spec.version.starts_with('v') && shared::versions::Version::parse(&spec.version).is_some());
    assert!(!spec.short_description.is_empty() && !spec.short_description.contains('\n'));
    // What the krew index's reviewers ask for beyond the schema.
    assert!(spec.short_description.len() <= 50 && !spec.short_description.ends_with('.'));
    assert!(spec.description.lines().chain(spec.caveats.lines()).all(|l| l.len() <= 80));
    assert!(spec.homepage.starts_with("https://"));
    let mut places = Vec::new();
    for platform in &spec.platforms {
        assert!(platform.sha256.len() == 64 && platform.sha256.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        assert!(platform.uri.starts_with("https://") && platform.uri.ends_with(".tar.gz"));
        assert!(platform.selector.match_labels.keys().all(|k| k == "os" || k == "arch"));
        assert!(platform.files.iter().all(|f| !f.from.is_empty() && !f.to.is_empty()));
        assert!(platform.files.iter().any(|f| f.from == platform.bin && f.to == "."));
        places.push(&platform.selector.match_labels);
    }
    let all = places.len();
    places.sort();
    places.dedup();
    assert_eq!(places.len(), all, "two platforms for one machine");
}
