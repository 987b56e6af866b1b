//! The API server itself is killed for ten seconds: requests to the release go on, and what comes after goes on too.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{POSTGRES, Scenario};
use crate::cluster::{outage, up};
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "api-outage",
    says: "no request fails while the API server is away for 10 s, and the next upgrade goes through",
    engines: POSTGRES,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(4),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.13", 1)?;
    let pods = stage.pods()?;
    let report = stage.under_load(|| {
        outage::run(stage.cache, "kube-apiserver", 10)?;
        // It answers again some seconds later.
        stage.until("the API server to answer", 60, |stage| Ok(stage.pods().is_ok()))
    })?;
    ensure!(report.failures == 0, "requests failed: {}", report.words(false));
    stage.until("the nodes to be Ready", 60, |stage| Ok(up::nodes_are_ready(stage.cache)))?;
    // A node that was not heard of took readiness from its pods, which comes back with it, to the same ones.
    stage.until("the same pods to serve", 60, |stage| Ok(stage.pods()? == pods))?;
    stage.upgrade("1.12.14", 1, &["--no-hooks"])?;
    stage.comes_to_serve(&["1.12.14"])?;
    Ok(())
}
