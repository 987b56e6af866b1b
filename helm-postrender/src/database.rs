//! What the stream tells of the server's database: its engine, and where its settings come from. Reads the names of
//! Secrets' keys and the scheme; never takes a password or a host into a value of ours.

use crate::defaults::{self, limits, limits::COUNT};
use crate::scene::{Object, Scene};
use crate::wellformed;
use base64::Engine as _;
use serde_json::Value;
use shared::backup::Engine;
use shared::component;

/// The settings that name a database, as the server reads them from its environment.
pub const SETTINGS: &[&str] =
    &["DB_SCHEME", "DB_HOST", "DB_PORT", "DB_USER", "DB_USER_PASSWORD", "OM_DATABASE", "DB_PARAMS"];

/// What is known of a server's database.
#[derive(Debug, Clone, PartialEq)]
pub struct Database {
    /// The engine, where the stream tells it.
    pub engine: Option<Engine>,
    /// `env` entries of the migration container that are database settings, and those that these refer to with
    /// `$(NAME)`; they win over `envFrom`.
    pub env: Vec<Value>,
    /// `envFrom` entries that hold database settings or, standing outside the stream, may hold them. In order: the
    /// last of several wins.
    pub env_from: Vec<Value>,
    /// Sources outside the stream that come after the one that told the engine, and so could tell another.
    pub later: Vec<String>,
    /// The Secret that holds the settings, for messages.
    pub secret: Option<String>,
    /// The Secret that holds the password, for messages.
    pub password_secret: Option<String>,
}

/// Where an `envFrom` entry's values stand.
enum Source<'a> {
    /// In a Secret of the stream that holds database settings.
    Here(&'a Object),
    /// In a Secret of the stream that holds none.
    Elsewhere,
    /// Outside the stream.
    Outside,
}

/// What the stream tells of the database behind `server`; nothing for a server without a migration container.
pub fn of(scene: &Scene, server: &Object) -> Option<Database> {
    let container = component::migration_container(server.value())?;
    let list = |key: &str| container.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let env = settings(list("env"));
    let sources: Vec<(&Value, Source<'_>)> =
        list("envFrom").iter().map(|entry| (entry, source(scene, server, entry))).collect();
    let own = env.iter().rev().find(|e| name(e) == Some("DB_SCHEME"));
    let telling = sources.iter().rposition(|(_, s)| matches!(s, Source::Here(secret) if scheme(secret).is_some()));
    let told = match own {
        Some(entry) => own_scheme(scene, server, entry),
        None => telling.and_then(|i| if let Source::Here(secret) = sources[i].1 { scheme(secret) } else { None }),
    };
    let after = telling.filter(|_| own.is_none()).map_or(sources.len(), |i| i + 1);
    let later = sources.iter().skip(after).filter(|(_, s)| matches!(s, Source::Outside));
    let holder =
        sources.iter().rev().find_map(|(_, s)| if let Source::Here(secret) = s { Some(*secret) } else { None });
    let password = env.iter().find(|e| name(e) == Some("DB_USER_PASSWORD"));
    Some(Database {
        engine: told.as_deref().and_then(Engine::of_scheme),
        later: later.map(|(entry, _)| label(entry)).collect(),
        env_from: sources.iter().filter(|(_, s)| !matches!(s, Source::Elsewhere)).map(|(e, _)| (*e).clone()).collect(),
        secret: holder.map(|secret| secret.name().to_owned()),
        password_secret: password.and_then(|e| e.pointer("/valueFrom/secretKeyRef/name")?.as_str()).map(str::to_owned),
        env,
    })
}

fn name(entry: &Value) -> Option<&str> {
    entry.get("name")?.as_str()
}

/// The entries that are settings, with those that they refer to, in their order: Kubernetes resolves `$(NAME)` only
/// to entries that stand before.
fn settings(env: &[Value]) -> Vec<Value> {
    let mut wanted: Vec<&str> = SETTINGS.to_vec();
    let mut known = 0;
    while known < wanted.len() {
        known = wanted.len();
        let values = env.iter().filter(|e| name(e).is_some_and(|n| wanted.contains(&n)));
        let referred: Vec<&str> = values.filter_map(|e| e.get("value")?.as_str()).flat_map(references).collect();
        for reference in referred {
            if !wanted.contains(&reference) {
                wanted.push(reference);
            }
        }
    }
    env.iter().filter(|e| name(e).is_some_and(|n| wanted.contains(&n))).cloned().collect()
}

/// The names that a value refers to as `$(NAME)`.
fn references(value: &str) -> impl Iterator<Item = &str> {
    value.split("$(").skip(1).filter_map(|rest| rest.split_once(')')).map(|(name, _)| name)
}

fn source<'a>(scene: &'a Scene, server: &Object, entry: &Value) -> Source<'a> {
    let Some(name) = entry.pointer("/secretRef/name").and_then(Value::as_str) else { return Source::Outside };
    // The same Secret twice in a stream: helm applies the last.
    match scene.secrets(name).rev().find(|s| s.namespace() == server.namespace()) {
        None if scene.has_other_secret(name, server.namespace()) => Source::Elsewhere,
        None => Source::Outside,
        Some(secret) if holds_settings(secret) => Source::Here(secret),
        Some(_) => Source::Elsewhere,
    }
}

