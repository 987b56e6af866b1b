//! The OpenMetadata server in a manifest: its image, its guard, the database that it uses.

use super::objects::Object;
use super::settings::decoded;
use crate::verdict::Reach;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::component::{self, Component};
use shared::marks;
use std::collections::BTreeMap;

/// A server workload of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// Kind and name.
    pub label: String,
    /// Its name.
    pub name: String,
    /// The image that migrates, or serves where none migrates.
    pub image: String,
    /// The replicas that the manifest sets.
    pub replicas: Option<u64>,
    /// Whether the schema guard stands in its template.
    pub guarded: bool,
}

impl Server {
    /// What its image carries: its tag, and its migration folders where they were listed.
    pub fn reach(&self, listed: &BTreeMap<String, Vec<String>>) -> Reach {
        Reach::of(&self.image, listed)
    }
}

/// The servers of a manifest.
pub fn servers(objects: &[Object]) -> Vec<Server> {
    let mut out = Vec::new();
    for object in objects.iter().filter(|o| matches!(o.kind.as_str(), "Deployment" | "StatefulSet")) {
        if component::of(&object.value) != Component::Server {
            continue;
        }
        let list = |key: &str| object.value.pointer(&format!("/spec/template/spec/{key}")).and_then(Value::as_array);
        let serving = component::serving_index(&object.value).and_then(|i| list("containers")?.get(i));
        let container = component::migration_container(&object.value).or(serving);
        let guarded = list("initContainers").is_some_and(|all| {
            all.iter().any(|c| c.get("name").and_then(Value::as_str) == Some(marks::GUARD_CONTAINER))
        });
        out.push(Server {
            label: object.label(),
            name: object.name.clone(),
            image: container.and_then(|c| c.get("image")?.as_str()).unwrap_or_default().to_owned(),
            replicas: object.value.pointer("/spec/replicas").and_then(Value::as_u64),
            guarded,
        });
    }
    out
}

/// The settings that say which database a server uses.
const SETTINGS: &[&str] = &["DB_SCHEME", "DB_HOST", "DB_PORT", "OM_DATABASE"];

/// The settings that differ between two manifests: then one speaks of another database than the other. A setting that
/// only one of them holds tells nothing, it may stand outside the chart.
pub fn elsewhere(now: &[Object], then: &[Object]) -> Vec<String> {
    let (now, then) = (settings(now), settings(then));
    let differ = |name: &&&str| matches!((now.get(**name), then.get(**name)), (Some(a), Some(b)) if a != b);
    SETTINGS.iter().filter(differ).map(|name| (*name).to_owned()).collect()
}

/// The engine of the database that the manifest's server uses, where the manifest tells it.
pub fn engine(objects: &[Object]) -> Option<shared::backup::Engine> {
    settings(objects).get("DB_SCHEME").and_then(|scheme| shared::backup::Engine::of_scheme(scheme))
}

fn settings(objects: &[Object]) -> BTreeMap<&'static str, String> {
    let mut out = BTreeMap::new();
    for object in objects {
        for name in SETTINGS {
            let at = |key: &str| object.value.get(key)?.get(name)?.as_str().map(str::to_owned);
            let found = match object.kind.as_str() {
                "Secret" => at("stringData").or_else(|| decoded(&at("data")?)),
                "ConfigMap" => at("data"),
                "Deployment" | "StatefulSet" if component::of(&object.value) == Component::Server => {
                    variable(&object.value, name)
                }
                _ => None,
            };
            if let Some(value) = found {
                out.insert(*name, value.trim().trim_matches('"').to_owned());
            }
        }
    }
    out
}

fn variable(workload: &Value, name: &str) -> Option<String> {
    let env = component::migration_container(workload)?.get("env")?.as_array()?;
    let entry = env.iter().find(|e| e.get("name").and_then(Value::as_str) == Some(name))?;
    entry.get("value")?.as_str().map(str::to_owned)
}
