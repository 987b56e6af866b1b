//! Migrations that fail before and after their statements, hang, or leave a row of another distribution behind: each bites at its moment, and the guard reads the newest version right whatever rows stand beside it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{BOTH, Scenario};
use crate::suite::helm::Version;
use crate::suite::look::Pod;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "faults-migration",
    says: "migrations that fail early and late and hang are healed; rows `0.0.N` and `-baseline` are never the newest",
    engines: BOTH,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(5),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.13", 1)?;
    let fresh = stage.migrated()?;
    ensure!(fresh.contains(&"0.0.15".to_owned()), "no row of Flyway's scripts: {fresh:?}");

    stage.fault("migrate-fails", "1.13.0:before")?;
    stage.upgrade("1.13.1", 1, &["--no-hooks", "--wait=hookOnly"])?;
    said(stage, "ordered fault in version 1.13.0, before")?;
    ensure!(statements(stage, "1.13.0")? == 0, "statements ran before the fault");

    stage.fault("migrate-fails", "1.13.0:after")?;
    begin_anew(stage)?;
    said(stage, "ordered fault in version 1.13.0, after")?;
    ensure!(statements(stage, "1.13.0")? > 0, "no statement ran before the fault");
    ensure!(stage.migrated()? == fresh, "a failed version has a row: {:?}", stage.migrated()?);
    stage.heal("migrate-fails")?;

    stage.fault("migrate-hangs", "1.13.1:before")?;
    begin_anew(stage)?;
    said(stage, "ordered fault: hanging")?;
    stage.comes_to_serve(&["1.12.13"])?;

    // Ordered before the other is taken back: the migration goes on within a second.
    stage.fault("suffixed-row", "baseline")?;
    begin_anew(stage)?;
    said(stage, "ordered fault: hanging")?;
    stage.heal("migrate-hangs")?;
    stage.until("the new server alone", 90, |stage| Ok(stage.pods()?.len() == 1 && stage.serving()? == ["1.13.1"]))?;
    stage.heal("suffixed-row")?;
    let migrated = stage.migrated()?;
    ensure!(migrated.contains(&"1.13.1-baseline".to_owned()), "migrated: {migrated:?}");

    // Once more over that row: the guard lets the image pass that is as new as the database.
    begin_anew(stage)?;
    stage.until("the same server again", 90, |stage| Ok(stage.serving()? == ["1.13.1"]))?;
    let before = stage.pods()?;
    let back = ["rollback", RELEASE, "1", "--no-hooks", "--wait=hookOnly"];
    stage.helm(Version::Four, "rolling back without asking the database").args(back).run()?;
    let refusal = stage.refusal(&stage.comes("1.12.13", &before)?.name)?;
    ensure!(refusal.contains("the database is at 1.13.1, newer than this image"), "the guard says:\n{refusal}");
    Ok(())
}

/// The statements of a version that the database remembers.
fn statements(stage: &Stage, version: &str) -> Result<u64> {
    let sql = format!("SELECT COUNT(*) FROM SERVER_MIGRATION_SQL_LOGS WHERE version = '{version}';");
    stage.database.ask(&sql)?.trim().parse().context("no count")
}

fn pod(stage: &Stage, version: &str) -> Result<Option<Pod>> {
    Ok(stage.pods()?.into_iter().find(|pod| pod.version == version))
}

/// Ends the pod of the new release, so that its successor hears of other faults.
pub(super) fn begin_anew(stage: &Stage) -> Result<()> {
    let words = ["delete", "pods", "-l", "app.kubernetes.io/version=1.13.1", "--grace-period=1"];
    stage.kubectl("ending the pod that migrates").args(words).run()
}

/// Waits until the migration of the new release says something.
pub(super) fn said(stage: &Stage, words: &str) -> Result<()> {
    stage.until("the migration to speak", 90, |stage| {
        let Some(pod) = pod(stage, "1.13.1")? else { return Ok(false) };
        let log = ["logs", &pod.name, "-c", "run-db-migrations"];
        Ok(stage.kubectl("reading the migration's log").args(log).text().unwrap_or_default().contains(words))
    })
}
