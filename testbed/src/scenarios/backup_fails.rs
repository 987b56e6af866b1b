//! A backup that has no room stops the upgrade before anything has moved.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{BOTH, Scenario};
use crate::suite::look::refused;
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "backup-fails",
    says: "a backup without room fails the upgrade, and nothing has moved",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(5),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.14", 1)?;
    stage.claim("testbed-sized", "16Ki")?;
    let (pods, migrated, generation) = (stage.pods()?, stage.migrated()?, generation(stage)?);

    stage.watched(|| {
        refused(stage.upgrade("1.13.1", 1, &[]), "pre-upgrade hooks failed")?;
        stage.must_serve()
    })?;
    let words = ["logs", "job/om-omupgrade-backup-1-13-1"];
    let said = stage.kubectl("reading the backup's log").args(words).text()?;
    ensure!(said.contains("the claim is full"), "the backup says something else:\n{said}");

    ensure!(stage.pods()? == pods, "pods before: {pods:?}, after: {:?}", stage.pods()?);
    ensure!(generation == self::generation(stage)?, "the Deployment was changed");
    ensure!(stage.migrated()? == migrated, "migrated before: {migrated:?}, after: {:?}", stage.migrated()?);
    ensure!(stage.backups()?.is_empty(), "a failed backup is listed: {:?}", stage.backups()?);
    Ok(())
}

/// Counts the changes of the Deployment's specification.
fn generation(stage: &Stage) -> Result<u64> {
    let deployment = stage.json(&["get", "deployment", "openmetadata"])?;
    Ok(deployment["metadata"]["generation"].as_u64().unwrap_or_default())
}
