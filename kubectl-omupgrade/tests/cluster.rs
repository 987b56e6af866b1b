//! The real client over a mock service: what is asked, and what becomes of refusals.
#![allow(clippy::unwrap_used)]

use base64::Engine;
use http::{Request, Response};
use kube::client::Body;
use kubectl_omupgrade::adapters::cluster::{Cluster, Pointers, gather, release_facts};
use kubectl_omupgrade::adapters::release;
use kubectl_omupgrade::commands::status::target;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::facts::Fact;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use kubectl_omupgrade::rollout::{Verdict, judge};
use serde_json::{Value, json};
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

type Asked = Arc<Mutex<Vec<String>>>;

/// A cluster that answers as `answer` says to a path, with a status code; and what it was asked.
fn cluster(answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> (Cluster, Asked) {
    let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let asked = Asked::default();
    let log = asked.clone();
    tokio::spawn(async move {
        while let Some((request, respond)) = handle.next_request().await {
            let path = request.uri().path().to_owned();
            log.lock().unwrap().push(request.uri().to_string());
            let (code, body) = answer(&path);
            let body = Body::from(serde_json::to_vec(&body).unwrap());
            respond.send_response(Response::builder().status(code).body(body).unwrap());
        }
    });
    let client = kube::Client::new(service, "data");
    let patience = Some(Duration::from_secs(5));
    (Cluster { client, namespace: "data".to_owned(), patience, pointers: Pointers::default() }, asked)
}

fn list(items: &Value) -> (u16, Value) {
    (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
}

fn refusal(code: u16, message: &str) -> (u16, Value) {
    let reason = if code == 403 { "Forbidden" } else { "Unauthorized" };
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message});
    (code, status)
}

fn packed(name: &str, number: u64, chart: &str) -> String {
    let release = json!({"name": name, "namespace": "data", "version": number, "info": {"status": "deployed", "description": "x"},
        "chart": {"metadata": {"name": chart, "version": "1.13.1"}}, "manifest": "kind: Secret\nstringData: {a: hunter2}\n"});
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(release.to_string().as_bytes()).unwrap();
    base64::engine::general_purpose::STANDARD.encode(zip.finish().unwrap())
}

fn stored(name: &str, number: u64) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": format!("sh.helm.release.v1.{name}.v{number}"), "labels":
        {"owner": "helm", "name": name, "version": number.to_string(), "status": "deployed"}}})
}

fn secret(name: &str, number: u64, chart: &str) -> (u16, Value) {
    let data = base64::engine::general_purpose::STANDARD.encode(packed(name, number, chart));
    (200, json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "data": {"release": data}}))
}

/// Two releases of which one is OpenMetadata's, in Secrets; nothing else.
fn quiet(path: &str) -> (u16, Value) {
    match path.rsplit('/').next().unwrap() {
        "secrets" => list(&json!([stored("db", 1), stored("om", 9), stored("om", 10)])),
        "sh.helm.release.v1.om.v10" => secret("om", 10, "openmetadata"),
        "sh.helm.release.v1.db.v1" => secret("db", 1, "mysql"),
        _ => list(&json!([])),
    }
}

#[tokio::test]
async fn finds_the_only_release_by_its_newest_revision() {
    let (cluster, asked) = cluster(quiet);
    let found = release::find(&cluster, None).await.unwrap();
    assert_eq!((found.release.name.as_str(), found.release.revision.number), ("om", 10));
    assert_eq!(found.stored.len(), 2);
    // Old revisions weigh megabytes: only their labels are read.
    assert!(!asked.lock().unwrap().iter().any(|a| a.contains("om.v9")));
}

#[tokio::test]
async fn two_releases_need_a_name() {
    let (cluster, _) = cluster(|path| match path.rsplit('/').next().unwrap() {
        "sh.helm.release.v1.db.v1" => secret("db", 1, "openmetadata"),
        _ => quiet(path),
    });
    let error = release::find(&cluster, None).await.unwrap_err();
    assert_eq!(exit_of(&error), Exit::Usage);
    assert!(error.to_string().contains("db, om"), "{error}");
    assert_eq!(release::find(&cluster, Some("db")).await.unwrap().release.name, "db");
    let error = release::find(&cluster, Some("nope")).await.unwrap_err();
    assert_eq!(exit_of(&error), Exit::Unknown);
}

#[tokio::test]
async fn reads_config_maps_where_helm_uses_them() {
    let (cluster, _) = cluster(|path| match path.rsplit('/').next().unwrap() {
        "secrets" => refusal(403, "secrets is forbidden"),
        "configmaps" => list(&json!([stored("om", 2)])),
        "sh.helm.release.v1.om.v2" => (
            200,
            json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "c"}, "data": {"release": packed("om", 2, "openmetadata")}}),
        ),
        _ => list(&json!([])),
    });
    assert_eq!(release::find(&cluster, None).await.unwrap().release.revision.number, 2);
}

#[tokio::test]
async fn forbidden_in_part_is_unknown_and_not_a_failure() {
    let (cluster, asked) = cluster(|path| match path.rsplit('/').next().unwrap() {
        "nodes" => refusal(403, "nodes is forbidden"),
        "events" => (500, json!("not even a status")),
        _ => quiet(path),
    });
    let found = release::find(&cluster, Some("om")).await.unwrap();
    let (release, history) = release_facts(&found);
    let facts = Box::pin(gather(&cluster, "om", release, history)).await;
    assert_eq!(facts.nodes.reason(), Some("forbidden: nodes is forbidden"));
    assert!(facts.events.reason().is_some());
    assert!(facts.pods.value().is_some());
    assert!(!facts.to_text().unwrap().contains("hunter2"));
    // Each kind is asked once: secrets, config maps, one revision, twelve kinds.
    assert_eq!(asked.lock().unwrap().len(), 15, "{:#?}", asked.lock().unwrap());
}

