//! The recorded API: what an upgrade asks before and after. It never answers what the facts do not describe.

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::database::Database;
use crate::entities::{self, KINDS, Kind};
use crate::http::{Answer, Request};
use crate::settings::Settings;
use crate::{history, version};

/// A server's answers.
#[derive(Debug)]
pub struct Api {
    database: Database,
    settings: Settings,
    /// The folders of this image, as they were at its start: the real server computes them once.
    expected: Vec<String>,
}

impl Api {
    /// The API of a server that has started.
    pub fn new(database: Database, settings: Settings, expected: Vec<String>) -> Self {
        Self { database, settings, expected }
    }

    /// Answers one request.
    pub fn answer(&self, request: &Request) -> Answer {
        let path = request.path.trim_end_matches('/');
        match (request.method.as_str(), path) {
            (_, "") => {
                Answer { status: 200, kind: "text/html", body: "<title>OpenMetadata stand-in</title>".to_owned() }
            }
            (_, "/api/v1/system/health") => Answer::text("OK"),
            (_, "/api/v1/system/version") => Answer::json(&json!({
                "version": version::of_this_image(), "revision": "stand-in", "timestamp": 1_700_000_000_000_u64,
            })),
            ("POST", "/api/v1/users/login") => self.login(&request.body),
            _ if request.token.as_deref() != Some(self.token().as_str()) => {
                Answer::error(401, "Not Authorized! Token not present")
            }
            _ => self.inside(request, path).unwrap_or_else(|error| Answer::error(500, &format!("{error:#}"))),
        }
    }

    /// Depends on the Fernet key only, so that every replica knows it.
    fn token(&self) -> String {
        format!("standin.{:x}", md5::compute(&self.settings.fernet_key))
    }

    fn login(&self, body: &[u8]) -> Answer {
        let words: Value = serde_json::from_slice(body).unwrap_or_default();
        let password = words["password"].as_str().and_then(|text| BASE64_STANDARD.decode(text).ok());
        if words["email"] != "admin@open-metadata.org" || password.as_deref() != Some(b"admin") {
            return Answer::error(401, "You have entered an invalid username or password.");
        }
        // The expiry is a moment, not a span; newer servers send no refresh token.
        Answer::json(&json!({
            "accessToken": self.token(), "refreshToken": null, "tokenType": "Bearer", "expiryDuration": 4_102_444_800_000_u64,
        }))
    }

    fn inside(&self, request: &Request, path: &str) -> Result<Answer> {
        let Some(rest) = path.strip_prefix("/api/v1/") else { return Ok(missing()) };
        if rest == "system/status" {
            return self.status();
        }
        if rest == "search/query" {
            return self.search(request);
        }
        if let Some(lineage) = rest.strip_prefix("lineage/table/") {
            return self.lineage(lineage);
        }
        if let Some(id) = rest.strip_prefix("services/ingestionPipelines/toggleIngestion/") {
            return self.toggle(id);
        }
        let Some(kind) = KINDS.iter().find(|kind| rest == kind.path || rest.starts_with(&format!("{}/", kind.path)))
        else {
            return Ok(missing());
        };
        let rest = rest[kind.path.len()..].trim_start_matches('/');
        if rest.is_empty() {
            let limit = number(request, "limit").unwrap_or(10);
            let (data, total) = entities::list(&self.database, kind, limit)?;
            return Ok(Answer::json(&json!({ "data": data, "paging": { "total": total } })));
        }
        let found = match rest.strip_prefix("name/") {
            Some(fqn) => entities::by_name(&self.database, kind, fqn)?,
            None => entities::by_id(&self.database, kind, rest)?,
        };
        Ok(found.map_or_else(
            || Answer::error(404, &format!("{} instance for {rest} not found", kind.name)),
            |entity| Answer::json(&entity),
        ))
    }

    fn status(&self) -> Result<Answer> {
        let rows = history::versions(&self.database)?;
        let missing: Vec<&String> = self.expected.iter().filter(|version| !rows.contains(*version)).collect();
        // Assumption (derived from the server's source, not run): since the end of 2025 a database that is newer than the server still "passes".
        let message = if missing.is_empty() {
            format!("Executed migrations: {:?}", self.expected)
        } else {
            format!("Missing migrations that were not executed {missing:?}")
        };
        let step = |description: &str, passed: bool, message: &str| json!({ "description": description, "passed": passed, "message": message });
        Ok(Answer::json(&json!({
            "database": step("Validate that we can properly run a query against the configured database.", true, "Connected"),
            "searchInstance": step("Validate that the search client is available", true, "Connected"),
            "pipelineServiceClient": step("Validate that the pipeline service client is available.", self.settings.pipeline_client, ""),
            "jwks": step("Validate that the ingestion-bot token can be properly decoded.", true, ""),
            "migrations": step("Validate that all the necessary migrations have been properly executed.", missing.is_empty(), &message),
        })))
    }

    fn search(&self, request: &Request) -> Result<Answer> {
        // A stand-in of its own for search comes later; counts are the database's.
        let (data, total) = entities::list(&self.database, &KINDS[0], number(request, "size").unwrap_or(10))?;
        let hits: Vec<Value> =
            data.into_iter().map(|entity| json!({ "_index": "table_search_index", "_source": entity })).collect();
        Ok(Answer::json(&json!({ "took": 1, "hits": { "total": { "value": total, "relation": "eq" }, "hits": hits } })))
    }

    fn lineage(&self, rest: &str) -> Result<Answer> {
        let found = match rest.strip_prefix("name/") {
            Some(fqn) => entities::by_name(&self.database, &KINDS[0], fqn)?,
            None => entities::by_id(&self.database, &KINDS[0], rest)?,
        };
        let Some(entity) = found else { return Ok(missing()) };
        let id = entity["id"].as_str().unwrap_or_default();
        let edges = |mine: &str| -> Result<Vec<Value>> {
            let sql = format!(
                "SELECT fromId, toId FROM entity_relationship WHERE relation = 13 AND {mine} = {};",
                self.database.quote(id)
            );
            let rows = self.database.rows(&sql)?;
            Ok(rows.iter().map(|row| json!({ "fromEntity": row.first(), "toEntity": row.get(1) })).collect())
        };
        Ok(Answer::json(
            &json!({ "entity": entity, "upstreamEdges": edges("toId")?, "downstreamEdges": edges("fromId")? }),
        ))
    }

    /// A real toggle: without a body, and not idempotent.
    fn toggle(&self, id: &str) -> Result<Answer> {
        let kind: &Kind = &KINDS[5];
        let Some(mut pipeline) = entities::by_id(&self.database, kind, id)? else { return Ok(missing()) };
        if !self.settings.pipeline_client {
            return Ok(Answer::text("Pipeline Client Disabled"));
        }
        pipeline["enabled"] = json!(pipeline["enabled"] != true);
        entities::put(&self.database, kind, &pipeline)?;
        Ok(Answer::json(&pipeline))
    }
}

fn missing() -> Answer {
    Answer::error(404, "HTTP 404 Not Found")
}

fn number(request: &Request, name: &str) -> Option<usize> {
    request.query.iter().find(|(key, _)| key == name)?.1.parse().ok()
}
