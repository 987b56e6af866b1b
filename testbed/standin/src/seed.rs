//! What a fresh server writes at its first start, and some sample data to lose. It never touches a database that has users.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::database::Database;
use crate::entities::{self, KINDS, Kind};
use crate::log;

const TABLES: usize = 20;

/// Fills an empty database.
pub fn run(database: &Database) -> Result<()> {
    if entities::count(database, kind("users")?)? > 0 {
        return Ok(());
    }
    log::info("seeding roles, policies, bots and sample data");
    for (path, name, more) in [
        ("users", "admin", json!({ "isAdmin": true, "email": "admin@open-metadata.org" })),
        ("users", "ingestion-bot", json!({ "isBot": true })),
        ("roles", "DataConsumer", json!({})),
        ("roles", "DataSteward", json!({})),
        ("policies", "DataConsumerPolicy", json!({ "rules": ["ViewAll", "EditDescription"] })),
        ("policies", "OrganizationPolicy", json!({ "rules": ["OwnerRule"] })),
        ("bots", "ingestion-bot", json!({ "botUser": { "name": "ingestion-bot" } })),
        ("events/subscriptions", "ActivityFeedAlert", json!({ "enabled": true })),
        ("services/ingestionPipelines", "sample.metadata", json!({ "enabled": true, "deployed": true })),
        ("services/ingestionPipelines", "sample.profiler", json!({ "enabled": true, "deployed": true })),
        ("services/ingestionPipelines", "sample.lineage", json!({ "enabled": false, "deployed": true })),
    ] {
        let kind = kind(path)?;
        entities::put(database, kind, &entity(kind.name, name, more))?;
    }
    let tables = kind("tables")?;
    for number in 1..=TABLES {
        let more = json!({ "entityStatus": "Approved", "columns": [{ "name": "id", "dataType": "BIGINT" }] });
        entities::put(database, tables, &entity(tables.name, &table(number), more))?;
    }
    let again = database.pick("ON CONFLICT DO NOTHING", "ON DUPLICATE KEY UPDATE fromId = fromId");
    for number in 1..TABLES {
        let (from, to) = (entities::id("table", &table(number)), entities::id("table", &table(number + 1)));
        database.execute(&format!(
            "INSERT INTO entity_relationship (fromId, toId, fromEntity, toEntity, relation)
             VALUES ('{from}', '{to}', 'table', 'table', 13) {again};"
        ))?;
    }
    Ok(())
}

fn table(number: usize) -> String {
    format!("sample.shop.public.t{number:02}")
}

fn kind(path: &str) -> Result<&'static Kind> {
    KINDS.iter().find(|kind| kind.path == path).context("an unknown kind")
}

fn entity(kind: &str, fqn: &str, more: Value) -> Value {
    let mut entity = json!({
        "id": entities::id(kind, fqn), "name": fqn.rsplit('.').next(), "fullyQualifiedName": fqn,
        "updatedAt": 1_700_000_000_000_u64, "updatedBy": "admin", "version": 0.1, "deleted": false,
    });
    if let (Some(entity), Value::Object(more)) = (entity.as_object_mut(), more) {
        entity.extend(more);
    }
    entity
}
