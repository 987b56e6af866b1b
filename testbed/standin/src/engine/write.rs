//! Changing: indices, mappings, aliases, documents. It never answers a question.
//!
//! Source of what is refused: the references of both, and Elasticsearch's `MetadataCreateIndexService`, `AliasValidator`,
//! `MapperService` and `BulkRequestParser`. Assumption: the words, where they are longer there.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::answers::{body, error, no_index, refusal};
use super::store::{Index, Store};
use super::{bulk, names};
use crate::http::{Answer, Request};

/// Answers what is no question.
pub fn answer(store: &mut Store, method: &str, parts: &[&str], request: &Request) -> Answer {
    let answer = match (method, parts) {
        ("PUT", [index]) if !index.starts_with('_') => body(request).and_then(|body| create(store, index, &body)),
        ("DELETE", [index]) => Ok(if store.remove(index) { acknowledged() } else { no_index(index) }),
        ("PUT", [index, "_mapping"]) => body(request).and_then(|body| map(store, index, &body)),
        ("POST", ["_aliases"]) => body(request).and_then(|body| aliases(store, &body)),
        ("PUT" | "POST", [index, "_doc", id]) => body(request).map(|body| put(store, index, id, body)),
        ("DELETE", [index, "_doc", id]) => Ok(delete(store, index, id)),
        ("POST" | "PUT", ["_bulk"]) => bulk::answer(store, None, &request.body),
        ("POST" | "PUT", [index, "_bulk"]) => bulk::answer(store, Some(index), &request.body),
        _ => {
            let reason = format!("the stand-in does not play {method} {}", request.path);
            Err(refusal("illegal_argument_exception", &reason))
        }
    };
    // What is refused changed nothing.
    let answer = match answer {
        Ok(answer) => answer,
        Err(refused) => return refused,
    };
    match store.keep() {
        Ok(()) => answer,
        Err(failed) => error(500, &json!({ "type": "i_o_exception", "reason": format!("{failed:#}") })),
    }
}

fn acknowledged() -> Answer {
    Answer::json(&json!({ "acknowledged": true }))
}

fn create(store: &mut Store, name: &str, body: &Value) -> Result<Answer, Answer> {
    names::check_index(name)?;
    let mappings = &body["mappings"];
    fields(mappings)?;
    let aliases = body["aliases"].as_object().into_iter().flatten().map(|(alias, _)| alias.clone());
    let index = Index { mappings: mappings.clone(), aliases: aliases.collect(), ..Index::default() };
    for alias in &index.aliases {
        names::check_alias(alias, |taken| taken == name || store.get(taken).is_some())?;
    }
    if store.create(name, index) {
        return Ok(Answer::json(&json!({ "acknowledged": true, "shards_acknowledged": true, "index": name })));
    }
    let reason = format!("index [{name}] already exists");
    Err(error(400, &json!({ "type": "resource_already_exists_exception", "reason": reason, "index": name })))
}

/// The fields of a mapping, each an object; a mapping may be missing, and have none.
fn fields(mapping: &Value) -> Result<BTreeMap<&String, &Value>, Answer> {
    let wrong = |what: &str, given: &Value| {
        refusal("mapper_parsing_exception", &format!("Failed to parse mapping: expected map for {what}, got [{given}]"))
    };
    let properties = &mapping["properties"];
    for (what, given) in [("[mappings]", mapping), ("[properties]", properties)] {
        if !given.is_null() && !given.is_object() {
            return Err(wrong(what, given));
        }
    }
    let fields: BTreeMap<_, _> = properties.as_object().into_iter().flatten().collect();
    match fields.iter().find(|(_, field)| !field.is_object()) {
        Some((name, field)) => Err(wrong(&format!("property [{name}]"), field)),
        None => Ok(fields),
    }
}

/// New fields come in; one that has another type is refused, as both do.
fn map(store: &mut Store, name: &str, body: &Value) -> Result<Answer, Answer> {
    let Some(index) = store.target(name) else { return Err(no_index(name)) };
    let fields = fields(body)?;
    for (field, wanted) in &fields {
        let given = &index.mappings["properties"][field.as_str()];
        if given.is_object() && given["type"] != wanted["type"] {
            let reason =
                format!("mapper [{field}] cannot be changed from type [{}] to [{}]", given["type"], wanted["type"]);
            return Err(refusal("illegal_argument_exception", &reason));
        }
    }
    for (field, wanted) in fields {
        index.mappings["properties"][field.as_str()] = wanted.clone();
    }
    Ok(acknowledged())
}

/// All of them or none: the swap at the end of a reindex.
fn aliases(store: &mut Store, body: &Value) -> Result<Answer, Answer> {
    let actions: Vec<(&str, &str, &str)> = body["actions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|action| action.as_object()?.iter().next())
        .map(|(kind, action)| (kind.as_str(), word(action, "index"), word(action, "alias")))
        .collect();
    let goes = |name: &str| actions.iter().any(|(kind, index, _)| *kind == "remove_index" && *index == name);
    for (kind, index, alias) in &actions {
        match *kind {
            _ if store.get(index).is_none() => return Err(no_index(index)),
            // An alias may take the name of an index that goes.
            "add" => names::check_alias(alias, |taken| store.get(taken).is_some() && !goes(taken))?,
            "remove" | "remove_index" => {}
            _ => return Err(refusal("x_content_parse_exception", &format!("unknown field [{kind}]"))),
        }
    }
    for (_, index, _) in actions.iter().filter(|(kind, ..)| *kind == "remove_index") {
        store.remove(index);
    }
    for (kind, index, alias) in actions {
        let Some(index) = store.get_mut(index) else { continue };
        match kind {
            "add" => drop(index.aliases.insert(alias.to_owned())),
            "remove" => drop(index.aliases.remove(alias)),
            _ => {}
        }
    }
    Ok(acknowledged())
}

fn word<'a>(action: &'a Value, name: &str) -> &'a str {
    action[name].as_str().unwrap_or_default()
}

/// One document, in the place of an older one of its id.
pub fn put(store: &mut Store, name: &str, id: &str, document: Value) -> Answer {
    let Some(index) = store.target(name) else { return no_index(name) };
    if !document.is_object() {
        return refusal("mapper_parsing_exception", "failed to parse: a document is an object");
    }
    let new = index.documents.insert(id.to_owned(), document).is_none();
    Answer {
        status: if new { 201 } else { 200 },
        ..Answer::json(&result(name, id, if new { "created" } else { "updated" }))
    }
}

/// One document that must be new.
pub fn put_new(store: &mut Store, name: &str, id: &str, document: Value) -> Answer {
    if store.target(name).is_some_and(|index| index.documents.contains_key(id)) {
        let reason = format!("[{id}]: version conflict, document already exists (current version [1])");
        return error(409, &json!({ "type": "version_conflict_engine_exception", "reason": reason, "index": name }));
    }
    put(store, name, id, document)
}

/// One document goes.
pub fn delete(store: &mut Store, name: &str, id: &str) -> Answer {
    let Some(index) = store.target(name) else { return no_index(name) };
    match index.documents.remove(id) {
        Some(_) => Answer::json(&result(name, id, "deleted")),
        None => Answer { status: 404, ..Answer::json(&result(name, id, "not_found")) },
    }
}

fn result(index: &str, id: &str, result: &str) -> Value {
    json!({ "_index": index, "_id": id, "_version": 1, "result": result })
}
