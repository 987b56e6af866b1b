//! Objects by kind and name, with resourceVersions as the API server keeps them.

use super::database::{Database, Ran, variable};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[derive(Default, Clone)]
pub struct Objects {
    there: BTreeMap<(String, String), Value>,
    version: u64,
    /// The version at which pods were as their workloads want them.
    settled: u64,
    /// What Pods find.
    pub database: Database,
    logs: BTreeMap<String, String>,
    /// What Pods were told to do, where they were told a word.
    pub actions: Vec<String>,
    /// Servers that ran on a schema newer than themselves, or migrated the one that a restore had brought back.
    pub violations: Vec<String>,
    /// The logs of other Pods, by the value of their role's label.
    pub said: BTreeMap<String, String>,
    /// How the next Jobs end: `Complete`, or the reason of a failure.
    pub ends: String,
}

/// `(plural, name, rest)` of a path.
fn parts(path: &str) -> (String, String, String) {
    let path = path.split('?').next().unwrap();
    let words: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    // A path of the server itself, such as `/version`, is of no kind.
    let words = words.get(if words[0] == "api" { 2.. } else { 3.. }).unwrap_or_default();
    let words = if words.first() == Some(&"namespaces") && words.len() > 2 { &words[2..] } else { words };
    let word = |i: usize| words.get(i).map(|w| (*w).to_owned()).unwrap_or_default();
    (word(0), word(1), word(2))
}

fn failure(code: u16, reason: &str) -> (u16, Value) {
    let message = format!("{reason} (simulated)");
    (
        code,
        json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message}),
    )
}

/// Who writes, as the request says.
fn manager(path: &str) -> &str {
    path.split_once("fieldManager=").map_or("unknown", |(_, rest)| rest.split('&').next().unwrap())
}

