//! `validate --for` as somebody types it: a line for each look, what all of them say together, and how it ends. The server is
//! a service of this machine, which changes while it is watched.

use crate::cluster::{NAMESPACE, World};
use crate::rollback::{manifest, world};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How a server is while it is watched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Life {
    /// As it should be.
    Well,
    /// It does not answer one look, and is well again before and after.
    Blinks,
    /// It answers more and more with errors, and its heap grows.
    Wears,
}

/// How often it was asked for its version and for its numbers.
#[derive(Default)]
struct Asked {
    version: AtomicUsize,
    numbers: AtomicUsize,
}

fn service(life: Life) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Asked::default());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let asked = asked.clone();
            std::thread::spawn(move || answer(life, &asked, connection.unwrap()));
        }
    });
    address
}

fn answer(life: Life, asked: &Asked, mut connection: TcpStream) {
    let lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let Some(first) = head.first() else { return };
    let path = first.split(' ').nth(1).unwrap().split('?').next().unwrap();
    let json = |value: Value| (200, "application/json", value.to_string());
    let (status, kind, body) = match path {
        "/" => (200, "text/html", "<title>OpenMetadata</title>".to_owned()),
        "/api/v1/system/health" => (200, "text/plain", "OK".to_owned()),
        "/api/v1/system/version" => {
            // Who gathers asks first; the third question is of a look in the middle.
            let at = asked.version.fetch_add(1, Ordering::SeqCst);
            if life == Life::Blinks && at == 2 {
                (503, "text/plain", "away".to_owned())
            } else {
                json(json!({"version": "1.12.4", "revision": "x", "timestamp": 1}))
            }
        }
        "/api/v1/users/loggedInUser" => json(json!({"name": "admin", "isAdmin": true})),
        "/prometheus" => {
            let at = asked.numbers.fetch_add(1, Ordering::SeqCst);
            let worn = if life == Life::Wears { at } else { 0 };
            let text = format!(
                "http_server_requests_seconds_count{{status=\"200\"}} {}\nhttp_server_requests_seconds_count{{status=\"500\"}} {}\n\
                 jvm_memory_used_bytes{{area=\"heap\"}} {}\njvm_memory_max_bytes{{area=\"heap\"}} {}\n",
                100 * at,
                5 * worn,
                (100 + 800 * worn) << 20,
                4800_usize << 20
            );
            (200, "text/plain", text)
        }
        _ => (404, "application/json", json!({"code": 404, "message": "HTTP 404 Not Found"}).to_string()),
    };
    let fields = format!("Content-Type: {kind}\r\nConnection: close\r\nContent-Length: {}", body.len());
    let _ = write!(connection, "HTTP/1.1 {status} X\r\n{fields}\r\n\r\n{body}");
}

/// What is rolled out and ready.
fn roll_out(world: &World) {
    let template = shared::manifest::read(manifest("1.12.4").split("---\n").last().unwrap()).unwrap();
    let spec = template["spec"].clone();
    let owner = |kind: &str, name: &str| json!([{"apiVersion": "apps/v1", "kind": kind, "name": name, "uid": name, "controller": true}]);
    let ours = json!({"meta.helm.sh/release-name": "om", "meta.helm.sh/release-namespace": NAMESPACE,
        "deployment.kubernetes.io/revision": "1"});
    let meta = |name: &str, labels: Value| {
        json!({"name": name, "namespace": NAMESPACE, "uid": name, "labels": labels,
        "creationTimestamp": "2026-11-22T10:02:00Z", "generation": 1})
    };
    let ready = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1,
        "conditions": [{"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}]});
    let hashed = json!({"app": "om", "pod-template-hash": "h"});
    let mut deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta("om", json!({"app": "om"})),
        "spec": spec, "status": ready});
    deployment["metadata"]["annotations"] = ours.clone();
    let mut set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta("om-h", hashed.clone()),
        "spec": spec, "status": {"observedGeneration": 1, "replicas": 1, "readyReplicas": 1, "availableReplicas": 1}});
    set["metadata"]["ownerReferences"] = owner("Deployment", "om");
    set["metadata"]["annotations"] = ours;
    let image = "server:1.12.4";
    let ended = json!({"exitCode": 0, "startedAt": "2026-11-22T10:02:00Z", "finishedAt": "2026-11-22T10:02:01Z"});
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta("om-h-x", hashed),
        "spec": spec["template"]["spec"],
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
            "initContainerStatuses": [{"name": "run-db-migrations", "image": image, "imageID": "", "ready": true, "restartCount": 0,
                "state": {"terminated": ended}}],
            "containerStatuses": [{"name": "om", "image": image, "imageID": "", "ready": true, "restartCount": 0,
                "state": {"running": {"startedAt": "2026-11-22T10:02:02Z"}}}]}});
    pod["metadata"]["ownerReferences"] = owner("ReplicaSet", "om-h");
    for (plural, object) in [("deployments", deployment), ("replicasets", set), ("pods", pod)] {
        world.put(plural, object);
    }
}

