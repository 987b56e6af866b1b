//! A `rollback` that is killed while helm works: the same command again ends where the first one would have.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{POSTGRES, Scenario};
use crate::cluster::databases::Engine;
use crate::say;
use crate::suite::look::refused;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "plugin-killed",
    says: "`kill -9` before, in the middle of and after the step of either Helm: the same command again ends in the same place",
    engines: POSTGRES,
    deadline: Duration::from_mins(10),
    plays_faults: false,
    more_stages: &[],
    play,
};

/// On which engine, which makes no difference to helm and is the other one each time; with which helm; and what becomes of the plugin (the parent of the helm that it starts) and of helm itself.
const DEATHS: &[(Engine, &str, &str, &str)] = &[
    (Engine::Postgres, "helm4", "before helm did anything", "kill -9 $PPID; exit 1"),
    (Engine::Mysql, "helm4", "and helm with it, half-way", HALF_WAY),
    (Engine::Postgres, "helm3", "and helm with it, half-way", HALF_WAY),
    (Engine::Mysql, "helm3", "and helm outlives it", "kill -9 $PPID; exec \"$HELM\" \"$@\""),
    (Engine::Postgres, "helm4", "when helm was done", "\"$HELM\" \"$@\"; kill -9 $PPID; exit 1"),
];
const HALF_WAY: &str = "kill -9 $PPID; timeout -s KILL 0.25 \"$HELM\" \"$@\"; exit 1";

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.13", 1)?;
    for (_, helm, when, deed) in DEATHS.iter().filter(|death| death.0 == stage.database.engine) {
        // Again each time: helm keeps ten revisions, and the first one is none of them in the end.
        stage.omupgrade("recording").args(["status", RELEASE, "--record", "--validated"]).run()?;
        stage.upgrade("1.12.14", 1, &["--no-hooks"])?;
        say::step(&format!("killed {when} ({helm})"));
        let helm = stage.cache.binary(helm);
        refused(stage.go_back(&stage.deadly(&helm, deed)?).map(drop), "signal: 9")?;
        say::step("the same command again");
        stage.go_back(&helm)?;
        stage.comes_to_serve(&["1.12.13"])?;
        let (revision, status) = stage.revision()?;
        ensure!(status == "deployed", "revision {revision} is {status}");
        let history = stage.omupgrade("reading the history").args(["history", RELEASE]).text()?;
        ensure!(!history.contains("  open  ") && !history.contains("locked:"), "something is left open:\n{history}");
    }
    Ok(())
}

impl Stage<'_> {
    fn go_back(&self, helm: impl AsRef<OsStr>) -> Result<String> {
        let words = ["rollback", RELEASE, "--yes", "--timeout", "3m", "--helm"];
        self.omupgrade("rolling back").args(words).args([helm.as_ref()]).text()
    }

    /// A helm that does this instead of a rollback.
    fn deadly(&self, helm: &Path, deed: &str) -> Result<String> {
        let helm = helm.display();
        let text = format!("#!/bin/sh\nHELM={helm}\ncase $1 in rollback) {deed} ;; esac\nexec \"$HELM\" \"$@\"\n");
        self.program("deadly-helm", &text)
    }
}
