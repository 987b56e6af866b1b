//! What a scenario sees: pods, events, migrations, backups. It never changes anything.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use shared::marks;

use super::stage::{CLAIM, RELEASE, Stage};
use crate::call::last_lines;
use crate::failure::Failure;
use crate::load::{self, Plan, Report};
use crate::paths;
use crate::say;

/// The server's pods, and none of a Job.
pub(super) const SERVERS: &str = "app.kubernetes.io/name=openmetadata,!job-name";

/// A server's pod, as far as a scenario compares it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// The release of its image.
    pub version: String,
    /// Where it runs.
    pub node: String,
    /// Whether it is Ready and not on its way out.
    pub serves: bool,
}

/// An event, in the cluster's own order.
#[derive(Debug)]
pub struct Event {
    /// `Job/om-omupgrade-backup-1-13-1`.
    pub about: String,
    /// `Completed`.
    pub reason: String,
    /// Words for people.
    pub message: String,
}

impl Stage<'_> {
    /// What kubectl prints as JSON.
    pub fn json(&self, words: &[&str]) -> Result<Value> {
        let text = self.kubectl("looking at objects").args(words).args(["-o", "json"]).text()?;
        serde_json::from_str(&text).context("kubectl printed no JSON")
    }

    /// The server's pods by name.
    pub fn pods(&self) -> Result<Vec<Pod>> {
        let list = self.json(&["get", "pods", "-l", SERVERS])?;
        let mut pods: Vec<Pod> = items(&list).iter().map(pod).collect();
        pods.sort();
        Ok(pods)
    }

    /// Those that serve, by version: `["1.12.14", "1.12.14"]`.
    pub fn serving(&self) -> Result<Vec<String>> {
        Ok(self.pods()?.into_iter().filter(|pod| pod.serves).map(|pod| pod.version).collect())
    }

    /// These serve, and nothing else, or will in a moment: helm ends when the new pod is ready, and the old one is told to go
    /// after that.
    pub fn comes_to_serve(&self, versions: &[&str]) -> Result<()> {
        let mut seen = Vec::new();
        let what = format!("{versions:?} to serve");
        let ended = self.until(&what, 30, |stage| {
            seen = stage.serving()?;
            Ok(seen == versions)
        });
        ended.with_context(|| format!("serving: {seen:?}"))
    }

    /// Everything that happened in the namespace, in the order in which the cluster wrote it down.
    pub fn events(&self) -> Result<Vec<Event>> {
        let list = self.json(&["get", "events"])?;
        let mut events: Vec<(u64, Event)> = items(&list)
            .iter()
            .map(|event| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let object = &event["involvedObject"];
                let order = text(&event["metadata"]["resourceVersion"]).parse().unwrap_or_default();
                let about = format!("{}/{}", text(&object["kind"]), text(&object["name"]));
                (order, Event { about, reason: text(&event["reason"]), message: text(&event["message"]) })
            })
            .collect();
        events.sort_by_key(|(order, _)| *order);
        Ok(events.into_iter().map(|(_, event)| event).collect())
    }

    /// The versions that the database says were migrated to, in its own order.
    pub fn migrated(&self) -> Result<Vec<String>> {
        let text = self.database.ask("SELECT version FROM SERVER_CHANGE_LOG ORDER BY installed_rank;")?;
        Ok(text.lines().map(str::to_owned).collect())
    }

    /// The backups on the claim: folders with a record, by release and target without their time (`om-1.13.1`).
    pub fn backups(&self) -> Result<Vec<String>> {
        let names = self.backup_names()?;
        Ok(names.iter().map(|name| name.rsplit_once("-2").map_or(&**name, |(name, _)| name).to_owned()).collect())
    }

    /// The backups on the claim by their whole names.
    pub fn backup_names(&self) -> Result<Vec<String>> {
        let folder = self.backup_folder()?;
        let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        let whole = entries.flatten().filter(|entry| entry.path().join("catalog.json").exists());
        let mut names: Vec<String> = whole.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        Ok(names)
    }

    /// The folder of the backups' claim on this machine.
    pub fn backup_folder(&self) -> Result<PathBuf> {
        let claim = self.json(&["get", "persistentvolumeclaim", CLAIM])?;
        let volume = claim["spec"]["volumeName"].as_str().context("the claim has no volume")?;
        Ok(paths::state("volumes").join(volume))
    }

    /// The number of the release's newest revision and its status.
    pub fn revision(&self) -> Result<(u64, String)> {
        let text =
            self.helm(super::helm::Version::Four, "reading the history").args(["history", RELEASE, "-o", "json"]);
        let history: Value = serde_json::from_str(&text.text()?).context("helm printed no JSON")?;
        let newest = history.as_array().and_then(|list| list.last()).context("the release has no history")?;
        let status = newest["status"].as_str().unwrap_or_default().to_owned();
        Ok((newest["revision"].as_u64().unwrap_or_default(), status))
    }

    /// Waits for a pod of a version that was not among those before: one that is only slow to go is no new one.
    pub fn comes(&self, version: &str, before: &[Pod]) -> Result<Pod> {
        let mut found = None;
        self.until(&format!("a server of {version} to start"), 60, |stage| {
            let is_new = |pod: &Pod| pod.version == version && before.iter().all(|known| known.name != pod.name);
            found = stage.pods()?.into_iter().find(is_new);
            Ok(found.is_some())
        })?;
        found.context("no pod came")
    }

    /// What the guard says in a pod, as soon as it has refused.
    pub fn refusal(&self, pod: &str) -> Result<String> {
        let mut said = String::new();
        self.until("the guard to refuse", 120, |stage| {
            let words = ["logs", pod, "-c", marks::GUARD_CONTAINER, "--tail=20"];
            said = stage.kubectl("reading the guard").args(words).text().unwrap_or_default();
            Ok(said.contains("newer than this image"))
        })?;
        Ok(said)
    }

    /// Loads the release for as long as `work` takes.
    pub fn under_load(&self, work: impl FnOnce() -> Result<()>) -> Result<Report> {
        let report = load::during(self.cache, &Plan::new(&self.namespace, 5), work)?;
        say::step(&report.words(false));
        Ok(report)
    }

    /// Which of the load's requests the release does not answer right now: `["search"]`.
    pub fn unanswered(&self) -> Result<Vec<&'static str>> {
        load::unanswered(self.cache, &Plan::new(&self.namespace, 1))
    }

    /// Asks the release for five seconds; every request must succeed.
    pub fn must_serve(&self) -> Result<()> {
        let report = self.under_load(|| {
            std::thread::sleep(Duration::from_secs(2));
            Ok(())
        })?;
        ensure!(report.failures == 0, "requests failed: {}", report.words(false));
        Ok(())
    }

    /// Looks every second until `done`.
    pub fn until(&self, what: &str, seconds: u64, mut done: impl FnMut(&Self) -> Result<bool>) -> Result<()> {
        let start = Instant::now();
        while !done(self)? {
            if start.elapsed() > Duration::from_secs(seconds) {
                let hint = format!("kubectl get pods,events -n {}", self.namespace);
                bail!(Failure::late(format!("waited {seconds} s for {what}"), hint));
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        Ok(())
    }
}

/// What must have failed did, and with these words.
pub fn refused(result: Result<()>, words: &str) -> Result<String> {
    let Err(error) = result else { bail!("it succeeded, and should have failed with {words:?}") };
    let said = error.to_string();
    ensure!(said.contains(words), "it failed without saying {words:?}:\n{said}");
    for line in last_lines(&said, 6) {
        say::line(&format!("  | {}", line.trim()));
    }
    Ok(said)
}

/// The items of a list.
pub fn items(list: &Value) -> &[Value] {
    list["items"].as_array().map_or(&[], Vec::as_slice)
}

/// The release of an image.
pub(super) fn tag(image: &str) -> &str {
    image.rsplit_once(':').map_or(image, |(_, tag)| tag)
}

fn pod(object: &Value) -> Pod {
    let image = object["spec"]["containers"][0]["image"].as_str().unwrap_or_default();
    let conditions = object["status"]["conditions"].as_array().map_or(&[][..], Vec::as_slice);
    let ready = conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    Pod {
        name: object["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
        version: tag(image).to_owned(),
        node: object["spec"]["nodeName"].as_str().unwrap_or_default().to_owned(),
        serves: ready && object["metadata"]["deletionTimestamp"].is_null(),
    }
}
