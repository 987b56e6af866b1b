//! Takes what is secret out of the words of others: reasons, sentences and names that an API, a server or a client said.

use crate::checks::Seen;
use crate::checks::precheck::Facts;
use crate::redact::Redactor;
use serde_json::Value;

/// Fields that hold words of others; so does whatever is unseen.
const WORDS: &[&str] =
    &["unknown", "driftUnread", "unasked", "unanswered", "description", "source", "airflow", "managed", "pipelines"];

/// The facts without secrets in such words. What was counted, named and compared stays: checks and commands are made of it.
pub fn redacted(facts: Facts, redactor: &Redactor) -> anyhow::Result<Facts> {
    let mut value = serde_json::to_value(&facts)?;
    words(&mut value, redactor);
    let clean: Facts = serde_json::from_value(value)?;
    // Values are whole in memory and masked in every file: rules ask for them.
    let values = match facts.values {
        known @ Seen::Known(_) => known,
        Seen::Unknown(_) => clean.values,
    };
    Ok(Facts { values, ..clean })
}

fn words(value: &mut Value, redactor: &Redactor) {
    match value {
        Value::Object(map) => {
            for (key, item) in map {
                if WORDS.contains(&key.as_str()) || key.ends_with("Unseen") {
                    redactor.value(item);
                } else {
                    words(item, redactor);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                words(item, redactor);
            }
        }
        _ => {}
    }
}
