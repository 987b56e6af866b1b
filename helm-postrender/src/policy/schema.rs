//! The JSON Schema of a policy file, for editors and CI. Made from the types, so that it cannot lag behind them.

use super::Policy;
use serde_json::{Value, json};

/// The schema.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Policy).to_value();
    if let Some(map) = schema.as_object_mut() {
        map.insert("title".to_owned(), json!("helm-postrender policy"));
    }
    // An override holds sections, and no profile or overrides of its own.
    let mut sections = schema.get("properties").cloned().unwrap_or_default();
    if let Some(sections) = sections.as_object_mut() {
        sections.remove("profile");
        sections.remove("workloads");
        sections.values_mut().filter_map(Value::as_object_mut).for_each(|s| {
            s.remove("default");
        });
    }
    let section = json!({ "type": "object", "properties": sections, "additionalProperties": false });
    if let Some(workloads) = schema.pointer_mut("/properties/workloads").and_then(Value::as_object_mut) {
        workloads.insert("additionalProperties".to_owned(), section);
        workloads.insert("propertyNames".to_owned(), json!({ "pattern": "^[A-Za-z]+/.+$" }));
    }
    schema
}
