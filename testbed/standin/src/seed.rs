//! What a fresh server writes at its first start, and some sample data to lose. It never touches a database that has users.
//!
//! Source of the names: the server's own seed data. Assumptions: which rules the policies have is shortened; tables, pipelines
//! and lineage are sample data of ours.

use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use crate::database::Database;
use crate::entities::{self, Kind};
use crate::secrets::Secrets;
use crate::{log, token};

/// Entities by their paths. Names of policies, roles, bots and the application are the real server's own; which rules they
/// have is shortened.
const ENTITIES: &str = include_str!("../seed/entities.json");
/// What every ingestion pipeline has beside its name.
const PIPELINE: &str = include_str!("../seed/pipeline.json");
const TABLES: usize = 20;

/// Fills an empty database; false if it is not empty.
pub fn run(database: &Database, secrets: &Secrets) -> Result<bool> {
    if entities::count(database, entities::kind("users")?)? > 0 {
        return Ok(false);
    }
    log::info("seeding roles, policies, bots and sample data");
    let all: Map<String, Value> = serde_json::from_str(ENTITIES).context("seed/entities.json")?;
    let pipeline: Map<String, Value> = serde_json::from_str(PIPELINE).context("seed/pipeline.json")?;
    for (path, list) in &all {
        let kind = entities::kind(path)?;
        for more in list.as_array().into_iter().flatten() {
            let mut entity = entity(kind, more.clone());
            if let (Some(entity), "ingestionPipeline") = (entity.as_object_mut(), kind.name) {
                entity.extend(pipeline.clone());
            }
            entities::put(database, kind, &fill(entity, secrets)?)?;
        }
    }
    let tables = entities::kind("tables")?;
    for number in 1..=TABLES {
        let name = table(number);
        let column = format!("{name}.id");
        let more = json!({
            "name": format!("t{number:02}"), "fullyQualifiedName": name, "tableType": "Regular", "entityStatus": "Approved",
            "columns": [{ "name": "id", "dataType": "BIGINT", "fullyQualifiedName": column }],
        });
        entities::put(database, tables, &entity(tables, more))?;
    }
    let again = database.pick("ON CONFLICT DO NOTHING", "ON DUPLICATE KEY UPDATE fromId = fromId");
    for number in 1..TABLES {
        let (from, to) = (entities::id(tables, &table(number)), entities::id(tables, &table(number + 1)));
        database.execute(&format!(
            "INSERT INTO entity_relationship (fromId, toId, fromEntity, toEntity, relation)
             VALUES ('{from}', '{to}', 'table', 'table', 13) {again};"
        ))?;
    }
    Ok(true)
}

fn table(number: usize) -> String {
    format!("sample.shop.public.t{number:02}")
}

/// An entity with what every one has.
fn entity(kind: &Kind, more: Value) -> Value {
    let name = more["fullyQualifiedName"].as_str().or_else(|| more["name"].as_str()).unwrap_or_default().to_owned();
    let mut entity = json!({
        "id": entities::id(kind, &name), "fullyQualifiedName": name,
        "updatedAt": 1_700_000_000_000_u64, "updatedBy": "admin", "version": 0.1,
    });
    if let (Some(entity), Value::Object(more)) = (entity.as_object_mut(), more) {
        entity.extend(more);
        // The published client's schema of subscriptions has no such field.
        if kind.name != "eventsubscription" {
            entity.insert("deleted".to_owned(), json!(false));
        }
    }
    entity
}

/// Puts references and encrypted tokens in their places: `{"ref": "users/admin"}`, `"bot-token:ingestion-bot"`.
fn fill(value: Value, secrets: &Secrets) -> Result<Value> {
    Ok(match value {
        Value::Object(map) => match map.get("ref").and_then(Value::as_str).and_then(|path| path.rsplit_once('/')) {
            Some((path, name)) => reference(entities::kind(path)?, name),
            None => map.into_iter().map(|(key, value)| Ok((key, fill(value, secrets)?))).collect::<Result<_>>()?,
        },
        Value::Array(list) => list.into_iter().map(|value| fill(value, secrets)).collect::<Result<_>>()?,
        Value::String(text) => match text.strip_prefix("bot-token:") {
            Some(bot) => json!(secrets.encrypt(&token::issue(bot, true, None)?)?),
            None => json!(text),
        },
        other => other,
    })
}

/// How entities point at each other.
pub fn reference(kind: &Kind, fqn: &str) -> Value {
    let name = fqn.rsplit('.').next();
    json!({ "id": entities::id(kind, fqn), "type": kind.name, "name": name, "fullyQualifiedName": fqn, "deleted": false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_list_of_the_seed_is_a_known_kind_and_every_reference_has_its_entity() {
        let all: Map<String, Value> = serde_json::from_str(ENTITIES).unwrap();
        assert!(all.keys().all(|path| entities::KINDS.iter().any(|kind| kind.path == path)));
        let text = fill(Value::Object(all.clone()), &Secrets::new("").unwrap()).unwrap().to_string();
        for (path, list) in &all {
            let kind = entities::kind(path).unwrap();
            for entity in list.as_array().unwrap() {
                assert!(!text.contains("\"ref\""), "{entity}");
                let name = entity["name"].as_str().unwrap();
                assert_eq!(reference(kind, name)["id"], entities::id(kind, name));
            }
        }
        for (path, name) in [("roles", "DataConsumer"), ("policies", "DataConsumerPolicy"), ("users", "ingestion-bot")]
        {
            assert!(all[path].as_array().unwrap().iter().any(|entity| entity["name"] == name), "{path}/{name}");
        }
    }
}
