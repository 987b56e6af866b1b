//! The budget counts servers and nothing else: while a Job of the release runs, with the servers' own labels, exactly one server may go.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{BOTH, Scenario};
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "one-disruption",
    says: "exactly one disruption is allowed while a Job of the release runs with the servers' labels",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(5),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.14", 2)?;
    stage.until("the budget to count two servers", 60, |stage| Ok(budget(stage)? == (2, 1)))?;

    // The chart's own CronJob, with a command that stays.
    let cron = stage.json(&["get", "cronjob", "cron-reindex"])?;
    let mut spec = cron["spec"]["jobTemplate"]["spec"].clone();
    spec["template"]["spec"]["containers"][0]["command"] = json!(["sleep", "600"]);
    stage
        .apply(&json!({ "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "reindex" }, "spec": spec }))?;
    let words = ["wait", "--for=condition=Ready", "pod", "-l", "job-name=reindex", "--timeout=60s"];
    stage.kubectl("waiting for the Job's pod").args(words).run()?;
    let pod = stage.json(&["get", "pods", "-l", "job-name=reindex,app.kubernetes.io/name=openmetadata"])?;
    ensure!(pod["items"].as_array().is_some_and(|pods| pods.len() == 1), "the Job's pod lacks the server's labels");

    // Long enough for the controller to count again.
    for _ in 0..10 {
        std::thread::sleep(Duration::from_secs(1));
        ensure!(budget(stage)? == (2, 1), "healthy and allowed: {:?}", budget(stage)?);
    }
    Ok(())
}

/// How many healthy pods the release's only budget counts, and how many may go.
fn budget(stage: &Stage) -> Result<(u64, u64)> {
    let list = stage.json(&["get", "poddisruptionbudgets"])?;
    let [budget] = list["items"].as_array().context("no list")?.as_slice() else {
        anyhow::bail!("not exactly one budget: {list}");
    };
    let status = |key: &str| Value::as_u64(&budget["status"][key]).unwrap_or_default();
    Ok((status("currentHealthy"), status("disruptionsAllowed")))
}
