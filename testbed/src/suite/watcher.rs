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
    fn newer_than_its_server(&self, before: &BTreeSet<(String, String)>) -> Result<Vec<String>> {
        let head = self.head()?;
        let servers = self.running()?;
        if head != self.head()? {
            return Ok(Vec::new());
        }
        let older = |version: &str| numbers(version) < head;
        let new = servers.iter().filter(|server| !before.contains(server));
        let wrong = new.filter(|(_, version)| older(version));
        Ok(wrong.map(|(pod, version)| format!("{pod} of {version} on {head:?}")).collect())
    }

    fn head(&self) -> Result<[u64; 3]> {
        let text = self.database.ask(MIGRATED)?;
        Ok(text.lines().map(numbers).max().unwrap_or_default())
    }

    /// The server containers that run, by pod and version; none of an init container or a Job.
    fn running(&self) -> Result<BTreeSet<(String, String)>> {
        let list = self.json(&["get", "pods", "-l", SERVERS])?;
        let serving = |pod: &Value| {
            let states = pod["status"]["containerStatuses"].as_array()?;
            let runs = states.iter().any(|s| s["name"] == "openmetadata" && s["state"]["running"].is_object());
            let image = pod["spec"]["containers"][0]["image"].as_str()?;
            let name = pod["metadata"]["name"].as_str()?.to_owned();
            runs.then(|| (name, tag(image).to_owned()))
        };
        Ok(items(&list).iter().filter_map(serving).collect())
    }
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
    use super::numbers;

    #[test]
    fn versions_compare_as_numbers() {
        assert!(numbers("1.12.14") > numbers("1.12.3"));
        assert!(numbers("1.13.1") > numbers("1.12.14"));
        assert_eq!(numbers("2.0.7"), [2, 0, 7]);
    }
}
