//! Every folder of `testdata/cluster` is one moment of a rollout: objects as YAML, and what `status` says of them at
//! 100 and at 60 columns, as lines, and as a verdict.
#![allow(clippy::unwrap_used)]

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core, policy::v1 as policy};
use kubectl_omupgrade::facts::{Fact, Facts, LogKey, SCHEMA, read};
use kubectl_omupgrade::rollout::{Verdict, judge};
use kubectl_omupgrade::view::{Shape, changes, lines, plain};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
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
fn facts(case: &Path) -> (Facts, Timestamp) {
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
        "history": fact("history", json!([])),
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
        facts.logs.insert(key, Fact::known(serde_json::from_value(lines.clone()).unwrap(), "logs", now));
    }
    (facts.narrowed(), now)
}

#[test]
fn what_status_says() {
    let cases = cases();
    assert!(cases.len() >= 20);
    for case in cases {
        let (facts, now) = facts(&case);
        let rollout = judge(&facts, now);
        insta::with_settings!({snapshot_path => &case, prepend_module_to_snapshot => false, omit_expression => true}, {
            for width in [100, 60] {
                let shape = Shape { width, wide: false, live: false };
                insta::assert_snapshot!(format!("columns-{width}"), plain(&lines(&rollout, shape)));
            }
            insta::assert_snapshot!("lines", changes(None, &rollout).join("\n"));
        });
        let painted = lines(&rollout, Shape { width: 60, wide: true, live: true });
        assert!(painted.iter().all(|l| l.width() <= 60), "{}", case.display());
    }
}

/// What must not be said wrongly, beside the words of the snapshots.
#[test]
fn verdicts() {
    let failed = [
        "backup-deadline",
        "backup-failed",
        "crash-loop",
        "deadline",
        "guard-refuses",
        "image-missing",
        "killed-by-probe",
        "migration-failed",
        "out-of-memory",
    ];
    let rolled_out = ["done", "evicted", "forbidden-release"];
    let progressing = [
        "backup-running",
        "daemon-set",
        "first-crash",
        "forbidden-in-part",
        "many-pods",
        "migrating",
        "min-ready",
        "missing-fields",
        "previous-generation",
        "rolling",
        "startup-probe",
        "stateful-set",
    ];
    let unknown = ["forbidden-workloads"];
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap();
        let (facts, now) = facts(&case);
        let expected = match name {
            _ if failed.contains(&name) => Verdict::Failed,
            _ if rolled_out.contains(&name) => Verdict::RolledOut,
            _ if progressing.contains(&name) => Verdict::Progressing,
            _ if unknown.contains(&name) => Verdict::Unknown,
            _ => Verdict::Blocked,
        };
        assert_eq!(judge(&facts, now).verdict, expected, "{name}");
    }
}

/// A saved file gives the same answer, and holds nothing that was secret.
#[test]
fn a_facts_file_judges_alike() {
    for case in cases() {
        let (facts, now) = facts(&case);
        let again = Facts::from_text(&facts.to_text().unwrap()).unwrap();
        assert_eq!(judge(&again, now), judge(&facts, now), "{}", case.display());
    }
}

/// Whatever is missing from what was found: an answer, and no panic.
#[test]
fn every_fact_may_be_unknown() {
    for case in cases() {
        let (facts, now) = facts(&case);
        let whole = serde_json::to_value(&facts).unwrap();
        for key in whole.as_object().unwrap().keys() {
            if whole[key].get("known").is_none() {
                continue;
            }
            let mut less = whole.clone();
            less[key] = json!({"unknown": {"reason": "forbidden", "source": "test", "at": now}});
            let less: Facts = serde_json::from_value(less).unwrap();
            let rollout = judge(&less.narrowed(), now);
            assert!(key == "history" || rollout.unseen.len() + usize::from(key == "release") > 0, "{key}");
        }
    }
}
