//! The root of the tree: what Helm says of the release, and the parts below it.

use super::scene::Scene;
use super::tree::{Cause, Health, Kind, Node, Why};
use super::{database, job, workload};
use crate::facts::{Component, GONE, Pod, Release, Status};
use crate::journal::Open;

/// Seconds after which a `pending-*` release is taken for one whose helm was killed. Helm's own default is 300 for
/// each hook and for waiting.
const HELM_GONE: i64 = 1800;

/// The release's node.
pub fn node(scene: &Scene<'_>) -> Node {
    let facts = scene.facts;
    let mut node = Node::new(Kind::Release, &facts.name, Health::Done, words(scene));
    if let Some(release) = facts.release.value() {
        node.since = release.revision.updated;
        helm(scene, release, &mut node);
        missing(scene, release, &mut node);
    } else {
        let reason = facts.release.reason().unwrap_or_default();
        node.words = format!("revision unknown: {reason}");
        if reason == GONE {
            let history = format!("kubectl omupgrade history {} -n {}", facts.name, facts.namespace);
            let why = Why::new(Cause::Helm, "nothing of the release is stored any more");
            node.because(Health::Failed, why.hint(history));
        }
    }
    if let Some(open) = &facts.open {
        node.because(Health::Blocked, left_open(scene, open));
    }
    if let Some(at) = facts.search_due {
        let text = format!(
            "search is due for reindex: the database was restored at {}, and no validation was recorded since",
            at.strftime("%Y-%m-%d %H:%MZ")
        );
        let server = facts.workloads.items().iter().find(|w| w.component == Component::Server);
        let server = server.map_or_else(
            || "deployment/SERVER".to_owned(),
            |w| format!("{}/{}", w.kind.name().to_lowercase(), w.meta.name),
        );
        let reindex = scene.kubectl(&format!("exec {server} -- ./bootstrap/openmetadata-ops.sh reindex --force"));
        node.why.push(Why::new(Cause::Search, text).hint(reindex));
    }
    let mut workloads: Vec<_> = facts.workloads.items().iter().collect();
    workloads.sort_by_key(|w| (w.component, w.kind, w.meta.name.clone()));
    node.children.extend(workloads.iter().map(|w| workload::node(scene, w)));
    let mut jobs: Vec<_> = facts.jobs.items().iter().collect();
    jobs.sort_by_key(|j| (j.meta.created, j.meta.name.clone()));
    node.children.extend(jobs.iter().filter_map(|j| job::node(scene, j)));
    node.children.extend(database::node(scene));
    if let Some(release) = facts.release.value() {
        standing_still(scene, release, &mut node);
    }
    let workload = |kind: Kind| matches!(kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet);
    let empty = !node.children.iter().any(|child| workload(child.kind));
    if empty && facts.release.value().is_none() {
        // A name that was mistyped would look the same.
        node.health = node.health.max(Health::Unknown);
    }
    if node.children.is_empty() && facts.workloads.value().is_some() {
        node.words = format!("{}, no workloads", node.words);
    }
    node
}

/// The Job of an earlier hook that is being deleted and does not go.
fn held(description: &str) -> Option<&str> {
    let (before, _) = description.split_once(" still exists. status: Terminating")?;
    before.rsplit('/').next()
}

/// A way back that did not end. A journal cannot tell one that works from one that was killed; its lock can.
fn left_open(scene: &Scene<'_>, open: &Open) -> Why {
    let text = format!(
        "`{}` by {} is open, its last line is of {}: it is at work, or was killed, and the same command goes on with it",
        open.plan,
        open.by,
        open.at.strftime("%Y-%m-%d %H:%M:%SZ")
    );
    Why::new(Cause::Helm, text).hint(scene.command("history"))
}

/// Workloads of a finished revision that are not in the cluster: helm does not look after them.
fn missing(scene: &Scene<'_>, release: &Release, node: &mut Node) {
    let facts = scene.facts;
    if release.revision.status != Status::Deployed
        || facts.workloads.value().is_none()
        || !facts.workload_gaps.is_empty()
    {
        return;
    }
    let there: Vec<String> =
        facts.workloads.items().iter().map(|w| format!("{}/{}", w.kind.name(), w.meta.name)).collect();
    for label in release.workloads.iter().filter(|label| !there.contains(label)) {
        let number = release.revision.number;
        let text = format!("{label} of revision {number} is not there: someone deleted it");
        let again = format!(
            "helm rollback {} {number} -n {}    # the same revision makes it again",
            facts.name, facts.namespace
        );
        node.because(Health::Blocked, Why::new(Cause::Helm, text).hint(again));
    }
}

