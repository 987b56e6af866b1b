//! On Helm 4 the backup is done before the chart's own hooks run, and those before anything of the release changes.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{BOTH, Scenario};
use crate::suite::look::Event;
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "hook-order",
    says: "backup, then the chart's own hook, then the new server; the backup is whole",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(5),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.14", 1)?;
    stage.claim("testbed", "1Gi")?;
    stage.upgrade("1.13.1", 1, &["--set", "preUpgradeHook=true"])?;

    let events = stage.events()?;
    let at = |what: &str, is: &dyn Fn(&Event) -> bool| {
        events.iter().position(is).with_context(|| format!("nothing was heard of {what}"))
    };
    let backup =
        at("the backup", &|event| event.about == "Job/om-omupgrade-backup-1-13-1" && event.reason == "Completed")?;
    let begun = at("the chart's hook", &|event| {
        event.about == "Job/openmetadata-pre-upgrade" && event.reason == "SuccessfulCreate"
    })?;
    let done = at("the end of the chart's hook", &|event| {
        event.about == "Job/openmetadata-pre-upgrade" && event.reason == "Completed"
    })?;
    // The first scaling is the installation's.
    let scaled = events
        .iter()
        .rposition(|event| event.reason == "ScalingReplicaSet" && event.message.contains("from 0 to 1"))
        .context("no new server was started")?;
    ensure!(
        backup < begun && done < scaled,
        "order of events: backup {backup}, hook from {begun} to {done}, server {scaled}"
    );
    ensure!(stage.backups()? == ["om-1.13.1"], "backups on the claim: {:?}", stage.backups()?);
    stage.comes_to_serve(&["1.13.1"])?;
    ensure!(stage.migrated()?.contains(&"1.13.1".to_owned()), "migrated: {:?}", stage.migrated()?);
    Ok(())
}
