//! After a finished upgrade a bare `helm rollback` starts no older server: the guard of the stored revision stops it, and the new ones serve on.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{BOTH, Scenario};
use crate::say;
use crate::suite::helm::Version;
use crate::suite::look::{Pod, refused};
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "guard-stops-rollback",
    says: "a bare `helm rollback` after an upgrade that migrated stops at the guard, with no failed request",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(7),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.14", 2)?;
    stage.claim("testbed", "1Gi")?;
    stage.upgrade("1.13.1", 2, &[])?;
    let new = |stage: &Stage| -> Result<Vec<Pod>> {
        Ok(stage.pods()?.into_iter().filter(|pod| pod.version == "1.13.1").collect())
    };
    let serving = new(stage)?;

    let report = stage.under_load(|| {
        say::step("helm rollback to revision 2");
        let before = stage.pods()?;
        let rollback = stage.helm(Version::Four, "rolling back");
        refused(rollback.args(["rollback", RELEASE, "2", "--wait", "--timeout", "30s"]).run(), "")?;
        let said = stage.refusal(&stage.comes("1.12.14", &before)?.name)?;
        ensure!(said.contains("the database is at 1.13.1, newer than this image (1.12.14)"), "the guard says:\n{said}");
        ensure!(said.contains("kubectl omupgrade rollback om"), "the guard names no way back:\n{said}");
        Ok(())
    })?;
    ensure!(report.failures == 0, "requests failed: {}", report.words(false));
    ensure!(new(stage)? == serving, "the new pods were {serving:?} and are {:?}", new(stage)?);
    Ok(())
}
