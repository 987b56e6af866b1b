//! Entities by list, name and id, in the shape that the published client reads. It never writes.

use anyhow::Result;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{Api, Asking};
use crate::entities::{self, After, KINDS, Kind};
use crate::http::Answer;

/// What secrets look like from outside. Source: the server's `PasswordEntityMasker`.
const MASK: &str = "*********";

/// Answers any path that names a kind.
pub fn answer(api: &Api, asking: &Asking<'_>, path: &str) -> Result<Answer> {
    let find = |kind: &&Kind| path.strip_prefix(kind.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let Some(kind) = KINDS.iter().find(find) else { return Ok(Answer::missing()) };
    if !matches!(asking.request.method.as_str(), "GET" | "HEAD") {
        return Ok(Answer::error(405, "HTTP 405 Method Not Allowed"));
    }
    let rest = path[kind.path.len()..].trim_start_matches('/');
    if rest.is_empty() {
        return list(api, asking, kind);
    }
    let found = match rest.strip_prefix("name/") {
        Some(fqn) => entities::by_name(&api.database, kind, fqn)?,
        None => entities::by_id(&api.database, kind, rest)?,
    };
    let Some(entity) = found else {
        let name = rest.strip_prefix("name/").unwrap_or(rest);
        return Ok(Answer::error(404, &format!("{} instance for {name} not found", kind.name)));
    };
    Ok(Answer::json(&shown(api, kind, entity)?))
}

/// A page: `limit`, `after`. Assumption: the cursor is the last entity's name and id in base64; clients only hand it back.
fn list(api: &Api, asking: &Asking<'_>, kind: &Kind) -> Result<Answer> {
    let limit = asking.limit()?;
    let after = asking.query("after").and_then(place);
    let mut entities = entities::list(&api.database, kind, limit + 1, after.as_ref())?;
    let mut paging = json!({ "total": entities::count(&api.database, kind)? });
    if entities.len() > limit {
        entities.truncate(limit);
        if let Some(last) = entities.last() {
            paging["after"] =
                json!(BASE64_STANDARD.encode(json!({ "name": last["name"], "id": last["id"] }).to_string()));
        }
    }
    let data = entities.into_iter().map(|entity| shown(api, kind, entity)).collect::<Result<Vec<_>>>()?;
    Ok(Answer::json(&json!({ "data": data, "paging": paging })))
}

fn place(cursor: &str) -> Option<After> {
    let place: Value = serde_json::from_slice(&BASE64_STANDARD.decode(cursor).ok()?).ok()?;
    Some(After { name: place["name"].as_str()?.to_owned(), id: place["id"].as_str()?.to_owned() })
}

/// An entity as it leaves the server: its secrets decrypted, which fails with a wrong key, and then masked.
pub fn shown(api: &Api, kind: &Kind, mut entity: Value) -> Result<Value> {
    entity["href"] =
        json!(format!("http://localhost:8585/api/v1/{}/{}", kind.path, entity["id"].as_str().unwrap_or("")));
    if let Some(fields) = entity.as_object_mut() {
        fields.remove("authenticationMechanism");
        if kind.name == "app" && !api.era.says_whether_an_app_is_enabled() {
            fields.remove("enabled");
        }
    }
    if api.era.lists_pipeline_statuses() && entity["pipelineStatuses"].is_object() {
        entity["pipelineStatuses"] = json!([entity["pipelineStatuses"]]);
    }
    if let Some(secret) = entity.pointer_mut("/openMetadataServerConnection/securityConfig/jwtToken") {
        api.secrets.decrypt(secret.as_str().unwrap_or_default())?;
        *secret = json!(MASK);
    }
    Ok(entity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let cursor = BASE64_STANDARD.encode(r#"{"name":"t03","id":"x"}"#);
        assert_eq!(place(&cursor), Some(After { name: "t03".to_owned(), id: "x".to_owned() }));
        assert_eq!(place("nonsense"), None);
    }
}
