//! A stored manifest as objects with identities. Never edits one.

use serde_json::Value;
use shared::manifest::{Stream, read};

/// An object of a manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Object {
    /// The API group; empty for the core.
    pub group: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace; empty for the release's own.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// All of it.
    pub value: Value,
}

impl Object {
    /// Kind and name, for people.
    pub fn label(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }

    /// Whether it is the same object in another manifest. The version of its API does not matter.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.group, &self.kind, &self.namespace, &self.name)
            == (&other.group, &other.kind, &other.namespace, &other.name)
    }

    fn of(value: Value, release_namespace: &str) -> Option<Self> {
        let text = |pointer: &str| value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let api = text("/apiVersion");
        let group = api.split_once('/').map_or(String::new(), |(group, _)| group.to_owned());
        let namespace = Some(text("/metadata/namespace")).filter(|n| n != release_namespace).unwrap_or_default();
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        (!kind.is_empty() && !name.is_empty()).then_some(Self { group, kind, namespace, name, value })
    }
}

/// The objects of a manifest, lists opened; of two with one identity the last counts, as for Helm.
pub fn objects(manifest: &str, release_namespace: &str) -> Result<Vec<Object>, String> {
    let stream = Stream::split(manifest.as_bytes()).map_err(|e| e.to_string())?;
    let mut out: Vec<Object> = Vec::new();
    for document in stream.documents.iter().filter(|d| !d.is_blank()) {
        let mut value = read(document.text).map_err(|e| format!("document {}: {e}", document.number))?;
        let items = match value.get_mut("items") {
            Some(Value::Array(items)) => std::mem::take(items),
            _ => vec![value],
        };
        for object in items.into_iter().filter_map(|v| Object::of(v, release_namespace)) {
            out.retain(|o| !o.is_same(&object));
            out.push(object);
        }
    }
    Ok(out)
}
