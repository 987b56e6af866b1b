//! Watches the servers of a test and its database while something is done: none may start on a schema newer than itself. It never changes anything.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::look::{SERVERS, items, tag};
use super::stage::Stage;
use crate::say;

/// The highest versions that finished and half-made migrations left.
const MIGRATED: &str = "SELECT version FROM SERVER_CHANGE_LOG UNION SELECT version FROM SERVER_MIGRATION_SQL_LOGS;";

impl Stage<'_> {
    /// Does `work` while servers and database are watched.
    pub fn watched(&self, work: impl FnOnce() -> Result<()>) -> Result<()> {
        let before = self.running()?;
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let watching = scope.spawn(|| {
                let (mut looks, mut wrong) = (0, BTreeSet::new());
                while !done.load(Ordering::Relaxed) {
                    // While names are swapped there may be no database of this name for a moment.
                    if let Ok(found) = self.newer_than_its_server(&before) {
                        looks += 1;
                        wrong.extend(found);
                    }
                    std::thread::sleep(Duration::from_millis(500));
                }
                (looks, wrong)
            });
            let worked = work();
            done.store(true, Ordering::Relaxed);
            let (looks, wrong) = watching.join().map_err(|_| anyhow::anyhow!("the watcher died"))?;
            worked?;
            let last = self.newer_than_its_server(&before)?;
            ensure!(last.is_empty(), "a server runs on a schema newer than itself: {last:?}");
            ensure!(wrong.is_empty(), "servers ran on a schema newer than themselves: {wrong:?}");
            ensure!(looks >= 5, "the watcher looked {looks} times only");
            say::step(&format!("watched: in {looks} looks no server started on a schema newer than itself"));
            Ok(())
        })
    }

    /// Servers that were not there before and are older than the database, which did not move while they were looked at.
    fn newer_than_its_server(&self, before: &BTreeSet<Server>) -> Result<Vec<String>> {
        let head = self.head()?;
        let servers = self.running()?;
        if head != self.head()? {
            return Ok(Vec::new());
        }
        Ok(started_on(head, before, &servers))
    }

    fn head(&self) -> Result<[u64; 3]> {
        let text = self.database.ask(MIGRATED)?;
        Ok(text.lines().map(numbers).max().unwrap_or_default())
    }

    fn running(&self) -> Result<BTreeSet<Server>> {
        let list = self.json(&["get", "pods", "-l", SERVERS])?;
        Ok(items(&list).iter().filter_map(serving).collect())
    }
}

/// A server container that runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Server {
    pod: String,
    version: String,
    /// Another one after each restart, which no init container goes before.
    container: String,
}

/// The server container of a pod, where it runs; none of an init container or a Job.
fn serving(pod: &Value) -> Option<Server> {
    let states = pod["status"]["containerStatuses"].as_array()?;
    let state = states.iter().find(|s| s["name"] == "openmetadata" && s["state"]["running"].is_object())?;
    Some(Server {
        pod: pod["metadata"]["name"].as_str()?.to_owned(),
        version: tag(pod["spec"]["containers"][0]["image"].as_str()?).to_owned(),
        container: state["containerID"].as_str().unwrap_or_default().to_owned(),
    })
}

/// Those that started since and are older than the database.
fn started_on(head: [u64; 3], before: &BTreeSet<Server>, now: &BTreeSet<Server>) -> Vec<String> {
    let older = now.difference(before).filter(|server| numbers(&server.version) < head);
    older.map(|server| format!("{} of {} on {head:?}", server.pod, server.version)).collect()
}

/// `1.12.14`, as numbers.
fn numbers(version: &str) -> [u64; 3] {
    let mut out = [0; 3];
    for (place, number) in out.iter_mut().zip(version.split('.')) {
        *place = number.parse().unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{BTreeSet, numbers, serving, started_on};
    use serde_json::json;

    #[test]
    fn a_container_that_starts_again_in_a_pod_of_before_is_seen() {
        let pod = |container: &str| {
            json!({
                "metadata": {"name": "om-1"}, "spec": {"containers": [{"image": "server:1.12.4"}]},
                "status": {"containerStatuses": [
                    {"name": "openmetadata", "containerID": container, "state": {"running": {"startedAt": "2026-11-22T10:00:00Z"}}}
                ]},
            })
        };
        let now = |container: &str| -> BTreeSet<_> { serving(&pod(container)).into_iter().collect() };
        let before = now("containerd://a");
        assert!(started_on([1, 13, 0], &before, &before).is_empty(), "it ran before the schema moved");
        assert_eq!(started_on([1, 13, 0], &before, &now("containerd://b")), ["om-1 of 1.12.4 on [1, 13, 0]"]);
        assert!(started_on([1, 12, 4], &before, &now("containerd://b")).is_empty(), "it knows this schema");
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert!(numbers("1.12.14") > numbers("1.12.3"));
        assert!(numbers("1.13.1") > numbers("1.12.14"));
        assert_eq!(numbers("2.0.7"), [2, 0, 7]);
    }
}
