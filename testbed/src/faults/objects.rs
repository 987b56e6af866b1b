//! Faults of a namespace's objects: its key, its quota, a Job that does not go, a full volume. It never touches another namespace.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};

use super::Scene;
use crate::cluster::volumes;
use crate::failure::Failure;
use crate::{paths, say};

const KEY_SECRET: &str = "openmetadata-fernetkey-secret";
/// Another key of the right shape.
const OTHER_KEY: &str = "ihZpp5gmmDvVsgoOG6OVivKWwC9vd5JQ5eBbVxXZZZ0=";
const KEPT_KEY: &str = "testbed-fault-key";
const QUOTA: &str = "testbed-fault";
const FINALIZER: &str = "omupgrade.dev/stuck";
const FILLER: &str = ".testbed-filler";

/// Pods that start from now on cannot read what was encrypted before.
pub fn change_key(scene: &Scene, _: &str) -> Result<()> {
    // A second strike must not keep the wrong key as the right one; a first one may have ended before it changed the key.
    if kept_key(scene)?.is_none() {
        let words = ["get", "secret", KEY_SECRET, "-o", "jsonpath={.data.FERNET_KEY}"];
        let before = scene.kubectl("reading the key").args(words).text()?;
        let metadata = json!({ "name": KEPT_KEY });
        let kept = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": { "key": before } });
        scene.kubectl("keeping the key").args(["create", "-f", "-"]).feed(kept.to_string().as_bytes())?;
    }
    let patch = json!({ "stringData": { "FERNET_KEY": OTHER_KEY } });
    scene.kubectl("changing the key").args(["patch", "secret", KEY_SECRET, "-p", &patch.to_string()]).run()
}

/// The key is what it was.
pub fn change_key_back(scene: &Scene) -> Result<()> {
    let Some(before) = kept_key(scene)? else { return Ok(()) };
    let patch = json!({ "data": { "FERNET_KEY": before } }).to_string();
    scene.kubectl("changing the key back").args(["patch", "secret", KEY_SECRET, "-p", &patch]).run()?;
    scene.kubectl("forgetting the key").args(["delete", "secret", KEPT_KEY]).run()
}

/// The key that was before the strike, if there was one.
fn kept_key(scene: &Scene) -> Result<Option<String>> {
    let kept = ["get", "secret", KEPT_KEY, "--ignore-not-found", "-o", "jsonpath={.data.key}"];
    let key = scene.kubectl("reading the key that was").args(kept).text()?;
    Ok(Some(key).filter(|key| !key.is_empty()))
}

/// No more pods than this.
pub fn limit(scene: &Scene, pods: &str) -> Result<()> {
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": { "name": QUOTA },
        "spec": { "hard": { "pods": pods } },
    });
    scene.kubectl("setting a quota").args(["apply", "-f", "-"]).feed(quota.to_string().as_bytes())
}

/// As many pods as anyone likes.
pub fn lift_limit(scene: &Scene) -> Result<()> {
    scene.kubectl("lifting the quota").args(["delete", "resourcequota", QUOTA, "--ignore-not-found"]).run()
}

/// A Job that stays Terminating when it is deleted.
pub fn hold_job(scene: &Scene, job: &str) -> Result<()> {
    let start = Instant::now();
    let is_there = || scene.kubectl("looking for the Job").args(["get", "job", job]).succeeds();
    let mut there = is_there();
    if !there {
        say::step(&format!("waiting up to 2 minutes for the Job {job}"));
    }
    while !there {
        if start.elapsed() > Duration::from_mins(2) {
            bail!(Failure::late(
                format!("no Job {job} came in two minutes"),
                format!("kubectl get jobs -n {}", scene.namespace)
            ));
        }
        std::thread::sleep(Duration::from_millis(100));
        there = is_there();
    }
    let text = scene.kubectl("reading the Job").args(["get", "job", job, "-o", "json"]).text()?;
    let found: Value = serde_json::from_str(&text).context("kubectl printed no JSON")?;
    let Some(patch) = held(&found["metadata"]["finalizers"]) else { return Ok(()) };
    let words = ["patch", "job", job, "--type=json", "-p", &patch.to_string()];
    scene.kubectl("holding the Job").args(words).run()
}

