//! The search stand-in's images, under the names of the real ones. They hold one program and nothing else.

use anyhow::Result;
use serde_json::json;

use super::oci::{Owner, Store};
use super::recipes::{copy, fresh};
use super::standin;
use crate::paths::Cache;
use crate::versions::SEARCH;

/// What the images follow from.
pub const SOURCES: &[&str] =
    &["standin/Cargo.toml", "standin/src", "standin/seed", "src/images/search.rs", "../Cargo.toml", "../Cargo.lock"];

/// Whether every version is there.
pub fn is_there(store: &Store) -> bool {
    SEARCH.iter().all(|search| store.tagged(search.image, search.tag).is_some())
}

/// An image for every version; they differ in their environment.
pub fn make(cache: &Cache) -> Result<Vec<String>> {
    let store = Store::new(cache);
    let folder = fresh(cache, "search-image")?;
    copy(&standin::program(cache)?, &folder.join("search"))?;
    let layer = store.layer(&folder, None, Owner::Root)?;
    for search in SEARCH {
        let run = json!({
            "Entrypoint": ["/search", "search"], "User": "1000", "ExposedPorts": { "9200/tcp": {} },
            "Env": [format!("SEARCH_DISTRIBUTION={}", search.distribution), format!("SEARCH_VERSION={}", search.tag)],
        });
        store.tag(search.image, search.tag, std::slice::from_ref(&layer), &run)?;
    }
    Ok(SEARCH.iter().map(|search| format!("{}/{}:{}", search.registry, search.image, search.tag)).collect())
}
