//! `kubectl omupgrade rollback` does not go back on a guess, and does when it is told that nothing proves the way.

use std::time::Duration;

use anyhow::Result;

use super::{BOTH, Scenario};
use crate::say;
use crate::suite::look::refused;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "plugin-rollback",
    says: "`kubectl omupgrade rollback` stops at what nothing proves, and goes back when told to",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(6),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.13", 1)?;
    // With a backup the record would tell.
    stage.upgrade("1.12.14", 1, &["--post-renderer-args", "--backup=off"])?;
    say::step("kubectl omupgrade rollback om 1: nothing tells what the database was before");
    refused(rollback(stage, &["--exit-verdict"]).map(drop), "exit status: 33")?;
    refused(rollback(stage, &["--yes"]).map(drop), "exit status: 5")?;
    stage.comes_to_serve(&["1.12.14"])?;

    say::step("kubectl omupgrade rollback om 1 --accept-unproven");
    say::line(&rollback(stage, &["--yes", "--accept-unproven"])?);
    stage.comes_to_serve(&["1.12.13"])?;
    Ok(())
}

fn rollback(stage: &Stage, more: &[&str]) -> Result<String> {
    stage.omupgrade("rolling back").args(["rollback", RELEASE, "1"]).args(more).text()
}
