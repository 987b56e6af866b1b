//! Lists that the server gives page by page, read to their end: the first page alone would call well what stands on the
//! second.

use super::{Client, escaped};
use crate::facts::NoAnswer;
use serde_json::Value;

/// Entities of one page.
const PAGE: usize = 100;
/// Pages at most: ten thousand pipelines take a minute.
const PAGES: usize = 100;

impl Client {
    /// All entities below a path. `more` are further words of the query, each after an `&`.
    pub async fn list(&self, path: &str, more: &str) -> Result<Vec<Value>, NoAnswer> {
        let (mut out, mut after) = (Vec::new(), String::new());
        for _ in 0..PAGES {
            let page = self.json(&format!("/api/v1/{path}?limit={PAGE}{more}{after}")).await?;
            let data = page.get("data").and_then(Value::as_array);
            let before = out.len();
            out.extend(data.ok_or(NoAnswer::of("the answer has no `data`"))?.iter().cloned());
            let next = page.pointer("/paging/after").and_then(Value::as_str).filter(|next| !next.is_empty());
            let total = page.pointer("/paging/total").and_then(Value::as_u64);
            match next {
                Some(next) if out.len() > before => after = format!("&after={}", escaped(next)),
                _ if total.is_some_and(|total| total > out.len() as u64) => {
                    return Err(NoAnswer::of(format!(
                        "the answer holds {} of {}",
                        out.len(),
                        total.unwrap_or_default()
                    )));
                }
                _ => return Ok(out),
            }
        }
        Err(NoAnswer::of(format!("there are more than {}", out.len())))
    }
}
