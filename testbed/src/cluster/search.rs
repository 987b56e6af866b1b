//! Puts the search stand-in beside a release. It never deletes one.

use anyhow::Result;

use super::kubectl::kubectl;
use crate::paths::{self, Cache};
use crate::{images, say};

/// Starts it in a namespace that is there, and waits until it answers.
pub fn run(cache: &Cache, namespace: &str) -> Result<()> {
    images::ensure(cache, &["search"])?;
    let doing = format!("starting search in {namespace}");
    let path = paths::source("manifests/search.yaml");
    kubectl(cache, &doing).args(["apply", "--server-side", "-n", namespace, "-f"]).args([path]).run()?;
    say::step(&format!("waiting for search in {namespace}"));
    kubectl(cache, &doing)
        .args(["rollout", "status", "-n", namespace, "statefulset/opensearch", "--timeout=120s"])
        .hint(format!(
            "kubectl --kubeconfig {} -n {namespace} describe pod opensearch-0",
            paths::kubeconfig().display()
        ))
        .run()
}
