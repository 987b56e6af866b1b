//! Entities: which kinds there are, where their rows stand, how they are read. It never checks who asks.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::database::Database;
use crate::secrets::Secrets;

/// A kind of entity.
#[derive(Debug)]
pub struct Kind {
    /// The path below `/api/v1/`.
    pub path: &'static str,
    /// Its table.
    pub table: &'static str,
    /// Its name in references and lineage.
    pub name: &'static str,
    /// How search knows it, if at all.
    pub indexed: Option<Indexed>,
}

/// An index of search. Source of the names: the server's `indexMapping.json`, and its `INDEX_NAME`.
#[derive(Debug)]
pub struct Indexed {
    /// What the logs call it.
    pub entity: &'static str,
    /// The index, or the alias that stands for it.
    pub index: &'static str,
    /// Other names of the same.
    pub aliases: &'static [&'static str],
}

const fn index(entity: &'static str, index: &'static str, aliases: &'static [&'static str]) -> Indexed {
    Indexed { entity, index, aliases }
}

/// All kinds that the stand-in keeps.
#[rustfmt::skip]
pub const KINDS: &[Kind] = &[
    Kind { path: "tables", table: "table_entity", name: "table", indexed: Some(index("table", "table_search_index", &["table", "dataAsset", "all"])) },
    Kind { path: "users", table: "user_entity", name: "user", indexed: Some(index("user", "user_search_index", &["user", "all"])) },
    Kind { path: "roles", table: "role_entity", name: "role", indexed: None },
    Kind { path: "policies", table: "policy_entity", name: "policy", indexed: None },
    Kind { path: "bots", table: "bot_entity", name: "bot", indexed: None },
    Kind {
        path: "services/ingestionPipelines", table: "ingestion_pipeline_entity", name: "ingestionPipeline",
        indexed: Some(index("ingestionPipeline", "ingestion_pipeline_search_index", &["ingestionPipeline", "all"])),
    },
    Kind { path: "events/subscriptions", table: "event_subscription_entity", name: "eventsubscription", indexed: None },
    Kind { path: "apps", table: "installed_apps", name: "app", indexed: None },
];

/// Where entities keep a secret. Assumption: real pipelines keep theirs elsewhere in their configuration.
pub const SECRETS: &[(&str, &str)] = &[
    ("users", "/authenticationMechanism/config/JWTToken"),
    ("services/ingestionPipelines", "/openMetadataServerConnection/securityConfig/jwtToken"),
];

/// The kind behind a path.
pub fn kind(path: &str) -> Result<&'static Kind> {
    KINDS.iter().find(|kind| kind.path == path).with_context(|| format!("no kind of entity is at {path}"))
}

/// An entity's id follows from its kind and name, so that every seeded database has the same.
pub fn id(kind: &Kind, fqn: &str) -> String {
    let hex = format!("{:x}", md5::compute(format!("{}:{fqn}", kind.name)));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// What finds an entity by its full name.
pub fn hash(fqn: &str) -> String {
    format!("{:x}", md5::compute(fqn))
}

/// One entity by its full name.
pub fn by_name(database: &Database, kind: &Kind, fqn: &str) -> Result<Option<Value>> {
    first(database, kind, &format!("fqnHash = {}", database.quote(&hash(fqn))))
}

/// One entity by its id.
pub fn by_id(database: &Database, kind: &Kind, id: &str) -> Result<Option<Value>> {
    first(database, kind, &format!("id = {}", database.quote(id)))
}

fn first(database: &Database, kind: &Kind, condition: &str) -> Result<Option<Value>> {
    let rows = database.rows(&format!("SELECT json FROM {} WHERE {condition};", kind.table))?;
    rows.into_iter().next().map(|row| read(&row)).transpose()
}

/// At most so many entities of a kind in the order of their names, after one of them.
pub fn list(database: &Database, kind: &Kind, limit: usize, after: Option<&After>) -> Result<Vec<Value>> {
    let condition = after.map_or_else(String::new, |After { name, id }| {
        format!("WHERE (name, id) > ({}, {})", database.quote(name), database.quote(id))
    });
    let sql = format!("SELECT json FROM {} {condition} ORDER BY name, id LIMIT {limit};", kind.table);
    database.rows(&sql)?.iter().map(|row| read(row)).collect()
}

/// A place in a list.
#[derive(Debug, PartialEq, Eq)]
pub struct After {
    /// The name of the last one that was given.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// How many there are.
pub fn count(database: &Database, kind: &Kind) -> Result<u64> {
    let rows = database.rows(&format!("SELECT count(*) FROM {};", kind.table))?;
    let number = rows.first().and_then(|row| row.first()).context("no count")?;
    number.parse().context("a count that is no number")
}

/// The counts that a version's row carries as its metrics.
pub fn counts(database: &Database) -> Result<String> {
    let mut counts = Map::new();
    for kind in KINDS {
        counts.insert(format!("{}Count", kind.name), json!(count(database, kind)?));
    }
    Ok(Value::Object(counts).to_string())
}

/// Writes an entity, over an older state of itself.
pub fn put(database: &Database, kind: &Kind, entity: &Value) -> Result<()> {
    let fqn = entity["fullyQualifiedName"].as_str().context("an entity without a full name")?;
    let (hash, json) = (database.quote(&hash(fqn)), database.quote(&entity.to_string()));
    let cast = database.pick("::jsonb", "");
    let again = database.pick(
        "ON CONFLICT (fqnHash) DO UPDATE SET json = EXCLUDED.json",
        "ON DUPLICATE KEY UPDATE json = VALUES(json)",
    );
    database.execute(&format!("INSERT INTO {} (fqnHash, json) VALUES ({hash}, {json}{cast}) {again};", kind.table))
}

/// Opens every secret in the database, as the real tool does when it encrypts them anew at the end of `migrate`.
pub fn open_secrets(database: &Database, secrets: &Secrets) -> Result<()> {
    for (path, secret) in SECRETS {
        for entity in list(database, kind(path)?, usize::from(u16::MAX), None)? {
            if let Some(kept) = entity.pointer(secret).and_then(Value::as_str) {
                secrets.decrypt(kept).with_context(|| format!("{path} {}", entity["fullyQualifiedName"]))?;
            }
        }
    }
    Ok(())
}

fn read(row: &[String]) -> Result<Value> {
    let text = row.first().context("an empty row")?;
    serde_json::from_str(text).context("a row that is no JSON")
}
