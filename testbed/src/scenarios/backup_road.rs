//! Helm 3's road with a backup: made, tried out, carried out and in, and its receipt opens the upgrade.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::rollback_restore::state;
use super::{BOTH, Scenario};
use crate::suite::helm::Version;
use crate::suite::look::refused;
use crate::suite::stage::{Pace, RELEASE, Stage};
use crate::{real, say};

pub const SCENARIO: Scenario = Scenario {
    name: "backup-road",
    says: "on Helm 3 a backup and its receipt stand before an upgrade; it is tried out on both roads and survives the trip out and in",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(7),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    let off = ["--post-renderer-args", "--backup=off"];
    stage.upgrade_with(Version::Three, Pace::Quick, "1.12.14", 1, &off)?;

    say::step("backup init, backup --to");
    ours(stage, "making the claim", &["init", RELEASE])?;
    let receipt = stage.write("receipt.json", "")?;
    let made = ours(stage, "backing up", &[RELEASE, "--to", "1.13.1", "--with-secrets", "--receipt", &receipt])?;
    ensure!(made.contains("receipt for the upgrade of om to 1.13.1"), "it said: {made}");
    let name = stage.backup_names()?.pop().context("no backup lies on the claim")?;

    say::step("drill, in a server of its own and on the same server");
    let before = state(stage)?;
    let tried = ours(stage, "drilling", &["drill", RELEASE])?;
    ensure!(tried.contains(&format!("{name} restores: ")), "it said: {tried}");
    let same = || stage.omupgrade("drilling on the same server").args(["backup", "drill", RELEASE, "--same-server"]);
    refused(same().run(), "cannot create")?;
    stage.database.may_make_others()?;
    let tried = same().text()?;
    ensure!(tried.contains(&format!("{name} restores: ")), "it said: {tried}");
    ensure!(stage.database.others()?.trim().is_empty(), "a scratch database is left: {}", stage.database.others()?);
    // The real server writes of its own, while nobody asks it for anything.
    ensure!(real::image().is_some() || state(stage)? == before, "a drill changed the database");

    say::step("export, and import onto another claim");
    let folder = stage.empty("exported")?;
    ours(stage, "exporting", &["export", RELEASE, "--into", &folder])?;
    ours(stage, "making the other claim", &["init", RELEASE, "--claim", "other", "--size", "1Gi"])?;
    let exported = format!("{folder}/{name}");
    ours(stage, "importing", &["import", RELEASE, "--claim", "other", "--from", &exported])?;
    let listed = ours(stage, "listing", &["list", RELEASE, "--claim", "other"])?;
    ensure!(listed.contains(&name) && listed.contains("verified"), "it said: {listed}");

    refused(stage.upgrade_with(Version::Three, Pace::Quick, "1.13.1", 1, &[]), "no backup stands before this upgrade")?;
    let upgrade = stage.upgrade_call(Version::Three, Pace::Quick, "1.13.1", 1, &[])?;
    upgrade.env("OMUPGRADE_RECEIPT", &receipt).env("OMUPGRADE_NAMESPACE", &stage.namespace).run()?;
    stage.comes_to_serve(&["1.13.1"])?;
    Ok(())
}

fn ours(stage: &Stage, doing: &str, words: &[&str]) -> Result<String> {
    stage.omupgrade(doing).args(["backup"]).args(words).text()
}
