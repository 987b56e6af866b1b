//! Facts as a file: for support, and for every verb to run without a cluster. What is secret is masked by its type.

use super::{Facts, SCHEMA};
use crate::failure::Failure;
use serde::de::DeserializeOwned;

impl Facts {
    /// The text of a facts file.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the text of a facts file.
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        read_file(text, SCHEMA, "kubectl omupgrade status --facts FILE    # writes one")
    }
}

/// What a file of another verb lacks of what `status` judges, in words. Files of `validate` and `diagnose` are of the same
/// schema and hold more of one thing and less of another.
pub fn lacks(text: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    let holds = |key: &str| value.get(key).is_some();
    let (verb, lacks) = if holds("server") {
        (
            "validate",
            "what the journal tells of the database and of a way back that is open, and the migrations that the server's image carries",
        )
    } else if holds("edges") {
        (
            "diagnose",
            "what the database tells as `status --probe` asks it, what the journal tells of it, of search after a restore and of a way back that is open",
        )
    } else {
        return None;
    };
    Some(format!(
        "these facts were gathered by `{verb}`, which does not save {lacks}: none of it is judged here; kubectl omupgrade status RELEASE --probe --facts FILE saves all"
    ))
}

/// Reads the text of a facts file of this schema. `writes` is the command that writes one.
pub fn read_file<T: DeserializeOwned>(text: &str, schema: &str, writes: &str) -> Result<T, Failure> {
    let no_file = |why: String| Failure::usage(format!("this is no facts file: {why}")).hint(writes);
    let value: serde_json::Value = serde_json::from_str(text).map_err(|e| no_file(e.to_string()))?;
    match value.get("schema").and_then(serde_json::Value::as_str) {
        Some(found) if found == schema => {}
        Some(other) => {
            let why = format!("a facts file of schema {other}, and this reads {schema}");
            return Err(Failure::usage(why).hint(writes));
        }
        None => return Err(no_file("it has no `schema`".to_owned())),
    }
    serde_json::from_value(value).map_err(|e| Failure::usage(format!("reading the facts file: {e}")))
}
