//! An API server of 50 releases with 100 pods each, in one namespace: lists in pages, watches, nothing else. Counts what
//! it is asked, and changes pods when it is told.

use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;

pub const RELEASES: usize = 50;
pub const PODS: usize = 100;

/// An object, written once: a list of thousands costs the measured machine nothing but their bytes.
struct Object {
    name: String,
    labels: Value,
    text: String,
}

impl From<Value> for Object {
    fn from(object: Value) -> Self {
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        Self { name, labels: object["metadata"]["labels"].clone(), text: object.to_string() }
    }
}

/// The server.
#[derive(Clone)]
pub struct Server {
    objects: Arc<HashMap<&'static str, Vec<Object>>>,
    changes: broadcast::Sender<Arc<str>>,
    asked: Arc<Mutex<Vec<String>>>,
    version: Arc<AtomicUsize>,
}

impl Server {
    pub fn new(secret: &str) -> Self {
        let mut objects: HashMap<&'static str, Vec<Value>> = HashMap::new();
        for r in 0..RELEASES {
            let release = release(r);
            let labels = json!({"app.kubernetes.io/instance": release, "app.kubernetes.io/name": "openmetadata"});
            objects.entry("secrets").or_default().push(json!({
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": format!("sh.helm.release.v1.{release}.v1"), "namespace": "data", "uid": format!("s{r}"),
                    "labels": {"owner": "helm", "name": release, "version": "1", "status": "deployed"}},
                "data": {"release": if r == 0 { secret } else { "" }},
            }));
            objects.entry("deployments").or_default().push(json!({
                "apiVersion": "apps/v1", "kind": "Deployment",
                "metadata": {"name": release, "namespace": "data", "uid": format!("d{r}"), "generation": 1, "labels": labels,
                    "annotations": {"deployment.kubernetes.io/revision": "1", "meta.helm.sh/release-name": release}},
                "spec": {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template(&labels)},
                "status": {"observedGeneration": 1, "replicas": PODS, "updatedReplicas": PODS, "readyReplicas": PODS - 1, "availableReplicas": PODS - 1},
            }));
            objects.entry("replicasets").or_default().push(json!({
                "apiVersion": "apps/v1", "kind": "ReplicaSet",
                "metadata": {"name": format!("{release}-5d9c"), "namespace": "data", "uid": format!("r{r}"), "labels": labels,
                    "annotations": {"deployment.kubernetes.io/revision": "1"},
                    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": release, "uid": format!("d{r}"), "controller": true}]},
                "spec": {"replicas": PODS, "selector": {"matchLabels": labels}, "template": template(&labels)},
                "status": {"replicas": PODS, "readyReplicas": PODS - 1},
            }));
            objects.entry("pods").or_default().extend((0..PODS).map(|p| pod(r, p, true, 1)));
        }
        let objects =
            objects.into_iter().map(|(kind, all)| (kind, all.into_iter().map(Object::from).collect())).collect();
        let (changes, _) = broadcast::channel(65536);
        Self { objects: Arc::new(objects), changes, asked: Arc::default(), version: Arc::new(AtomicUsize::new(10)) }
    }

