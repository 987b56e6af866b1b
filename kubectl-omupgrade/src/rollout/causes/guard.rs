//! The schema guard's refusal. A database that is newer than the image stays so: no waiting mends it. One that cannot
//! be read may come back.

use super::crash::end;
use crate::facts::{Container, Pod, Revision};
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Health, Why};
use shared::versions::Version;

/// Why the guard stopped a pod: in its own words.
pub fn of_container(scene: &Scene<'_>, pod: &Pod, c: &Container) -> (Health, Why) {
    let message = end(c).map(|e| e.message.trim()).unwrap_or_default();
    let first = message.lines().next().unwrap_or_default();
    let first = first.strip_prefix("omupgrade schema guard: ").unwrap_or(first);
    let logs = scene.kubectl(&format!("logs {} -c {}", pod.meta.name, c.name));
    if first.is_empty() {
        let text = "the schema guard stopped this pod and left no words";
        return (Health::Blocked, Why::new(Cause::Guard, text).hint(logs));
    }
    let newer = first.contains("newer than this image");
    let text = format!("the schema guard stopped this pod: {}", first.trim_end_matches('.'));
    if !newer {
        return (Health::Blocked, Why::new(Cause::Guard, text).hint(logs));
    }
    let serving = scene.facts.pods.items().iter().any(|p| p.meta.deleted.is_none() && p.is_ready() && p.serves_with(c));
    let text = if serving { format!("{text}. Pods of before serve on") } else { text };
    (Health::Failed, Why::new(Cause::Guard, text).hint(way_back(scene, first)))
}

/// Back to the newest earlier revision that knows the database, as the guard named its version.
fn way_back(scene: &Scene<'_>, words: &str) -> String {
    let (release, namespace) = (&scene.facts.name, &scene.facts.namespace);
    let now = scene.facts.release.value().map_or(0, |release| release.revision.number);
    let head = words.split_once("the database is at ").and_then(|(_, rest)| Version::parse(rest.split(',').next()?));
    let knows = |earlier: &&Revision| {
        earlier.number < now
            && Version::parse(&earlier.chart.app_version).zip(head).is_some_and(|(its, head)| its >= head)
    };
    let other = scene.facts.history.items().iter().rev().find(knows);
    match other {
        Some(other) => format!(
            "kubectl omupgrade rollback {release} {} -n {namespace}    # to {}; or `backup list`, and bring the database back",
            other.number, other.chart.app_version
        ),
        None => scene.command("rollback"),
    }
}
