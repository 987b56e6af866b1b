//! The schema guard's refusal. A database that is newer than the image stays so: no waiting mends it. One that cannot
//! be read may come back.

use super::crash::end;
use crate::facts::{Container, Pod, Status};
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Health, Why};
use shared::component;
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
    // What helm replaced a moment ago serves on, where its servers know the database.
    let head = first.split_once("the database is at ").and_then(|(_, rest)| Version::parse(rest.split(',').next()?));
    let serving =
        scene.facts.pods.items().iter().find(|p| p.meta.deleted.is_none() && p.is_ready() && knows(p, c, head));
    let Some(serving) = serving else {
        return (Health::Failed, Why::new(Cause::Guard, text).hint(scene.command("rollback")));
    };
    let why = Why::new(Cause::Guard, format!("{text}. {} serves on", serving.meta.name));
    (Health::Failed, why.hint(back(scene)))
}

/// Whether a pod's server is of the database's version, or of a newer one.
fn knows(pod: &Pod, guard: &Container, head: Option<Version>) -> bool {
    let guarded = pod.containers.iter().any(|c| c.name == guard.name);
    let tags = pod.containers.iter().filter(|c| c.migrates).filter_map(|c| component::image_tag(&c.image));
    guarded && tags.filter_map(Version::parse).any(|its| head.is_some_and(|head| its >= head))
}

/// Back to the revision before this one.
fn back(scene: &Scene<'_>) -> String {
    let (release, namespace) = (&scene.facts.name, &scene.facts.namespace);
    let now = scene.facts.release.value().map_or(0, |release| release.revision.number);
    let before = scene.facts.history.items().iter().rfind(|r| r.number < now && r.status == Status::Superseded);
    match before {
        Some(before) => format!(
            "kubectl omupgrade rollback {release} {} -n {namespace}    # to what serves on; or `backup list`, and bring the database back",
            before.number
        ),
        None => scene.command("rollback"),
    }
}
