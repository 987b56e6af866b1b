//! Slow and silent servers, a server that starts again under another key, a helm that is killed: each does what it says, and what was healed works again. What our verbs say of faults is told by the scenarios `words-…`.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{POSTGRES, Scenario};
use crate::faults;
use crate::load::{EMAIL, PASSWORD};
use crate::suite::helm::Version;
use crate::suite::look::refused;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "faults",
    says: "slow and silent servers, another key under a server that runs, helm killed early and late; each healed",
    engines: POSTGRES,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(7),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.fault("slow-start", "3")?;
    stage.fault("migrate-slow", "0.2")?;
    stage.install("1.12.13", 1)?;
    let pod = &stage.pods()?[0].name;
    let log = |container: &str| stage.kubectl("reading a log").args(["logs", pod, "-c", container]).text();
    ensure!(log("openmetadata")?.contains("starting slowly"), "it did not start slowly");
    ensure!(log("run-db-migrations")?.contains("slow work"), "it did not migrate slowly");
    stage.heal("slow-start")?;
    stage.heal("migrate-slow")?;

    stage.fault("answers-500", "yes")?;
    ensure!(stage.must_serve().is_err(), "it answers although ordered not to");
    stage.heal("answers-500")?;
    stage.must_serve()?;

    wrong_key(stage)?;
    for moment in ["pending", "applied"] {
        helm_killed(stage, moment)?;
    }
    faults::clear(&stage.namespace);
    Ok(())
}

/// A server that starts again in its pod reads the key again and migrates nothing: it serves, and cannot open its secrets.
fn wrong_key(stage: &Stage) -> Result<()> {
    let key = || stage.json(&["get", "secret", "openmetadata-fernetkey-secret"]);
    let right = key()?["data"].clone();
    stage.fault("wrong-fernet-key", "yes")?;
    ensure!(key()?["data"] != right, "the key is the same");
    let pod = stage.pods()?[0].name.clone();
    stage.kubectl("ending the server").args(["exec", &pod, "-c", "openmetadata", "--", "sh", "-c", "kill 1"]).run()?;
    stage.until("the server to start again in its pod", 60, |stage| {
        let status = stage.json(&["get", "pod", &pod])?["status"]["containerStatuses"][0].clone();
        Ok(status["restartCount"] == 1 && status["ready"] == true)
    })?;
    stage.must_serve()?;
    let said = stage.validated()?;
    ensure!(said.contains("Encryption key does not match"), "validate does not say what broke:\n{said}");
    stage.heal("wrong-fernet-key")?;
    ensure!(key()?["data"] == right, "the key was not changed back");
    stage.kubectl("starting a pod with the right key").args(["delete", "pod", &pod, "--grace-period=1"]).run()?;
    stage.until("a server", 90, |stage| Ok(stage.serving()? == ["1.12.13"]))?;
    let said = stage.validated()?;
    ensure!(!said.contains("Encryption key"), "validate says what was healed:\n{said}");
    Ok(())
}

/// helm that is killed leaves a release in its middle, which the next one refuses; the servers serve, and a rollback ends it.
fn helm_killed(stage: &Stage, moment: &str) -> Result<()> {
    let (revision, _) = stage.revision()?;
    let turn = format!("podAnnotations.turn={moment}");
    let upgrade = || stage.upgrade("1.12.14", 1, &["--no-hooks", "--set", &turn]);
    stage.fault_during("helm-killed", moment, || refused(upgrade(), "signal: 9"))?;
    ensure!(stage.revision()?.1 == "pending-upgrade", "the release is {:?}", stage.revision()?);
    refused(upgrade(), "another operation")?;
    stage.must_serve()?;
    let back = ["rollback", RELEASE, &revision.to_string(), "--no-hooks", "--wait", "--timeout", "90s"];
    stage.helm(Version::Four, "rolling back").args(back).run()?;
    ensure!(stage.revision()?.1 == "deployed", "the release is {:?}", stage.revision()?);
    Ok(())
}

impl Stage<'_> {
    /// What `validate` says, whatever it ends with.
    fn validated(&self) -> Result<String> {
        let call = self.omupgrade("validating").args(["validate", RELEASE, "--no-probe"]);
        Ok(call.env("OMUPGRADE_EMAIL", EMAIL).env("OMUPGRADE_PASSWORD", PASSWORD).outcome()?.1)
    }
}
