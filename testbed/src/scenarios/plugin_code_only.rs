//! What `status --record` wrote down lets `rollback` prove that the database did not move: then it goes back by itself, with either Helm, and of two operators at once one.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{POSTGRES, Scenario};
use crate::say;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "plugin-code-only",
    says: "a recorded state proves `code only`; both Helms go back to the validated revision; of two operators one does",
    engines: POSTGRES,
    deadline: Duration::from_mins(8),
    plays_faults: false,
    more_stages: &[],
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.13", 1)?;
    stage.claim("testbed", "1Gi")?;
    say::step("kubectl omupgrade status --watch --record --validated");
    let recorded = ["status", RELEASE, "--watch", "--timeout", "2m", "--record", "--validated"];
    stage.omupgrade("recording").args(recorded).run()?;
    let asked = stage.omupgrade("asking the database").args(["status", RELEASE, "--probe"]).text()?;
    ensure!(asked.contains("at 1.12.13") && asked.contains("entity tables"), "status --probe says:\n{asked}");

    for helm in ["helm4", "helm3"] {
        stage.upgrade("1.12.14", 1, &[])?;
        say::step(&format!("kubectl omupgrade rollback om --helm {helm}"));
        let said = stage.back(helm)?;
        ensure!(said.contains("verdict: code only"), "the verdict:\n{said}");
        stage.comes_to_serve(&["1.12.13"])?;
    }

    stage.upgrade("1.12.14", 1, &[])?;
    say::step("two operators at once");
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| stage.back("helm4"));
        let other = scope.spawn(|| stage.back("helm3"));
        (one.join(), other.join())
    });
    let ends = [one, other].map(|end| end.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread broke"))));
    ensure!(ends.iter().any(Result::is_ok), "neither went back: {ends:?}");
    stage.comes_to_serve(&["1.12.13"])?;
    let history = stage.omupgrade("reading the history").args(["history", RELEASE]).text()?;
    ensure!(!history.contains("  open  ") && !history.contains("locked:"), "something is left open:\n{history}");
    Ok(())
}

impl Stage<'_> {
    /// Back to the validated revision with one of the Helms.
    fn back(&self, helm: &str) -> Result<String> {
        let helm = self.cache.binary(helm);
        self.omupgrade("rolling back").args(["rollback", RELEASE, "--yes", "--helm"]).args([helm]).text()
    }
}
