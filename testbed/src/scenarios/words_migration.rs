//! What our verbs say of migrations that are slow, hang or fail, of rows that another distribution left, and of the guard that stops an older server afterwards.

use std::time::Duration;

use anyhow::Result;

use super::faults_migration::{begin_anew, said};
use super::{BOTH, Scenario};
use crate::suite::helm::Version;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "words-migration",
    says: "what status, precheck, validate and diagnose say of migrations that do not end, of rows of another distribution, and of the guard's refusal",
    engines: BOTH,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(15),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.pull("1.13.1")?;
    stage.install("1.12.13", 1)?;
    stage.claim("testbed", "1Gi")?;

    stage.fault("migrate-slow", "120")?;
    roll(stage)?;
    said(stage, "s of slow work")?;
    stage.words("migrate-slow", "1.13.1")?;
    stage.heal("migrate-slow")?;

    stage.fault("migrate-hangs", "1.13.0:middle")?;
    begin_anew(stage)?;
    said(stage, "hanging")?;
    // Nobody is told to wonder before two minutes without a word.
    stage.until("status to tell of the silence", 180, |stage| {
        Ok(stage.asks("status", "1.13.1")?.1.contains("no line for"))
    })?;
    stage.words("migrate-hangs", "1.13.1")?;

    stage.fault("migrate-fails", "1.13.0:middle")?;
    begin_anew(stage)?;
    stage.heal("migrate-hangs")?;
    stage.until("the migration to fail twice", 90, |stage| {
        let pods = stage.json(&["get", "pods", "-l", "app.kubernetes.io/version=1.13.1"])?;
        let containers = pods["items"][0]["status"]["initContainerStatuses"].as_array().cloned().unwrap_or_default();
        Ok(containers.iter().any(|container| container["restartCount"].as_u64() > Some(0)))
    })?;
    stage.words("migrate-fails", "1.13.1")?;
    // A row of another distribution beside the release's own, which is not the newest. Ordered before the other is taken back:
    // the migration goes on by itself.
    stage.fault("suffixed-row", "baseline")?;
    stage.heal("migrate-fails")?;
    begin_anew(stage)?;
    stage.until("the new server alone", 120, |stage| Ok(stage.pods()?.len() == 1 && stage.serving()? == ["1.13.1"]))?;
    stage.heal("suffixed-row")?;
    stage.words("suffixed-row", "1.13.1")?;
    // What the guard says does not depend on it.
    stage.database.ask("DELETE FROM SERVER_CHANGE_LOG WHERE version = '1.13.1-baseline';")?;

    let back = ["rollback", RELEASE, "1", "--no-hooks", "--wait=hookOnly"];
    stage.helm(Version::Four, "rolling back without asking the database").args(back).run()?;
    let mut old = None;
    stage.until("an older server", 60, |stage| {
        old = stage.pods()?.into_iter().find(|pod| pod.version == "1.12.13");
        Ok(old.is_some())
    })?;
    stage.refusal(&old.map(|pod| pod.name).unwrap_or_default())?;
    stage.words("guard-stops-rollback", "1.13.1")
}

/// An upgrade that nobody waits for, without a backup.
fn roll(stage: &Stage) -> Result<()> {
    stage.upgrade("1.13.1", 1, &["--no-hooks", "--wait=hookOnly"])
}
