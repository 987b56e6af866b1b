//! Faults of a node: cordoned, drained, full. It never takes a component away; `testbed outage` does.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Scene;
use crate::cluster::kubectl::kubectl;
use crate::cluster::nodes::{FIRST, NODES, SECOND};

const FILLER: &str = "testbed-filler";

/// Whether a node is called so.
pub fn exists(node: &str) -> bool {
    NODES.iter().any(|known| known.name == node)
}

/// Nothing new comes.
pub fn cordon(scene: &Scene, node: &str) -> Result<()> {
    kubectl(scene.cache, "cordoning the node").args(["cordon", node]).run()
}

/// Everything goes, as budgets allow, and nothing new comes.
pub fn drain(scene: &Scene, node: &str) -> Result<()> {
    let words = ["drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s"];
    kubectl(scene.cache, "draining the node").args(words).run()
}

/// Every node is open again.
pub fn open(scene: &Scene) -> Result<()> {
    kubectl(scene.cache, "opening the nodes").args(["uncordon", FIRST.name, SECOND.name]).run()
}

/// A pod that asks for all processor time that nobody has asked for yet.
pub fn fill(scene: &Scene, node: &str) -> Result<()> {
    // An earlier one would count among those that ask.
    make_room(scene)?;
    let get = |words: &[&str]| -> Result<Value> {
        let text = kubectl(scene.cache, "looking at the node").args(words).args(["-o", "json"]).text()?;
        serde_json::from_str(&text).context("kubectl printed no JSON")
    };
    let has = milli(&get(&["get", "node", node])?["status"]["allocatable"]["cpu"]);
    let field = format!("--field-selector=spec.nodeName={node},status.phase!=Succeeded,status.phase!=Failed");
    let pods = get(&["get", "pods", "--all-namespaces", &field])?;
    let asked: u64 = pods["items"].as_array().map_or(&[][..], Vec::as_slice).iter().map(asked).sum();
    let filler = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": FILLER },
        "spec": {
            "nodeSelector": { "kubernetes.io/hostname": node }, "tolerations": [{ "operator": "Exists" }],
            "terminationGracePeriodSeconds": 0,
            "containers": [{ "name": "filler", "image": "testbed/pause:1", "imagePullPolicy": "IfNotPresent",
                             "resources": { "requests": { "cpu": format!("{}m", has.saturating_sub(asked)) } } }],
        },
    });
    scene.kubectl("filling the node").args(["apply", "-f", "-"]).feed(filler.to_string().as_bytes())?;
    let wait = ["wait", "--for=condition=Ready", "pod", FILLER, "--timeout=60s"];
    scene.kubectl("waiting for the node to be full").args(wait).run()
}

/// There is room again.
pub fn make_room(scene: &Scene) -> Result<()> {
    scene.kubectl("making room").args(["delete", "pod", FILLER, "--ignore-not-found"]).run()
}

/// What a pod asks for: its containers together, or its greediest init container.
fn asked(pod: &Value) -> u64 {
    let of = |list: &str| -> Vec<u64> {
        let containers = pod["spec"][list].as_array().map_or(&[][..], Vec::as_slice);
        containers.iter().map(|container| milli(&container["resources"]["requests"]["cpu"])).collect()
    };
    of("containers").iter().sum::<u64>().max(of("initContainers").into_iter().max().unwrap_or_default())
}

/// `2`, `250m`, or nothing, in thousandths of a processor.
fn milli(quantity: &Value) -> u64 {
    let text = quantity.as_str().unwrap_or_default();
    match text.strip_suffix('m') {
        Some(milli) => milli.parse().unwrap_or_default(),
        None => text.parse::<u64>().unwrap_or_default() * 1000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_asks_for_its_containers_or_its_greediest_init_container() {
        let asks = |cpu: &str| json!({ "resources": { "requests": { "cpu": cpu } } });
        let pod =
            json!({ "spec": { "containers": [asks("100m"), asks("1")], "initContainers": [asks("10m"), asks("2")] } });
        assert_eq!(asked(&pod), 2000);
        assert_eq!(asked(&json!({ "spec": { "containers": [asks("100m"), {}] } })), 100);
    }
}
