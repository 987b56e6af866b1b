//! `spread`: the server's pods stand on different zones and nodes where there is room.

use super::{Head, Rule};
use crate::pods::Pods;
use crate::pods::narrow::narrow;
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::replicas::Autoscalers;
use crate::scene::{Object, Scene};
use serde_json::{Value, json};

/// The rule.
pub const RULE: Rule = Rule {
    head: Head {
        id: "spread",
        summary: "Two or more server pods prefer different zones and nodes.",
        what: "Only when the policy asks (`spread.enabled: true`): gives a server with two replicas or more two \
               topologySpreadConstraints, by zone and by node, both soft (ScheduleAnyway), over its own pods.",
        why: "Without them two replicas can share one node and go down with it. Soft, as a hard one leaves a pod \
              Pending on a small cluster and the extra pod of an update with it. It is off unless asked because it \
              changes the pod template without a need of the upgrade. The selector leaves out pods of CronJobs and of \
              the operator, which carry the server's labels, as the budgets of `pdb` do.",
        leaves_alone: "One replica. Constraints and affinities between pods that are set. Every workload that is not \
                       the server.",
        before: include_str!("../../../testdata/rules/spread/example/before.yaml"),
        after: include_str!("../../../testdata/rules/spread/example/after.yaml"),
    },
    propose,
};

/// What a policy may set for this rule.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Whether the rule runs. Default: false.
    pub enabled: bool,
}

const POD: &str = "/spec/template/spec";

fn propose(scene: &Scene, policy: &Policy) -> Vec<Proposal> {
    let runs = |server: &&Object| policy.on(server).spread.enabled && server.kind() != "DaemonSet";
    let servers: Vec<&Object> = scene.due_servers().filter(runs).collect();
    if servers.is_empty() {
        return Vec::new();
    }
    let (autoscalers, pods) = (Autoscalers::of(scene), Pods::of(scene));
    let on_each = |server: &Object| {
        if autoscalers.replicas(server).least < 2 {
            return Some(Proposal::kept(server, "it may have one pod, and one pod has nothing to spread"));
        }
        on_server(&pods, server)
    };
    servers.into_iter().filter_map(on_each).collect()
}

fn on_server(pods: &Pods<'_>, server: &Object) -> Option<Proposal> {
    let path = format!("{POD}/topologySpreadConstraints");
    let Some(wish) = constraints(pods, server) else {
        let text = "its pods are not spread: its selector does not select the pods of its own template; check both";
        return Some(Proposal::warning(server, text));
    };
    if server.get(&path) == Some(&wish) {
        return None;
    }
    for (what, standing) in [
        ("topologySpreadConstraints", server.get(&path)),
        ("affinity between pods", server.get(&format!("{POD}/affinity/podAntiAffinity"))),
        ("affinity between pods", server.get(&format!("{POD}/affinity/podAffinity"))),
    ] {
        if standing.is_some_and(is_something) {
            return Some(Proposal::kept(server, format!("its own {what} is kept: its pods are placed by that")));
        }
    }
    Some(Proposal::set(server, path, wish, "one zone or node that fails does not take every pod with it"))
}

/// Empty collections say nothing.
fn is_something(value: &Value) -> bool {
    match value {
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
        _ => false,
    }
}

fn constraints(pods: &Pods<'_>, server: &Object) -> Option<Value> {
    let selector = narrow(pods, server, server.get("/spec/selector")?, server).filter(|n| n.holds)?.selector;
    let over = |topology: &str| {
        json!({
            "maxSkew": 1,
            "topologyKey": topology,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": selector,
        })
    };
    Some(json!([over("topology.kubernetes.io/zone"), over("kubernetes.io/hostname")]))
}
