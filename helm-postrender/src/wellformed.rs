//! The shape of the texts that a policy sets: what Kubernetes would refuse is refused at reading, in words. Numbers
//! have [`crate::defaults::limits`].

use serde::de::{Deserialize, Deserializer, Error};
use std::collections::BTreeMap;

/// An image reference: not empty, no white space.
///
/// # Errors
/// When it is none.
pub fn image<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let fits = !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic());
    if fits { Ok(text) } else { Err(D::Error::custom("an image reference is expected here, such as `postgres:17`")) }
}

/// The name of an object, or null: lower-case letters, digits, `-` and `.`, at most 253.
///
/// # Errors
/// When it is neither.
pub fn name<'de, D: Deserializer<'de>>(from: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    let end = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let fits = |t: &str| {
        t.len() <= 253 && t.starts_with(end) && t.ends_with(end) && t.chars().all(|c| end(c) || c == '-' || c == '.')
    };
    match &text {
        Some(t) if !fits(t) => {
            Err(D::Error::custom("a name as Kubernetes has them is expected here: a-z, 0-9, `-`, `.`"))
        }
        _ => Ok(text),
    }
}

/// An absolute path.
///
/// # Errors
/// When it is none.
pub fn path<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let fits = text.starts_with('/') && !text.contains(['\n', '\0']);
    if fits { Ok(text) } else { Err(D::Error::custom("an absolute path is expected here")) }
}

/// Labels: keys of at most 63 characters behind an optional `prefix/`, values of at most 63.
///
/// # Errors
/// When one is none.
pub fn labels<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let labels = BTreeMap::<String, String>::deserialize(from)?;
    for (key, value) in &labels {
        let word = key.rsplit_once('/').map_or(key.as_str(), |(_, word)| word);
        if word.is_empty() || !label(word) || !label(value) {
            return Err(D::Error::custom(format!(
                "`{key}: {value}` is no label: letters, digits, `-`, `_`, `.`, at most 63"
            )));
        }
    }
    Ok(labels)
}

fn label(text: &str) -> bool {
    let end = |c: char| c.is_ascii_alphanumeric();
    text.len() <= 63
        && (text.is_empty() || (text.starts_with(end) && text.ends_with(end)))
        && text.chars().all(|c| end(c) || matches!(c, '-' | '_' | '.'))
}

/// A container's resources.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Resources {
    /// What the container is sure to get.
    #[serde(deserialize_with = "quantities", skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, String>,
    /// What it may use at most.
    #[serde(deserialize_with = "quantities", skip_serializing_if = "BTreeMap::is_empty")]
    pub limits: BTreeMap<String, String>,
}

impl Resources {
    /// Requests and limits of cpu and memory.
    pub fn of(requests: &[(&str, &str)], limits: &[(&str, &str)]) -> Self {
        let map = |list: &[(&str, &str)]| list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Self { requests: map(requests), limits: map(limits) }
    }

    /// As a manifest has them.
    pub fn value(&self) -> serde_json::Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

fn quantities<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map = BTreeMap::<String, String>::deserialize(from)?;
    match map.iter().find(|(_, text)| !quantity(text)) {
        Some((key, text)) => {
            Err(D::Error::custom(format!("`{key}: {text}` is no quantity, such as \"500m\" or \"256Mi\"")))
        }
        None => Ok(map),
    }
}

fn quantity(text: &str) -> bool {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let suffix = &text[number.len()..];
    let known = ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    number.parse::<f64>().is_ok_and(f64::is_finite) && !number.starts_with('-') && known.contains(&suffix)
}

#[cfg(test)]
mod tests {
    use crate::policy::Policy;

    #[test]
    fn what_kubernetes_refuses_is_refused() {
        for text in [
            "database: {mysqlImage: \"\"}",
            "database: {mysqlImage: \"a b\"}",
            "database: {runAsUser: 0}",
            "database: {runAsUser: -1}",
            "database: {runAsUser: 99999999999}",
            "backupHook: {claim: \"\"}",
            "backupHook: {claim: A_b}",
            "backupHook: {labels: {\"bad key!\": v}}",
            "backupHook: {labels: {k: \"v v\"}}",
            "backupHook: {deadlineSeconds: 0}",
            "schemaGuard: {resources: {foo: {}}}",
            "schemaGuard: {resources: {requests: {cpu: abc}}}",
            "schemaGuard: {migrationsPath: \"-la\"}",
        ] {
            assert!(Policy::from_yaml(text).is_err(), "{text}");
        }
        for text in [
            "database: {mysqlImage: \"registry:5000/x/mysql@sha256:00ff\", runAsUser: null}",
            "backupHook: {claim: my-claim.v1, labels: {team.example/x: data, empty: \"\"}, resources: {}}",
            "schemaGuard: {resources: {requests: {cpu: \"0.5\", memory: 64Mi}, limits: {memory: \"1e3\"}}}",
        ] {
            assert!(Policy::from_yaml(text).is_ok(), "{text}: {:?}", Policy::from_yaml(text).err());
        }
    }
}
