//! What our verbs say of rollouts that cannot go on: no image, no quota, no node, no start.

use std::time::Duration;

use anyhow::Result;
use serde_json::{Value, json};

use super::{POSTGRES, Scenario, second_node};
use crate::cluster::nodes::{SECOND, TAINT};
use crate::suite::look::items;
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "words-rollout",
    says: "what status, precheck, validate and diagnose say of servers that get no image, quota, node or start",
    engines: POSTGRES,
    plays_faults: true,
    deadline: Duration::from_mins(15),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.13", 1)?;
    stage.claim("testbed", "1Gi")?;

    roll(stage, &["--set", "image.tag=0.0.0"])?;
    stage.until("the image not to come", 90, |stage| any(stage, |pod| waits(pod, "ImagePullBackOff")))?;
    stage.words("image-missing", "1.13.1")?;

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
    let outcome = nodes(stage);
    stage.heal("node-cordoned")?;
    outcome
}

/// The server may run on the second node alone.
fn nodes(stage: &Stage) -> Result<()> {
    let there = json!({
        "tolerations": [{ "key": TAINT, "operator": "Exists" }],
        "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
            { "matchExpressions": [{ "key": "kubernetes.io/hostname", "operator": "In", "values": [SECOND.name] }] } ] } } },
        "resources": { "requests": { "cpu": "50m" } },
    });
    let there = stage.write("there.yaml", &there.to_string())?;
    let without_node = |stage: &Stage| {
        stage.until("a server without a node", 90, |stage| any(stage, |pod| pod["spec"]["nodeName"].is_null()))
    };
    let rolled_out = |stage: &Stage| {
        stage.until("the server on the second node", 90, |stage| {
            let pods = stage.pods()?;
            Ok(pods.len() == 1 && pods.iter().all(|pod| pod.serves && pod.node == SECOND.name))
        })
    };

    stage.fault("node-cordoned", SECOND.name)?;
    roll(stage, &["--values", &there, "--set", "podAnnotations.turn=cordoned"])?;
    without_node(stage)?;
    stage.words("node-cordoned", "1.13.1")?;
    stage.heal("node-cordoned")?;
    rolled_out(stage)?;

    stage.fault("node-full", SECOND.name)?;
    roll(stage, &["--values", &there, "--set", "podAnnotations.turn=full"])?;
    without_node(stage)?;
    stage.words("node-full", "1.13.1")?;
    stage.heal("node-full")?;
    rolled_out(stage)?;

    stage.fault("node-drained", SECOND.name)?;
    without_node(stage)?;
    stage.words("node-drained", "1.13.1")
}

/// An upgrade that nobody waits for, without a backup.
fn roll(stage: &Stage, more: &[&str]) -> Result<()> {
    stage.upgrade("1.12.14", 1, &[&["--no-hooks", "--wait=hookOnly"], more].concat())
}

fn any(stage: &Stage, is: impl Fn(&Value) -> bool) -> Result<bool> {
    Ok(items(&stage.json(&["get", "pods", "-l", "app.kubernetes.io/name=openmetadata"])?).iter().any(is))
}

fn waits(pod: &Value, reason: &str) -> bool {
    let of = |list: &str| {
        let containers = pod["status"][list].as_array().map_or(&[][..], Vec::as_slice);
        containers.iter().any(|container| container["state"]["waiting"]["reason"] == reason)
    };
    of("initContainerStatuses") || of("containerStatuses")
}
