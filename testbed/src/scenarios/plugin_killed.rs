//! A `rollback` that is killed while helm works: the same command again ends where the first one would have.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{BOTH, Scenario};
use crate::say;
use crate::suite::look::refused;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "plugin-killed",
    says: "`kill -9` before, in the middle of and after helm's step: the same command again ends in the same place",
    engines: BOTH,
    deadline: Duration::from_mins(10),
    plays_faults: false,
    play,
};

/// What becomes of the plugin (the parent of the helm that it starts) and of helm itself.
const DEATHS: &[(&str, &str)] = &[
    ("before helm did anything", "kill -9 $PPID; exit 1"),
    ("and helm with it, half-way", "kill -9 $PPID; timeout -s KILL 0.25 \"$HELM\" \"$@\"; exit 1"),
    ("and helm outlives it", "kill -9 $PPID; exec \"$HELM\" \"$@\""),
    ("when helm was done", "\"$HELM\" \"$@\"; kill -9 $PPID; exit 1"),
];

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.13", 1)?;
    stage.claim("testbed", "1Gi")?;
    stage.omupgrade("recording").args(["status", RELEASE, "--record", "--validated"]).run()?;
    for (when, deed) in DEATHS {
        stage.upgrade("1.12.14", 1, &[])?;
        say::step(&format!("killed {when}"));
        refused(stage.go_back(&stage.deadly(deed)?).map(drop), "signal: 9")?;
        say::step("the same command again");
        stage.go_back(&stage.cache.binary("helm4"))?;
        ensure!(stage.serving()? == ["1.12.13"], "serving: {:?}", stage.serving()?);
        let (revision, status) = stage.revision()?;
        ensure!(status == "deployed", "revision {revision} is {status}");
        let history = stage.omupgrade("reading the history").args(["history", RELEASE]).text()?;
        ensure!(!history.contains("  open  ") && !history.contains("locked:"), "something is left open:\n{history}");
    }
    Ok(())
}

impl Stage<'_> {
    fn go_back(&self, helm: &PathBuf) -> Result<String> {
        let words = ["rollback", RELEASE, "--yes", "--timeout", "3m", "--helm"];
        self.omupgrade("rolling back").args(words).args([helm]).text()
    }

    /// A helm that does this instead of a rollback.
    fn deadly(&self, deed: &str) -> Result<PathBuf> {
        let file = self.cache.work().join("suite").join(&self.namespace).join("deadly-helm");
        let helm = self.cache.binary("helm4");
        let text =
            format!("#!/bin/sh\nHELM={}\ncase $1 in rollback) {deed} ;; esac\nexec \"$HELM\" \"$@\"\n", helm.display());
        fs::write(&file, text).context("cannot write a helm")?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).context("cannot make it a program")?;
        Ok(file)
    }
}