    /// Serves until the process ends; the port.
    pub async fn serve(&self) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(server.clone().connection(stream));
            }
        });
        port
    }

    /// Tells every watch that a pod became ready, or is not any more.
    pub fn change(&self, release: usize, number: usize, ready: bool) {
        let version = self.version.fetch_add(1, Ordering::SeqCst);
        let event = json!({"type": "MODIFIED", "object": pod(release, number, ready, version)});
        let _ = self.changes.send(Arc::from(event.to_string() + "\n"));
    }

    /// What was asked since the last time.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    async fn connection(self, stream: TcpStream) {
        let (read, mut write) = stream.into_split();
        let mut lines = BufReader::new(read);
        loop {
            let (mut line, mut length) = (String::new(), 0);
            if lines.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            loop {
                let mut header = String::new();
                lines.read_line(&mut header).await.unwrap();
                let header = header.trim().to_ascii_lowercase();
                length = header.strip_prefix("content-length:").map_or(length, |v| v.trim().parse().unwrap());
                if header.is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            lines.read_exact(&mut body).await.unwrap();
            self.asked.lock().unwrap().push(path.clone());
            if path.contains("watch=true") || path.contains("watch=1") {
                return self.watch(&path, write).await;
            }
            let (code, text) = self.answer(&path);
            let head = format!(
                "HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
                text.len()
            );
            if write.write_all(head.as_bytes()).await.is_err() || write.write_all(text.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    async fn watch(&self, path: &str, mut write: tokio::net::tcp::OwnedWriteHalf) {
        let mut changes = self.changes.subscribe();
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = write.write_all(head.as_bytes()).await;
        while let Ok(event) = changes.recv().await {
            let chunk = format!("{:x}\r\n{event}\r\n", event.len());
            if path.contains("/pods?") && write.write_all(chunk.as_bytes()).await.is_err() {
                return;
            }
        }
    }

    fn answer(&self, path: &str) -> (u16, String) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let of = |key: &str| query.split('&').find_map(|p| p.strip_prefix(key)).unwrap_or_default().to_owned();
        let words: Vec<&str> = path.trim_matches('/').split('/').collect();
        match words[..] {
            ["api"] => return (200, json!({"kind": "APIVersions", "versions": ["v1"]}).to_string()),
            ["apis"] => return (200, json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": []}).to_string()),
            ["api", "v1"] => {
                let pods = json!({"name": "pods", "singularName": "pod", "namespaced": true, "kind": "Pod", "verbs": ["get", "list", "watch"], "shortNames": ["po"]});
                let list = json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": [pods]});
                return (200, list.to_string());
            }
            _ => {}
        }
        let at = words.iter().position(|w| *w == "namespaces").map_or(words.len() - 1, |i| i + 2);
        let kind = words.get(at).copied().unwrap_or_default();
        let all = self.objects.get(kind).map_or(&[][..], Vec::as_slice);
        if let Some(name) = words.get(at + 1) {
            let absent = || (404, json!({"kind": "Status", "code": 404}).to_string());
            return all.iter().find(|o| o.name == **name).map_or_else(absent, |o| (200, o.text.clone()));
        }
        let wanted = of("labelSelector=").replace("%3D", "=").replace("%2C", ",").replace("%2F", "/");
        let wanted: Vec<(&str, &str)> = wanted.split(',').filter_map(|w| w.split_once('=')).collect();
        let hit = |o: &&Object| wanted.iter().all(|(k, v)| o.labels[*k] == **v);
        let from: usize = of("continue=").parse().unwrap_or(0);
        let limit: usize = of("limit=").parse().unwrap_or(usize::MAX).max(1);
        let rest: Vec<&str> = all.iter().filter(hit).skip(from).map(|o| o.text.as_str()).collect();
        let more = if rest.len() > limit { (from + limit).to_string() } else { String::new() };
        let list = if kind == "pods" { "PodList" } else { "List" };
        let items = rest[..rest.len().min(limit)].join(",");
        let head = json!({"resourceVersion": "10", "continue": more});
        (200, format!("{{\"kind\":\"{list}\",\"apiVersion\":\"v1\",\"metadata\":{head},\"items\":[{items}]}}"))
    }
}

pub fn release(number: usize) -> String {
    format!("om-{number:02}")
}

pub fn pod_name(release: usize, number: usize) -> String {
    format!("om-{release:02}-5d9c-{number:05}")
}

fn template(labels: &Value) -> Value {
    let server = "docker.getcollate.io/openmetadata/server:1.13.1";
    json!({"metadata": {"labels": labels}, "spec": {
        "initContainers": [{"name": "run-db-migrations", "image": server, "command": ["/bin/bash", "-c", "./bootstrap/openmetadata-ops.sh migrate"]}],
        "containers": [{"name": "openmetadata", "image": server, "env": (0..20).map(|i| json!({"name": format!("SETTING_{i}"), "value": "some value of ordinary length"})).collect::<Vec<_>>(),
            "readinessProbe": {"httpGet": {"path": "/healthcheck", "port": 8586}}}],
    }})
}

fn pod(release: usize, number: usize, ready: bool, version: usize) -> Value {
    let name = self::release(release);
    let labels = json!({"app.kubernetes.io/instance": name, "app.kubernetes.io/name": "openmetadata", "pod-template-hash": "5d9c"});
    let mut spec = template(&labels)["spec"].clone();
    spec["nodeName"] = json!("node-1");
    let held = if ready { "True" } else { "False" };
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": pod_name(release, number), "namespace": "data", "uid": format!("p{release}-{number}"), "labels": labels,
            "resourceVersion": version.to_string(), "creationTimestamp": "2026-11-22T10:00:00Z",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{name}-5d9c"), "uid": format!("r{release}"), "controller": true}],
            "managedFields": (0..3).map(|i| json!({"manager": format!("manager-{i}"), "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:status": {"f:conditions": {"k:{\"type\":\"Ready\"}": {}}}}})).collect::<Vec<_>>()},
        "spec": spec,
        "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": held}, {"type": "Initialized", "status": "True"}],
            "initContainerStatuses": [{"name": "run-db-migrations", "ready": true, "restartCount": 0, "image": "", "imageID": "", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}}],
            "containerStatuses": [{"name": "openmetadata", "ready": ready, "restartCount": 0, "image": "", "imageID": "", "started": true, "state": {"running": {"startedAt": "2026-11-22T10:00:30Z"}}}]},
    })
}
