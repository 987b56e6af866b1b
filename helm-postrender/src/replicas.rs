//! How many pods a workload has or may have, as the stream says it: its `spec.replicas`, or the bounds of the
//! autoscaler that targets it. Knows nothing of a cluster, so nothing of pods scaled by hand.

use crate::scene::{Object, Scene};
use std::collections::{HashMap, HashSet};

/// The pods of one workload.
#[derive(Debug, Clone, Copy)]
pub struct Replicas<'a> {
    /// The fewest pods it runs with: an autoscaler's `minReplicas`, else `spec.replicas`.
    pub least: u64,
    /// The most: an autoscaler's `maxReplicas`, else `spec.replicas`.
    pub most: u64,
    /// The autoscaler that decides between the two, where there is one.
    pub autoscaler: Option<&'a Object>,
}

/// The autoscalers of a scene by the workload that they target. Built once a rule, so that a stream of many
/// releases stays linear.
#[derive(Debug, Default)]
pub struct Autoscalers<'a> {
    by_target: HashMap<(&'a str, &'a str), Vec<&'a Object>>,
}

impl<'a> Autoscalers<'a> {
    /// Reads all autoscalers of a scene.
    pub fn of(scene: &'a Scene) -> Self {
        let mut by_target: HashMap<_, Vec<&Object>> = HashMap::new();
        let mut seen = HashSet::new();
        for autoscaler in scene.of_kind("HorizontalPodAutoscaler") {
            // A stream may hold one object twice; the first stands for both.
            if !seen.insert((autoscaler.namespace(), autoscaler.name())) {
                continue;
            }
            let target = |key: &str| autoscaler.get("/spec/scaleTargetRef")?.get(key)?.as_str();
            if let (Some(kind), Some(name)) = (target("kind"), target("name")) {
                by_target.entry((kind, name)).or_default().push(autoscaler);
            }
        }
        Self { by_target }
    }

    /// Whether the scene has none.
    pub fn is_empty(&self) -> bool {
        self.by_target.is_empty()
    }

    /// The autoscalers that target `workload`.
    pub fn on<'b>(&'b self, workload: &'b Object) -> impl Iterator<Item = &'a Object> + use<'a, 'b> {
        let all = self.by_target.get(&(workload.kind(), workload.name())).map_or(&[][..], Vec::as_slice);
        all.iter().copied().filter(|a| Namespace::of(workload).may_be(a.namespace()))
    }

    /// The pods of `workload`. Absent `spec.replicas` and absent `minReplicas` are 1, as Kubernetes reads them; a
    /// workload with `replicas: 0` is off, an autoscaler leaves it so. A `DaemonSet` counts as 1: it has one a node.
    pub fn replicas(&self, workload: &Object) -> Replicas<'a> {
        let own = workload.get("/spec/replicas").and_then(serde_json::Value::as_u64);
        let count = own.unwrap_or(1);
        let Some(autoscaler) = self.on(workload).min_by_key(|a| bounds(a).0).filter(|_| own != Some(0)) else {
            return Replicas { least: count, most: count, autoscaler: None };
        };
        let (least, most) = bounds(autoscaler);
        Replicas { least, most: most.max(least), autoscaler: Some(autoscaler) }
    }
}

/// `minReplicas` (absent: 1) and `maxReplicas` (absent, which the API refuses: 1) of an autoscaler.
pub fn bounds(autoscaler: &Object) -> (u64, u64) {
    let number = |path| autoscaler.get(path).and_then(serde_json::Value::as_u64).unwrap_or(1);
    (number("/spec/minReplicas"), number("/spec/maxReplicas"))
}

/// Where an object stands. One without a namespace stands in the release's, which a stream does not tell: it may be
/// any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Namespace<'a>(Option<&'a str>);

impl<'a> Namespace<'a> {
    /// The namespace of an object.
    pub fn of(object: &'a Object) -> Self {
        Self(object.namespace())
    }

    /// Whether an object whose manifest says `other` may stand in the same.
    pub fn may_be(self, other: Option<&str>) -> bool {
        self.0.is_none() || other.is_none() || self.0 == other
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use shared::manifest::Dialect;

    fn replicas(own: &Value, autoscalers: &[Value]) -> (u64, u64, bool) {
        let workload = json!({"kind": "Deployment", "metadata": {"name": "om"}, "spec": own});
        let autoscaler = |(i, spec): (usize, &Value)| {
            let mut spec = spec.clone();
            spec["scaleTargetRef"] = json!({"kind": "Deployment", "name": "om"});
            json!({"kind": "HorizontalPodAutoscaler", "metadata": {"name": format!("h{i}")}, "spec": spec})
        };
        let values = std::iter::once(workload).chain(autoscalers.iter().enumerate().map(autoscaler));
        let object = |(id, value)| Object::new(id, Some(id), value);
        let scene = Scene::new(Dialect::Plain, values.enumerate().map(object).collect());
        let replicas = Autoscalers::of(&scene).replicas(&scene.objects[0]);
        (replicas.least, replicas.most, replicas.autoscaler.is_some())
    }

    #[test]
    fn absent_numbers_are_one() {
        assert_eq!(replicas(&json!({}), &[]), (1, 1, false));
        assert_eq!(replicas(&json!({"replicas": null}), &[json!({"maxReplicas": 5})]), (1, 5, true));
    }

    #[test]
    fn an_autoscaler_decides_unless_the_workload_is_off() {
        let two_to_five = json!({"minReplicas": 2, "maxReplicas": 5});
        assert_eq!(replicas(&json!({"replicas": 9}), std::slice::from_ref(&two_to_five)), (2, 5, true));
        assert_eq!(replicas(&json!({"replicas": 0}), std::slice::from_ref(&two_to_five)), (0, 0, false));
        let lower = json!({"minReplicas": 1, "maxReplicas": 3});
        assert_eq!(replicas(&json!({}), &[two_to_five, lower]), (1, 3, true), "the one that goes lowest counts");
    }
}
