//! Values by dotted keys. They are whole in memory and masked whenever they are written: only what the rules ask for,
//! and numbers and switches, are shown.

use crate::preview::sensitive;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};

/// What stands for a value that is not shown.
pub const MASK: &str = "(masked)";

/// Digits from which on a number under such a name is a secret, and no count.
const DIGITS: usize = 6;

/// Keys whose words are shown, by their last part; with a dot, by their end.
const SHOWN: &[&str] = &[
    "tag",
    "repository",
    "pullPolicy",
    "ingestionImage",
    "provider",
    "type",
    "searchType",
    "minAvailable",
    "maxUnavailable",
    "className",
    "httpGet.path",
    "httpGet.port",
    "upgradeMigrationConfigs.additionalArgs",
    "reindexConfig.additionalArgs",
    "extraEnvs.name",
];

/// Values of a chart.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Values(pub Value);

impl Values {
    /// The value of a key; null is a value.
    ///
    /// ```
    /// use kubectl_omupgrade::checks::precheck::Values;
    /// let values = Values(serde_json::json!({"image": {"tag": "1.12.3"}}));
    /// assert_eq!(values.get("image.tag").unwrap(), "1.12.3");
    /// assert!(values.get("image.repository").is_none());
    /// ```
    pub fn get(&self, key: &str) -> Option<&Value> {
        key.split('.').try_fold(&self.0, |at, part| at.get(part))
    }

    /// The text of a key that holds words.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// Whether a key is switched on.
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key).and_then(Value::as_bool) == Some(true)
    }

    /// Whether a value was masked when it was written: then nothing can be said of it.
    pub fn is_masked(value: &Value) -> bool {
        value.as_str() == Some(MASK)
    }

    /// The same of a list in which a text was masked, or an entry's name.
    pub fn is_masked_within(value: &Value) -> bool {
        let entry = |item: &Value| Self::is_masked(item) || item.get("name").is_some_and(Self::is_masked);
        Self::is_masked(value) || value.as_array().is_some_and(|items| items.iter().any(entry))
    }
}

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        masked("", &self.0).serialize(serializer)
    }
}

fn masked(path: &str, value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let child = |(key, value): (&String, &Value)| {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                (key.clone(), masked(&path, value))
            };
            Value::Object(map.iter().map(child).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.iter().map(|i| masked(path, i)).collect()),
        Value::String(text) if text.is_empty() || is_shown(path) || is_plain_address(path, text) => value.clone(),
        Value::String(_) => MASK.into(),
        Value::Number(number) if may_be_secret(path) && number.to_string().len() >= DIGITS => MASK.into(),
        _ => value.clone(),
    }
}

/// Whether a number there may be a password: by a name on the way to it, or as the value of an entry whose name stands
/// beside it.
fn may_be_secret(path: &str) -> bool {
    path.split('.').any(sensitive) || path.rsplit('.').next() == Some("value")
}

fn is_shown(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or(path);
    SHOWN.iter().any(|s| if s.contains('.') { path.ends_with(s) } else { last == *s })
}

/// Whether this is where Airflow is, which a rule asks for, and nothing else: no user, no question.
fn is_plain_address(path: &str, text: &str) -> bool {
    let rest = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"));
    path.ends_with("apiEndpoint") && rest.is_some_and(|rest| !rest.contains(['@', '?', '#']))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_may_be_passwords() {
        let values = Values(json!({
            "replicaCount": 2, "payloadBytesSize": 10_485_760, "tokenValidity": 3600,
            "database": {"auth": {"password": 81_273_645}}, "extraEnvs": [{"name": "PIN", "value": 81_273_645}],
        }));
        let text = serde_json::to_string(&values).unwrap();
        assert!(!text.contains("81273645") && text.contains("10485760") && text.contains("3600"), "{text}");
    }

    #[test]
    fn what_the_rules_ask_for_is_shown_and_nothing_beside_it() {
        let values = Values(json!({
            "extraEnvs": [{"name": "RDF_REMOTE_ENDPOINT", "value": "hunter2"}],
            "a": {"apiEndpoint": "http://web:8080"}, "b": {"apiEndpoint": "http://u:hunter2@web"}, "c": {"apiEndpoint": "hunter2"},
        }));
        let text = serde_json::to_string(&values).unwrap();
        assert!(!text.contains("hunter2") && text.contains("RDF_REMOTE") && text.contains("http://web:8080"), "{text}");
    }

    #[test]
    fn words_that_no_rule_asks_for_are_masked() {
        let values = Values(json!({
            "image": {"tag": "1.12.3"}, "replicaCount": 2, "extraEnvs": [{"name": "A", "value": "hunter2"}],
            "openmetadata": {"config": {"fernetkey": {"value": "hunter2"}, "secretsManager": {"provider": "aws"}}},
        }));
        let text = serde_json::to_string(&values).unwrap();
        assert!(!text.contains("hunter2") && text.contains("1.12.3") && text.contains("aws"), "{text}");
        let back: Values = serde_json::from_str(&text).unwrap();
        assert!(Values::is_masked(back.get("openmetadata.config.fernetkey.value").unwrap()));
    }
}
