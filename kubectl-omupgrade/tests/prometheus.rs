//! The real client before something that answers as Prometheus does, at an address and behind a Service: which alerts are told,
//! and that nonsense, refusals and silence are never "none fires".
#![allow(clippy::unwrap_used)]

mod forwarded;
mod websocket;

use forwarded::{NAMESPACE, cluster, list, says};
use kubectl_omupgrade::adapters::validation::prometheus::alerts;
use kubectl_omupgrade::facts::Fact;
use serde_json::{Value, json};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Something that answers every question with this, and a status; the questions go to nobody else.
async fn service(status: u16, body: String) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                    break;
                }
                head.push(byte[0]);
            }
            let asked = head.starts_with(b"GET /api/v1/alerts ");
            let (status, body) = if asked { (status, body.as_str()) } else { (404, "no such path") };
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all([head.as_bytes(), body.as_bytes()].concat().as_slice()).await;
        }
    });
    address
}

/// As Prometheus answers (its HTTP API, "Alerts").
fn answer() -> Value {
    let alert = |name: &str, namespace: &str, state: &str, severity: &str| {
        json!({"labels": {"alertname": name, "namespace": namespace, "severity": severity}, "annotations": {},
            "state": state, "activeAt": "2026-11-22T10:00:00Z", "value": "1e+00"})
    };
    json!({"status": "success", "data": {"alerts": [
        alert("PodCrashLooping", NAMESPACE, "firing", "critical"),
        alert("HighLatency", NAMESPACE, "pending", "warning"),
        alert("PodCrashLooping", "other", "firing", "critical"),
        {"labels": {"alertname": "Watchdog"}, "state": "firing"},
    ]}})
}

async fn asked(address: &str) -> Fact<Vec<String>> {
    let nobody = cluster(|_| says(404, "NotFound"), Vec::new()).await;
    alerts(&nobody, Some(address)).await.unwrap()
}

#[tokio::test]
async fn alerts_of_the_namespace_that_fire_are_told() {
    let there = service(200, answer().to_string()).await;
    assert_eq!(asked(&there.to_string()).await.value().unwrap(), &["PodCrashLooping (critical)"]);
    let quiet = service(200, json!({"status": "success", "data": {"alerts": []}}).to_string()).await;
    assert!(asked(&quiet.to_string()).await.value().unwrap().is_empty());
    let nobody = cluster(|_| says(404, "NotFound"), Vec::new()).await;
    assert!(alerts(&nobody, None).await.is_none(), "who names none asks none");
}

#[tokio::test]
async fn what_is_no_answer_is_not_known() {
    for (status, body, reason) in [
        (200, json!({"status": "error", "errorType": "bad_data"}).to_string(), "no Prometheus"),
        (200, json!({"alerts": []}).to_string(), "no Prometheus"),
        (200, "<html>a login</html>".to_owned(), "no JSON"),
        (401, "who are you".to_owned(), "401: who are you"),
        (503, String::new(), "503"),
    ] {
        let fact = asked(&service(status, body).await.to_string()).await;
        assert!(fact.reason().is_some_and(|why| why.contains(reason)), "{status}: {fact:?}");
    }
    // A port that was let go of again.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    assert!(asked(&gone.to_string()).await.reason().unwrap().starts_with(&format!("connecting to {gone}")));
}

/// `monitoring/prometheus:9090`: the Service's pod, whose own port has another number.
#[tokio::test]
async fn behind_a_service_its_pod_is_asked_through_the_api_server() {
    let there = service(200, answer().to_string()).await;
    let answers = |path: &str| match path {
        "/api/v1/namespaces/monitoring/services/prometheus" => (
            200,
            json!({"metadata": {"name": "prometheus"}, "spec": {"selector": {"app": "prometheus"},
                "ports": [{"port": 9090, "targetPort": "web"}]}}),
        ),
        "/api/v1/namespaces/monitoring/pods" => list(&json!([
            {"metadata": {"name": "prometheus-0"}, "status": {"phase": "Running"},
                "spec": {"containers": [{"name": "p", "ports": [{"name": "web", "containerPort": 9091}]}]}}])),
        _ => says(404, "NotFound"),
    };
    let through = cluster(answers, vec![("monitoring/prometheus-0:9091", there)]).await;
    let told = alerts(&through, Some("monitoring/prometheus:9090")).await.unwrap();
    assert_eq!(told.value().map(Vec::as_slice), Some(&["PodCrashLooping (critical)".to_owned()][..]), "{told:?}");
    for (address, reason) in [
        ("monitoring/other:9090", "there is no Service other in monitoring"),
        ("monitoring/prometheus:web", "`web` is no port"),
    ] {
        let fact = alerts(&through, Some(address)).await.unwrap();
        assert!(fact.reason().is_some_and(|why| why.contains(reason)), "{fact:?}");
    }
}
