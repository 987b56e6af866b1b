//! Backups belong to omupgrade and not to the release: `helm uninstall` leaves them.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{BOTH, Scenario};
use crate::suite::helm::Version;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "uninstall-keeps-backups",
    says: "`helm uninstall` removes the servers and keeps the backups",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(5),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.claim("testbed", "1Gi")?;
    stage.install("1.12.13", 1)?;
    stage.upgrade("1.12.14", 1, &[])?;
    ensure!(stage.backups()? == ["om-1.12.14"], "backups on the claim: {:?}", stage.backups()?);

    stage.helm(Version::Four, "uninstalling").args(["uninstall", RELEASE, "--wait", "--timeout", "2m"]).run()?;
    stage.until("the servers to go", 60, |stage| Ok(stage.pods()?.is_empty()))?;
    ensure!(stage.backups()? == ["om-1.12.14"], "backups on the claim: {:?}", stage.backups()?);
    Ok(())
}
