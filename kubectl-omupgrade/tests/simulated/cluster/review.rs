//! What the user may do, as the API server tells it to whoever asks.

use serde_json::{Value, json};

pub fn is_one(path: &str) -> bool {
    path.contains("/authorization.k8s.io/v1/selfsubject")
}

/// Where anything is denied no rules are listed: then each right is asked for. `incomplete` among it is an authorizer that
/// cannot list its own.
pub fn answer(path: &str, asked: &Value, denied: &[String]) -> Value {
    let mut answer = asked.clone();
    let rule = json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]});
    answer["status"] = if path.contains("selfsubjectrulesreviews") {
        let rules = if denied.is_empty() { json!([rule]) } else { json!([]) };
        json!({"incomplete": denied.contains(&"incomplete".to_owned()), "nonResourceRules": [], "resourceRules": rules})
    } else {
        let of = |key: &str| asked["spec"]["resourceAttributes"][key].as_str().unwrap_or_default().to_owned();
        json!({"allowed": !denied.contains(&format!("{} {}", of("verb"), of("resource")))})
    };
    answer
}
