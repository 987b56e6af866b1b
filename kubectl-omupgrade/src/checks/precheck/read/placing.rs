//! Whether a node would take a pod by its rules: taints, node selector, required affinity to nodes, and not two on one
//! host. What a pod asks for is reckoned elsewhere.

use crate::facts::read::selector;
use k8s_openapi::api::core::v1::{Node, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Taint, Toleration};
use std::collections::BTreeMap;

type Labels = BTreeMap<String, String>;

/// What spreads pods over hosts.
const HOST: &str = "kubernetes.io/hostname";

/// Whether every rule of the pod is one that is reckoned here: others (zones, other pods to be near to) may forbid more.
pub fn is_reckoned(spec: &PodSpec) -> bool {
    let Some(affinity) = &spec.affinity else { return true };
    let near =
        affinity.pod_affinity.as_ref().and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    let apart = affinity
        .pod_anti_affinity
        .as_ref()
        .and_then(|a| a.required_during_scheduling_ignored_during_execution.as_ref());
    near.is_none_or(Vec::is_empty) && apart.iter().copied().flatten().all(|term| term.topology_key == HOST)
}

/// Whether the node's rules and the pod's let it onto that node, beside the pods that are there.
pub fn lets_in(node: &Node, spec: &PodSpec, here: &[&Pod]) -> bool {
    let unlabelled = Labels::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&unlabelled);
    let taints = node.spec.iter().flat_map(|s| s.taints.iter().flatten());
    let repelled = taints
        .filter(|t| t.effect != "PreferNoSchedule")
        .any(|taint| !spec.tolerations.iter().flatten().any(|t| tolerates(t, taint)));
    let chosen = spec.node_selector.iter().flatten().all(|(k, v)| labels.get(k) == Some(v));
    let affinity = spec.affinity.as_ref();
    let terms = affinity
        .and_then(|a| a.node_affinity.as_ref()?.required_during_scheduling_ignored_during_execution.as_ref())
        .is_none_or(|required| required.node_selector_terms.iter().any(|term| matches(term, node, labels)));
    let apart = affinity
        .and_then(|a| a.pod_anti_affinity.as_ref()?.required_during_scheduling_ignored_during_execution.as_ref());
    // Of whatever namespace: two that may not be on one host are hardly of two.
    let alone = apart.iter().copied().flatten().filter(|term| term.topology_key == HOST).all(|term| {
        let Some(wanted) = term.label_selector.as_ref().map(selector) else { return true };
        !here.iter().any(|pod| wanted.selects(pod.metadata.labels.as_ref().unwrap_or(&unlabelled)))
    });
    !repelled && chosen && terms && alone
}

fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    let exists = toleration.operator.as_deref() == Some("Exists");
    let key = match toleration.key.as_deref() {
        None | Some("") => exists,
        Some(key) => key == taint.key,
    };
    let value = exists || toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default();
    key && value && toleration.effect.as_ref().is_none_or(|effect| effect.is_empty() || *effect == taint.effect)
}

fn matches(term: &NodeSelectorTerm, node: &Node, labels: &Labels) -> bool {
    let fields: Labels = node.metadata.name.iter().map(|name| ("metadata.name".to_owned(), name.clone())).collect();
    let (expressions, by_field) = (term.match_expressions.iter().flatten(), term.match_fields.iter().flatten());
    let empty = term.match_expressions.is_none() && term.match_fields.is_none();
    !empty && expressions.into_iter().all(|r| holds(r, labels)) && by_field.into_iter().all(|r| holds(r, &fields))
}

fn holds(requirement: &NodeSelectorRequirement, labels: &Labels) -> bool {
    let has = labels.get(&requirement.key);
    let values = requirement.values.as_deref().unwrap_or_default();
    let number = |text: Option<&String>| text.and_then(|t| t.parse::<i64>().ok());
    match requirement.operator.as_str() {
        "In" => has.is_some_and(|v| values.contains(v)),
        "NotIn" => has.is_none_or(|v| !values.contains(v)),
        "Exists" => has.is_some(),
        "DoesNotExist" => has.is_none(),
        "Gt" => number(has).zip(number(values.first())).is_some_and(|(a, b)| a > b),
        "Lt" => number(has).zip(number(values.first())).is_some_and(|(a, b)| a < b),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn spec(more: &Value) -> PodSpec {
        let mut spec = json!({"containers": []});
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        serde_json::from_value(spec).unwrap()
    }

    #[test]
    fn rules_of_node_and_pod_are_asked() {
        let node: Node =
            serde_json::from_value(json!({"metadata": {"name": "a", "labels": {"pool": "om", "size": "8"}},
            "spec": {"taints": [{"key": "only", "value": "om", "effect": "NoSchedule"}]}}))
            .unwrap();
        let tolerant = json!([{"key": "only", "operator": "Equal", "value": "om", "effect": "NoSchedule"}]);
        let with = |key: &str, value: Value| {
            let mut more = json!({"tolerations": tolerant});
            more[key] = value;
            lets_in(&node, &spec(&more), &[])
        };
        assert!(!lets_in(&node, &spec(&json!({})), &[]));
        assert!(with("nodeSelector", json!({"pool": "om"})));
        assert!(lets_in(&node, &spec(&json!({"tolerations": [{"operator": "Exists"}]})), &[]));
        assert!(!with("nodeSelector", json!({"pool": "other"})));
        let near = |expressions: Value| {
            with(
                "affinity",
                json!({"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                {"nodeSelectorTerms": [{"matchExpressions": expressions}]}}}),
            )
        };
        assert!(near(
            json!([{"key": "size", "operator": "Gt", "values": ["4"]}, {"key": "pool", "operator": "In", "values": ["om"]}])
        ));
        assert!(!near(json!([{"key": "pool", "operator": "NotIn", "values": ["om"]}])));
    }

    #[test]
    fn one_on_a_host_and_what_is_not_reckoned() {
        let apart = |key: &str| {
            spec(&json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                [{"topologyKey": key, "labelSelector": {"matchLabels": {"app": "om"}}}]}}}))
        };
        let pod: Pod = serde_json::from_value(json!({"metadata": {"labels": {"app": "om"}}})).unwrap();
        let node = Node::default();
        assert!(!lets_in(&node, &apart(HOST), &[&pod]) && lets_in(&node, &apart(HOST), &[]));
        assert!(is_reckoned(&apart(HOST)) && !is_reckoned(&apart("topology.kubernetes.io/zone")));
    }
}