fn holds_settings(secret: &Object) -> bool {
    let holds = |part: &str| {
        let keys = secret.get(part).and_then(Value::as_object).into_iter().flat_map(|map| map.keys());
        keys.into_iter().any(|key| SETTINGS.contains(&key.as_str()))
    };
    holds("/data") || holds("/stringData")
}

/// The scheme of an `env` entry: its own value, or that of a Secret in the stream that it refers to.
fn own_scheme(scene: &Scene, server: &Object, entry: &Value) -> Option<String> {
    if let Some(value) = entry.get("value").and_then(Value::as_str) {
        return Some(value.to_owned());
    }
    let reference = entry.pointer("/valueFrom/secretKeyRef")?;
    let secret = scene.secrets(reference.get("name")?.as_str()?).rev().find(|s| s.namespace() == server.namespace())?;
    if reference.get("key")?.as_str()? == "DB_SCHEME" { scheme(secret) } else { None }
}

fn scheme(secret: &Object) -> Option<String> {
    if let Some(text) = secret.text("/stringData/DB_SCHEME") {
        return Some(text.to_owned());
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(secret.text("/data/DB_SCHEME")?).ok()?;
    String::from_utf8(bytes).ok()
}

/// An `envFrom` entry, as messages name it.
fn label(entry: &Value) -> String {
    let named = |path: &str| entry.pointer(path).and_then(Value::as_str);
    match (named("/secretRef/name"), named("/configMapRef/name")) {
        (Some(secret), _) => format!("Secret/{secret}"),
        (None, Some(map)) => format!("ConfigMap/{map}"),
        (None, None) => "an envFrom entry".to_owned(),
    }
}

/// What a policy may say of the database and of the client that speaks to it, for every rule that does.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// The engine, `postgresql` or `mysql`, where the stream does not tell it or tells it wrongly.
    pub engine: Option<EngineName>,
    /// Client image for PostgreSQL; at least as new as the server.
    #[serde(deserialize_with = "wellformed::image")]
    pub postgresql_image: String,
    /// Client image for MySQL; at least as new as the server, and Oracle's, not MariaDB's.
    #[serde(deserialize_with = "wellformed::image")]
    pub mysql_image: String,
    /// Numeric user and group of the client containers, not root; null leaves it to the image or the cluster (OpenShift).
    #[serde(deserialize_with = "limits::within_or_null::<1, COUNT, _>")]
    #[schemars(range(min = 1, max = COUNT))]
    pub run_as_user: Option<u32>,
    /// A PEM file with the database's certificate authority, where `DB_PARAMS` names none that a client can read. It
    /// must be mounted in the container that migrates; the clients mount what that one mounts.
    pub ca_file: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: None,
            postgresql_image: defaults::POSTGRESQL_IMAGE.to_owned(),
            mysql_image: defaults::MYSQL_IMAGE.to_owned(),
            run_as_user: Some(defaults::CLIENT_USER),
            ca_file: None,
        }
    }
}

impl Settings {
    /// The engine that the policy names, else the one that the stream tells.
    pub fn engine_of(&self, database: &Database) -> Option<Engine> {
        self.engine.map(Into::into).or(database.engine)
    }

    /// The client image for an engine.
    pub fn image(&self, engine: Engine) -> &str {
        match engine {
            Engine::Postgresql => &self.postgresql_image,
            Engine::Mysql => &self.mysql_image,
        }
    }
}

/// An engine, as a policy names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EngineName {
    /// PostgreSQL.
    Postgresql,
    /// MySQL.
    Mysql,
}

impl From<EngineName> for Engine {
    fn from(name: EngineName) -> Self {
        match name {
            EngineName::Postgresql => Self::Postgresql,
            EngineName::Mysql => Self::Mysql,
        }
    }
}
