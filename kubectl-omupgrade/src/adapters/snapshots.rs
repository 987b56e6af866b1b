//! Runs the user's commands for a snapshot that somebody else keeps, and keeps its record: a ConfigMap of omupgrade's in the
//! release's namespace. What a command prints may hold secrets: it is dropped, or goes where the user asked for it, and
//! never into a record, a journal or a message.

use super::cluster::Cluster;
use super::lock::Lock;
use crate::backup::{Entry, Mark};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams, PostParams};
use serde_json::json;
use shared::backup::Record;
use shared::marks;
use std::io::Write as _;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// The record, as beside a dump.
const RECORD: &str = "catalog.json";
/// That it was brought back and compared.
const DRILLED: &str = "drilled.json";

/// Runs one to its end; an error where it does not end well in time. Gives what stood after `omupgrade-host: `.
pub async fn run(words: &[String], snapshot: &str, limit: Duration, shown: bool) -> Result<Option<String>, String> {
    let Some((program, arguments)) = words.split_first() else { return Err("it names no program".to_owned()) };
    let mut command = Command::new(program);
    command.args(arguments).env("OMUPGRADE_SNAPSHOT", snapshot).stdin(Stdio::null()).kill_on_drop(true);
    command.stdout(Stdio::piped()).stderr(if shown { Stdio::inherit() } else { Stdio::null() });
    let mut child = command.spawn().map_err(|e| format!("starting {program}: {e}"))?;
    let lines = child.stdout.take().map(|out| BufReader::new(out).lines());
    let reading = async {
        let mut host = None;
        let Some(mut lines) = lines else { return host };
        while let Ok(Some(line)) = lines.next_line().await {
            if shown {
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            if let Some(named) = line.strip_prefix("omupgrade-host: ") {
                host = Some(named.trim().to_owned()).filter(|h| is_host(h));
            }
        }
        host
    };
    let ended = tokio::time::timeout(limit, async { tokio::join!(child.wait(), reading) }).await;
    match ended {
        Err(_) => Err(format!("{program} did not end within {} s", limit.as_secs())),
        Ok((Err(error), _)) => Err(format!("waiting for {program}: {error}")),
        Ok((Ok(status), host)) if status.success() => Ok(host),
        Ok((Ok(status), _)) => Err(format!("{program} failed ({status}); --show-output shows what it says")),
    }
}

/// Whether a text is a host's name or address and nothing else: it goes into a Pod and into a command to type.
pub fn is_host(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:".contains(c);
    !text.is_empty()
        && text.len() < 254
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(plain)
}

fn object_name(snapshot: &str) -> String {
    format!("omupgrade-snapshot-{snapshot}")
}

/// Those of a release. One that cannot be read is left out and named.
pub async fn all(cluster: &Cluster, release: &str) -> Result<(Vec<Entry>, Vec<String>), String> {
    let labels = format!("{}={},{}={release}", marks::ROLE, marks::ROLE_SNAPSHOT, marks::RELEASE);
    let api: Api<ConfigMap> = cluster.api();
    let found = cluster.all(&api, ListParams::default().labels(&labels)).await;
    let (mut entries, mut unread) = (Vec::new(), Vec::new());
    for map in found.map_err(|r| format!("looking for the records of snapshots: {r}"))? {
        let data = map.data.unwrap_or_default();
        let record = data.get(RECORD).and_then(|text| serde_json::from_str::<Record>(text).ok());
        let record = record.and_then(|record| Some((record.external.as_ref()?.snapshot.clone(), record)));
        match record.filter(|(name, r)| r.v == 1 && map.metadata.name.as_deref() == Some(&object_name(name))) {
            Some((name, record)) => {
                let drilled = data.get(DRILLED).and_then(|text| serde_json::from_str::<Mark>(text).ok());
                entries.push(Entry::new(name, record).with_drilled(drilled));
            }
            None => unread.push(map.metadata.name.unwrap_or_default()),
        }
    }
    entries.sort_by(|a, b| a.record.started.cmp(&b.record.started));
    Ok((entries, unread))
}

/// Keeps the record of one.
pub async fn keep(lock: &Lock, snapshot: &str, record: &Record) -> anyhow::Result<()> {
    let (cluster, release) = lock.of();
    let labels =
        [("app.kubernetes.io/managed-by", "omupgrade"), (marks::ROLE, marks::ROLE_SNAPSHOT), (marks::RELEASE, release)];
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(object_name(snapshot)),
            labels: Some(labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()),
            ..ObjectMeta::default()
        },
        data: Some([(RECORD.to_owned(), serde_json::to_string(record)?)].into()),
        ..ConfigMap::default()
    };
    lock.check().await?;
    match cluster.within(cluster.api::<ConfigMap>().create(&PostParams::default(), &map)).await {
        Ok(_) => Ok(()),
        Err(refused) if refused.is_there_already() => Ok(()), // a killed run had written it
        Err(refused) => Err(refused.failure("keeping the record of the snapshot").into()),
    }
}

/// Writes down that it came back as it was recorded.
pub async fn mark_drilled(lock: &Lock, snapshot: &str, mark: &Mark) -> anyhow::Result<()> {
    lock.check().await?;
    let api: Api<ConfigMap> = lock.of().0.api();
    let params = PatchParams { field_manager: Some("omupgrade".to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"data": {DRILLED: serde_json::to_string(mark)?}}));
    let done = lock.of().0.within(api.patch(&object_name(snapshot), &params, &patch)).await;
    done.map(drop).map_err(|refused| refused.failure("writing down that the snapshot came back").into())
}
