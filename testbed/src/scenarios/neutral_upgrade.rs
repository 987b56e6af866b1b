//! The second post-rendered upgrade that leaves the schema alone fails no request.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{BOTH, Scenario};
use crate::suite::helm::Version;
use crate::suite::stage::{Pace, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "neutral-upgrade",
    says: "no request fails in the second post-rendered upgrade, with two servers and an unchanged schema",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(8),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    // The pause of a stopping server is what is tested, and it is the old pods' pause that counts.
    stage.install_at(Pace::Gentle, "1.12.13", 2)?;
    stage.claim("testbed", "1Gi")?;
    let migrated = stage.migrated()?;
    let report = stage.under_load(|| stage.upgrade_with(Version::Four, Pace::Gentle, "1.12.14", 2, &[]))?;
    ensure!(report.failures == 0, "requests failed: {}", report.words(false));
    ensure!(report.requests > 100, "too few requests to say anything: {}", report.words(false));
    stage.comes_to_serve(&["1.12.14", "1.12.14"])?;
    ensure!(stage.migrated()? == migrated, "the schema moved: {:?}", stage.migrated()?);
    Ok(())
}
