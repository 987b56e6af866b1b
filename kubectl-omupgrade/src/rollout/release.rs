//! The root of the tree: what Helm says of the release, and the parts below it.

use super::same_image::is_same_image;
use super::scene::Scene;
use super::tree::{Cause, Health, Kind, Node, Why};
use super::{database, job, workload};
use crate::facts::{Component, GONE, Pod, Release, Revision, Status, Workload};
use crate::journal::Open;

/// Seconds after which a `pending-*` release is taken for one whose helm was killed. Helm's own default is 300 for
/// each hook and for waiting.
const HELM_GONE: i64 = 1800;

/// The release's node.
pub fn node(scene: &Scene<'_>) -> Node {
    let facts = scene.facts;
    let children = children(scene);
    let mut node = Node::new(Kind::Release, &facts.name, Health::Done, words(scene));
    if let Some(release) = facts.release.value() {
        node.since = release.revision.updated;
        // A pod that is not well after its rollout ended is of no rollout.
        let below = children.iter().filter(|child| !workload::is_out(scene, child)).map(Node::worst).max();
        helm(scene, release, below, &mut node);
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
    node.children = children;
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

/// The parts below it: workloads, Jobs, the database.
fn children(scene: &Scene<'_>) -> Vec<Node> {
    let facts = scene.facts;
    let mut workloads: Vec<_> = facts.workloads.items().iter().collect();
    workloads.sort_by_key(|w| (w.component, w.kind, w.meta.name.clone()));
    let mut jobs: Vec<_> = facts.jobs.items().iter().collect();
    jobs.sort_by_key(|j| (j.meta.created, j.meta.name.clone()));
    let workloads = workloads.into_iter().map(|w| workload::node(scene, w));
    workloads.chain(jobs.into_iter().filter_map(|j| job::node(scene, j))).chain(database::node(scene)).collect()
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
    let there: Vec<String> = facts.workloads.items().iter().map(Workload::label).collect();
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

/// The newest revision, where helm gave up on it for its time alone and it serves all the same: each workload is through
/// with its newest template, a server is among them, and they run the images that the revision names.
pub fn serves<'a>(scene: &Scene<'a>) -> Option<&'a Revision> {
    applied_late(scene, workload::is_through)
}

/// The same, by what the caller asks of each workload.
fn applied_late<'a>(scene: &Scene<'a>, is_up: fn(&Workload) -> bool) -> Option<&'a Revision> {
    let release = scene.facts.release.value()?;
    let all = scene.facts.workloads.items();
    let server = |w: &Workload| w.component == Component::Server && w.wanted > 0;
    // What somebody else undid since is another image. Older saved looks do not tell.
    let own = |w: &Workload| release.images.get(&w.label());
    let its = |w: &Workload| release.images.is_empty() || own(w).is_some_and(|own| is_same_image(own, &w.image));
    let there = all.iter().any(server) && all.iter().all(|w| is_up(w) && its(w));
    Some(&release.revision).filter(|revision| revision.ran_out_of_time() && there)
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

/// `below` is how the worst of the parts is.
fn helm(scene: &Scene<'_>, release: &Release, below: Option<Health>, node: &mut Node) {
    let revision = &release.revision;
    let history = format!("helm history {} -n {}", release.name, release.namespace);
    match revision.status {
        Status::Failed => {
            let (health, why) = gave_up(scene, revision, below);
            node.because(health, why);
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

/// A revision that helm gave up on. What it had applied goes on without it: that ends by what comes of the parts.
fn gave_up(scene: &Scene<'_>, revision: &Revision, below: Option<Health>) -> (Health, Why) {
    let number = revision.number;
    let text = format!("helm gave up on revision {number}: {}", revision.description);
    let why = |text: String| Why::new(Cause::Helm, text);
    let watch = || format!("{} --watch", scene.command("status"));
    if scene.facts.pods.items().iter().any(Pod::is_migrating) {
        let text = format!("{text}; but a migration runs: leave it until it ended");
        return (Health::Working, why(text).hint(watch()));
    }
    if revision.stopped_at_its_hook() {
        let text = format!("{text}. Nothing of it was applied: once the cause is gone, the same `helm upgrade` again");
        let why = why(text);
        let held = held(&revision.description).map(|job| {
            scene.kubectl(&format!(
                "get job {job} -o jsonpath='{{.metadata.finalizers}}'    # what holds it; is its controller away?"
            ))
        });
        return (
            Health::Failed,
            match held {
                Some(hint) => why.hint(hint),
                None => why,
            },
        );
    }
    match below {
        Some(Health::Working) => {
            let text = format!("{text}; but the rollout goes on without it: leave it until it ended");
            (Health::Working, why(text).hint(watch()))
        }
        Some(Health::Blocked) => {
            let text = format!("{text}; the rollout goes on without it, once what holds it up is gone");
            let back = format!("{} --dry-run    # the way back, where that cannot go", scene.command("rollback"));
            (Health::Blocked, why(text).hint(back))
        }
        None | Some(Health::Idle | Health::Done) if serves(scene).is_some() => {
            (Health::Failed, late(scene, revision, &format!("{text}. Its pods are ready by now and serve")))
        }
        // What is not well since then says so itself.
        None | Some(Health::Idle | Health::Done) if applied_late(scene, workload::came_out).is_some() => (
            Health::Failed,
            late(scene, revision, &format!("{text}. Its pods came up since, and not all are ready now")),
        ),
        _ => (Health::Failed, why(text).hint(scene.command("rollback"))),
    }
}

/// What came up without helm.
fn late(scene: &Scene<'_>, revision: &Revision, text: &str) -> Why {
    let hint = if revision.rolls_back() { scene.command("history") } else { upgrade(scene, revision) };
    Why::new(Cause::Helm, format!("{text}: {}", again(revision))).hint(hint)
}

fn upgrade(scene: &Scene<'_>, revision: &Revision) -> String {
    let (name, namespace, version) = (&scene.facts.name, &scene.facts.namespace, &revision.chart.version);
    format!("helm upgrade {name} CHART --version {version} -n {namespace}    # with the same values and flags")
}

/// What is left to do where it serves.
pub fn again(revision: &Revision) -> String {
    let verb = if revision.rolls_back() { "rollback" } else { "upgrade" };
    format!("the same `helm {verb}` again, so that helm records it as deployed")
}
