//! Reading: indices, mappings, counts, documents, queries. It never changes them.

use serde_json::{Map, Value, json};

use super::answers::{body, error, no_index, shards};
use super::settings::Moment;
use super::store::{Index, Store};
use crate::http::{Answer, Request};

/// Aliases of indices, all or one.
pub fn aliases(store: &Store, expression: &str, alias: Option<&str>) -> Answer {
    let Some(names) = store.find(expression) else { return no_index(expression) };
    let mut found = Map::new();
    for name in names {
        let aliases = store.get(name).into_iter().flat_map(|index| &index.aliases);
        let aliases = aliases.filter(|given| alias.is_none_or(|wanted| wanted == *given));
        let aliases: Map<String, Value> = aliases.map(|alias| (alias.clone(), json!({}))).collect();
        if alias.is_none() || !aliases.is_empty() {
            found.insert(name.to_owned(), json!({ "aliases": aliases }));
        }
    }
    if let (Some(alias), true) = (alias, found.is_empty()) {
        let text = json!({ "error": format!("alias [{alias}] missing"), "status": 404 });
        return Answer { status: 404, ..Answer::json(&text) };
    }
    Answer::json(&json!(found))
}

/// Mappings, as they are or as they drifted.
pub fn mappings(moment: &Moment, store: &Store, expression: &str) -> Answer {
    let Some(names) = store.find(expression) else { return no_index(expression) };
    let each = |name: &str| (name.to_owned(), json!({ "mappings": mapping(moment, store, name) }));
    Answer::json(&json!(names.into_iter().map(each).collect::<Map<_, _>>()))
}

/// A whole index.
pub fn index(moment: &Moment, store: &Store, expression: &str) -> Answer {
    let Some(names) = store.find(expression) else { return no_index(expression) };
    let each = |name: &str| {
        let aliases = store.get(name).into_iter().flat_map(|index| &index.aliases);
        let aliases: Map<String, Value> = aliases.map(|alias| (alias.clone(), json!({}))).collect();
        let settings =
            json!({ "index": { "number_of_shards": "1", "number_of_replicas": "0", "provided_name": name } });
        (name.to_owned(), json!({ "aliases": aliases, "mappings": mapping(moment, store, name), "settings": settings }))
    };
    Answer::json(&json!(names.into_iter().map(each).collect::<Map<_, _>>()))
}

/// Drift: a field is what the engine guessed from the first document, not what the server wrote.
fn mapping(moment: &Moment, store: &Store, name: &str) -> Value {
    let mut mapping = store.get(name).map(|index| index.mappings.clone()).unwrap_or_default();
    let drifted = !moment.drift.is_empty()
        && (moment.drift == name || store.get(name).is_some_and(|index| index.aliases.contains(&moment.drift)));
    if drifted && mapping["properties"]["fullyQualifiedName"].is_object() {
        mapping["properties"]["fullyQualifiedName"] =
            json!({ "type": "text", "fields": { "keyword": { "type": "keyword" } } });
    }
    mapping
}

/// How many documents.
pub fn count(store: &Store, expression: &str) -> Answer {
    let Some(names) = store.find(expression) else { return no_index(expression) };
    let shards = shards(names.len());
    let count: usize = names.into_iter().filter_map(|name| store.get(name)).map(|index| index.documents.len()).sum();
    Answer::json(&json!({ "count": count, "_shards": shards }))
}

/// One document.
pub fn document(store: &Store, expression: &str, id: &str) -> Answer {
    let Some(names) = store.find(expression) else { return no_index(expression) };
    let found = names.into_iter().find_map(|name| Some((name, store.get(name)?.documents.get(id)?)));
    match found {
        Some((name, document)) => {
            Answer::json(&json!({ "_index": name, "_id": id, "_version": 1, "found": true, "_source": document }))
        }
        None => Answer { status: 404, ..Answer::json(&json!({ "_index": expression, "_id": id, "found": false })) },
    }
}

/// Documents that a query finds, in the order of their ids.
pub fn search(store: &Store, expression: &str, request: &Request) -> Answer {
    let Some(names) = store.find(expression) else { return no_index(expression) };
    let body = match body(request) {
        Ok(body) => body,
        Err(refused) => return refused,
    };
    let asked = |name: &str| request.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let number = |name: &str, otherwise: u64| {
        let given = asked(name).and_then(|text| text.parse().ok()).or_else(|| body[name].as_u64());
        usize::try_from(given.unwrap_or(otherwise)).unwrap_or(usize::MAX)
    };
    let words = asked("q").map(|text| json!({ "query_string": { "query": text } }));
    let query = words.or_else(|| body.get("query").cloned()).unwrap_or_else(|| json!({ "match_all": {} }));
    let shards = shards(names.len());
    let mut hits = Vec::new();
    for (name, index) in names.into_iter().filter_map(|name| Some((name, store.get(name)?))) {
        match matching(index, &query) {
            Ok(found) => hits.extend(
                found
                    .into_iter()
                    .map(|(id, document)| json!({ "_index": name, "_id": id, "_score": 1.0, "_source": document })),
            ),
            Err(kind) => {
                let cause = json!({ "type": "parsing_exception", "reason": format!("unknown query [{kind}]") });
                return error(400, &cause);
            }
        }
    }
    let total = hits.len();
    let page: Vec<Value> = hits.into_iter().skip(number("from", 0)).take(number("size", 10)).collect();
    let highest = if page.is_empty() { Value::Null } else { json!(1.0) };
    Answer::json(&json!({
        "took": 1, "timed_out": false, "_shards": shards,
        "hits": { "total": { "value": total, "relation": "eq" }, "max_score": highest, "hits": page },
    }))
}

/// The kinds of query that the server and checks send.
fn matching<'a>(index: &'a Index, query: &Value) -> Result<Vec<(&'a String, &'a Value)>, String> {
    let (kind, inner) = query.as_object().and_then(|query| query.iter().next()).ok_or("none")?;
    let wanted: Vec<String> = match kind.as_str() {
        "match_all" => Vec::new(),
        "query_string" => {
            let text = inner["query"].as_str().unwrap_or("*").to_lowercase();
            text.split_whitespace()
                .map(|word| word.trim_matches(['*', '"']).to_owned())
                .filter(|word| !word.is_empty())
                .collect()
        }
        "term" => {
            let (field, value) = inner.as_object().and_then(|term| term.iter().next()).ok_or("term")?;
            let value = value.get("value").unwrap_or(value);
            return Ok(index.documents.iter().filter(|(_, document)| document.get(field) == Some(value)).collect());
        }
        other => return Err(other.to_owned()),
    };
    let fits = |document: &Value| {
        let text = document.to_string().to_lowercase();
        wanted.iter().all(|word| text.contains(word))
    };
    Ok(index.documents.iter().filter(|(_, document)| fits(document)).collect())
}
