//! Facts as a file: for support, and for every verb to run without a cluster. What is secret is masked by its type.

use super::{Facts, SCHEMA};
use crate::failure::Failure;

impl Facts {
    /// The text of a facts file.
    pub fn to_text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    /// Reads the text of a facts file.
    pub fn from_text(text: &str) -> Result<Self, Failure> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|e| Failure::usage(format!("this is no facts file: {e}")).hint(HINT))?;
        match value.get("schema").and_then(serde_json::Value::as_str) {
            Some(SCHEMA) => {}
            Some(other) => {
                return Err(Failure::usage(format!(
                    "a facts file of schema {other}, and this omupgrade reads {SCHEMA}"
                )));
            }
            None => return Err(Failure::usage("this is no facts file: it has no `schema`").hint(HINT)),
        }
        serde_json::from_value(value).map_err(|e| Failure::usage(format!("reading the facts file: {e}")))
    }
}

const HINT: &str = "kubectl omupgrade status --facts FILE    # writes one";