#[tokio::test]
async fn a_kind_that_is_not_seen_is_not_rolled_out() {
    let (cluster, _) = cluster(|path| match path.rsplit('/').next().unwrap() {
        "statefulsets" => refusal(403, "statefulsets is forbidden"),
        "secrets" => refusal(403, "secrets is forbidden"),
        _ => list(&json!([])),
    });
    let now = jiff::Timestamp::now();
    let (release, history) = (Fact::unknown("forbidden", "test", now), Fact::unknown("forbidden", "test", now));
    let facts = Box::pin(gather(&cluster, "om", release, history)).await;
    let rollout = judge(&facts, now);
    assert_eq!(rollout.verdict, Verdict::Unknown);
    assert!(rollout.unseen.contains(&"StatefulSets: forbidden: statefulsets is forbidden".to_owned()));
}

#[tokio::test]
async fn expired_credentials_are_told_with_a_command() {
    let (cluster, _) = cluster(|_| refusal(401, "Unauthorized"));
    let error = release::find(&cluster, Some("om")).await.unwrap_err();
    assert_eq!(exit_of(&error), Exit::Unknown);
    assert!(error.to_string().contains("does not accept these credentials"), "{error}");
}

#[tokio::test]
async fn where_helms_storage_may_not_be_read_a_name_leads_on() {
    let (cluster, _) = cluster(|_| refusal(403, "secrets is forbidden"));
    let error = target(&cluster, None).await.unwrap_err();
    assert_eq!(exit_of(&error), Exit::Unknown);
    assert!(hints_of(&error).iter().any(|h| h.starts_with("kubectl omupgrade status RELEASE -n data")), "{error:#}");
    assert!(target(&cluster, Some("om")).await.unwrap().release.value().is_none());
}

/// A limit cuts a log where it will, also in the middle of a letter.
#[tokio::test]
async fn bytes_that_are_no_text_leave_a_log_readable() {
    let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    tokio::spawn(async move {
        let (_, respond) = handle.next_request().await.unwrap();
        respond.send_response(Response::new(Body::from(b"one\ngr\xc3\xbcn\nhalf \xc3".to_vec())));
    });
    let client = kube::Client::new(service, "data");
    let cluster = Cluster { client, namespace: "data".to_owned(), patience: None, pointers: Pointers::default() };
    let log = cluster.log("om-1", &kube::api::LogParams::default()).await.unwrap();
    assert_eq!(log, "one\ngrün\nhalf \u{fffd}");
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let served = tokio::spawn(async move {
        let mut queries = Vec::new();
        for next in ["more", ""] {
            let (request, respond) = handle.next_request().await.unwrap();
            queries.push(request.uri().query().unwrap().to_owned());
            let page = json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"continue": next}, "items": [{"metadata": {"name": "p"}}]});
            respond.send_response(Response::new(Body::from(serde_json::to_vec(&page).unwrap())));
        }
        queries
    });
    let client = kube::Client::new(service, "data");
    let cluster = Cluster { client, namespace: "data".to_owned(), patience: None, pointers: Pointers::default() };
    let api = cluster.api::<k8s_openapi::api::core::v1::Pod>();
    assert_eq!(cluster.all(&api, kube::api::ListParams::default()).await.unwrap().len(), 2);
    assert!(served.await.unwrap()[1].contains("continue=more"));
}

#[tokio::test]
async fn a_silent_server_is_given_up() {
    let (service, _handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let client = kube::Client::new(service, "data");
    let patience = Some(Duration::from_millis(50));
    let cluster = Cluster { client, namespace: "data".to_owned(), patience, pointers: Pointers::default() };
    let error = release::find(&cluster, None).await.unwrap_err();
    assert!(error.to_string().contains("no answer within"), "{error}");
}

#[tokio::test]
async fn a_huge_log_is_asked_for_in_part_and_a_huge_line_is_cut() {
    let (cluster, asked) = cluster(|path| match path.rsplit('/').next().unwrap() {
        "pods" => list(&json!([{"metadata": {"name": "om-1", "uid": "p", "labels": {}, "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "om", "uid": "r", "controller": true}]},
            "spec": {"nodeName": "n", "containers": [{"name": "om", "image": "server:1.13.1"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "om", "image": "", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 1}}}]}}])),
        "replicasets" => list(&json!([{"metadata": {"name": "om", "uid": "r", "ownerReferences": [
            {"apiVersion": "apps/v1", "kind": "Deployment", "name": "om", "uid": "d", "controller": true}]}}])),
        "deployments" => {
            list(&json!([{"metadata": {"name": "om", "uid": "d", "annotations": {"meta.helm.sh/release-name": "om"}}}]))
        }
        "log" => (200, json!("x\u{1b}[2J".repeat(600_000))),
        _ => quiet(path),
    });
    let found = release::find(&cluster, Some("om")).await.unwrap();
    let (release, history) = release_facts(&found);
    let facts = Box::pin(gather(&cluster, "om", release, history)).await;
    let lines: Vec<&String> = facts.logs.values().flat_map(Fact::items).collect();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].chars().count() <= 2000 && !lines[0].contains('\u{1b}'), "{}", lines[0].len());
    let question = asked.lock().unwrap().iter().find(|a| a.contains("/log")).unwrap().clone();
    assert!(question.contains("limitBytes=") && question.contains("tailLines="), "{question}");
}
