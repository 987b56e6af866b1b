//! `_bulk`: lines of actions and documents by turns. One that fails is told and does not stop the others.
//!
//! Source: the reference of the bulk API of both, and Elasticsearch's `BulkRequestParser`. Assumption: the words.

use serde_json::{Value, json};

use super::answers::refusal;
use super::store::Store;
use super::write;
use crate::http::Answer;

/// One action of a request.
struct Action {
    kind: String,
    index: String,
    id: String,
    /// Null where something goes.
    document: Value,
}

/// Does what all lines say, if all can be read.
pub fn answer(store: &mut Store, index: Option<&str>, body: &[u8]) -> Result<Answer, Answer> {
    let actions = read(index, body).map_err(|wrong| refusal("illegal_argument_exception", &wrong))?;
    let (mut items, mut errors) = (Vec::new(), false);
    for Action { kind, index, id, document } in actions {
        let answer = match kind.as_str() {
            "delete" => write::delete(store, &index, &id),
            "create" => write::put_new(store, &index, &id, document),
            _ => write::put(store, &index, &id, document),
        };
        let mut item: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        // Nothing to delete is told by its status and is no error.
        errors |= item.get("error").is_some();
        item["status"] = json!(answer.status);
        items.push(json!({ kind: item }));
    }
    Ok(Answer::json(&json!({ "took": 1, "errors": errors, "items": items })))
}

fn read(index: Option<&str>, body: &[u8]) -> Result<Vec<Action>, String> {
    if body.is_empty() {
        return Err("request body is required".to_owned());
    }
    if body.last() != Some(&b'\n') {
        return Err("The bulk request must be terminated by a newline [\\n]".to_owned());
    }
    let mut lines = (1..).zip(body.split(|byte| *byte == b'\n')).filter(|(_, line)| !line.trim_ascii().is_empty());
    let json = |number: usize, line: &[u8]| -> Result<Value, String> {
        serde_json::from_slice(line).map_err(|error| format!("line [{number}] is no JSON: {error}"))
    };
    let mut actions = Vec::new();
    while let Some((number, line)) = lines.next() {
        let action = json(number, line)?;
        let Some((kind, at)) =
            action.as_object().filter(|action| action.len() == 1).and_then(|action| action.iter().next())
        else {
            return Err(format!("Malformed action/metadata line [{number}], expected one action"));
        };
        let document = match kind.as_str() {
            "delete" => Value::Null,
            "index" | "create" => {
                let (number, line) = lines.next().ok_or_else(|| format!("no document follows line [{number}]"))?;
                json(number, line)?
            }
            _ => {
                return Err(format!(
                    "line [{number}]: the stand-in plays [create], [delete] and [index], not [{kind}]"
                ));
            }
        };
        let word = |name: &str| at[name].as_str().map(str::to_owned);
        let index = word("_index").or_else(|| index.map(str::to_owned)).ok_or("an index is missing")?;
        actions.push(Action { kind: kind.clone(), index, id: word("_id").unwrap_or_default(), document });
    }
    Ok(actions)
}
