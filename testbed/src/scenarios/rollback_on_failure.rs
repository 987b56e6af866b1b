//! `--rollback-on-failure` of an upgrade that migrated leaves old pods that serve on a newer schema; the first one that is deleted stops at the guard.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{BOTH, Scenario};
use crate::suite::look::refused;
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "rollback-on-failure",
    says: "untouched old pods serve on after `--rollback-on-failure`; the first that is deleted stops at the guard",
    engines: BOTH,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(7),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.14", 2)?;
    stage.claim("testbed", "1Gi")?;
    let before = stage.pods()?;
    stage.fault("crash-loop", "yes")?;

    let failed = stage.upgrade("1.13.1", 2, &["--rollback-on-failure", "--timeout", "60s"]);
    refused(failed, "UPGRADE FAILED")?;
    ensure!(stage.migrated()?.contains(&"1.13.1".to_owned()), "it did not migrate: {:?}", stage.migrated()?);
    stage.until("the new pod to go", 60, |stage| Ok(stage.pods()?.len() == 2))?;
    ensure!(stage.pods()? == before, "old pods were {before:?} and are {:?}", stage.pods()?);
    stage.must_serve()?;

    // Not the fault's doing: from here on servers would start.
    crate::faults::clear(&stage.namespace);
    let first = &before.first().context("no pod")?.name;
    stage.kubectl("deleting one of them").args(["delete", "pod", first]).run()?;
    let new = stage.pods()?.into_iter().find(|pod| !before.contains(pod)).context("no pod came in its place")?;
    let said = stage.refusal(&new.name)?;
    ensure!(said.contains("the database is at 1.13.1, newer than this image (1.12.14)"), "the guard says:\n{said}");
    stage.comes_to_serve(&["1.12.14"])?;
    Ok(())
}
