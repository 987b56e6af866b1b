//! Whether a quota counts a pod at all: its scopes, as Kubernetes reads them.

use super::room::Asks;
use crate::facts::{Quota, Scope};
use k8s_openapi::api::core::v1::PodSpec;

/// Whether the quota counts the pod; none where that cannot be told from the pod's template.
pub fn counts(quota: &Quota, pod: &PodSpec, asks: Asks) -> Option<bool> {
    let each: Vec<Option<bool>> = quota.scopes.iter().map(|scope| lets_in(scope, pod, asks)).collect();
    // One that lets it not in decides, whatever the others would say.
    if each.contains(&Some(false)) { Some(false) } else { each.into_iter().collect::<Option<Vec<_>>>().map(|_| true) }
}

fn lets_in(scope: &Scope, pod: &PodSpec, asks: Asks) -> Option<bool> {
    let ends = pod.active_deadline_seconds.is_some();
    let best_effort = asks == Asks::default();
    match (scope.name.as_str(), scope.operator.as_str()) {
        ("Terminating", _) => Some(ends),
        ("NotTerminating", _) => Some(!ends),
        ("BestEffort", _) => Some(best_effort),
        ("NotBestEffort", _) => Some(!best_effort),
        ("PriorityClass", operator) => {
            // A pod that names none may be given the cluster's default one.
            let class = pod.priority_class_name.as_ref().filter(|name| !name.is_empty())?;
            match operator {
                "In" => Some(scope.values.contains(class)),
                "NotIn" => Some(!scope.values.contains(class)),
                "Exists" => Some(true),
                "DoesNotExist" => Some(false),
                _ => None,
            }
        }
        ("CrossNamespacePodAffinity", _) if pod.affinity.is_none() => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_quota_for_other_pods_does_not_count() {
        let pod = |more: serde_json::Value| -> PodSpec {
            let mut spec = json!({"containers": []});
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value(spec).unwrap()
        };
        let (plain, high) = (pod(json!({})), pod(json!({"priorityClassName": "high"})));
        let asks = Asks { cpu: 1.0, ..Asks::default() };
        for (name, operator, values, pod, counted) in [
            ("Terminating", "Exists", &[][..], &plain, Some(false)),
            ("NotTerminating", "Exists", &[], &plain, Some(true)),
            ("BestEffort", "Exists", &[], &plain, Some(false)),
            ("NotBestEffort", "Exists", &[], &plain, Some(true)),
            ("PriorityClass", "In", &["high"], &high, Some(true)),
            ("PriorityClass", "In", &["low"], &high, Some(false)),
            ("PriorityClass", "NotIn", &["low"], &high, Some(true)),
            ("PriorityClass", "In", &["high"], &plain, None),
            ("CrossNamespacePodAffinity", "Exists", &[], &plain, Some(false)),
            ("SomethingNew", "Exists", &[], &plain, None),
        ] {
            let values = values.iter().map(|v| (*v).to_owned()).collect();
            let scope = Scope { name: name.to_owned(), operator: operator.to_owned(), values };
            let quota = Quota { scopes: vec![scope.clone()], ..Quota::default() };
            assert_eq!(counts(&quota, pod, asks), counted, "{name} {operator}");
            let never = Scope { name: "Terminating".to_owned(), ..Scope::default() };
            assert_eq!(counts(&Quota { scopes: vec![scope, never], ..quota }, pod, asks), Some(false), "{name}");
        }
        assert_eq!(counts(&Quota::default(), &plain, asks), Some(true));
    }
}
