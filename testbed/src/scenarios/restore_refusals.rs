//! What stands against a restore is said before its first write; then the one that is left, in place and with Helm 3.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::rollback_restore::state;
use super::{BOTH, Scenario};
use crate::say;
use crate::suite::helm::Version;
use crate::suite::look::refused;
use crate::suite::stage::{CLAIM, Pace, RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "restore-refusals",
    says: "broken, foreign and newer backups, another key, no right, no room: each is refused before the first write; then, in place by Helm 3, all comes back, the autoscaler's count too",
    engines: BOTH,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(9),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    upgrade(stage, "1.12.14")?;
    stage.claim("testbed-sized", "32Mi")?;
    stage.omupgrade("backing up").args(["backup", RELEASE, "--with-secrets"]).run()?;
    let good = stage.backup_names()?.pop().context("there is no backup")?;
    let before = state(stage)?;
    upgrade(stage, "1.13.1")?;
    stage.apply(&autoscaler())?;
    stage.until("the autoscaler to make two servers", 90, |stage| Ok(stage.serving()?.len() == 2))?;

    let (now, revision) = (state(stage)?, stage.revision()?);
    stage.watched(|| refusals(stage, &good))?;
    ensure!(stage.revision()? == revision && state(stage)? == now, "something was written");
    ensure!(stage.serving()? == ["1.13.1", "1.13.1"], "something moved: {:?}", stage.serving()?);

    say::step("rollback --restore in place, by Helm 3");
    let helm = stage.cache.binary("helm3").display().to_string();
    stage.watched(|| {
        let said = restore(stage, &good, &["--in-place", "--helm", &helm]).text()?;
        say::line(&said);
        stage.until("the old servers to serve", 120, |stage| Ok(stage.serving()? == ["1.12.14", "1.12.14"]))
    })?;
    ensure!(state(stage)? == before, "rows or schema differ:\n{before}\n---\n{}", state(stage)?);
    ensure!(stage.database.others()?.is_empty(), "left: {}", stage.database.others()?);
    Ok(())
}

/// What is refused before anything is written.
fn refusals(stage: &Stage, good: &str) -> Result<()> {
    let folder = stage.backup_folder()?;
    for (name, change, words) in SPOILT {
        say::step(&format!("rollback --restore of a backup that is {name}"));
        let spoilt = format!("{RELEASE}-{name}-20260101T000000Z");
        copy(&folder.join(good), &folder.join(&spoilt))?;
        change(&folder.join(&spoilt))?;
        refused(restore(stage, &spoilt, &[]).run(), words)?;
        fs::remove_dir_all(folder.join(&spoilt))?;
    }
    say::step("rollback --restore by a user who may not make databases");
    refused(restore(stage, good, &[]).run(), "cannot be made beside")?;
    stage.fault("disk-full", CLAIM)?;
    refused(restore(stage, good, &["--in-place"]).run(), "too little to dump the database as it is now")?;
    stage.heal("disk-full")?;
    stage.fault("wrong-fernet-key", "yes")?;
    let words = ["backup", "restore", RELEASE, good, "--in-place", "--yes"];
    let said = refused(stage.omupgrade("under another key").args(words).run(), "is another one than the one of")?;
    let right = "kubectl patch secret openmetadata-fernetkey-secret";
    ensure!(said.contains(right), "the Secret with the right key is not named:\n{said}");
    stage.heal("wrong-fernet-key")
}

type Change = fn(&Path) -> Result<()>;
const SPOILT: &[(&str, Change, &str)] = &[
    ("truncated", |at| dump(at, |bytes| bytes.truncate(bytes.len() / 2)), "it is truncated or was changed"),
    (
        "flipped",
        |at| {
            dump(at, |bytes| {
                let middle = bytes.len() / 2;
                if let Some(byte) = bytes.get_mut(middle) {
                    *byte ^= 1;
                }
            })
        },
        "its sha256 differs",
    ),
    ("unrecorded", |at| Ok(fs::remove_file(at.join("catalog.json"))?), "has no record"),
    ("foreign", |at| record(at, "\"release\":\"om\"", "\"release\":\"other\""), "is of another release"),
    ("newer", |at| record(at, "\"server_version\":\"", "\"server_version\":\"99."), "newer than this server"),
];

fn dump(backup: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Result<()> {
    let files = ["database.dump", "database.sql"].map(|name| backup.join(name));
    let path = files.iter().find(|path| path.exists()).context("the backup holds no dump")?;
    let mut bytes = fs::read(path)?;
    change(&mut bytes);
    Ok(fs::write(path, bytes)?)
}

fn record(backup: &Path, from: &str, to: &str) -> Result<()> {
    let path = backup.join("catalog.json");
    let text = fs::read_to_string(&path)?;
    ensure!(text.contains(from), "the record holds no {from}:\n{text}");
    fs::write(&path, text.replacen(from, to, 1))?;
    // Whoever changes a record can change its digest.
    Ok(fs::remove_file(backup.join("catalog.sha256"))?)
}

/// As the backup's own user wrote it.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let words = ["-a".as_ref(), from.as_os_str(), to.as_os_str()];
    ensure!(std::process::Command::new("cp").args(words).status()?.success(), "cannot copy {}", from.display());
    Ok(())
}

fn upgrade(stage: &Stage, version: &str) -> Result<()> {
    let off = ["--post-renderer-args", "--backup=off"];
    stage.upgrade_with(Version::Three, Pace::Quick, version, 1, &off)
}

/// The user's own, which no chart knows: it needs no metrics to keep the least count.
fn autoscaler() -> serde_json::Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": { "name": "by-hand" },
        "spec": { "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "openmetadata" },
                  "minReplicas": 2, "maxReplicas": 3 },
    })
}

fn restore(stage: &Stage, backup: &str, more: &[&str]) -> crate::call::Call {
    // What only the verdict would ask is not asked: the backup is named.
    let words = ["rollback", RELEASE, "1", "--restore", "--backup", backup, "--no-probe", "--yes", "--no-watch"];
    stage.omupgrade("restoring").args(words).args(more)
}