/// Exit code, the report, and a line for each look.
fn watched(life: Life) -> (i32, Value, Vec<String>) {
    let (world, folder) = world();
    roll_out(&world);
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_kubectl-omupgrade"))
        .args(["validate", "om", "--no-probe", "--for", "1200ms", "-o", "json", "--openmetadata", &service(life)])
        .env("KUBECONFIG", world.kubeconfig(Path::new(folder.path())))
        .env("OMUPGRADE_TOKEN", "a-token")
        .output()
        .unwrap();
    let said = String::from_utf8(stderr).unwrap();
    let report = serde_json::from_slice(&stdout).unwrap_or_else(|e| panic!("{e}: {said}"));
    let looks = said.lines().filter(|line| line.contains(" ready, ")).map(str::to_owned).collect();
    (status.code().unwrap(), report, looks)
}

/// How a check came out, and on what evidence.
fn check<'a>(report: &'a Value, id: &str) -> (&'a str, &'a str) {
    let found = report["checks"].as_array().unwrap().iter().find(|check| check["id"] == id).unwrap();
    (found["outcome"].as_str().unwrap(), found["evidence"].as_str().unwrap())
}

/// Checks that failed.
fn failed(report: &Value) -> Vec<&str> {
    let all = report["checks"].as_array().unwrap().iter();
    all.filter(|check| check["outcome"] == "fail").map(|check| check["id"].as_str().unwrap()).collect()
}

#[test]
fn what_stays_well_is_told_so() {
    let (code, report, looks) = watched(Life::Well);
    assert!((3..=5).contains(&looks.len()), "a look every quarter of the time: {looks:?}");
    assert!(
        looks.iter().all(|look| look.contains("1 ready, answers in ") && look.contains("heap 100 MiB")),
        "{looks:?}"
    );
    assert!(looks[1].contains(", 0 of 100 requests failed"), "{looks:?}");
    assert!(!looks[0].contains("requests"), "the first look has none before it: {looks:?}");
    // From the first look to the last: how late a look may be is not ours to say.
    let (outcome, said) = check(&report, "stays-up");
    assert!(outcome == "pass" && said.starts_with(&format!("{} looks in ", looks.len())), "{outcome}: {said}");
    assert_eq!(check(&report, "stays-without-errors").0, "pass");
    assert_eq!(check(&report, "heap-trend").0, "pass");
    assert_eq!((code, failed(&report)), (0, Vec::new()), "{report}");
}

/// One look without an answer is a failure, though all is well at the end.
#[test]
fn what_blinks_while_it_is_watched_fails() {
    let (code, report, looks) = watched(Life::Blinks);
    assert_eq!(looks.iter().filter(|look| look.contains("no answer: it answered 503")).count(), 1, "{looks:?}");
    let (outcome, evidence) = check(&report, "stays-up");
    assert!(outcome == "fail" && evidence.ends_with("no answer at 1: it answered 503"), "{evidence}");
    assert_eq!(failed(&report), ["stays-up"], "{report}");
    assert_eq!(code, 1);
}

#[test]
fn where_it_goes_is_told() {
    let (_, report, looks) = watched(Life::Wears);
    assert!(looks[1].contains(", 5 of 105 requests failed"), "{looks:?}");
    let (outcome, evidence) = check(&report, "stays-without-errors");
    assert!(outcome == "warn" && evidence.contains(" of "), "{outcome}: {evidence}");
    let (outcome, evidence) = check(&report, "heap-trend");
    assert!(outcome == "warn" && evidence.contains(" → ") && evidence.contains(" looks"), "{outcome}: {evidence}");
}
