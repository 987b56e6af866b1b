//! What the stream tells of the server's database: its engine, and where its settings come from. Reads Secrets'
//! keys and the scheme; never takes a password or a host into a value of ours.

use crate::scene::{Object, Scene};
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
    /// `env` entries of the migration container that are database settings; they win over `envFrom`.
    pub env: Vec<Value>,
    /// `envFrom` entries that may hold database settings: those whose Secret in the stream does, or all of them
    /// where no Secret in the stream does (it may stand outside the chart).
    pub env_from: Vec<Value>,
    /// The Secret that holds the settings, for messages.
    pub secret: Option<String>,
    /// The Secret that holds the password, for messages.
    pub password_secret: Option<String>,
}

/// What the stream tells of the database behind `server`; nothing for a server without a migration container.
pub fn of(scene: &Scene, server: &Object) -> Option<Database> {
    let container = component::migration_container(server.value())?;
    let list = |key: &str| container.get(key).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let named = |entry: &&Value| entry.get("name").and_then(Value::as_str).is_some_and(|n| SETTINGS.contains(&n));
    let env: Vec<Value> = list("env").iter().filter(named).cloned().collect();
    let all = list("envFrom");
    let holding: Vec<(&Value, &Object)> =
        all.iter().filter_map(|entry| Some((entry, secret_of(scene, server, entry)?))).collect();
    let own = env.iter().find(|e| e["name"] == "DB_SCHEME").and_then(|e| e.get("value")?.as_str()).map(str::to_owned);
    // The last of several sources wins, as Kubernetes has it.
    let scheme = own.or_else(|| holding.iter().rev().find_map(|(_, secret)| setting(secret, "DB_SCHEME")));
    let env_from = if holding.is_empty() { all.to_vec() } else { holding.iter().map(|(e, _)| (*e).clone()).collect() };
    let password_secret = env.iter().find(|e| e["name"] == "DB_USER_PASSWORD").and_then(|e| {
        e.pointer("/valueFrom/secretKeyRef/name").and_then(Value::as_str).map(str::to_owned)
    });
    Some(Database {
        engine: scheme.as_deref().and_then(Engine::of_scheme),
        env,
        env_from,
        secret: holding.last().map(|(_, secret)| secret.name().to_owned()),
        password_secret,
    })
}

/// The Secret in the stream that an `envFrom` entry names, if it holds a database setting.
fn secret_of<'a>(scene: &'a Scene, server: &Object, entry: &Value) -> Option<&'a Object> {
    let name = entry.pointer("/secretRef/name")?.as_str()?;
    scene.of_kind("Secret").find(|s| {
        s.name() == name
            && s.namespace() == server.namespace()
            && SETTINGS.iter().any(|key| s.get(&format!("/data/{key}")).or_else(|| s.get(&format!("/stringData/{key}"))).is_some())
    })
}

fn setting(secret: &Object, key: &str) -> Option<String> {
    if let Some(text) = secret.text(&format!("/stringData/{key}")) {
        return Some(text.to_owned());
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(secret.text(&format!("/data/{key}"))?).ok()?;
    String::from_utf8(bytes).ok()
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
