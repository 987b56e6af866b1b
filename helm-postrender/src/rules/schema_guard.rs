//! The rule `schema_guard`: a pod whose image is older than the database does not start. Stored with the revision, it
//! judges every later start; it never touches a pod that runs.

use super::{Head, Rule};
use crate::database::{self, Database};
use crate::defaults::{self, limits, limits::WEEK};
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::scene::{Object, Scene};
use crate::wellformed::{self, Resources};
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
Servers without a migration container, and such as have containers or volumes of these names from elsewhere. Servers whose database engine the stream does not tell (the Secret stands
outside the chart: name `database.engine` in the policy). Pods that run already. Revisions that were made without it.",
        before: include_str!("../../../testdata/rules/schema_guard/example/before.yaml"),
        after: include_str!("../../../testdata/rules/schema_guard/example/after.yaml"),
    },
    propose,
};

/// The guard's script. Part of the pod template: a change of its text rolls every user's pods.
pub fn script() -> &'static str {
    static SCRIPT: LazyLock<String> = LazyLock::new(|| shared::backup::with_parts(include_str!("schema_guard.sh")));
    &SCRIPT
}

/// What a policy may set for this rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Whether the rule runs.
    pub enabled: bool,
    /// Seconds for which an unreachable database is asked again.
    #[serde(deserialize_with = "limits::within::<0, WEEK, _>")]
    #[schemars(range(min = 0, max = WEEK))]
    pub wait_seconds: u32,
    /// Where the server's image carries its migrations.
    #[serde(deserialize_with = "wellformed::path")]
    pub migrations_path: String,
    /// Resources of each of the two containers.
    pub resources: Resources,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            wait_seconds: defaults::GUARD_WAIT_SECONDS,
            migrations_path: defaults::MIGRATIONS_PATH.to_owned(),
            resources: Resources::of(&[("cpu", "10m"), ("memory", "64Mi")], &[("cpu", "500m"), ("memory", "256Mi")]),
        }
    }
}

const INIT: &str = "/spec/template/spec/initContainers";
const CONTAINERS: &str = "/spec/template/spec/containers";
const VOLUMES: &str = "/spec/template/spec/volumes";
const MOUNT: &str = "/omupgrade";

fn propose(scene: &Scene, policy: &Policy) -> Vec<Proposal> {
    scene.due_servers().flat_map(|server| guard(scene, server, policy.on(server))).collect()
}

fn guard(scene: &Scene, server: &Object, policy: &Policy) -> Vec<Proposal> {
    let settings = &policy.schema_guard;
    if !settings.enabled {
        return Vec::new();
    }
    let (Some(at), Some(database)) = (component::migration_index(server.value()), database::of(scene, server)) else {
        let text = "has no init container that migrates, so nothing can stand before it: this revision is not guarded \
                    against a newer database";
        return vec![Proposal::warning(server, text)];
    };
    let Some(engine) = policy.database.engine_of(&database) else {
        let text = "not guarded: the stream does not tell the database's engine (DB_SCHEME comes from outside the \
                    chart); set `database.engine` to postgresql or mysql in the policy";
        return vec![Proposal::warning(server, text)];
    };
    if let Some(name) = taken(server) {
        let text = format!(
            "not guarded: it has a container or volume `{name}` that is not of this rule (the object carries no mark of \
             it); give that one another name"
        );
        return vec![Proposal::warning(server, text)];
    }
    let mut out = Vec::new();
    let (tag, note) = image_tag(server);
    out.extend(note);
    out.extend(notices(server, &database, engine, &policy.database));
    let volume = json!({"name": marks::GUARD_VOLUME, "emptyDir": {"sizeLimit": "16Mi"}});
    out.push(item(server, VOLUMES, "name", marks::GUARD_VOLUME, volume, None, "scratch space of the schema guard"));
    let migrate = component::migration_container(server.value()).unwrap_or(&Value::Null);
    let folders = folders_container(migrate, settings);
    let client =
        Client { release: scene.release(server).unwrap_or_default(), migrate, database: &database, engine, tag: &tag };
    let why = "an older image must not start on a newer database";
    let why_folders = "the guard must know what this image carries";
    out.push(item(server, INIT, "name", marks::FOLDERS_CONTAINER, folders, Some(at), why_folders));
    out.push(item(server, INIT, "name", marks::GUARD_CONTAINER, client.container(policy), Some(at + 1), why));
    out
}

/// A name of ours that somebody else's container or volume has.
fn taken(server: &Object) -> Option<&'static str> {
    if server.was_changed_by(RULE.head.id) {
        return None;
    }
    let containers = [INIT, CONTAINERS];
    let ours = [
        (marks::FOLDERS_CONTAINER, &containers[..]),
        (marks::GUARD_CONTAINER, &containers[..]),
        (marks::GUARD_VOLUME, &[VOLUMES]),
    ];
    let has = |list: &&str, name: &str| server.list(list).iter().any(|i| i.get("name").is_some_and(|n| n == name));
    ours.into_iter().find(|(name, lists)| lists.iter().any(|list| has(list, name))).map(|(name, _)| name)
}