/// Whether each workload is through with its newest template, and a server is among them.
fn all_ready(scene: &Scene<'_>) -> bool {
    let all = scene.facts.workloads.items();
    all.iter().any(|w| w.component == Component::Server && w.wanted > 0) && all.iter().all(workload::is_through)
}

/// A pending revision below which nothing moves: helm is at its very beginning or end, or was killed.
fn standing_still(scene: &Scene<'_>, release: &Release, node: &mut Node) {
    let status = release.revision.status;
    let moves = node.children.iter().any(|child| child.worst() > Health::Done);
    if status.is_pending() && node.health == Health::Working && !moves {
        let text = format!(
            "revision {} is {}, and nothing below it moves: a helm is about to begin or end, or it was killed; then no other helm can upgrade until it is cleared",
            release.revision.number,
            status.word()
        );
        let hint = format!("{} --clear-pending --dry-run    # once no helm is at work", scene.command("rollback"));
        node.why.push(Why::new(Cause::Helm, text).hint(hint));
    }
}

fn words(scene: &Scene<'_>) -> String {
    let Some(release) = scene.facts.release.value() else { return String::new() };
    let revision = &release.revision;
    let mut words = format!("revision {}", revision.number);
    if !revision.chart.name.is_empty() {
        words = format!("{words}, {} {}", revision.chart.name, revision.chart.version);
    }
    format!("{words}, {}", revision.status.word())
}

fn helm(scene: &Scene<'_>, release: &Release, node: &mut Node) {
    let revision = &release.revision;
    let history = format!("helm history {} -n {}", release.name, release.namespace);
    match revision.status {
        Status::Failed => {
            let text = format!("helm gave up on revision {}: {}", revision.number, revision.description);
            if scene.facts.pods.items().iter().any(Pod::is_migrating) {
                let text = format!("{text}; but a migration runs: leave it until it ended");
                node.because(
                    Health::Working,
                    Why::new(Cause::Helm, text).hint(format!("{} --watch", scene.command("status"))),
                );
            } else if revision.stopped_at_its_hook() {
                let text =
                    format!("{text}. Nothing of it was applied: once the cause is gone, the same `helm upgrade` again");
                let why = Why::new(Cause::Helm, text);
                node.because(Health::Failed, match held(&revision.description) {
                    Some(job) => why.hint(scene.kubectl(&format!(
                        "get job {job} -o jsonpath='{{.metadata.finalizers}}'    # what holds it; is its controller away?"
                    ))),
                    None => why,
                });
            } else if revision.ran_out_of_time() && all_ready(scene) {
                let text = format!(
                    "{text}. Its pods are ready by now: the same `helm upgrade` again ends it well, or a way back is looked for"
                );
                let back = format!("{} --dry-run", scene.command("rollback"));
                node.because(Health::Failed, Why::new(Cause::Helm, text).hint(back));
            } else {
                node.because(Health::Failed, Why::new(Cause::Helm, text).hint(scene.command("rollback")));
            }
        }
        status if status.is_pending() => {
            let age = revision.updated.map_or(0, |at| scene.now.as_second() - at.as_second());
            if age > HELM_GONE {
                let text = format!(
                    "revision {} has been {} for {}: the helm that made it was killed, or waits without an end; no other helm can upgrade",
                    revision.number,
                    status.word(),
                    super::span::seconds(age)
                );
                let hint = format!("{} --clear-pending --dry-run", scene.command("rollback"));
                node.because(Health::Blocked, Why::new(Cause::Helm, text).hint(hint));
            } else {
                node.health = Health::Working;
            }
        }
        Status::Uninstalled => {
            node.because(Health::Failed, Why::new(Cause::Helm, "the release is uninstalled").hint(history));
        }
        _ => {}
    }
}
