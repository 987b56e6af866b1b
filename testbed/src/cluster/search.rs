//! Puts the search stand-in beside a release. It never deletes one.

use anyhow::Result;

use super::kubectl::kubectl;
use super::manifests;
use crate::paths::{self, Cache};
use crate::{images, say};

/// Starts it in a namespace that is there, and waits until it answers.
pub fn run(cache: &Cache, namespace: &str) -> Result<()> {
    images::ensure(cache, &["search"])?;
    let doing = format!("starting search in {namespace}");
    manifests::apply(cache, "search", namespace, &doing)?;
    say::step(&format!("waiting for search in {namespace}"));
    kubectl(cache, &doing)
        .args(["rollout", "status", "-n", namespace, "statefulset/opensearch", "--timeout=120s"])
        .hint(format!(
            "kubectl --kubeconfig {} -n {namespace} describe pod opensearch-0",
            paths::kubeconfig().display()
        ))
        .run()
}
