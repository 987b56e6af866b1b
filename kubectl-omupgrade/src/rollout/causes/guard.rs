//! The schema guard's refusal. A database that is newer than the image stays so: no waiting mends it. One that cannot
//! be read may come back.

use super::crash::end;
use crate::facts::{Container, Pod, Revision, Status};
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
    let pods = scene.facts.pods.items().iter().filter(|p| p.meta.deleted.is_none() && p.is_ready());
    let serving = head.and_then(|head| {
        let mut known = pods.filter_map(|p| Some((p, version(p, c)?)));
        known.find(|(_, its)| *its >= head).map(|(pod, its)| (pod, on(scene, its, head)))
    });
    let Some((serving, on)) = serving else {
        return (Health::Failed, Why::new(Cause::Guard, text).hint(scene.command("rollback")));
    };
    (Health::Failed, Why::new(Cause::Guard, format!("{text}. {} serves on", serving.meta.name)).hint(on))
}

/// The version of a pod's server, where the guard stands before it.
fn version(pod: &Pod, guard: &Container) -> Option<Version> {
    let guarded = pod.containers.iter().any(|c| c.name == guard.name);
    let mut tags = pod.containers.iter().filter(|c| c.migrates).filter_map(|c| component::image_tag(&c.image));
    tags.find_map(Version::parse).filter(|_| guarded)
}

/// To the revision whose pods serve: the newest of their version before this one, or one that helm saw the end of and whose
/// version the database does not go beyond. A try of that very version that ran out of helm's time serves all the same, and
/// there the upgrade is typed again.
fn on(scene: &Scene<'_>, serving: Version, head: Version) -> String {
    let (release, namespace) = (&scene.facts.name, &scene.facts.namespace);
    let now = scene.facts.release.value().map_or(0, |release| release.revision.number);
    let of = |r: &Revision| Version::parse(&r.chart.app_version);
    let good = |r: &Revision| matches!(r.status, Status::Superseded | Status::Deployed);
    let failed = |r: &Revision| r.status == Status::Failed && !r.stopped_at_its_hook();
    let newest =
        |wanted: &dyn Fn(&Revision) -> bool| scene.facts.history.items().iter().rfind(|r| r.number < now && wanted(r));
    let back = newest(&|r| good(r) && of(r) == Some(serving));
    if back.is_none()
        && let Some(its) = newest(&|r| failed(r) && of(r) == Some(serving))
    {
        return format!(
            "helm upgrade {release} CHART --version {} -n {namespace}    # with the values and flags of revision {}, on which helm gave up and which serves; or `backup list`, and bring the database back",
            its.chart.version, its.number
        );
    }
    // Of a history that tells only how each revision ended, the one just before served unless helm gave up on it.
    let before = || newest(&|r| of(r).is_none());
    match back.or_else(|| newest(&|r| good(r) && of(r).is_some_and(|its| its >= head))).or_else(before) {
        Some(its) if !good(its) => format!(
            "kubectl omupgrade history {release} -n {namespace}    # which revision serves: helm gave up on {}; where it is that one, the same `helm upgrade` again, or `backup list`, and bring the database back",
            its.number
        ),
        Some(its) => format!(
            "kubectl omupgrade rollback {release} {} -n {namespace}    # to what serves on (--accept-unproven where nothing was recorded); or `backup list`, and bring the database back",
            its.number
        ),
        None => scene.command("rollback"),
    }
}
