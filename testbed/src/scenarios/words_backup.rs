//! What our verbs say where the backup before an upgrade fails, and where helm was killed in the middle of one.

use std::time::Duration;

use anyhow::Result;

use super::faults_backup::{ballast, own};
use super::{BOTH, Scenario};
use crate::cluster::databases;
use crate::suite::look::refused;
use crate::suite::stage::{CLAIM, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "words-backup",
    says: "what status, precheck, validate and diagnose say of backups that fail, and of a helm that was killed",
    engines: BOTH,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(15),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.pull("1.12.14")?;
    databases::run(stage.cache, stage.database.engine, &stage.namespace)?;
    stage.upgrade("1.12.13", 1, &["--set", &own(stage)])?;
    let upgrade = |seconds: &str, turn: &str| {
        let turn = format!("{},podAnnotations.turn={turn}", own(stage));
        stage.upgrade("1.12.14", 1, &["--timeout", seconds, "--set", &turn])
    };

    refused(upgrade("15s", "claim"), "UPGRADE FAILED")?;
    stage.words("claim-missing", "1.12.14")?;

    stage.claim("testbed-sized", "8Mi")?;
    // The claim gets its volume when the first pod asks for it.
    upgrade("90s", "first")?;
    stage.fault("disk-full", CLAIM)?;
    refused(upgrade("60s", "full"), "pre-upgrade hooks failed")?;
    stage.words("disk-full", "1.12.14")?;
    stage.heal("disk-full")?;

    ballast(stage)?;
    stage.fault_during("dump-cut", "180", || refused(upgrade("180s", "cut"), "pre-upgrade hooks failed"))?;
    stage.words("dump-cut", "1.12.14")?;

    let job = "om-omupgrade-backup-1-12-14";
    stage.fault("stuck-job", job)?;
    refused(upgrade("20s", "held"), "UPGRADE FAILED")?;
    stage.words("stuck-job", "1.12.14")?;
    stage.heal("stuck-job")?;

    stage.fault_during("helm-killed", "hook", || refused(upgrade("60s", "killed"), "signal: 9"))?;
    stage.until("the backup to end", 120, |stage| Ok(stage.json(&["get", "job", job])?["status"]["succeeded"] == 1))?;
    stage.words("helm-killed", "1.12.14")
}
