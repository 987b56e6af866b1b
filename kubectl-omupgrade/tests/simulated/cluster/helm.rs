//! The `helm` on disk: a script that writes down what it is told and does, and what that does to the cluster.

use super::objects::{Objects, owned};
use base64::Engine;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// How the next helm meets its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelmDies {
    /// Before it did anything, together with the process that started it.
    BeforeAnything,
    /// With a revision left pending, together with the process that started it.
    Pending,
    /// Its revision is pending when the process that started it is killed; it goes on and ends well.
    Outlives,
    /// It did all; the process that started it is killed before it hears so.
    AfterAll,
    /// It found no API server, wrote nothing, and says so. Nobody is killed.
    FindsNoServer,
    /// It lost the API server half-way: its revision stays pending, and it says so. Nobody is killed.
    LosesTheServer,
    /// It works on, with its revision pending. Nobody is killed.
    Lingers,
    /// It changed the workload, then failed and said so. Nobody is killed.
    Complains,
    /// It made a revision, failed at an object before the workload, and said so. Nobody is killed.
    Refuses,
    /// It failed before it made a revision, and said so. Nobody is killed.
    FailsAtOnce,
}

pub struct Deeds {
    folder: PathBuf,
    seen: usize,
}

impl Deeds {
    pub fn new(folder: &Path) -> Self {
        // One file for all: what was just written cannot be started while somebody else starts a program.
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/simulated/cluster/helm.sh");
        std::os::unix::fs::symlink(script, folder.join("helm")).unwrap();
        Self { folder: folder.to_owned(), seen: 0 }
    }

    pub fn program(&self) -> PathBuf {
        self.folder.join("helm")
    }

    pub fn reached(&self) -> PathBuf {
        self.folder.join("reached")
    }

    pub fn dies(&self, how: HelmDies) {
        std::fs::write(self.folder.join("dies"), format!("{how:?}")).unwrap();
    }

    pub fn calls(&self) -> Vec<String> {
        self.lines("calls")
    }

    pub fn drivers(&self) -> Vec<String> {
        self.lines("drivers")
    }

    pub fn environment(&self) -> Vec<String> {
        self.lines("environment")
    }

    fn lines(&self, file: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.join(file)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What helm wrote down since the last look comes true.
    pub fn happen(&mut self, objects: &mut Objects) {
        let text = std::fs::read_to_string(self.folder.join("deeds")).unwrap_or_default();
        for line in text.lines().skip(self.seen) {
            self.seen += 1;
            let words: Vec<&str> = line.split(' ').collect();
            let [what, run, release, to] = words[..] else { panic!("{line}") };
            let mut revisions: Vec<Value> = objects
                .all("secrets")
                .into_iter()
                .filter(|s| s["metadata"]["labels"]["name"] == json!(release))
                .collect();
            revisions.sort_by_key(number);
            let target = revisions.iter().find(|s| number(s).to_string() == to).unwrap();
            let manifest = content(target)["manifest"].as_str().unwrap().to_owned();
            let description = format!("Rollback to {to} by {run}");
            let own = revisions.iter().find(|s| content(s)["info"]["description"] == json!(description));
            let revision = own.or(revisions.last()).map(number).unwrap() + u64::from(own.is_none());
            let status = match what {
                "done" => "deployed",
                "failed" | "refused" => "failed",
                _ => "pending-rollback",
            };
            if what == "failed" {
                apply(objects, &manifest);
            }
            if what == "done" {
                for old in revisions
                    .iter()
                    .filter(|s| s["metadata"]["labels"]["status"] == "deployed" && number(s) != revision)
                {
                    let old = content(old);
                    let text = old["manifest"].as_str().unwrap();
                    let words = old["info"]["description"].as_str().unwrap();
                    objects.put(
                        "secrets",
                        release_secret(release, old["version"].as_u64().unwrap(), "superseded", text, words),
                    );
                }
                apply(objects, &manifest);
            }
            objects.put("secrets", release_secret(release, revision, status, &manifest, &description));
        }
    }
}

/// What helm does to the workloads that are there: their images and their replicas.
fn apply(objects: &mut Objects, manifest: &str) {
    for (kind, plural) in [("Deployment", "deployments"), ("StatefulSet", "statefulsets")] {
        let documents = manifest.split("---\n").filter(|d| d.contains(&format!("kind: {kind}\n")));
        for wanted in documents.map(|d| shared::manifest::read(d).unwrap()) {
            let all = objects.all(plural);
            let live = all.into_iter().find(|o| o["metadata"]["name"] == wanted["metadata"]["name"]);
            let Some(mut live) = live else { continue };
            if let Some(replicas) = wanted.pointer("/spec/replicas") {
                live["spec"]["replicas"] = replicas.clone();
                owned(&mut live, "f:replicas", "helm");
            }
            live["spec"]["template"] = wanted["spec"]["template"].clone();
            objects.put(plural, live);
        }
    }
}

fn number(secret: &Value) -> u64 {
    secret["metadata"]["labels"]["version"].as_str().unwrap().parse().unwrap()
}

fn content(secret: &Value) -> Value {
    let base64 = &base64::engine::general_purpose::STANDARD;
    let once = base64.decode(secret["data"]["release"].as_str().unwrap()).unwrap();
    serde_json::from_slice(&base64.decode(once).unwrap()).unwrap()
}

/// The same revision, as Helm 4 stores one that it applied on the server.
pub fn applied_on_the_server(mut secret: Value) -> Value {
    let base64 = &base64::engine::general_purpose::STANDARD;
    let mut content = content(&secret);
    content["apply_method"] = json!("ssa");
    secret["data"]["release"] = json!(base64.encode(base64.encode(serde_json::to_vec(&content).unwrap())));
    secret
}

/// A revision as Helm stores it.
pub fn release_secret(release: &str, number: u64, status: &str, manifest: &str, description: &str) -> Value {
    let base64 = &base64::engine::general_purpose::STANDARD;
    let time = format!("2026-11-22T10:{number:02}:00Z");
    let content = json!({
        "name": release, "namespace": super::NAMESPACE, "version": number, "manifest": manifest, "config": {},
        "info": {"status": status, "description": description, "first_deployed": time, "last_deployed": time},
        "chart": {"metadata": {"name": "openmetadata", "version": "1.0.0", "appVersion": "1.0.0"}},
    });
    let packed = base64.encode(base64.encode(serde_json::to_vec(&content).unwrap()));
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "helm.sh/release.v1",
        "metadata": {
            "name": format!("sh.helm.release.v1.{release}.v{number}"), "namespace": super::NAMESPACE,
            "labels": {"owner": "helm", "name": release, "version": number.to_string(), "status": status},
        },
        "data": {"release": packed},
    })
}
