//! What is kept of a failed scenario: its own words, objects, events and logs of its namespace. It never writes a Secret down.

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use super::database;
use super::look::items;
use super::stage::Stage;
use crate::failure::Failure;

/// The scenario's own words.
const OUTPUT: &str = "output.txt";

/// Kinds that tell what happened. Secrets, and helm's releases in them, stay out.
const KINDS: &[&str] = &[
    "pods",
    "deployments",
    "statefulsets",
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

/// Tells a folder that the suite made from one of somebody else's.
const MARK: &str = ".testbed-artifacts";

/// An empty folder, and the file for the scenario's words.
pub fn begin(folder: &Path) -> Result<File> {
    claim(folder)?;
    let file = folder.join(OUTPUT);
    File::create(&file).with_context(|| format!("cannot write {}", file.display()))
}

/// What the scenario said.
pub fn told(folder: &Path) -> String {
    String::from_utf8_lossy(&fs::read(folder.join(OUTPUT)).unwrap_or_default()).into_owned()
}

/// Makes the folder, empty and marked. What an earlier run left there goes; what bears no mark is somebody else's.
pub fn claim(folder: &Path) -> Result<()> {
    refuse_others(folder)?;
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty the folder {}", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let mark = folder.join(MARK);
    fs::write(&mark, "").with_context(|| format!("cannot write {}", mark.display()))
}

/// What holds something and bears no mark of the suite's is somebody else's.
pub fn refuse_others(folder: &Path) -> Result<()> {
    let holds = fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) || folder.is_file();
    if holds && !folder.join(MARK).exists() {
        bail!(Failure::new(
            format!("{} is no folder of the suite's, and is not emptied", folder.display()),
            "testbed test --artifacts ANOTHER-FOLDER",
        ));
    }
    Ok(())
}

/// Refuses a folder in which nothing can be written: that is to be known now, and not when a scenario has failed.
pub fn must_be_writable(root: &Path) -> Result<()> {
    let trial = root.join(format!("{MARK}-{}", std::process::id()));
    let tried =
        fs::create_dir_all(root).and_then(|()| fs::write(&trial, "trial")).and_then(|()| fs::remove_file(&trial));
    tried.with_context(|| {
        Failure::new(
            format!("nothing can be kept in {}", root.display()),
            format!("df -h {}; testbed test --artifacts ANOTHER-FOLDER", root.display()),
        )
    })
}

/// A passed scenario leaves nothing.
pub fn forget(folder: &Path) {
    if folder.join(MARK).exists() {
        let _ = fs::remove_dir_all(folder);
    }
}

/// Whether anything was kept there.
pub fn is_kept(folder: &Path) -> bool {
    folder.join(MARK).exists()
        && fs::read_dir(folder).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.metadata().is_ok_and(|entry| entry.is_dir() || entry.len() > 0))
        })
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
    // The database that most scenarios share with others.
    let shared = format!("statefulset/{}", stage.database.engine.workload());
    seen("shared-database.log", &["logs", "-n", database::NAMESPACE, &shared, "--tail=500"]);
    seen("nodes.yaml", &["get", "nodes", "-o", "yaml"]);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_of_the_suites_own_is_emptied() {
        let root = tempfile::tempdir().unwrap();
        let (own, other) = (root.path().join("own"), root.path().join("other"));
        begin(&own).unwrap();
        assert!(!is_kept(&own), "an empty file is nothing");
        fs::write(own.join("pods.txt"), "pods").unwrap();
        assert!(is_kept(&own));
        begin(&own).unwrap();
        assert!(!own.join("pods.txt").exists());
        forget(&own);
        assert!(!own.exists());

        fs::create_dir(&other).unwrap();
        fs::write(other.join("letters.txt"), "dear").unwrap();
        assert!(begin(&other).unwrap_err().to_string().contains("is not emptied"));
        forget(&other);
        assert!(other.join("letters.txt").exists() && !is_kept(&other));
    }
}
