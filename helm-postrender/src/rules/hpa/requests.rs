//! Which resources an autoscaler measures in percent of the requests, and which containers have none.

use crate::scene::Object;
use serde_json::Value;

/// A resource that is measured in percent of its request, in one container or in all of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured<'a> {
    /// `cpu` or `memory`.
    pub resource: &'a str,
    /// The only container that counts.
    pub container: Option<&'a str>,
}

/// What an autoscaler measures in percent. Without metrics, and in v1, that is the CPU.
pub fn measured(autoscaler: &Object) -> Vec<Measured<'_>> {
    let metrics = autoscaler.list("/spec/metrics");
    if metrics.is_empty() {
        return vec![Measured { resource: "cpu", container: None }];
    }
    metrics.iter().filter_map(one).collect()
}

fn one(metric: &Value) -> Option<Measured<'_>> {
    let source = metric.get("resource").or_else(|| metric.get("containerResource"))?;
    let in_percent = source.pointer("/target/averageUtilization").or_else(|| source.get("targetAverageUtilization"));
    in_percent?;
    Some(Measured {
        resource: source.get("name")?.as_str()?,
        container: source.get("container").and_then(Value::as_str),
    })
}

/// The containers of an object's pods that have no request for what is measured, as `container (resources)`.
pub fn missing(object: &Object, measured: &[Measured<'_>]) -> Vec<String> {
    let Some(template) = object.template_path() else { return Vec::new() };
    let sidecars = object.list(&format!("{template}/spec/initContainers")).iter();
    let sidecars = sidecars.filter(|c| c.get("restartPolicy").and_then(Value::as_str) == Some("Always"));
    let containers: Vec<&Value> = object.list(&format!("{template}/spec/containers")).iter().chain(sidecars).collect();
    let lacks = |container: &&Value| {
        let name = container.get("name").and_then(Value::as_str).unwrap_or("(no name)");
        let counts = |m: &&Measured<'_>| m.container.is_none_or(|wanted| wanted == name);
        let lacking = measured.iter().filter(counts).map(|m| m.resource).filter(|r| !requests(container, r));
        let lacking: Vec<&str> = lacking.collect();
        (!lacking.is_empty()).then(|| format!("{name} ({})", lacking.join(", ")))
    };
    containers.iter().filter_map(lacks).collect()
}

/// Whether a container requests a resource; a limit without a request is one (Kubernetes sets it so).
fn requests(container: &Value, resource: &str) -> bool {
    let has = |kind: &str| {
        let value = container.get("resources").and_then(|r| r.get(kind)?.get(resource));
        value.is_some_and(|v| !v.is_null())
    };
    has("requests") || has("limits")
}
