//! A node that is drained in the middle of an upgrade: the upgrade comes to its end on the other node, and no request fails.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{BOTH, Scenario, second_node};
use crate::cluster::kubectl::kubectl;
use crate::cluster::nodes::{FIRST, SECOND, TAINT};
use crate::say;
use crate::suite::helm::Version;
use crate::suite::stage::{Pace, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "drain",
    says: "a drain in the middle of an upgrade goes through, so does the upgrade, and no request fails",
    engines: BOTH,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(10),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    let _turn = second_node()?;
    // An earlier run may have been ended in the middle.
    open(stage)?;
    let drained = upgrade_while_draining(stage);
    open(stage)?;
    drained
}

fn upgrade_while_draining(stage: &Stage) -> Result<()> {
    let there = json!({
        "tolerations": [{ "key": TAINT, "operator": "Exists" }],
        "affinity": { "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [{
            "weight": 100, "preference": { "matchExpressions": [
                { "key": "kubernetes.io/hostname", "operator": "In", "values": [SECOND.name] } ] } }] } },
    });
    let values = stage.write("there.yaml", &there.to_string())?;
    let words = ["--values", &values];
    let helm = |version: &str, replicas: u32, more: &[&str]| {
        stage.upgrade_with(Version::Four, Pace::Gentle, version, replicas, &[&words, more].concat())
    };
    helm("1.12.13", 1, &[])?;
    helm("1.12.13", 2, &["--no-hooks"])?;
    ensure!(nodes(stage)? == [SECOND.name; 2], "the servers are on {:?}", nodes(stage)?);
    stage.claim("testbed", "1Gi")?;

    let report = stage.under_load(|| {
        std::thread::scope(|scope| {
            let drain = scope.spawn(|| {
                stage.until("a new server to come", 120, |stage| Ok(stage.pods()?.len() > 2))?;
                say::step("draining");
                let words = ["drain", SECOND.name, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=240s"];
                kubectl(stage.cache, "draining").args(words).run()?;
                say::step("drained");
                Ok(())
            });
            let upgraded = helm("1.12.14", 2, &[]);
            let drained = drain.join().unwrap_or_else(|_| anyhow::bail!("the drain stopped"));
            upgraded.and(drained)
        })
    })?;
    ensure!(report.failures == 0, "requests failed: {}", report.words(false));
    stage.until("two servers on the other node", 120, |stage| {
        Ok(stage.serving()? == ["1.12.14"; 2] && nodes(stage)? == [FIRST.name; 2])
    })
}

/// Where the servers are.
fn nodes(stage: &Stage) -> Result<Vec<String>> {
    Ok(stage.pods()?.into_iter().map(|pod| pod.node).collect())
}

fn open(stage: &Stage) -> Result<()> {
    kubectl(stage.cache, "opening the second node").args(["uncordon", SECOND.name]).run()
}