/// What adds our finalizer to those that are there; nothing if it is among them.
fn held(finalizers: &Value) -> Option<Value> {
    let Some(others) = finalizers.as_array().filter(|others| !others.is_empty()) else {
        return Some(json!([{ "op": "add", "path": "/metadata/finalizers", "value": [FINALIZER] }]));
    };
    let is_held = others.iter().any(|finalizer| finalizer == FINALIZER);
    (!is_held).then(|| json!([{ "op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER }]))
}

/// Every Job that was held may go.
pub fn release_jobs(scene: &Scene) -> Result<()> {
    let list = scene.kubectl("listing Jobs").args(["get", "jobs", "-o", "json"]).text()?;
    let list: Value = serde_json::from_str(&list).context("kubectl printed no JSON")?;
    for job in list["items"].as_array().map_or(&[][..], Vec::as_slice) {
        let finalizers = job["metadata"]["finalizers"].as_array().map_or(&[][..], Vec::as_slice);
        if let (Some(at), Some(name)) =
            (finalizers.iter().position(|finalizer| finalizer == FINALIZER), job["metadata"]["name"].as_str())
        {
            let place = format!("/metadata/finalizers/{at}");
            // They may have moved since.
            let ours = json!({ "op": "test", "path": place, "value": FINALIZER });
            let patch = json!([ours, { "op": "remove", "path": place }]).to_string();
            scene.kubectl("releasing a Job").args(["patch", "job", name, "--type=json", "-p", &patch]).run()?;
        }
    }
    Ok(())
}

/// Writes until nothing more fits.
pub fn fill_claim(scene: &Scene, claim: &str) -> Result<()> {
    let words = ["get", "persistentvolumeclaim", claim, "-o", "jsonpath={.spec.storageClassName} {.spec.volumeName}"];
    let said = scene.kubectl("looking for the claim").args(words).text()?;
    let Some(volume) = said.strip_prefix("testbed-sized ").filter(|volume| !volume.is_empty()) else {
        bail!(Failure::new(
            format!(
                "the claim {claim} has no volume with a size of its own: filling it would fill this machine's disk"
            ),
            "kubectl get pvc (make the claim with storageClassName: testbed-sized)",
        ));
    };
    let folder = paths::state("volumes").join(volume);
    // A folder without a mount is this machine's own disk.
    if !volumes::is_mounted(&folder.display().to_string()) {
        bail!(Failure::new(
            format!("the volume of the claim {claim} is not mounted yet, or no more"),
            format!("kubectl get pvc {claim} -n {}", scene.namespace),
        ));
    }
    let path = folder.join(FILLER);
    let mut file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let block = [0_u8; 4096];
    loop {
        match file.write_all(&block) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("cannot fill {}", path.display())),
        }
    }
}

/// What filled the namespace's volumes is gone.
pub fn empty_claims(scene: &Scene) -> Result<()> {
    let words = ["get", "persistentvolumeclaims", "-o", "jsonpath={.items[*].spec.volumeName}"];
    for volume in scene.kubectl("listing claims").args(words).text()?.split_whitespace() {
        let filler: PathBuf = paths::state("volumes").join(volume).join(FILLER);
        // Most volumes were never filled.
        let _ = fs::remove_file(filler);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_finalizers_stay() {
        let add = |place: &str, value: Value| json!([{ "op": "add", "path": place, "value": value }]);
        assert_eq!(held(&Value::Null).unwrap(), add("/metadata/finalizers", json!([FINALIZER])));
        assert_eq!(held(&json!([])).unwrap(), add("/metadata/finalizers", json!([FINALIZER])));
        assert_eq!(held(&json!(["other"])).unwrap(), add("/metadata/finalizers/-", json!(FINALIZER)));
        assert_eq!(held(&json!(["other", FINALIZER])), None);
    }
}
