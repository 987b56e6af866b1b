//! `status --watch` and `rollback` come to their end although the API server is away for half a minute in the middle, of a release that Helm keeps in ConfigMaps.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Result, bail, ensure};

use super::{POSTGRES, Scenario};
use crate::say;
use crate::suite::door::Door;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "plugin-api-away",
    says: "a watch and a rollback outlive an API server that is away for 30 s; releases in ConfigMaps are as good",
    engines: POSTGRES,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(9),
    play,
};

/// How long the API server is away.
const AWAY: u64 = 30;

fn play(stage: &Stage) -> Result<()> {
    let stage = &Stage::open(stage.cache, stage.database.engine, &stage.namespace)?.keeping_releases_in("configmap");
    stage.install("1.12.13", 1)?;
    ensure!(stage.json(&["get", "configmaps", "-l", "owner=helm"])?["items"][0].is_object(), "no ConfigMap of helm's");
    stage.omupgrade("recording").args(["status", RELEASE, "--record", "--validated"]).run()?;
    let door = Door::of(stage)?;

    stage.fault("slow-start", "40")?;
    stage.upgrade("1.12.14", 1, &["--no-hooks", "--wait=hookOnly"])?;
    say::step("kubectl omupgrade status --watch");
    let watched = thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let words = ["--kubeconfig", &door.kubeconfig, "status", RELEASE, "--watch", "--timeout", "4m"];
            stage.omupgrade("watching").args(words).text()
        });
        thread::sleep(Duration::from_secs(4));
        door.close_for(AWAY);
        watch.join().unwrap_or_else(|_| bail!("the watch stopped"))
    })?;
    say::line(&watched);
    for words in ["connection lost", "connected again", "om is rolled out"] {
        ensure!(watched.contains(words), "the watch does not say {words:?}:\n{watched}");
    }
    stage.heal("slow-start")?;

    for name in ["helm4", "helm3"] {
        if stage.serving()? == ["1.12.13"] {
            stage.upgrade("1.12.14", 1, &["--no-hooks"])?;
        }
        say::step(&format!("kubectl omupgrade rollback om --helm {name}"));
        // It says that it begins, and begins when the server has gone.
        let begun = stage.write("begun", "")?;
        let helm = stage.cache.binary(name);
        let helm = helm.display();
        let script =
            format!("#!/bin/sh\ncase $1 in rollback) echo begun >{begun}; sleep 1 ;; esac\nexec {helm} \"$@\"\n");
        let late = stage.program("late-helm", &script)?;
        let before = stage.revision()?.0;
        let back = thread::scope(|scope| {
            let back = scope.spawn(|| {
                let words = ["--kubeconfig", &door.kubeconfig, "rollback", RELEASE, "--yes", "--timeout", "4m"];
                stage.omupgrade("rolling back").args(words).args(["--helm", &late]).text()
            });
            let waited = stage.until("helm to begin", 60, |_| Ok(fs::metadata(&begun)?.len() > 0));
            door.close_for(AWAY);
            waited?;
            back.join().unwrap_or_else(|_| bail!("the rollback stopped"))
        });
        // A helm that found no server did nothing; then the same command again does all of it.
        let back = back.or_else(|error| {
            say::line(&format!("{error:#}"));
            say::step("the same command again");
            let words = ["rollback", RELEASE, "--yes", "--timeout", "4m", "--helm"];
            stage.omupgrade("rolling back again").args(words).args([stage.cache.binary(name)]).text()
        })?;
        say::line(&back);
        ensure!(back.contains("verdict: code only"), "the verdict:\n{back}");
        stage.comes_to_serve(&["1.12.13"])?;
        let (revision, status) = stage.revision()?;
        ensure!(status == "deployed" && revision > before, "revision {revision} is {status}");
        let history = stage.omupgrade("reading the history").args(["history", RELEASE]).text()?;
        ensure!(!history.contains("  open  ") && !history.contains("locked:"), "something is left open:\n{history}");
    }
    Ok(())
}
