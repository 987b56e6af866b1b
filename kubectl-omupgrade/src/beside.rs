//! What a Pod beside the server takes over from it: the database's settings as references to the server's own Secrets,
//! the client image, the user. Pure: a manifest's objects in, the parts of a Pod out; no content of a Secret is read.

mod search;

pub use search::SEARCH_SCRIPT;

use crate::failure::Failure;
use crate::preview::{Object, engine, objects, servers};
use serde_json::{Map, Value, json};
use shared::backup::{Engine, Job, pod, script};
use shared::{component, marks};

/// The client images where neither the user nor a guard names one; the post-renderer's defaults.
const IMAGES: [(Engine, &str); 2] = [(Engine::Postgresql, "postgres:18"), (Engine::Mysql, "mysql:8.4")];

/// The clients' numeric user, as in the backup Job.
const USER: i64 = 999;

/// A server of a release, as far as a Pod beside it needs it.
#[derive(Debug, Clone)]
pub struct Beside {
    /// The release.
    pub release: String,
    /// The server's own image.
    pub server_image: String,
    /// The database's engine.
    pub engine: Engine,
    /// The database client's image.
    pub image: String,
    /// Whether that is the one that nobody chose.
    pub unchosen: bool,
    server: Value,
    env: Vec<Value>,
    env_from: Vec<Value>,
    ca_file: Option<String>,
    user: Option<i64>,
    resources: Value,
    labels: Map<String, Value>,
}

impl Beside {
    /// The first server of a stored manifest.
    pub fn of_manifest(release: &str, namespace: &str, manifest: &str, image: Option<&str>) -> Result<Self, String> {
        let objects = objects(manifest, namespace)?;
        let found = servers(&objects).into_iter().next();
        let found = found.ok_or("the release holds no OpenMetadata server to stand beside")?;
        let server = objects.iter().find(|o| o.label() == found.label);
        Self::of(release, &objects, server.ok_or("the release holds no OpenMetadata server")?, image)
    }

