//! The faults that no other scenario needs do what they say, and what was healed works again.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{BOTH, Scenario};
use crate::faults;
use crate::suite::look::refused;
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "faults",
    says: "slow, hanging, silent and starved servers, a missing image, a full claim and a held Job, each healed",
    engines: BOTH,
    plays_faults: true,
    deadline: Duration::from_mins(9),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.claim("testbed-sized", "8Mi")?;
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

    // Short: what is waited for cannot come.
    let stuck = |more: &[&str], words: &str| -> Result<()> {
        let more = [&["--no-hooks", "--timeout", "15s"], more].concat();
        refused(stage.upgrade("1.12.14", 1, &more), "UPGRADE FAILED")?;
        let seen = format!("{:?}", stage.events()?);
        ensure!(seen.contains(words), "{words:?} is not among the events: {seen}");
        stage.must_serve()
    };
    stuck(&["--set", "image.tag=0.0.0"], "server:0.0.0")?;
    stage.fault("quota", "1")?;
    stuck(&[], "exceeded quota")?;
    stage.heal("quota")?;
    stage.until("a new pod", 90, |stage| Ok(stage.serving()? == ["1.12.14"]))?;

    stage.fault("migrate-hangs", "1.13.0:middle")?;
    refused(stage.upgrade("1.13.1", 1, &["--timeout", "45s"]), "UPGRADE FAILED")?;
    ensure!(!stage.migrated()?.contains(&"1.13.0".to_owned()), "it did not hang: {:?}", stage.migrated()?);
    stage.must_serve()?;
    stage.heal("migrate-hangs")?;
    let hanging = stage.pods()?.into_iter().filter(|pod| !pod.serves);
    for pod in hanging {
        stage.kubectl("ending the hanging pod").args(["delete", "pod", &pod.name, "--grace-period=1"]).run()?;
    }
    stage.until("the migration to go on", 90, |stage| Ok(stage.serving()? == ["1.13.1"]))?;

    stage.fault("disk-full", "om-omupgrade-backup")?;
    refused(stage.upgrade("1.13.1", 1, &["--set", "podAnnotations.turn=one"]), "pre-upgrade hooks failed")?;
    stage.heal("disk-full")?;
    stage.fault("stuck-job", "om-omupgrade-backup-1-13-1")?;
    stage.kubectl("deleting the held Job").args(["delete", "job", "--all", "--wait=false"]).run()?;
    let held = stage.json(&["get", "jobs"])?;
    ensure!(held["items"][0]["metadata"]["deletionTimestamp"].is_string(), "the Job went: {held}");
    stage.heal("stuck-job")?;
    stage.until("the Job to go", 30, |stage| Ok(stage.json(&["get", "jobs"])?["items"][0].is_null()))?;
    stage.upgrade("1.13.1", 1, &["--set", "podAnnotations.turn=two"])?;

    stage.fault("wrong-fernet-key", "yes")?;
    let key = || stage.json(&["get", "secret", "openmetadata-fernetkey-secret"]);
    let wrong = key()?["data"].clone();
    stage.heal("wrong-fernet-key")?;
    ensure!(key()?["data"] != wrong, "the key was not changed back");
    faults::clear(&stage.namespace);
    Ok(())
}
