//! The manifests of what stands beside a release, with the images of the table of versions. It never asks the cluster.

use std::fs;

use anyhow::{Context as _, Result};

use crate::paths::{self, Cache};
use crate::real;
use crate::versions::{MYSQL, POSTGRES, SEARCH};

use super::kubectl::kubectl;

/// Applies one of them, in a namespace if it has none of its own.
pub fn apply(cache: &Cache, name: &str, namespace: &str, doing: &str) -> Result<()> {
    let words = ["apply", "--server-side", "-n", namespace, "-f", "-"];
    kubectl(cache, doing).args(words).feed(text(name)?.as_bytes())
}

fn text(name: &str) -> Result<String> {
    let path = paths::source(&format!("manifests/{name}.yaml"));
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let search = &SEARCH[0];
    let forward = real::resolvers()?.map_or_else(String::new, |addresses| format!("forward . {addresses}"));
    Ok(text
        .replace("$POSTGRES", &format!("postgres:{}", POSTGRES.major))
        .replace("$MYSQL", &format!("mysql:{}", MYSQL.tag))
        .replace("$SEARCH", &format!("{}/{}:{}", search.registry, search.image, search.tag))
        .replace("$FORWARD", &forward))
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn nothing_is_left_to_fill_in() {
        for name in ["postgres", "mysql", "search", "dns", "storage", "secrets"] {
            assert!(!text(name).unwrap().contains('$'), "{name}");
        }
    }
}
