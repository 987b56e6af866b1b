//! As much of a Kubernetes API as a dry run of Helm 3 asks for: versions, kinds, and that nothing exists yet. Takes
//! no writes.

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

/// Starts one and returns its address; it serves until the test's process ends.
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || drop(serve(&stream)));
        }
    });
    format!("http://{address}")
}

fn serve(stream: &TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    while let Some(request) = lines.next().transpose()? {
        // Bodies are never sent: a dry run only reads.
        while lines.next().transpose()?.is_some_and(|l| !l.is_empty()) {}
        let path = request.split(' ').nth(1).unwrap_or_default().split('?').next().unwrap_or_default();
        let (code, body) = match answer(path) {
            Some(body) => ("200 OK", body),
            None => (
                "404 Not Found",
                json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404}),
            ),
        };
        let body = body.to_string();
        write!(
            &*stream,
            "HTTP/1.1 {code}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
    }
    Ok(())
}

fn answer(path: &str) -> Option<Value> {
    let group = |name: &str, version: &str| {
        let version = json!({"groupVersion": format!("{name}/{version}"), "version": version});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    };
    let resources = |version: &str, kinds: &[&str]| {
        let resource = |kind: &&str| json!({"name": format!("{}s", kind.to_lowercase()), "kind": kind, "namespaced": true, "verbs": ["get", "create", "patch"]});
        let list: Vec<Value> = kinds.iter().map(resource).collect();
        json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": list})
    };
    Some(match path {
        "/version" => json!({"major": "1", "minor": "35", "gitVersion": "v1.35.4"}),
        "/api" => json!({"kind": "APIVersions", "versions": ["v1"]}),
        "/apis" => {
            json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group("apps", "v1"), group("batch", "v1"), group("policy", "v1")]})
        }
        "/api/v1" => resources("v1", &["Service", "Secret", "Pod", "ConfigMap"]),
        "/apis/apps/v1" => resources("apps/v1", &["Deployment", "StatefulSet"]),
        "/apis/batch/v1" => resources("batch/v1", &["Job", "CronJob"]),
        "/apis/policy/v1" => resources("policy/v1", &["PodDisruptionBudget"]),
        _ => return None,
    })
}
