//! What is kept of a failed scenario: its own words, objects, events and logs of its namespace. It never writes a Secret down.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::look::items;
use super::stage::Stage;

/// The scenario's own words.
const OUTPUT: &str = "output.txt";

/// Kinds that tell what happened. Secrets, and helm's releases in them, stay out.
const KINDS: &[&str] = &[
    "pods",
    "deployments",
    "replicasets",
    "jobs",
    "cronjobs",
    "services",
    "endpointslices",
    "poddisruptionbudgets",
    "horizontalpodautoscalers",
    "persistentvolumeclaims",
    "leases",
    "resourcequotas",
];

/// An empty folder, and the file for the scenario's words.
pub fn begin(folder: &Path) -> Result<File> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let file = folder.join(OUTPUT);
    File::create(&file).with_context(|| format!("cannot write {}", file.display()))
}

/// What the scenario said.
pub fn told(folder: &Path) -> String {
    String::from_utf8_lossy(&fs::read(folder.join(OUTPUT)).unwrap_or_default()).into_owned()
}

/// A passed scenario leaves nothing.
pub fn forget(folder: &Path) {
    let _ = fs::remove_dir_all(folder);
}

/// Writes down what can still be seen; what cannot be seen is written down as such.
pub fn keep(stage: &Stage, folder: &Path) {
    let _ = fs::create_dir_all(folder);
    let seen = |file: &str, words: &[&str]| {
        let text = stage.kubectl("keeping what is left").args(words).args(["--request-timeout=20s"]).text();
        let _ = fs::write(folder.join(file), text.unwrap_or_else(|error| format!("{error:#}\n")));
    };
    seen("objects.yaml", &["get", &KINDS.join(","), "-o", "yaml"]);
    // Some scenarios keep helm's releases, with the values in them, in ConfigMaps.
    seen("configmaps.yaml", &["get", "configmaps", "-l", "owner!=helm", "-o", "yaml"]);
    seen("pods.txt", &["get", "pods", "-o", "wide"]);
    seen("events.txt", &["get", "events", "--sort-by=.metadata.resourceVersion"]);
    seen("described.txt", &["describe", "pods"]);
    let pods = stage.json(&["get", "pods"]).unwrap_or_default();
    for pod in items(&pods) {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let words = ["logs", name, "--all-containers", "--prefix", "--ignore-errors", "--tail=500"];
        seen(&format!("{name}.log"), &words);
        // What a container said that has started again is why it did.
        seen(&format!("{name}.previous.log"), &[&words[..], &["--previous"]].concat());
    }
    let _ = fs::write(folder.join("migrations.txt"), format!("{:?}\n", stage.migrated()));
}
