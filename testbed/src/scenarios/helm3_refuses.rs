//! Helm 3 can run no hook of a post-renderer, so an upgrade without a backup is refused, and one that says so goes on.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{BOTH, Scenario};
use crate::suite::helm::Version;
use crate::suite::look::refused;
use crate::suite::stage::{Pace, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "helm3-refuses",
    says: "Helm 3 refuses an upgrade without a backup, and nothing has moved; `--backup=off` goes on",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(5),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    let off = ["--post-renderer-args", "--backup=off"];
    stage.three("1.12.14", &off)?;
    let (pods, revision) = (stage.pods()?, stage.revision()?);

    refused(stage.three("1.13.1", &[]), "no backup stands before this upgrade")?;
    ensure!(stage.pods()? == pods, "pods before: {pods:?}, after: {:?}", stage.pods()?);
    ensure!(stage.revision()? == revision, "a revision was recorded: {:?}", stage.revision()?);

    stage.three("1.13.1", &off)?;
    stage.comes_to_serve(&["1.13.1"])?;
    let jobs = stage.json(&["get", "jobs"])?;
    ensure!(jobs["items"].as_array().is_some_and(Vec::is_empty), "Helm 3 applied a Job: {jobs}");
    Ok(())
}

impl Stage<'_> {
    fn three(&self, version: &str, more: &[&str]) -> Result<()> {
        self.upgrade_with(Version::Three, Pace::Quick, version, 1, more)
    }
}
