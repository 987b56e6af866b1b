//! `/search/query`: hands the question to search and its answer back. It never answers from the database.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Api, Asking};
use crate::entities;
use crate::http::Answer;

/// The question of the search box.
pub fn query(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let kind = entities::kind("tables")?;
    let data = entities::list(&api.database, kind, asking.number("size").unwrap_or(10), None)?;
    let hits: Vec<Value> =
        data.into_iter().map(|entity| json!({ "_index": "table_search_index", "_source": entity })).collect();
    let total = entities::count(&api.database, kind)?;
    Ok(Answer::json(&json!({ "took": 1, "hits": { "total": { "value": total, "relation": "eq" }, "hits": hits } })))
}