/// What the guard asks of the cluster from now on.
fn notices(server: &Object, database: &Database, engine: Engine, settings: &database::Settings) -> Vec<Proposal> {
    let user = settings.run_as_user.map(|u| format!(", runs as user {u}")).unwrap_or_default();
    let image = settings.image(engine);
    let mut out = vec![Proposal::notice(
        server,
        format!(
            "every new pod now also pulls {image}{user}: a mirror or a digest goes into `database.{}Image`, OpenShift \
             wants `database.runAsUser: null`",
            if engine == Engine::Postgresql { "postgresql" } else { "mysql" }
        ),
    )];
    if settings.engine.is_none() && !database.later.is_empty() {
        let text = format!(
            "taken for {}; {} stands outside the chart and could name another: set `database.engine` in the policy if \
             it does, or no new pod starts",
            engine.name(),
            database.later.join(", ")
        );
        out.push(Proposal::notice(server, text));
    }
    out
}

/// The tag of the image that migrates, and what to say where it is no version.
fn image_tag(server: &Object) -> (String, Option<Proposal>) {
    let image =
        component::migration_container(server.value()).and_then(|c| c.get("image")?.as_str()).unwrap_or_default();
    let tag = component::image_tag(image).unwrap_or_default().to_owned();
    let note = Version::parse(&tag).is_none().then(|| {
        let named =
            if tag.is_empty() { "has no tag".to_owned() } else { format!("has the tag `{tag}`, which is no version") };
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
        "resources": settings.resources.value(),
        "volumeMounts": [{"name": marks::GUARD_VOLUME, "mountPath": MOUNT}],
    });
    for key in ["imagePullPolicy", "securityContext"] {
        if let Some(value) = migrate.get(key).filter(|v| v.as_object().is_none_or(|m| !m.is_empty())) {
            container[key] = value.clone();
        }
    }
    container
}

/// What the guard's own container is made of.
struct Client<'a> {
    release: &'a str,
    migrate: &'a Value,
    database: &'a Database,
    engine: Engine,
    tag: &'a str,
}

impl Client<'_> {
    fn container(&self, policy: &Policy) -> Value {
        let mut security = json!({
            "runAsNonRoot": true, "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        });
        if let Some(user) = policy.database.run_as_user {
            security["runAsUser"] = user.into();
        }
        // The database's certificates are mounted where the server looks for them.
        let mounts = self.migrate.get("volumeMounts").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let mut mounts: Vec<Value> = mounts.to_vec();
        for mount in mounts.iter_mut().filter_map(Value::as_object_mut) {
            mount.insert("readOnly".to_owned(), true.into());
        }
        mounts.push(json!({"name": marks::GUARD_VOLUME, "mountPath": MOUNT}));
        json!({
            "name": marks::GUARD_CONTAINER,
            "image": policy.database.image(self.engine),
            "imagePullPolicy": "IfNotPresent",
            "command": ["/bin/sh", "-c", script()],
            "env": self.env(policy),
            "envFrom": self.database.env_from,
            "resources": policy.schema_guard.resources.value(),
            "securityContext": security,
            "terminationMessagePolicy": "FallbackToLogsOnError",
            "volumeMounts": mounts,
        })
    }

    fn env(&self, policy: &Policy) -> Vec<Value> {
        let mut env = self.database.env.clone();
        let mut add = |name: &str, value: &str| env.push(json!({"name": name, "value": value}));
        add("OMUPGRADE_TAG", self.tag);
        add("OMUPGRADE_FOLDERS", &format!("{MOUNT}/folders"));
        add("OMUPGRADE_RELEASE", self.release);
        add("OMUPGRADE_WAIT_SECONDS", &policy.schema_guard.wait_seconds.to_string());
        add("OMUPGRADE_DB_SECRET", self.database.secret.as_deref().unwrap_or_default());
        add("OMUPGRADE_PASSWORD_SECRET", self.database.password_secret.as_deref().unwrap_or_default());
        add("TMPDIR", MOUNT);
        add("HOME", MOUNT);
        if let Some(file) = &policy.database.ca_file {
            add("OMUPGRADE_CA_FILE", file);
        }
        env.push(
            json!({"name": "OMUPGRADE_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}),
        );
        let map = marks::guard_config_map(self.release);
        let mode = json!({"configMapKeyRef": {"name": map, "key": "mode", "optional": true}});
        env.push(json!({"name": "OMUPGRADE_MODE", "valueFrom": mode}));
        env
    }
}
