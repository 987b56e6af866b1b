//! The server as it runs: from its Deployment or `StatefulSet` and what stands around it.

use crate::checks::precheck::{Budget, Scaler, Server};
use crate::facts::{self, membership};
use serde_json::Value;
use shared::versions::Version;
use shared::{component, marks};

/// Labels that pods of Jobs and of the operator have and a server's have not.
const NOT_OF_SERVERS: &[&str] = &["job-name", "app.kubernetes.io/component"];

/// The server by its live workload, without what stands around it.
pub fn server(live: &Value, workload: &facts::Workload) -> Server {
    let text = |at: &str| live.pointer(at).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |at: &str| live.pointer(at).and_then(Value::as_i64);
    let kind = workload.kind.name();
    let serving = component::serving_index(live).unwrap_or_default();
    let container = format!("/spec/template/spec/containers/{serving}");
    let probe = |name: &str| live.pointer(&format!("{container}/{name}"));
    let mut selector: Vec<String> = workload.selector.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    // The chart gives these labels to the pods of its CronJobs and of its operator as well.
    let labels = live.pointer("/spec/template/metadata/labels");
    let lacks = |key: &&str| labels.is_none_or(|l| l.get(*key).is_none());
    selector.extend(NOT_OF_SERVERS.iter().copied().filter(lacks).map(|key| format!("!{key}")));
    let rules = format!("/metadata/annotations/{}", marks::RULES.replace('/', "~1"));
    Server {
        workload: format!("{kind}/{}", workload.meta.name),
        selector: selector.join(","),
        image: workload.image.clone(),
        pull_policy: text(&format!("{container}/imagePullPolicy")),
        serving: None,
        replicas: workload.wanted,
        of_release: None,
        ready: workload.ready,
        settled: workload.observed_generation >= workload.meta.generation
            && workload.updated >= workload.wanted
            && workload.pods == workload.wanted,
        strategy: workload.strategy.clone(),
        paused: workload.paused,
        migrating: None,
        autoscaler: None,
        guarded: workload.guarded,
        rules: text(&rules),
        liveness: probe("livenessProbe").map(asks).unwrap_or_default(),
        startup_seconds: probe("startupProbe").map(patience),
        grace_seconds: number("/spec/template/spec/terminationGracePeriodSeconds").unwrap_or(30),
        budgets: Vec::new(),
        budgets_unseen: None,
        autoscaler_unseen: None,
    }
}

/// What stands around it: budgets and an autoscaler.
pub fn around(
    mut server: Server,
    workload: &facts::Workload,
    release: (&str, &str),
    pods: &[facts::Pod],
    budgets: &[facts::Budget],
    scalers: &[facts::Autoscaler],
) -> Server {
    let labels = |pod: &facts::Pod| pod.meta.labels.clone();
    // A pod of the server has a ReplicaSet for its owner, or the StatefulSet itself.
    let of_server = |pod: &facts::Pod| {
        workload.selector.selects(&labels(pod))
            && pod.meta.owner.as_ref().is_some_and(|o| matches!(o.kind.as_str(), "ReplicaSet" | "StatefulSet"))
            && pod.meta.label("app.kubernetes.io/component").is_none_or(|c| !c.contains("operator"))
    };
    let ours = |meta: &facts::Meta| membership::of_release(meta, release.0, release.1);
    let migrates = |pod: &&facts::Pod| pod.is_migrating() && (of_server(pod) || ours(&pod.meta));
    server.migrating = pods.iter().find(migrates).map(|pod| format!("Pod {}", pod.meta.name));
    server.serving = serving(pods.iter().filter(|pod| of_server(pod) && pod.is_ready()));
    for budget in budgets {
        let selected: Vec<&facts::Pod> = pods.iter().filter(|p| budget.selector.selects(&labels(p))).collect();
        if !selected.iter().any(|p| of_server(p)) {
            continue;
        }
        let says = [("minAvailable", &budget.min_available), ("maxUnavailable", &budget.max_unavailable)];
        let says: Vec<String> = says.iter().filter_map(|(k, v)| Some(format!("{k} {}", v.as_ref()?))).collect();
        server.budgets.push(Budget {
            name: budget.meta.name.clone(),
            ours: ours(&budget.meta),
            says: says.join(", "),
            allowed: budget.allowed,
            others: selected.iter().filter(|p| !of_server(p) && p.phase != "Succeeded" && p.phase != "Failed").count(),
        });
    }
    let target = (workload.kind.name().to_owned(), workload.meta.name.clone());
    server.autoscaler = scalers.iter().find(|a| a.target == target).map(|a| Scaler {
        name: a.meta.name.clone(),
        min: a.min,
        // KEDA gives its own the labels of what it makes them of.
        ours: ours(&a.meta) && a.meta.owner.is_none(),
        maker: a.meta.owner.as_ref().map(|o| format!("{}/{}", o.kind, o.name)).unwrap_or_default(),
    });
    server
}

/// The oldest image of pods that serve, by its tag.
fn serving<'a>(pods: impl Iterator<Item = &'a facts::Pod>) -> Option<String> {
    let main = |pod: &'a facts::Pod| pod.containers.iter().find(|c| c.role == facts::Role::Main);
    let images = pods.filter_map(main).map(|container| &container.image);
    images.min_by_key(|image| component::image_tag(image).and_then(Version::parse)).cloned()
}

/// What a probe asks, where, and how long it waits for an answer.
fn asks(probe: &Value) -> String {
    let timeout = probe.get("timeoutSeconds").and_then(Value::as_i64).unwrap_or(1);
    match probe.get("httpGet") {
        Some(get) => {
            let port = get.get("port").map(|p| p.as_str().map_or_else(|| p.to_string(), str::to_owned));
            let path = get.get("path").and_then(Value::as_str).unwrap_or("/");
            format!("{path} on {}, {timeout} s", port.unwrap_or_default())
        }
        None => format!("something else than HTTP, {timeout} s"),
    }
}

/// Seconds for which a probe may fail before it counts.
fn patience(probe: &Value) -> i64 {
    let number = |key: &str, default| probe.get(key).and_then(Value::as_i64).unwrap_or(default);
    let failing = number("periodSeconds", 10).saturating_mul(number("failureThreshold", 3));
    number("initialDelaySeconds", 0).saturating_add(failing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_no_api_server_takes_is_patient_and_ends_nothing() {
        let most = i64::MAX;
        let probe = serde_json::json!({"initialDelaySeconds": most, "periodSeconds": most, "failureThreshold": most});
        assert_eq!(patience(&probe), most);
        assert_eq!(patience(&serde_json::json!({"periodSeconds": 5})), 15);
    }
}
