//! Room for one more pod of the server: quotas exactly, nodes by what their pods ask for.

use super::{placing, quantity, scope};
use crate::checks::precheck::Room;
use crate::checks::precheck::estimate::size;
use crate::facts::Quota;
use k8s_openapi::api::core::v1::{Node, Pod, PodSpec};
use std::collections::BTreeMap;

/// What a pod asks for: CPUs and bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Asks {
    /// CPUs, requested.
    pub cpu: f64,
    /// Bytes of memory, requested.
    pub memory: f64,
    /// CPUs, at most.
    pub cpu_limit: f64,
    /// Bytes of memory, at most.
    pub memory_limit: f64,
}

impl Asks {
    fn words(self) -> String {
        if self.cpu == 0.0 && self.memory == 0.0 {
            return "nothing in particular".to_owned();
        }
        format!("{} CPU and {}", (self.cpu * 1000.0).round() / 1000.0, size(self.memory))
    }
}

/// What a pod asks for: its containers together, or its largest init container.
pub fn asks(spec: &PodSpec) -> Asks {
    let of = |name: &str, limits: bool| {
        let one = |c: &k8s_openapi::api::core::v1::Container| {
            let r = c.resources.as_ref()?;
            let list = if limits { r.limits.as_ref() } else { r.requests.as_ref() };
            quantity(&list?.get(name)?.0)
        };
        let sum: f64 = spec.containers.iter().filter_map(one).sum();
        spec.init_containers.iter().flatten().filter_map(one).fold(sum, f64::max)
    };
    Asks {
        cpu: of("cpu", false),
        memory: of("memory", false),
        cpu_limit: of("cpu", true),
        memory_limit: of("memory", true),
    }
}

/// The room. `nodes` and `pods` of the whole cluster are none where they may not be listed.
pub fn room(template: &PodSpec, quotas: &[Quota], nodes: Option<&[Node]>, pods: Option<&[Pod]>) -> Room {
    let asks = asks(template);
    let wanted: [(&str, f64); 7] = [
        ("pods", 1.0),
        ("requests.cpu", asks.cpu),
        ("cpu", asks.cpu),
        ("requests.memory", asks.memory),
        ("memory", asks.memory),
        ("limits.cpu", asks.cpu_limit),
        ("limits.memory", asks.memory_limit),
    ];
    let (mut short, mut unsure) = (Vec::new(), Vec::new());
    for quota in quotas {
        let counts = scope::counts(quota, template, asks);
        if counts == Some(false) {
            continue;
        }
        for (name, more) in wanted {
            let amount = |of: &BTreeMap<String, String>| of.get(name).and_then(|q| quantity(q));
            if let (Some(hard), Some(used)) = (amount(&quota.hard), amount(&quota.used))
                && more > 0.0
                && used + more > hard
            {
                let (hard, used) = (quota.hard.get(name), quota.used.get(name));
                let full = if counts.is_none() { &mut unsure } else { &mut short };
                full.push(format!(
                    "the quota {} has {name} {} and {} of it is used",
                    quota.meta.name,
                    hard.cloned().unwrap_or_default(),
                    used.cloned().unwrap_or_default()
                ));
            }
        }
    }
    let reckoned = nodes.zip(pods).filter(|_| placing::is_reckoned(template));
    let all: Option<Vec<Fit>> =
        reckoned.map(|(nodes, pods)| nodes.iter().map(|node| fit(node, pods, template, asks)).collect());
    let count = |fit| all.iter().flatten().filter(|f| **f == fit).count();
    Room {
        asks: asks.words(),
        quotas: short,
        quotas_unsure: unsure,
        nodes: all.is_some().then(|| count(Fit::Takes)),
        cordoned: count(Fit::Cordoned),
        unfit: count(Fit::Unfit),
        full: count(Fit::Full),
        nodes_unseen: (!placing::is_reckoned(template))
            .then(|| "its pods ask more of a node than is reckoned here".to_owned()),
    }
}

