//! The Pod that asks the search engine: the server's own image, or one with curl, with the server's search settings by
//! reference and nothing else of its environment. It mounts what the server mounts (a trust store) and writes nothing.

use super::Beside;
use crate::facts::SEARCH_QUESTIONS;
use crate::preview::Object;
use serde_json::{Value, json};
use shared::backup::pod;
use shared::component;

/// The script. Its head says what it does.
pub const SEARCH_SCRIPT: &str = include_str!("search.sh");

/// The script's room for files.
const SCRATCH: &str = "omupgrade-scratch";

/// The beginnings of the settings' names.
const SETTINGS: &[&str] = &["ELASTICSEARCH_", "SEARCH_"];

impl Beside {
    /// The same with the server's search settings instead of the database's: variables of these names, and the Secrets
    /// and `ConfigMap`s that hold such a key or stand outside the manifest.
    #[must_use]
    pub fn with_search_settings(mut self, manifest: &[Object]) -> Self {
        let named = |name: &str| SETTINGS.iter().any(|start| name.starts_with(start));
        self.env.retain(|e| e.get("name").and_then(Value::as_str).is_some_and(named));
        self.env_from.retain(|from| {
            let of = |at: &str, kind| Some((kind, from.pointer(at)?.as_str()?));
            let source = of("/secretRef/name", "Secret").or_else(|| of("/configMapRef/name", "ConfigMap"));
            let Some((kind, name)) = source else { return false };
            let Some(object) = manifest.iter().find(|o| o.kind == kind && o.name == name) else { return true };
            let keys = ["data", "stringData"].into_iter().filter_map(|k| object.value.get(k)?.as_object());
            keys.flatten().any(|(key, _)| named(key))
        });
        self.ca_file = None;
        self
    }

    /// The Pod. `image`: another image than the server's; then a first container of the server's reads the trust store.
    pub fn search_pod(&self, name: &str, role: &str, deadline_seconds: u64, image: Option<&str>) -> Value {
        let mut parts = self.parts(name, deadline_seconds);
        (parts.image, parts.script) = (&self.server_image, SEARCH_SCRIPT);
        let mut pod = pod(&parts, role);
        let template = |path: &str| self.server.pointer(&format!("/spec/template/spec{path}")).cloned();
        let own = component::migration_container(&self.server).and_then(|c| c.get("securityContext").cloned());
        let own = own.unwrap_or_else(|| json!({"allowPrivilegeEscalation": false}));
        let questions = json!({"name": "OMUPGRADE_QUESTIONS", "value": SEARCH_QUESTIONS.join("\n")});
        let spec = &mut pod["spec"];
        without_backup(&mut spec["volumes"], "name");
        // As the server: what its image runs as is known by name only.
        let restricted = spec["securityContext"].take();
        spec["securityContext"] = template("/securityContext").unwrap_or_else(|| json!({}));
        let container = &mut spec["containers"][0];
        without_backup(&mut container["volumeMounts"], "name");
        let kept = |e: &Value| {
            let name = e.get("name").and_then(Value::as_str).unwrap_or_default();
            name == "TMPDIR" || name == "HOME" || SETTINGS.iter().any(|start| name.starts_with(start))
        };
        if let Some(env) = container["env"].as_array_mut() {
            env.retain(kept);
            env.push(questions);
        }
        container["securityContext"] = own;
        if let Some(image) = image {
            let mut first = container.clone();
            first["name"] = json!("trust");
            if let Some(env) = first["env"].as_array_mut() {
                env.push(json!({"name": "OMUPGRADE_ACTION", "value": "trust"}));
            }
            container["image"] = json!(image);
            container["securityContext"] =
                json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
            if restricted.get("runAsUser").is_some() && spec["securityContext"].get("runAsUser").is_none() {
                // An image of nobody we know: not as root.
                spec["containers"][0]["securityContext"]["runAsUser"] = json!(65534);
            }
            spec["initContainers"] = json!([first]);
        }
        pod
    }
}

fn without_backup(list: &mut Value, key: &str) {
    if let Some(items) = list.as_array_mut() {
        let ours = |item: &Value| item.get(key).and_then(Value::as_str).is_some_and(|n| n.starts_with("omupgrade-"));
        items.retain(|item| !ours(item) || item[key] == SCRATCH);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: om-search}\nstringData: {ELASTICSEARCH_HOST: os, SEARCH_TYPE: opensearch}\n\
        ---\napiVersion: v1\nkind: Secret\nmetadata: {name: om-db}\nstringData: {DB_SCHEME: postgresql}\n\
        ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: om}\nspec: {template: {spec: {serviceAccountName: om, imagePullSecrets: [{name: pull}],\n    \
        initContainers: [{name: run-db-migrations, image: 'server:1', envFrom: [{secretRef: {name: om-db}}, {secretRef: {name: om-search}}, {secretRef: {name: elsewhere}}],\n    \
        env: [{name: DB_USER_PASSWORD, valueFrom: {secretKeyRef: {name: pw, key: k}}}, {name: ELASTICSEARCH_PASSWORD, valueFrom: {secretKeyRef: {name: es, key: k}}}],\n    \
        volumeMounts: [{name: store, mountPath: /store}]}], containers: [{name: om, image: 'server:1', ports: [{containerPort: 8585}]}],\n    \
        volumes: [{name: store, secret: {secretName: store}}, {name: other, emptyDir: {}}]}}}\n";

    fn made(image: Option<&str>) -> Value {
        let objects = crate::preview::objects(MANIFEST, "data").unwrap();
        let beside = Beside::of_manifest("om", "data", MANIFEST, None).unwrap().with_search_settings(&objects);
        beside.search_pod("om-search-1", "search", 60, image)
    }

    fn names(list: &Value) -> Vec<&str> {
        list.as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn it_is_given_the_search_settings_by_reference_and_nothing_else() {
        let pod = made(None);
        let container = &pod["spec"]["containers"][0];
        assert_eq!(container["image"], "server:1");
        assert_eq!(names(&container["env"]), ["ELASTICSEARCH_PASSWORD", "TMPDIR", "HOME", "OMUPGRADE_QUESTIONS"]);
        assert_eq!(container["env"][0]["valueFrom"]["secretKeyRef"]["name"], "es");
        let from: Vec<_> =
            container["envFrom"].as_array().unwrap().iter().map(|f| f["secretRef"]["name"].clone()).collect();
        assert_eq!(from, ["om-search", "elsewhere"]);
        assert_eq!(names(&pod["spec"]["volumes"]), ["omupgrade-scratch", "store"]);
        assert_eq!(names(&container["volumeMounts"]), ["omupgrade-scratch", "store"]);
        assert_eq!(
            (&pod["spec"]["serviceAccountName"], &pod["metadata"]["labels"]["omupgrade.io/role"]),
            (&json!("om"), &json!("search"))
        );
        assert_eq!(pod["spec"]["automountServiceAccountToken"], false);
        assert!(!pod.to_string().contains("om-db") && !pod.to_string().contains("FINGERPRINT"), "{pod}");
    }

    #[test]
    fn another_image_gets_the_trust_store_read_before_it() {
        let pod = made(Some("curl:8"));
        assert_eq!(pod["spec"]["containers"][0]["image"], "curl:8");
        let first = &pod["spec"]["initContainers"][0];
        assert_eq!((&first["image"], &first["name"]), (&json!("server:1"), &json!("trust")));
        assert_eq!(first["env"].as_array().unwrap().last().unwrap()["value"], "trust");
    }

    #[test]
    fn kubernetes_leaves_the_script_as_it_is() {
        assert!(!SEARCH_SCRIPT.contains("$$"));
    }
}
