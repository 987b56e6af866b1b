//! The rule `schema_guard`: a pod whose image is older than the database does not start. Stored with the revision, it
//! judges every later start; it never touches a pod that runs.

use super::{Head, Rule};
use crate::database::{self, Database, EngineName};
use crate::defaults;
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::scene::{Object, Scene};
use serde_json::{Value, json};
use shared::backup::Engine;
use shared::component;
use shared::marks;
use shared::versions::Version;
use std::sync::LazyLock;

/// The rule.
pub const RULE: Rule = Rule {
    head: Head {
        id: "schema_guard",
        summary: "A server pod does not start on a database that is newer than its image.",
        what: "\
Puts two init containers directly before the one that migrates (`run-db-migrations`):

- `omupgrade-image-folders`, the server's own image, lists the migration folders that it carries;
- `omupgrade-schema-guard`, a database client, reads the highest version in SERVER_CHANGE_LOG and
  SERVER_MIGRATION_SQL_LOGS and compares it with the highest of those folders and the image's tag.

A newer database stops the pod with the sentence that says what to do. An unreachable one is asked again for a
minute. A fresh one passes. The optional ConfigMap RELEASE-omupgrade-guard with mode=off opens it, and is logged.",
        why: "\
A bare `helm rollback` after an upgrade that migrated \"succeeds\": the older server starts quietly on the newer schema
(OpenMetadata has no such check: MigrationWorkflow.validateMigrationsForServer), and an older image with a folder that
was never executed first runs that SQL on it (OpenMetadata PR#27703). With the guard in the stored revision the old
pods stop and the new ones keep serving.",
        leaves_alone: "\
Servers without a migration container. Servers whose database engine the stream does not tell (the Secret stands
outside the chart: name `engine` in the policy). Pods that run already. Revisions that were made without it.",
        before: include_str!("../../../testdata/rules/schema_guard/example/before.yaml"),
        after: include_str!("../../../testdata/rules/schema_guard/example/after.yaml"),
    },
    propose,
};

/// The guard's script. Part of the pod template: a change of its text rolls every user's pods.
pub fn script() -> &'static str {
    static SCRIPT: LazyLock<String> =
        LazyLock::new(|| shared::backup::with_database_client(include_str!("schema_guard.sh")));
    &SCRIPT
}

/// What a policy may set for this rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Whether the rule runs.
    pub enabled: bool,
    /// The database's engine, `postgresql` or `mysql`, where the stream does not tell it.
    pub engine: Option<EngineName>,
    /// Client image for PostgreSQL.
    pub postgresql_image: String,
    /// Client image for MySQL: Oracle's client, not MariaDB's.
    pub mysql_image: String,
    /// Seconds for which an unreachable database is asked again.
    pub wait_seconds: u32,
    /// Numeric user of the client container; null leaves it to the image or the cluster (OpenShift).
    pub run_as_user: Option<i64>,
    /// Where the server's image carries its migrations.
    pub migrations_path: String,
    /// A file with the certificate authority of the database, where `DB_PARAMS` names none that a client can read.
    pub ca_file: Option<String>,
    /// Resources of each of the two containers.
    pub resources: Value,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            engine: None,
            postgresql_image: defaults::POSTGRESQL_IMAGE.to_owned(),
            mysql_image: defaults::MYSQL_IMAGE.to_owned(),
            wait_seconds: defaults::GUARD_WAIT_SECONDS,
            run_as_user: Some(defaults::CLIENT_USER),
            migrations_path: defaults::MIGRATIONS_PATH.to_owned(),
            ca_file: None,
            resources: json!({"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}),
        }
    }
}

const INIT: &str = "/spec/template/spec/initContainers";
const VOLUMES: &str = "/spec/template/spec/volumes";
const MOUNT: &str = "/omupgrade";

fn propose(scene: &Scene, policy: &Policy) -> Vec<Proposal> {
    scene.servers().flat_map(|server| guard(scene, server, &policy.on(server).schema_guard)).collect()
}

fn guard(scene: &Scene, server: &Object, settings: &Settings) -> Vec<Proposal> {
    if !settings.enabled {
        return Vec::new();
    }
    let (Some(at), Some(database)) = (component::migration_index(server.value()), database::of(scene, server)) else {
        let text = "has no init container that migrates, so nothing can stand before it: this revision is not guarded \
                    against a newer database";
        return vec![Proposal::warning(server, text)];
    };
    let Some(engine) = settings.engine.map(Into::into).or(database.engine) else {
        let text = "not guarded: the stream does not tell the database's engine (its Secret stands outside the chart); \
                    set `schemaGuard.engine` to postgresql or mysql in the policy";
        return vec![Proposal::warning(server, text)];
    };
    let mut out = Vec::new();
    let (tag, note) = image_tag(server);
    out.extend(note);
    let volume = json!({"name": marks::GUARD_VOLUME, "emptyDir": {"sizeLimit": "16Mi"}});
    out.push(item(server, VOLUMES, "name", marks::GUARD_VOLUME, volume, None, "scratch space of the schema guard"));
    let migrate = component::migration_container(server.value()).unwrap_or(&Value::Null);
    let folders = folders_container(migrate, settings);
    let client = client_container(scene, server, migrate, &database, engine, tag, settings);
    let why = "an older image must not start on a newer database";
    out.push(item(server, INIT, "name", marks::FOLDERS_CONTAINER, folders, Some(at), "the guard must know what this image carries"));
    out.push(item(server, INIT, "name", marks::GUARD_CONTAINER, client, Some(at + 1), why));
    out
}

