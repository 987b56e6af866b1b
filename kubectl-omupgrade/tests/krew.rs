//! The krew manifest by krew's own rules (its `internal/index/validation`) and field names; `validate-krew-manifest` of
//! the krew project says the same of it.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use serde::Deserialize;
use std::collections::BTreeMap;

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

#[test]
fn the_manifest_is_one_that_krew_takes() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("krew/omupgrade.yaml");
    let template = std::fs::read_to_string(&file).unwrap();
    let mut text = template.replace("{{VERSION}}", env!("CARGO_PKG_VERSION"));
    while let Some(at) = text.find("{{SHA256_") {
        let end = at + text[at..].find("}}").unwrap() + 2;
        text.replace_range(at..end, &"0a".repeat(32));
    }
    assert!(!text.contains("{{"), "a placeholder that no release fills");
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
