//! Moments of a rollout as the folders of `testdata/cluster` hold them: objects as YAML, reduced as the adapters do.

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core, policy::v1 as policy};
use kubectl_omupgrade::facts::{Database, Fact, Facts, LogKey, SCHEMA, read};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// All folders.
#[allow(dead_code, reason = "not every test walks them")]
pub fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/cluster");
    let mut all: Vec<PathBuf> = std::fs::read_dir(root)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.join("moment.yaml").is_file())
        .collect();
    all.sort();
    all
}

/// Objects of a kind, read and reduced as the adapters do.
fn reduced<K: DeserializeOwned, T: serde::Serialize>(all: Vec<Value>, reduce: fn(&K) -> T) -> Vec<Value> {
    let one = |v| serde_json::to_value(reduce(&serde_json::from_value::<K>(v).unwrap())).unwrap();
    all.into_iter().map(one).collect()
}

/// The facts of a folder, and the moment.
pub fn facts(case: &Path) -> (Facts, Timestamp) {
    let text = std::fs::read_to_string(case.join("moment.yaml")).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let moment = documents.iter().find(|d| d["kind"] == "Moment").unwrap();
    let now: Timestamp = moment["now"].as_str().unwrap().parse().unwrap();
    let all = |kind: &str| documents.iter().filter(|d| d["kind"] == kind).cloned().collect::<Vec<_>>();
    let fact = |name: &str, value: Value| match moment["unknown"].get(name) {
        Some(reason) => json!({"unknown": {"reason": reason, "source": "test", "at": now}}),
        None => json!({"known": {"value": value, "source": "test", "at": now}}),
    };
    let workloads: Vec<Value> = [
        reduced::<apps::Deployment, _>(all("Deployment"), read::deployment),
        reduced::<apps::StatefulSet, _>(all("StatefulSet"), read::stateful_set),
        reduced::<apps::DaemonSet, _>(all("DaemonSet"), read::daemon_set),
    ]
    .concat();
    let facts = json!({
        "schema": SCHEMA, "made": now, "namespace": "data", "name": "om",
        "release": fact("release", moment["release"].clone()),
        "history": fact("history", moment.get("history").cloned().unwrap_or_else(|| json!([]))),
        "workloads": fact("workloads", json!(workloads)),
        "replicaSets": fact("replicaSets", json!(reduced::<apps::ReplicaSet, _>(all("ReplicaSet"), read::replica_set))),
        "pods": fact("pods", json!(reduced::<core::Pod, _>(all("Pod"), read::pod))),
        "jobs": fact("jobs", json!(reduced::<batch::Job, _>(all("Job"), read::job))),
        "budgets": fact("budgets", json!(reduced::<policy::PodDisruptionBudget, _>(all("PodDisruptionBudget"), read::budget))),
        "autoscalers": fact("autoscalers", json!([])),
        "claims": fact("claims", json!(reduced::<core::PersistentVolumeClaim, _>(all("PersistentVolumeClaim"), read::claim))),
        "quotas": fact("quotas", json!([])),
        "nodes": fact("nodes", json!(reduced::<core::Node, _>(all("Node"), read::node))),
        "events": fact("events", json!(reduced::<core::Event, _>(all("Event"), read::event))),
    });
    let mut facts: Facts = serde_json::from_value(facts).unwrap();
    for (key, lines) in moment["logs"].as_object().into_iter().flatten() {
        let key: LogKey = serde_json::from_value(json!(key)).unwrap();
        let last = moment["lastLine"].as_str().map_or(now, |at| at.parse().unwrap());
        facts.logs.insert(key, Fact::known(serde_json::from_value(lines.clone()).unwrap(), "logs", last));
    }
    if let Some(answer) = moment["probe"].as_str() {
        let database = Database::parse(shared::backup::Engine::Postgresql, &answer.replace(" = ", "\t")).unwrap();
        facts.database = Fact::known(database, "probe Pod", now);
    }
    facts.search_due = moment["searchDue"].as_str().map(|at| at.parse().unwrap());
    if moment.get("open").is_some() {
        facts.open = Some(serde_json::from_value(moment["open"].clone()).unwrap());
    }
    if moment.get("recorded").is_some() {
        facts.recorded = Some(serde_json::from_value(moment["recorded"].clone()).unwrap());
    }
    if moment.get("folders").is_some() {
        facts.folders = serde_json::from_value(moment["folders"].clone()).unwrap();
    }
    (facts.narrowed(), now)
}