/// Whether a node takes a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Takes,
    Cordoned,
    /// Not ready, or not one that the pod goes to.
    Unfit,
    Full,
}

fn fit(node: &Node, pods: &[Pod], template: &PodSpec, more: Asks) -> Fit {
    let spec = node.spec.clone().unwrap_or_default();
    let ready = node
        .status
        .as_ref()
        .and_then(|s| s.conditions.as_ref())
        .is_some_and(|all| all.iter().any(|c| c.type_ == "Ready" && c.status == "True"));
    let here: Vec<&Pod> = pods
        .iter()
        .filter(|p| !matches!(p.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Succeeded" | "Failed")))
        .filter(|p| p.spec.as_ref().is_some_and(|s| s.node_name.is_some() && s.node_name == node.metadata.name))
        .collect();
    if spec.unschedulable == Some(true) {
        return Fit::Cordoned;
    }
    if !ready || !placing::lets_in(node, template, &here) {
        return Fit::Unfit;
    }
    let has = |name: &str| {
        let all = node.status.as_ref().and_then(|s| s.allocatable.as_ref());
        all.and_then(|a| quantity(&a.get(name)?.0)).unwrap_or(0.0)
    };
    let used: Vec<Asks> = here.iter().filter_map(|p| p.spec.as_ref()).map(asks).collect();
    let sum = |of: fn(&Asks) -> f64| used.iter().map(of).sum::<f64>();
    // A few pods more or less do not matter; a count that is full does.
    #[allow(clippy::cast_precision_loss)]
    let count = here.len() as f64 + 1.0;
    let cpu = sum(|a| a.cpu) + more.cpu <= has("cpu");
    if cpu && sum(|a| a.memory) + more.memory <= has("memory") && count <= has("pods") { Fit::Takes } else { Fit::Full }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Scope;
    use serde_json::json;

    fn pod(cpu: &str, node: &str) -> Pod {
        serde_json::from_value(json!({"spec": {"nodeName": node, "containers": [
            {"name": "a", "resources": {"requests": {"cpu": cpu, "memory": "1Gi"}}}]}, "status": {"phase": "Running"}}))
        .unwrap()
    }

    fn node(name: &str, cordoned: bool) -> Node {
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"unschedulable": cordoned},
            "status": {"allocatable": {"cpu": "2", "memory": "8Gi", "pods": "110"}, "conditions": [{"type": "Ready", "status": "True"}]}}))
        .unwrap()
    }

    #[test]
    fn nodes_and_quotas_are_reckoned() {
        let more = pod("1", "").spec.unwrap();
        assert_eq!((asks(&more).cpu, asks(&more).memory), (1.0, 1_073_741_824.0));
        let nodes = [node("a", false), node("b", false), node("c", true)];
        let full = [pod("1500m", "a")];
        let seen = room(&more, &[], Some(&nodes), Some(&full));
        assert_eq!((seen.nodes, seen.cordoned, seen.unfit, seen.full), (Some(1), 1, 0, 1));
        assert_eq!(room(&more, &[], None, Some(&full)).nodes, None);
        for (name, hard, used) in [("requests.cpu", "2", "1500m"), ("memory", "2Gi", "1536Mi")] {
            let quota = Quota {
                hard: [(name.to_owned(), hard.to_owned())].into(),
                used: [(name.to_owned(), used.to_owned())].into(),
                ..Quota::default()
            };
            assert_eq!(room(&more, std::slice::from_ref(&quota), None, None).quotas.len(), 1, "{name}");
            let scoped = |name: &str| {
                let scopes = vec![Scope { name: name.to_owned(), operator: "In".to_owned(), ..Scope::default() }];
                let seen = room(&more, &[Quota { scopes, ..quota.clone() }], None, None);
                (seen.quotas.len(), seen.quotas_unsure.len())
            };
            assert_eq!((scoped("Terminating"), scoped("PriorityClass")), ((0, 0), (0, 1)), "{name}");
        }
    }
}
