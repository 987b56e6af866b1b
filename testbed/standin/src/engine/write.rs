//! Changing: indices, mappings, aliases, documents. It never answers a question.

use anyhow::Result;
use serde_json::{Value, json};

use super::answers::{error, no_index};
use super::store::{Index, Store};
use crate::http::{Answer, Request};

/// Answers what is no question.
pub fn answer(store: &mut Store, method: &str, parts: &[&str], request: &Request) -> Answer {
    let body = || serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
    let answer = match (method, parts) {
        ("PUT", [index]) if !index.starts_with('_') => create(store, index, &body()),
        ("DELETE", [index]) => {
            if store.remove(index) {
                acknowledged()
            } else {
                no_index(index)
            }
        }
        ("PUT", [index, "_mapping"]) => map(store, index, &body()),
        ("POST", ["_aliases"]) => aliases(store, &body()),
        ("PUT" | "POST", [index, "_doc", id]) => put(store, index, id, body()),
        ("DELETE", [index, "_doc", id]) => delete(store, index, id),
        ("POST" | "PUT", ["_bulk"]) => bulk(store, None, &request.body),
        ("POST" | "PUT", [index, "_bulk"]) => bulk(store, Some(index), &request.body),
        _ => {
            let reason = format!("the stand-in does not play {method} {}", request.path);
            return error(400, &json!({ "type": "illegal_argument_exception", "reason": reason }));
        }
    };
    match store.keep() {
        Ok(()) => answer,
        Err(failed) => error(500, &json!({ "type": "i_o_exception", "reason": format!("{failed:#}") })),
    }
}

fn acknowledged() -> Answer {
    Answer::json(&json!({ "acknowledged": true }))
}

fn create(store: &mut Store, name: &str, body: &Value) -> Answer {
    let aliases = body["aliases"].as_object().into_iter().flatten().map(|(alias, _)| alias.clone()).collect();
    let index = Index { mappings: body["mappings"].clone(), aliases, ..Index::default() };
    if store.create(name, index) {
        return Answer::json(&json!({ "acknowledged": true, "shards_acknowledged": true, "index": name }));
    }
    let reason = format!("index [{name}] already exists");
    error(400, &json!({ "type": "resource_already_exists_exception", "reason": reason, "index": name }))
}

/// New fields come in; one that has another type is refused, as both do.
fn map(store: &mut Store, name: &str, body: &Value) -> Answer {
    let Some(index) = store.target(name) else { return no_index(name) };
    for (field, wanted) in body["properties"].as_object().into_iter().flatten() {
        let given = &index.mappings["properties"][field];
        if given.is_object() && given["type"] != wanted["type"] {
            let reason =
                format!("mapper [{field}] cannot be changed from type [{}] to [{}]", given["type"], wanted["type"]);
            return error(400, &json!({ "type": "illegal_argument_exception", "reason": reason }));
        }
    }
    for (field, wanted) in body["properties"].as_object().into_iter().flatten() {
        index.mappings["properties"][field] = wanted.clone();
    }
    acknowledged()
}

/// All of them or none: the swap at the end of a reindex.
fn aliases(store: &mut Store, body: &Value) -> Answer {
    let actions: Vec<(&String, &Value)> = body["actions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|action| action.as_object()?.iter().next())
        .collect();
    let index = |action: &Value| action["index"].as_str().unwrap_or_default().to_owned();
    if let Some((_, lost)) = actions.iter().find(|(_, action)| store.get(&index(action)).is_none()) {
        return no_index(&index(lost));
    }
    // Removals first, so that an alias may take the name of an index that goes.
    for (_, action) in actions.iter().filter(|(kind, _)| *kind == "remove_index") {
        store.remove(&index(action));
    }
    for (kind, action) in actions {
        let alias = action["alias"].as_str().unwrap_or_default();
        let Some(index) = store.get_mut(&index(action)) else { continue };
        match kind.as_str() {
            "add" => drop(index.aliases.insert(alias.to_owned())),
            "remove" => drop(index.aliases.remove(alias)),
            _ => {}
        }
    }
    acknowledged()
}

fn put(store: &mut Store, name: &str, id: &str, document: Value) -> Answer {
    let Some(index) = store.target(name) else { return no_index(name) };
    let new = index.documents.insert(id.to_owned(), document).is_none();
    Answer {
        status: if new { 201 } else { 200 },
        ..Answer::json(&result(name, id, if new { "created" } else { "updated" }))
    }
}

fn delete(store: &mut Store, name: &str, id: &str) -> Answer {
    let Some(index) = store.target(name) else { return no_index(name) };
    match index.documents.remove(id) {
        Some(_) => Answer::json(&result(name, id, "deleted")),
        None => Answer { status: 404, ..Answer::json(&result(name, id, "not_found")) },
    }
}

fn result(index: &str, id: &str, result: &str) -> Value {
    json!({ "_index": index, "_id": id, "_version": 1, "result": result })
}

/// Lines of actions and documents by turns.
fn bulk(store: &mut Store, index: Option<&str>, body: &[u8]) -> Answer {
    match each(store, index, body) {
        Ok(items) => {
            let errors = items.iter().any(|item| item["index"]["status"].as_u64().is_some_and(|status| status >= 400));
            Answer::json(&json!({ "took": 1, "errors": errors, "items": items }))
        }
        Err(wrong) => error(400, &json!({ "type": "illegal_argument_exception", "reason": format!("{wrong:#}") })),
    }
}

fn each(store: &mut Store, index: Option<&str>, body: &[u8]) -> Result<Vec<Value>> {
    let mut lines = body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut items = Vec::new();
    while let Some(line) = lines.next() {
        let action: Value = serde_json::from_slice(line)?;
        let Some((kind, at)) = action.as_object().and_then(|action| action.iter().next()) else { continue };
        let name = at["_index"].as_str().or(index).unwrap_or_default();
        let id = at["_id"].as_str().unwrap_or_default();
        let answer = if kind == "delete" {
            delete(store, name, id)
        } else {
            put(store, name, id, serde_json::from_slice(lines.next().unwrap_or_default())?)
        };
        let mut item: Value = serde_json::from_str(&answer.body)?;
        item["status"] = json!(answer.status);
        items.push(json!({ kind.as_str(): item }));
    }
    Ok(items)
}