/// The tag of the image that migrates, and what to say where it is no version.
fn image_tag(server: &Object) -> (String, Option<Proposal>) {
    let image = component::migration_container(server.value()).and_then(|c| c.get("image")?.as_str()).unwrap_or_default();
    let tag = component::image_tag(image).unwrap_or_default().to_owned();
    let note = Version::parse(&tag).is_none().then(|| {
        let named = if tag.is_empty() { "has no tag".to_owned() } else { format!("has the tag `{tag}`, which is no version") };
        let text = format!("image {image} {named}: the guard judges by the image's own migration folders alone");
        Proposal::notice(server, text)
    });
    (tag, note)
}

/// An item of a list, put where it is missing and set where it stands already.
fn item(server: &Object, list: &str, key: &str, name: &str, wish: Value, at: Option<usize>, why: &str) -> Proposal {
    let items = server.list(list);
    match items.iter().position(|i| i.get(key).and_then(Value::as_str) == Some(name)) {
        Some(i) => Proposal::set(server, format!("{list}/{i}"), wish, why),
        None => Proposal::insert(server, list, at.unwrap_or(items.len()), wish, why),
    }
}

/// Lists the folders in the server's own image. A missing folder is an empty list; the guard then goes by the tag.
fn folders_container(migrate: &Value, settings: &Settings) -> Value {
    let list = format!("ls -1 '{}' >{MOUNT}/folders || true", settings.migrations_path.replace('\'', r"'\''"));
    let mut container = json!({
        "name": marks::FOLDERS_CONTAINER,
        "image": migrate.get("image").cloned().unwrap_or_default(),
        "command": ["/bin/sh", "-c", list],
        "resources": settings.resources,
        "volumeMounts": [{"name": marks::GUARD_VOLUME, "mountPath": MOUNT}],
    });
    for key in ["imagePullPolicy", "securityContext"] {
        if let Some(value) = migrate.get(key).filter(|v| v.as_object().is_none_or(|m| !m.is_empty())) {
            container[key] = value.clone();
        }
    }
    container
}

fn client_container(
    scene: &Scene,
    server: &Object,
    migrate: &Value,
    database: &Database,
    engine: Engine,
    tag: String,
    settings: &Settings,
) -> Value {
    let release = scene.release(server).unwrap_or_default();
    let mut env: Vec<Value> = migrate.get("env").and_then(Value::as_array).cloned().unwrap_or_default();
    let mut add = |name: &str, value: &str| env.push(json!({"name": name, "value": value}));
    add("OMUPGRADE_TAG", &tag);
    add("OMUPGRADE_FOLDERS", &format!("{MOUNT}/folders"));
    add("OMUPGRADE_RELEASE", release);
    add("OMUPGRADE_WAIT_SECONDS", &settings.wait_seconds.to_string());
    add("OMUPGRADE_DB_SECRET", database.secret.as_deref().unwrap_or_default());
    add("OMUPGRADE_PASSWORD_SECRET", database.password_secret.as_deref().unwrap_or_default());
    add("TMPDIR", MOUNT);
    add("HOME", MOUNT);
    if let Some(file) = &settings.ca_file {
        add("OMUPGRADE_CA_FILE", file);
    }
    env.push(json!({"name": "OMUPGRADE_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}));
    let map = marks::guard_config_map(release);
    let mode = json!({"configMapKeyRef": {"name": map, "key": "mode", "optional": true}});
    env.push(json!({"name": "OMUPGRADE_MODE", "valueFrom": mode}));
    let mut security = json!({
        "runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
    });
    if let Some(user) = settings.run_as_user {
        security["runAsUser"] = user.into();
    }
    // The database's certificates are mounted where the server looks for them.
    let mut mounts: Vec<Value> = migrate.get("volumeMounts").and_then(Value::as_array).cloned().unwrap_or_default();
    for mount in &mut mounts {
        mount["readOnly"] = true.into();
    }
    mounts.push(json!({"name": marks::GUARD_VOLUME, "mountPath": MOUNT}));
    json!({
        "name": marks::GUARD_CONTAINER,
        "image": match engine {
            Engine::Postgresql => &settings.postgresql_image,
            Engine::Mysql => &settings.mysql_image,
        },
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script()],
        "env": env,
        "envFrom": migrate.get("envFrom").and_then(Value::as_array).cloned().unwrap_or_default(),
        "resources": settings.resources,
        "securityContext": security,
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": mounts,
    })
}
