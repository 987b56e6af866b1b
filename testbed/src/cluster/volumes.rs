//! Makes and deletes the volumes of claims: watches through kubectl, writes through kubectl. It never touches another class's claim.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Deserializer, Value, json};

use super::kubectl::kubectl;
use crate::call::Call;
use crate::paths::{self, Cache};
use crate::{say, surroundings};

const PROVISIONER: &str = "omupgrade.dev/testbed";
const SIZED: &str = "testbed-sized";

/// Serves claims and released volumes until it is killed.
pub fn run(cache: &Cache) {
    std::thread::scope(|scope| {
        scope.spawn(|| follow(cache, "persistentvolumeclaims", claim));
        scope.spawn(|| follow(cache, "persistentvolumes", volume));
    });
}

/// Hands every state of every object of a kind to `handle`, and starts over whenever the watch ends.
fn follow(cache: &Cache, kind: &str, handle: fn(&Cache, &Value) -> Result<()>) {
    loop {
        if let Err(error) = watch(cache, kind, handle) {
            say::line(&format!("{kind}: {error:#}"));
        }
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn watch(cache: &Cache, kind: &str, handle: fn(&Cache, &Value) -> Result<()>) -> Result<()> {
    let mut child = surroundings::program(cache.binary("kubectl"))
        .arg("--kubeconfig")
        .arg(paths::kubeconfig())
        .args(["get", kind, "--all-namespaces", "--watch", "-o", "json"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start kubectl")?;
    let output = child.stdout.take().context("kubectl has no output")?;
    for object in Deserializer::from_reader(std::io::BufReader::new(output)).into_iter::<Value>() {
        let object = object.context("kubectl printed something that is no object")?;
        if let Err(error) = handle(cache, &object) {
            say::line(&format!("{kind} {}: {error:#}", object["metadata"]["name"]));
        }
    }
    child.wait().context("kubectl did not end")?;
    Ok(())
}

/// A claim without a volume gets one.
fn claim(cache: &Cache, claim: &Value) -> Result<()> {
    let Some(volume) = volume_for(claim) else { return Ok(()) };
    let name = volume["metadata"]["name"].as_str().unwrap_or_default();
    let folder = paths::state("volumes").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    // Any user in a pod may write, as with the provisioners that people use.
    Call::new("chmod", "opening a volume").args(["0777".as_ref(), folder.as_os_str()]).run()?;
    if claim["spec"]["storageClassName"] == SIZED && !is_mounted(&folder.display().to_string()) {
        let size = bytes(claim["spec"]["resources"]["requests"]["storage"].as_str().unwrap_or_default());
        let size = size.context("the claim's size is no number that this provisioner knows")?;
        Call::new("mount", "making a volume with a size")
            .args(["-t", "tmpfs", "-o", &format!("mode=0777,size={size}"), "testbed-volume"])
            .args([&folder])
            .run()?;
    }
    say::line(&format!("volume {name}"));
    kubectl(cache, "making a volume").args(["apply", "-f", "-"]).feed(volume.to_string().as_bytes())
}

/// Whether something is mounted on this folder.
pub fn is_mounted(folder: &str) -> bool {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    table.lines().any(|line| line.split_whitespace().nth(4) == Some(folder))
}

/// The volume that a claim still needs, if it is one of ours.
fn volume_for(claim: &Value) -> Option<Value> {
    let spec = &claim["spec"];
    let class = spec["storageClassName"].as_str().filter(|class| matches!(*class, "testbed" | SIZED))?;
    if spec["volumeName"].is_string() || claim["metadata"]["deletionTimestamp"].is_string() {
        return None;
    }
    let uid = claim["metadata"]["uid"].as_str()?;
    let name = format!("pvc-{uid}");
    Some(json!({
        "apiVersion": "v1", "kind": "PersistentVolume",
        // The annotation tells the volume controller that deleting the data is our work.
        "metadata": { "name": name, "annotations": { "pv.kubernetes.io/provisioned-by": PROVISIONER } },
        "spec": {
            "capacity": { "storage": spec["resources"]["requests"]["storage"] },
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": class,
            "hostPath": { "path": paths::state("volumes").join(&name), "type": "Directory" },
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "uid": uid,
                "name": claim["metadata"]["name"], "namespace": claim["metadata"]["namespace"],
            },
        },
    }))
}

/// A volume whose claim is gone goes too, with its data.
fn volume(cache: &Cache, volume: &Value) -> Result<()> {
    let ours = volume["metadata"]["annotations"]["pv.kubernetes.io/provisioned-by"] == PROVISIONER;
    let released =
        volume["status"]["phase"] == "Released" && volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete";
    let Some(name) = volume["metadata"]["name"].as_str().filter(|_| ours && released) else { return Ok(()) };
    let folder = paths::state("volumes").join(name);
    Call::new("umount", "removing a volume").args(["-l".as_ref(), folder.as_os_str()]).succeeds();
    match fs::remove_dir_all(&folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("cannot remove {}", folder.display()));
        }
        _ => say::line(&format!("volume {name} deleted")),
    }
    kubectl(cache, "deleting a volume")
        .args(["delete", "persistentvolume", name, "--ignore-not-found", "--wait=false"])
        .run()
}

/// A Kubernetes quantity in bytes, as far as claims use them.
fn bytes(quantity: &str) -> Option<u64> {
    let split = quantity.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(quantity.len());
    let (number, unit) = quantity.split_at(split);
    let factor: u64 = match unit {
        "" => 1,
        "k" => 1000,
        "Ki" => 1 << 10,
        "M" => 1_000_000,
        "Mi" => 1 << 20,
        "G" => 1_000_000_000,
        "Gi" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(class: &str) -> Value {
        json!({
            "metadata": { "name": "data", "namespace": "om", "uid": "u-1" },
            "spec": { "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                      "resources": { "requests": { "storage": "1Gi" } } },
        })
    }

    #[test]
    fn a_claim_of_ours_gets_a_volume_bound_to_it() {
        let volume = volume_for(&claim("testbed")).unwrap();
        assert_eq!(volume["metadata"]["name"], "pvc-u-1");
        assert_eq!(volume["spec"]["claimRef"]["namespace"], "om");
        assert_eq!(volume["spec"]["capacity"]["storage"], "1Gi");
    }

    #[test]
    fn bound_claims_and_other_classes_are_left_alone() {
        assert!(volume_for(&claim("standard")).is_none());
        let mut bound = claim("testbed");
        bound["spec"]["volumeName"] = json!("pvc-u-1");
        assert!(volume_for(&bound).is_none());
    }

    #[test]
    fn quantities_are_read() {
        assert_eq!(bytes("64Mi"), Some(64 << 20));
        assert_eq!(bytes("1G"), Some(1_000_000_000));
        assert_eq!(bytes("1.5Gi"), None);
    }
}
