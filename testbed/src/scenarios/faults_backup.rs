//! A dump that is cut, a Job that does not go, a helm that is killed while the backup runs, a database that is away: each bites, nothing of the release moves, and what was healed works again.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{BOTH, OWN_DATABASE, Scenario};
use crate::cluster::databases::{self, Engine};
use crate::suite::helm::Version;
use crate::suite::look::refused;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "faults-backup",
    says: "a dump that is cut, a Job that stays, helm killed in its hook, the database away: each bites and is healed",
    engines: BOTH,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(6),
    play,
};

/// The Job of a backup before an upgrade to 1.12.14.
const JOB: &str = "om-omupgrade-backup-1-12-14";

fn play(stage: &Stage) -> Result<()> {
    databases::run(stage.cache, stage.database.engine, &stage.namespace)?;
    stage.upgrade("1.12.13", 1, &["--set", &own(stage)])?;
    stage.claim("testbed", "1Gi")?;
    let upgrade = |seconds: &str, turn: &str| {
        let turn = format!("{},podAnnotations.turn={turn}", own(stage));
        stage.upgrade("1.12.14", 1, &["--timeout", seconds, "--set", &turn])
    };
    let pods = stage.pods()?;

    ballast(stage)?;
    stage.fault_during("dump-cut", "180", || refused(upgrade("180s", "cut"), "pre-upgrade hooks failed"))?;
    ensure!(stage.backups()?.is_empty(), "a backup that was cut is listed: {:?}", stage.backups()?);

    stage.fault("stuck-job", JOB)?;
    refused(upgrade("10s", "held"), "UPGRADE FAILED")?;
    let held = stage.json(&["get", "job", JOB])?;
    ensure!(held["metadata"]["deletionTimestamp"].is_string(), "the Job is not on its way out");
    stage.heal("stuck-job")?;
    stage.until("the Job to go", 30, |stage| Ok(!stage.kubectl("looking").args(["get", "job", JOB]).succeeds()))?;

    stage.fault_during("helm-killed", "hook", || refused(upgrade("60s", "killed"), "signal: 9"))?;
    ensure!(stage.revision()?.1 == "pending-upgrade", "the release is {:?}", stage.revision()?);
    stage.until("the backup to end", 120, |stage| Ok(stage.json(&["get", "job", JOB])?["status"]["succeeded"] == 1))?;
    ensure!(stage.pods()? == pods, "pods before: {pods:?}, after: {:?}", stage.pods()?);
    let back = ["rollback", RELEASE, "1", "--no-hooks", "--wait", "--timeout", "90s"];
    stage.helm(Version::Four, "rolling back").args(back).run()?;
    ensure!(stage.backups()? == ["om-1.12.14"], "backups on the claim: {:?}", stage.backups()?);

    stage.fault("database-away", "yes")?;
    let lost = stage.unanswered()?;
    ensure!(lost == ["entity", "lineage"], "without a database {lost:?} are not answered");
    stage.heal("database-away")?;
    stage.until("the server to find its database", 60, |stage| Ok(stage.unanswered()?.is_empty()))
}

/// The values that lead to the namespace's own database and search.
pub(super) fn own(stage: &Stage) -> String {
    match stage.database.engine {
        Engine::Postgres => OWN_DATABASE.to_owned(),
        Engine::Mysql => OWN_DATABASE.replace("postgresql", "mysql"),
    }
}

/// Rows that a dump of PostgreSQL reads last and that take it a while, so that one is in its middle whenever it is met; MySQL's asks for more after its last rows. They are all alike and become small: so is the claim.
pub(super) fn ballast(stage: &Stage) -> Result<()> {
    if stage.database.engine == Engine::Mysql {
        return Ok(());
    }
    let sql = "CREATE TABLE zz_ballast (id INT, text TEXT);\nALTER TABLE zz_ballast OWNER TO openmetadata_user;\n\
               INSERT INTO zz_ballast SELECT id, REPEAT('x', 1000000) FROM generate_series(1, 30) AS id;\n";
    stage.database.of_chart(&stage.namespace).ask(sql).map(drop)
}
