//! `/system`: version, configuration, validation steps, diagnostics. It never repairs what it finds.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Api, Asking};
use crate::entities::KINDS;
use crate::http::Answer;
use crate::{entities, history, metrics, token, version};

/// Source: the published client's `OpenMetadataServerVersion` (no other fields allowed).
pub fn version(_: &Api, _: &Asking<'_>) -> Result<Answer> {
    Ok(Answer::json(&json!({
        "version": version::of_this_image(), "revision": "stand-in", "timestamp": 1_700_000_000_000_u64,
    })))
}

/// Some of the configuration that needs no token. Assumption: only that they are JSON is recorded.
pub fn config(_: &Api, asking: &Asking<'_>) -> Result<Answer> {
    Ok(match asking.part(0) {
        "jwks" => Answer::json(&json!({ "keys": [] })),
        "auth" => Answer::json(&json!({ "provider": "basic", "providerName": "Basic", "enableSelfSignup": false })),
        "authorizer" => Answer::json(&json!({ "principalDomain": "open-metadata.org" })),
        "customUiThemePreference" => Answer::json(&json!({ "customLogoConfig": {}, "customTheme": {} })),
        "rdf" => Answer::json(&json!({ "enabled": false })),
        _ => Answer::missing(),
    })
}

/// The validation steps. Source of descriptions and messages: the server's `SystemRepository.validateSystem`; 200 also
/// when a step fails. `logStorage` is there only when object storage is configured, so never here.
pub fn status(api: &Api, _: &Asking<'_>) -> Result<Answer> {
    let database = api.database.execute("SELECT 42;").map(|()| format!("Connected to {}", api.database.url()));
    let client = if api.settings.pipeline_client {
        Ok("Airflow is available at http://openmetadata-dependencies-api-server:8080".to_owned())
    } else {
        Err("Pipeline client disabled, please check configuration".to_owned())
    };
    let mut steps = json!({
        "database": step(
            "Validate that we can properly run a query against the configured database.",
            database.map_err(|error| format!("{error:#}")),
        ),
        "searchInstance": step("Validate that the search client is available.", search(api)),
        "pipelineServiceClient": step("Validate that the pipeline service client is available.", client),
        "jwks": step(
            "Validate that the ingestion-bot JWT token can be properly decoded.",
            bot(api).map_err(|error| format!("{error:#}")),
        ),
        "migrations": step(
            "Validate that all the necessary migrations have been properly executed.",
            migrations(api)?,
        ),
    });
    if api.era.checks_reindex() {
        steps["Search Reindex Status"] = step("Validate that the search documents are current.", reindex(api)?);
    }
    Ok(Answer::json(&steps))
}

fn step(description: &str, outcome: Result<String, String>) -> Value {
    let passed = outcome.is_ok();
    json!({ "description": description, "passed": passed, "message": outcome.unwrap_or_else(|error| error) })
}

/// The table index stands for all. The Data Insights application, whose stream would be looked for too, is not installed.
fn search(api: &Api) -> Result<String, String> {
    if api.search.is_available() && api.search.has("table_search_index") {
        Ok(format!("Connected to {}", api.settings.search_host))
    } else {
        Err("Search instance is not reachable or available".to_owned())
    }
}

/// Assumption: the states' names are recorded; that they follow from counts, and the words around them, are not.
fn reindex(api: &Api) -> Result<Result<String, String>> {
    let mut states = Vec::new();
    for (kind, indexed) in KINDS.iter().filter_map(|kind| Some((kind, kind.indexed.as_ref()?))) {
        let wanted = entities::count(&api.database, kind)?;
        let state = match api.search.count(indexed.index) {
            Ok(found) if found == wanted => "CURRENT",
            Ok(_) => "STALE",
            Err(_) => "UNTRACKED",
        };
        states.push(format!("{}: {state}", indexed.entity));
    }
    let current = states.iter().all(|state| state.ends_with("CURRENT"));
    let states = states.join(", ");
    Ok(if current { Ok(states) } else { Err(states) })
}

/// Assumption: the source reads the bot's token outside the step's own `try`, so with a wrong Fernet key the real server
/// may answer 500 instead of a step that failed.
fn bot(api: &Api) -> Result<String> {
    let bot = entities::by_name(&api.database, entities::kind("users")?, "ingestion-bot")?.unwrap_or_default();
    let kept = bot["authenticationMechanism"]["config"]["JWTToken"].as_str().unwrap_or_default();
    token::read(&api.secrets.decrypt(kept)?)?;
    Ok("Ingestion Bot token has been validated".to_owned())
}

fn migrations(api: &Api) -> Result<Result<String, String>> {
    let rows = history::versions(&api.database)?;
    let list = |versions: Vec<&String>| {
        let mut words: Vec<&str> = versions.into_iter().map(String::as_str).collect();
        words.sort_unstable();
        format!("[{}]", words.join(", "))
    };
    let missing: Vec<&String> = api.expected.iter().filter(|version| !rows.contains(*version)).collect();
    let unexpected: Vec<&String> = if api.era.minds_unexpected_migrations() {
        rows.iter().filter(|version| !api.expected.contains(version)).collect()
    } else {
        Vec::new()
    };
    if missing.is_empty() && unexpected.is_empty() {
        return Ok(Ok(format!("Executed migrations: {}", list(rows.iter().collect()))));
    }
    Ok(Err(format!(
        "Missing migrations that were not executed {}. Unexpected executed migrations {}",
        list(missing),
        list(unexpected)
    )))
}

/// For administrators, in newer servers. Source of the keys: `DiagnosticsResource`; what is inside them is an assumption.
pub fn diagnostics(api: &Api, _: &Asking<'_>) -> Result<Answer> {
    let load = api.database.load();
    Ok(Answer::json(&json!({
        "timestamp": token::now() * 1000,
        "jvm": { "heap_used_bytes": metrics::memory(), "heap_max_bytes": metrics::HEAP },
        "jetty": { "threads": 8, "queue_size": 0 },
        "database": { "active": load.active, "idle": load.idle, "pending": load.pending, "max": load.max },
        "bulk_executor": {}, "database_queries": {}, "request_latency": {},
    })))
}