    /// A server among the objects of its manifest; `image` is the client image that the user names.
    pub fn of(release: &str, objects: &[Object], server: &Object, image: Option<&str>) -> Result<Self, String> {
        let none = Vec::new();
        let list = |key: &str| {
            server.value.pointer(&format!("/spec/template/spec/{key}")).and_then(Value::as_array).unwrap_or(&none)
        };
        let migrate = component::migration_container(&server.value);
        let serving = component::serving_index(&server.value).and_then(|i| list("containers").get(i));
        let container = migrate.or(serving).ok_or("the server has no container whose settings could be taken")?;
        let guard = list("initContainers")
            .iter()
            .find(|c| c.get("name").and_then(Value::as_str) == Some(marks::GUARD_CONTAINER));
        let client = image.or_else(|| guard.and_then(|g| g.get("image")?.as_str()));
        let engine = engine(objects).or_else(|| client.and_then(engine_of));
        let engine = engine.ok_or("the manifest does not tell the database's engine: name a client image")?;
        let client = client.unwrap_or_else(|| default_image(engine));
        // The post-renderer's guard has the same default, and nobody chose that either.
        let unchosen = image.is_none() && client == default_image(engine);
        let entries = |key: &str| container.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
        let own_user = guard.and_then(|g| g.pointer("/securityContext/runAsUser")?.as_i64());
        // MySQL's driver is given a Java key store, which no client reads: its CA is named here or nowhere.
        let named = |of: &Value| {
            let env = of.get("env")?.as_array()?;
            let entry = env.iter().find(|e| e.get("name").and_then(Value::as_str) == Some("OMUPGRADE_CA_FILE"))?;
            Some(entry.get("value")?.as_str()?.to_owned())
        };
        Ok(Self {
            release: release.to_owned(),
            server_image: container.get("image").and_then(Value::as_str).unwrap_or_default().to_owned(),
            engine,
            image: client.to_owned(),
            unchosen,
            env: entries("env"),
            env_from: entries("envFrom"),
            ca_file: guard.and_then(named).or_else(|| named(container)),
            user: if guard.is_some() { own_user } else { Some(USER) },
            server: server.value.clone(),
            resources: json!({"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}),
            labels: Map::new(),
        })
    }

    /// The same with other resources for the Pod's one container.
    #[must_use]
    pub fn with_resources(mut self, resources: Value) -> Self {
        self.resources = resources;
        self
    }

    /// The same with more labels on its Pods.
    #[must_use]
    pub fn with_labels(mut self, labels: &[(String, String)]) -> Self {
        self.labels.extend(labels.iter().map(|(key, value)| (key.clone(), json!(value))));
        self
    }

    /// The same with labels that a person names: none by which a Service would take our Pods for the server's.
    pub fn labelled(self, labels: &[(String, String)]) -> Result<Self, Failure> {
        let selected = self.server.pointer("/spec/selector/matchLabels");
        if let Some((key, _)) = labels.iter().find(|(key, _)| selected.is_some_and(|s| s.get(key).is_some())) {
            let words = format!("the label {key} selects the server's own pods: traffic would go to ours");
            return Err(Failure::usage(words));
        }
        Ok(self.with_labels(labels))
    }

    /// The same with more entries of the environment.
    #[must_use]
    pub fn with_env(mut self, entries: impl IntoIterator<Item = Value>) -> Self {
        self.env.extend(entries);
        self
    }

    /// The same without the database's settings: for Pods that only look at files.
    #[must_use]
    pub fn without_database(mut self) -> Self {
        (self.env, self.env_from, self.ca_file) = (Vec::new(), Vec::new(), None);
        self
    }

    /// The same for a backup of this engine, which may be another one than the release's.
    #[must_use]
    pub fn for_engine(mut self, engine: Engine, image: Option<&str>) -> Self {
        if self.engine != engine {
            self.engine = engine;
            image.unwrap_or_else(|| default_image(engine)).clone_into(&mut self.image);
        }
        self
    }

    /// The same with the client of a `PostgreSQL` server's own major, where nobody chose one: what a newer one dumps an
    /// older one cannot read. `MySQL`'s dumps are text.
    #[must_use]
    pub fn fitting(mut self, server_version: &str) -> Self {
        let major = server_version.split(|c: char| !c.is_ascii_digit()).next().and_then(|m| m.parse::<u32>().ok());
        if let Some(major) = major.filter(|major| *major >= 10 && self.unchosen && self.engine == Engine::Postgresql) {
            self.image = format!("postgres:{major}");
        }
        self
    }

    /// The Pod that lists the migration folders of the server's own image, as the guard does. It runs as the server
    /// does: that image knows its user by name only, and asks no database.
    pub fn folders_pod(&self, name: &str, role: &str, deadline_seconds: u64) -> Value {
        let alone = self.clone().without_database();
        let mut parts = alone.parts(name, deadline_seconds);
        parts.image = &self.server_image;
        let mut pod = pod(&parts, role);
        let template = |path: &str| self.server.pointer(&format!("/spec/template/spec{path}")).cloned();
        let own = component::migration_container(&self.server).and_then(|c| c.get("securityContext").cloned());
        let spec = &mut pod["spec"];
        spec["securityContext"] = template("/securityContext").unwrap_or_else(|| json!({}));
        spec["volumes"] = json!([]);
        let container = &mut spec["containers"][0];
        container["command"] = json!(["/bin/ls", "-1", component::MIGRATIONS_PATH]);
        container["securityContext"] = own.unwrap_or_else(|| json!({"allowPrivilegeEscalation": false}));
        (container["env"], container["volumeMounts"]) = (json!([]), json!([]));
        pod
    }

    /// The server's workload.
    pub fn server(&self) -> &Value {
        &self.server
    }

    /// The parts of a Job or Pod of this name, with shared's backup script; the caller sets what differs.
    pub fn parts<'a>(&'a self, name: &'a str, deadline_seconds: u64) -> Job<'a> {
        let password = self.env.iter().find(|e| e.get("name").and_then(Value::as_str) == Some("DB_USER_PASSWORD"));
        Job {
            name,
            release: &self.release,
            script: script(),
            variables: &[],
            attached: None,
            target: None,
            origin: "omupgrade",
            engine: self.engine,
            image: &self.image,
            claim: "",
            deadline_seconds,
            secret: self
                .env_from
                .iter()
                .find_map(|e| e.pointer("/secretRef/name")?.as_str().filter(|n| n.contains("db"))),
            password_secret: password.and_then(|e| e.pointer("/valueFrom/secretKeyRef/name")?.as_str()),
            env: &self.env,
            env_from: &self.env_from,
            ca_file: self.ca_file.as_deref(),
            resources: &self.resources,
            user: self.user,
            labels: &self.labels,
            beside: &self.server,
        }
    }
}

/// The client image for an engine where nobody names one.
pub fn default_image(engine: Engine) -> &'static str {
    IMAGES.iter().find(|(e, _)| *e == engine).map_or("", |(_, image)| *image)
}

fn engine_of(image: &str) -> Option<Engine> {
    match component::image_base(image) {
        "postgres" | "postgresql" => Some(Engine::Postgresql),
        "mysql" => Some(Engine::Mysql),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_authority_is_the_guards_or_before_there_is_one_the_servers_own_variable() {
        let variable = |file: &str| format!("env: [{{name: OMUPGRADE_CA_FILE, value: {file}}}]");
        let guard = format!("{{name: {}, image: 'mysql:9', {}}}, ", marks::GUARD_CONTAINER, variable("/guard.pem"));
        for (guard, own, file) in [
            ("", String::new(), None),
            ("", format!(", {}", variable("/own.pem")), Some("/own.pem")),
            (guard.as_str(), format!(", {}", variable("/own.pem")), Some("/guard.pem")),
        ] {
            let manifest = format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: om-db}}\nstringData: {{DB_SCHEME: mysql}}\n---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: om}}\n\
                 spec: {{template: {{spec: {{initContainers: [{guard}{{name: run-db-migrations, image: 'server:1'{own}}}], containers: [{{name: om, image: 'server:1', ports: [{{containerPort: 8585}}]}}]}}}}}}\n"
            );
            let beside = Beside::of_manifest("om", "data", &manifest, None).unwrap();
            assert_eq!(beside.ca_file.as_deref(), file, "{manifest}");
        }
    }
}
