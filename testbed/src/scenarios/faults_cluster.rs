//! Faults of servers that run, of search, of the namespace and of nodes: each bites where it says it does, and what was healed works again.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use super::{OWN_DATABASE, POSTGRES, Scenario, second_node};
use crate::cluster::databases;
use crate::cluster::nodes::{SECOND, TAINT};
use crate::suite::look::items;
use crate::suite::stage::Stage;

pub const SCENARIO: Scenario = Scenario {
    name: "faults-cluster",
    says: "lost databases and searches, a missing image, a quota, a node cordoned, full, drained: each bites and is healed",
    engines: POSTGRES,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(9),
    play,
};

/// What servers and search play, and what is not answered then.
const PLAYED: &[(&str, &str, &[&str])] = &[
    ("loses-database", "yes", &["entity", "lineage"]),
    ("loses-search", "yes", &["search"]),
    ("search-down", "yes", &["search"]),
];

fn play(stage: &Stage) -> Result<()> {
    databases::run(stage.cache, stage.database.engine, &stage.namespace)?;
    stage.upgrade("1.12.13", 1, &["--set", OWN_DATABASE])?;
    // A Service takes a moment to find a server that has just become Ready.
    stage.until("the release to answer", 30, |stage| Ok(stage.unanswered()?.is_empty()))?;
    for (fault, value, lost) in PLAYED {
        stage.fault(fault, value)?;
        ensure!(stage.unanswered()? == *lost, "under {fault} {:?} are not answered", stage.unanswered()?);
        stage.heal(fault)?;
        ensure!(stage.unanswered()?.is_empty(), "after {fault} {:?} are not answered", stage.unanswered()?);
    }
    says(stage, "search-health", "red", "_cluster/health", "\"red\"")?;
    says(stage, "search-drift", "table_search_index", "table_search_index/_mapping", "\"fields\"")?;

    stage.fault("image-missing", "yes")?;
    stage.until("the image not to come", 90, |stage| any(stage, |pod| waits(pod, "ImagePullBackOff")))?;
    stage.comes_to_serve(&["1.12.13"])?;
    stage.heal("image-missing")?;
    stage.until("the old server alone", 60, |stage| Ok(stage.pods()?.len() == 1))?;

    stage.fault("quota", "1")?;
    roll(stage, &["--set", "podAnnotations.turn=quota"])?;
    stage.until("the quota to be exceeded", 60, |stage| {
        Ok(stage.events()?.iter().any(|event| event.message.contains("exceeded quota")))
    })?;
    stage.heal("quota")?;

    let _turn = second_node()?;
    // An earlier run may have been ended in the middle.
    stage.heal("node-cordoned")?;
    let outcome = nodes(stage, |_, _| Ok(()));
    stage.heal("node-cordoned")?;
    outcome
}

/// A fault of search that it tells itself.
fn says(stage: &Stage, fault: &str, value: &str, path: &str, words: &str) -> Result<()> {
    let alias = stage.database.name.clone();
    let path = path.replace("table_search_index", &format!("{alias}_table_search_index"));
    let value = value.replace("table_search_index", &format!("{alias}_table_search_index"));
    let proxy = format!("/api/v1/namespaces/{}/services/opensearch:9200/proxy/{path}", stage.namespace);
    let said = || stage.kubectl("asking search").args(["get", "--raw", &proxy]).text();
    let before = said()?;
    stage.fault(fault, &value)?;
    let bitten = said()?;
    ensure!(bitten.contains(words) && !before.contains(words), "under {fault} search says {bitten}, before {before}");
    stage.heal(fault)?;
    ensure!(said()? == before, "after {fault} search says {}", said()?);
    Ok(())
}

/// The server may run on the second node alone, which is cordoned, full, drained; `look` is called under each fault.
pub(super) fn nodes(stage: &Stage, look: impl Fn(&Stage, &str) -> Result<()>) -> Result<()> {
    let there = json!({
        "tolerations": [{ "key": TAINT, "operator": "Exists" }],
        "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
            { "matchExpressions": [{ "key": "kubernetes.io/hostname", "operator": "In", "values": [SECOND.name] }] } ] } } },
        "resources": { "requests": { "cpu": "50m" } },
    });
    let there = stage.write("there.yaml", &there.to_string())?;
    // And one beside it at most: those of earlier turns are gone.
    let without_node = |stage: &Stage| {
        stage.until("a server without a node", 120, |stage| {
            Ok(stage.pods()?.len() <= 2 && any(stage, |pod| pod["spec"]["nodeName"].is_null())?)
        })
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
    look(stage, "node-cordoned")?;
    stage.heal("node-cordoned")?;
    rolled_out(stage)?;

    stage.fault("node-full", SECOND.name)?;
    roll(stage, &["--values", &there, "--set", "podAnnotations.turn=full"])?;
    without_node(stage)?;
    look(stage, "node-full")?;
    stage.heal("node-full")?;
    rolled_out(stage)?;

    stage.fault("node-drained", SECOND.name)?;
    without_node(stage)?;
    look(stage, "node-drained")?;
    stage.heal("node-drained")?;
    rolled_out(stage)
}

/// An upgrade that nobody waits for, without a backup.
pub(super) fn roll(stage: &Stage, more: &[&str]) -> Result<()> {
    stage.upgrade("1.12.14", 1, &[&["--no-hooks", "--wait=hookOnly"], more].concat())
}

/// Whether any of the server's pods is like this.
pub(super) fn any(stage: &Stage, is: impl Fn(&Value) -> bool) -> Result<bool> {
    Ok(items(&stage.json(&["get", "pods", "-l", "app.kubernetes.io/name=openmetadata"])?).iter().any(is))
}

/// Whether one of a pod's containers waits for this reason.
pub(super) fn waits(pod: &Value, reason: &str) -> bool {
    let of = |list: &str| {
        let containers = pod["status"][list].as_array().map_or(&[][..], Vec::as_slice);
        containers.iter().any(|container| container["state"]["waiting"]["reason"] == reason)
    };
    of("initContainerStatuses") || of("containerStatuses")
}
