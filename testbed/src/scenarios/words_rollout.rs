//! What our verbs say of rollouts that cannot go on: no image, no quota, no node, no start.

use std::time::Duration;

use anyhow::Result;

use super::faults_cluster::{any, nodes, roll, waits};
use super::{POSTGRES, Scenario, second_node};
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "words-rollout",
    says: "what status, precheck, validate and diagnose say of servers that get no image, quota, node or start",
    engines: POSTGRES,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(16),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.pull("1.13.1")?;
    stage.install("1.12.13", 1)?;
    stage.claim("testbed", "1Gi")?;

    stage.fault("image-missing", "yes")?;
    stage.until("the image not to come", 90, |stage| any(stage, |pod| waits(pod, "ImagePullBackOff")))?;
    stage.words("image-missing", "1.13.1")?;
    stage.heal("image-missing")?;

    stage.fault("quota", "1")?;
    roll(stage, &["--set", "podAnnotations.turn=quota"])?;
    stage.until("the quota to be exceeded", 60, |stage| {
        Ok(stage.events()?.iter().any(|event| event.message.contains("exceeded quota")))
    })?;
    stage.words("quota", "1.13.1")?;
    stage.heal("quota")?;

    stage.fault("crash-loop", "yes")?;
    roll(stage, &["--set", "podAnnotations.turn=crash"])?;
    stage.until("a crash loop", 90, |stage| any(stage, |pod| waits(pod, "CrashLoopBackOff")))?;
    stage.words("crash-loop", "1.13.1")?;
    stage.heal("crash-loop")?;

    stage.fault("slow-start", "300")?;
    roll(stage, &["--set", "podAnnotations.turn=slow"])?;
    stage.until("a slow start", 60, |stage| {
        any(stage, |pod| {
            let server = &pod["status"]["containerStatuses"][0];
            let slow = pod["metadata"]["annotations"]["turn"] == "slow";
            slow && server["state"]["running"].is_object() && server["ready"] == false
        })
    })?;
    stage.words("slow-start", "1.13.1")?;
    stage.heal("slow-start")?;

    let _turn = second_node()?;
    // An earlier run may have been ended in the middle.
    stage.heal("node-cordoned")?;
    let outcome = nodes(stage, |stage, fault| stage.words(fault, "1.13.1"));
    stage.heal("node-cordoned")?;
    outcome
}
