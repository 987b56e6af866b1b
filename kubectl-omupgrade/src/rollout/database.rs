//! The database below the release: what its probe found, what of it stands in the way, and which servers are older than
//! it. Where it was not asked, the state that the journal recorded last still tells of older servers.

use super::scene::Scene;
use super::tree::{Cause, Health, Kind, Node, Why};
use crate::facts::{Database, Facts, Pod, Role, State, Workload, WorkloadKind};
use crate::verdict::Reach;
use shared::component;
use shared::versions::Version;
use std::collections::BTreeMap;

/// Seconds after which an open transaction is told about: a migration would wait for its locks. Chosen.
const LONG: u64 = 300;

/// The database's node, where it was asked and answered.
pub fn node(scene: &Scene<'_>) -> Option<Node> {
    let database = scene.facts.database.value()?;
    let mut node = Node::new(Kind::Database, &database.name, Health::Done, words(database));
    let migrates = scene.facts.pods.items().iter().any(Pod::is_migrating);
    if migrates {
        node.words = format!("{}, {}", node.words, transactions(database));
    }
    let unfinished = database.unfinished();
    if !unfinished.is_empty() {
        let list = unfinished.join(", ");
        if migrates {
            node.health = Health::Working;
            node.words = format!("{}, migrating {list}", node.words);
        } else {
            let text = format!(
                "the migration of {list} broke off: statements of it ran, and the change log does not call it done"
            );
            node.because(Health::Failed, Why::new(Cause::Migration, text).hint(scene.command("rollback")));
        }
    }
    if database.read_only {
        node.because(
            Health::Blocked,
            Why::new(Cause::Database, "it takes no writes: a replica, or told to be read-only"),
        );
    }
    if let Some(pending) = pending(scene, database) {
        node.why.push(pending);
    }
    if let Some(seconds) = database.oldest_transaction_seconds.filter(|s| *s > LONG) {
        let span = super::span::seconds(i64::try_from(seconds).unwrap_or(i64::MAX));
        let text = format!("a transaction is open for {span}: a migration would wait for its locks");
        node.why.push(Why::new(Cause::Database, text));
    }
    if database.may("migrate") == Some(false) {
        let text = format!("the user {} may not change every table: a migration would fail half-way", database.user);
        node.why.push(Why::new(Cause::Database, text));
    }
    Some(node)
}

fn words(database: &Database) -> String {
    let version = database.version.split([' ', '-']).next().unwrap_or_default();
    let head = database.head().map_or_else(|| "without migrations".to_owned(), |head| format!("at {head}"));
    let counted = database.counted();
    let rows = counted.values().fold(0, |sum: u64, rows| sum.saturating_add(*rows));
    let entities =
        if counted.is_empty() { String::new() } else { format!(", {rows} rows in {} entity tables", counted.len()) };
    format!("{} {version}, {head}, {}{entities}", database.engine.name(), size(database.bytes))
}

/// Whether it does something, for who has to decide whether a migration that says nothing may be ended.
fn transactions(database: &Database) -> String {
    match database.oldest_transaction_seconds {
        Some(0) => "no transaction is open for a second or longer".to_owned(),
        Some(open) => {
            format!(
                "the oldest transaction is open for {}",
                super::span::seconds(i64::try_from(open).unwrap_or(i64::MAX))
            )
        }
        None => "open transactions may not be seen".to_owned(),
    }
}

/// Bytes as people read them.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let step = (bytes.max(1).ilog2() / 10).min(4);
    let tenths = u128::from(bytes) * 10 / (1_u128 << (10 * step));
    let unit = UNITS.get(step as usize).copied().unwrap_or_default();
    if step == 0 { format!("{bytes} {unit}") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

/// Migrations that the newest server's image carries and that did not run.
fn pending(scene: &Scene<'_>, database: &Database) -> Option<Why> {
    let server = scene.facts.workloads.items().iter().find(|w| w.component == crate::facts::Component::Server)?;
    let folders = scene.facts.folders.get(&server.image)?;
    let pending = database.pending(folders);
    let text = format!(
        "{} of {} migrations of {} did not run: {}",
        pending.len(),
        folders.len(),
        server.image,
        pending.join(", ")
    );
    (!pending.is_empty()).then(|| Why::new(Cause::Migration, text))
}

/// The database's version, and in words how that is known.
fn head(facts: &Facts) -> Option<(Version, String)> {
    if let Some(database) = facts.database.value() {
        let head = database.head()?;
        return Some((head, format!("the database ({head})")));
    }
    let recorded = facts.recorded.as_ref()?;
    let head = recorded.fingerprint.head()?;
    Some((head, format!("the database ({head}, as recorded {})", recorded.at.strftime("%Y-%m-%d %H:%MZ"))))
}

/// Puts to a workload of the server which of its running images are older than the database. Certain only where the
/// database was asked and the image's migration folders were listed; else it is said and changes nothing.
pub fn older(scene: &Scene<'_>, workload: &Workload, node: &mut Node) {
    if workload.component != crate::facts::Component::Server {
        return;
    }
    let Some((head, known)) = head(scene.facts) else { return };
    for (image, pods) in running(scene, workload) {
        let reach = Reach::of(&image, &scene.facts.folders);
        let Some(highest) = reach.highest().filter(|reach| *reach < head) else { continue };
        let pods = if pods == 1 { "1 pod runs".to_owned() } else { format!("{pods} pods run") };
        let asked = scene.facts.database.value().is_some();
        let sure = !reach.folders.is_empty() && asked;
        let reaches = match (sure, component::image_tag(&image) == Some(&*highest.to_string())) {
            (true, true) => String::new(),
            (true, false) => format!(" ({highest})"),
            (false, _) => format!(" ({highest} by its tag)"),
        };
        let text = format!("{pods} {image}{reaches}, older than {known}: an older server on a newer schema");
        let why = Why::new(Cause::OlderImage, text);
        if !sure {
            let ask = format!("{} --probe", scene.command("status"));
            node.why.push(if asked { why } else { why.hint(ask) });
        } else if image == workload.image {
            node.because(Health::Failed, why.hint(format!("{} --dry-run", scene.command("rollback"))));
        } else {
            // Old pods that are being replaced: so it is in every rolling upgrade that migrates.
            node.why.push(why);
        }
    }
}

/// How many pods of a workload run which server image.
fn running(scene: &Scene<'_>, workload: &Workload) -> BTreeMap<String, usize> {
    let owners: Vec<&str> = match workload.kind {
        WorkloadKind::Deployment => {
            scene.replica_sets(&workload.meta.uid).into_iter().map(|s| s.meta.uid.as_str()).collect()
        }
        WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => vec![workload.meta.uid.as_str()],
    };
    let base = component::image_base(&workload.image);
    let mut counted = BTreeMap::new();
    for pod in owners.into_iter().flat_map(|owner| scene.pods(owner)).filter(|p| p.meta.deleted.is_none()) {
        let serving =
            pod.containers.iter().filter(|c| c.role == Role::Main && matches!(c.state, State::Running { .. }));
        for container in serving.filter(|c| component::image_base(&c.image) == base) {
            *counted.entry(container.image.clone()).or_default() += 1;
        }
    }
    counted
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_said_as_people_read_them() {
        assert_eq!(size(0), "0 bytes");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1536), "1.5 KiB");
        assert_eq!(size(5 * 1024 * 1024 * 1024), "5.0 GiB");
        assert_eq!(size(u64::MAX), "16777215.9 TiB");
    }
}
