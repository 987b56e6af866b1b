//! `/search`: hands questions to search and its answers back. It never answers from the database.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Api, Asking};
use crate::http::Answer;

/// The question of the search box.
pub fn query(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let words = asking.query("q").filter(|words| !words.is_empty()).unwrap_or("*");
    ask(api, asking, &json!({ "query_string": { "query": words } }))
}

/// What the published client asks when it knows a name.
pub fn field(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let field = asking.query("fieldName").unwrap_or_default();
    ask(api, asking, &json!({ "term": { field: { "value": asking.query("fieldValue") } } }))
}

/// Assumption: without search the real server answers 500; what search refuses it passes on with search's own status.
fn ask(api: &Api, asking: &Asking<'_>, query: &Value) -> Result<Answer> {
    let (from, size) = (asking.number("from", 0)?, asking.number("size", 10)?);
    let question = json!({ "from": from, "size": size, "track_total_hits": true, "query": query });
    let (status, said) = api.search.ask(asking.query("index").unwrap_or("dataAsset"), &question)?;
    if status == 200 {
        return Ok(Answer::json(&said));
    }
    Ok(Answer::error(status, said["error"]["reason"].as_str().unwrap_or("search refused the question")))
}