/// Who set a field of the spec last.
pub fn owned(object: &mut Value, field: &str, manager: &str) {
    object["metadata"]["managedFields"] = json!([{"manager": manager, "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {field: {}}}}]);
}

impl Objects {
    /// Whether a write leaves a lock with its holder.
    pub fn renews(&self, path: &str, body: &Value) -> bool {
        let (plural, name, _) = parts(path);
        let holder =
            |lease: &Value| (lease["spec"]["holderIdentity"].clone(), lease["spec"]["leaseTransitions"].clone());
        plural == "leases" && self.there.get(&(plural, name)).is_some_and(|lease| holder(lease) == holder(body))
    }

    pub fn put(&mut self, plural: &str, mut object: Value) {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        self.there.insert((plural.to_owned(), name), object);
    }

    pub fn all(&self, plural: &str) -> Vec<Value> {
        self.there.iter().filter(|((p, _), _)| p == plural).map(|(_, o)| o.clone()).collect()
    }

    pub fn get(&self, path: &str) -> (u16, Value) {
        let (plural, name, rest) = parts(path);
        if let Some(said) = self.role(&name).and_then(|role| self.said.get(&role)).filter(|_| rest == "log") {
            return (200, json!(said));
        }
        if rest == "log" {
            return (200, json!(self.logs.get(&name).cloned().unwrap_or_default()));
        }
        if !name.is_empty() {
            return match self.there.get(&(plural, name)) {
                Some(object) => (200, object.clone()),
                None => failure(404, "NotFound"),
            };
        }
        let query = path.split_once("labelSelector=").map(|(_, q)| q.split('&').next().unwrap());
        let query = query.unwrap_or_default().replace("%3D", "=").replace("%2C", ",").replace("%2F", "/");
        let wanted: Vec<(&str, &str)> = query.split(',').filter_map(|w| w.split_once('=')).collect();
        let items: Vec<Value> = self
            .all(&plural)
            .into_iter()
            .filter(|o| wanted.iter().all(|(k, v)| o["metadata"]["labels"][*k] == json!(v)))
            .collect();
        (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
    }

    fn role(&self, pod: &str) -> Option<String> {
        let pod = self.there.get(&("pods".to_owned(), pod.to_owned()))?;
        Some(pod["metadata"]["labels"]["omupgrade.io/role"].as_str()?.to_owned())
    }

    /// What the controllers make of a Job: its pod, and both their ends.
    fn runs(&mut self, job: &mut Value) {
        let name = job["metadata"]["name"].as_str().unwrap().to_owned();
        let mut labels = job["metadata"]["labels"].clone();
        labels["job-name"] = json!(name);
        let well = self.ends.is_empty();
        let phase = if well { "Succeeded" } else { "Failed" };
        self.put("pods", json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("{name}-x"), "labels": labels}, "status": {"phase": phase}}));
        let end = if well {
            json!({"type": "Complete", "status": "True"})
        } else {
            json!({"type": "Failed", "status": "True", "reason": self.ends, "message": self.ends})
        };
        job["metadata"]["uid"] = json!("u");
        job["status"] = json!({"conditions": [end]});
    }

    pub fn write(&mut self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let (plural, name, rest) = parts(path);
        let key = (plural.clone(), name.clone());
        match method {
            "POST" => {
                let name = body["metadata"]["name"].as_str().unwrap().to_owned();
                if self.there.contains_key(&(plural.clone(), name.clone())) {
                    return failure(409, "AlreadyExists");
                }
                let mut body = body.clone();
                if plural == "pods" {
                    let told = variable(&body, "OMUPGRADE_ACTION");
                    self.actions.extend((!told.is_empty()).then(|| told.to_owned()));
                    let role = body["metadata"]["labels"]["omupgrade.io/role"].as_str().unwrap_or_default();
                    let ran = match self.said.get(role) {
                        _ if variable(&body, "OMUPGRADE_ACTION") == "hold" => Ran::Armed(json!({"phase": "Running"})),
                        Some(said) => Ran::Well(said.clone()),
                        None => self.database.run(&body),
                    };
                    body["status"] = match ran {
                        Ran::Well(log) => {
                            self.logs.insert(name.clone(), log);
                            json!({"phase": "Succeeded"})
                        }
                        Ran::Badly(words) => json!({"phase": "Failed", "message": words}),
                        Ran::Armed(status) => status,
                        Ran::Lost => {
                            let gone = jiff::Timestamp::now() - jiff::SignedDuration::from_mins(5);
                            body["metadata"]["deletionTimestamp"] = json!(format!("{gone:.0}"));
                            json!({"phase": "Running"})
                        }
                        Ran::Vanished => return (201, body),
                    };
                }
                if plural == "jobs" {
                    self.runs(&mut body);
                }
                self.put(&plural, body);
                (201, self.there[&(plural, name)].clone())
            }
            "PUT" => match self.there.get(&key) {
                None => failure(404, "NotFound"),
                Some(there) if there["metadata"]["resourceVersion"] != body["metadata"]["resourceVersion"] => {
                    failure(409, "Conflict")
                }
                Some(_) => {
                    self.put(&plural, body.clone());
                    (200, self.there[&key].clone())
                }
            },
            "PATCH" => match self.there.get(&key).cloned() {
                None => failure(404, "NotFound"),
                Some(mut object) if plural == "configmaps" => {
                    for (key, value) in body["data"].as_object().unwrap() {
                        object["data"][key] = value.clone();
                    }
                    self.put(&plural, object.clone());
                    (200, object)
                }
                Some(mut object) if plural == "cronjobs" => {
                    object["spec"]["suspend"] = body["spec"]["suspend"].clone();
                    owned(&mut object, "f:suspend", manager(path));
                    self.put(&plural, object.clone());
                    (200, object)
                }
                Some(mut object) => {
                    assert_eq!(rest, "scale", "only counts are patched");
                    object["spec"]["replicas"] = body["spec"]["replicas"].clone();
                    owned(&mut object, "f:replicas", manager(path));
                    self.put(&plural, object);
                    let scale = json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {"name": name}, "spec": body["spec"]});
                    (200, scale)
                }
            },
            "DELETE" if plural == "jobs" => {
                self.there.remove(&("pods".to_owned(), format!("{name}-x")));
                self.there.remove(&("secrets".to_owned(), name));
                match self.there.remove(&key) {
                    None => failure(404, "NotFound"),
                    Some(object) => (200, object),
                }
            }
            // Its node does not say that it ended, and no grace is over without that.
            "DELETE" if self.is_lost(&key) && body["gracePeriodSeconds"] != 0 => (200, self.there[&key].clone()),
            "DELETE" => match self.there.remove(&key) {
                None => failure(404, "NotFound"),
                Some(object) => (200, object),
            },
            other => panic!("{other} {path}"),
        }
    }

    fn is_lost(&self, key: &(String, String)) -> bool {
        let lost =
            |pod: &Value| pod["metadata"]["deletionTimestamp"].is_string() && pod["status"]["phase"] == "Running";
        key.0 == "pods" && self.there.get(key).is_some_and(lost)
    }

    /// A Pod that waited ends well, and this is its log.
    pub fn ends(&mut self, mut pod: Value, log: &str) {
        self.logs.insert(pod["metadata"]["name"].as_str().unwrap().to_owned(), log.to_owned());
        pod["status"] = json!({"phase": "Succeeded"});
        self.put("pods", pod);
    }

    /// Server pods follow the count of their workload, and none may run on a schema newer than itself, nor after a restore on
    /// one that is older.
    pub fn settle(&mut self) {
        if self.settled == self.version {
            return;
        }
        let servers = ["deployments", "statefulsets"].map(|plural| self.all(plural)).concat();
        for server in servers {
            self.settle_one(&server);
        }
        self.settled = self.version;
    }

    fn settle_one(&mut self, server: &Value) {
        let name = format!("{}-server", server["metadata"]["name"].as_str().unwrap());
        let key = ("pods".to_owned(), name.clone());
        if server["spec"]["replicas"] == 0 {
            self.there.remove(&key);
            return;
        }
        let template = &server["spec"]["template"];
        let container = &template["spec"]["containers"][0];
        let image = container["image"].clone();
        let version = |text: &str| shared::versions::Version::parse(text);
        let (own, head) = (image.as_str().and_then(|i| version(i.split_once(':')?.1)), self.database.head());
        if let (Some(own), Some(head)) = (own, head.and_then(version)) {
            if own < head {
                self.violations.push(format!("{name}: {own} ran on {head}"));
            } else if own > head && self.database.restored {
                self.violations.push(format!("{name}: {own} migrated the restored {head}"));
            }
        }
        if self.there.get(&key).is_none_or(|pod| pod["spec"]["containers"][0]["image"] != image) {
            let workload = server["metadata"]["name"].as_str().unwrap();
            let owner = if server["kind"] == "StatefulSet" {
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": workload, "uid": "u", "controller": true})
            } else {
                json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{workload}-5d4f"), "uid": "u", "controller": true})
            };
            self.put(
                "pods",
                json!({
                    "apiVersion": "v1", "kind": "Pod",
                    "metadata": {"name": name, "labels": template["metadata"]["labels"], "ownerReferences": [owner]},
                    "spec": {"containers": [{"name": container["name"], "image": image}]}, "status": {"phase": "Running"},
                }),
            );
        }
    }
}
