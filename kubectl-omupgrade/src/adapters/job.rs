//! Runs one Job of ours and follows it to its end: its log as it grows, the reason where it cannot start, its last words
//! where it failed. A Job that a killed process left is followed, not started again.

use super::cluster::{Cluster, Refused};
use super::pod::hopeless;
use k8s_openapi::ByteString;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Pod, PodCondition, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Api;
use kube::api::{DeleteParams, ListParams, LogParams, PostParams};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How a Job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Well; its whole log.
    Done(String),
    /// Not; why, and its last lines.
    Failed(String, String),
    /// Somebody took it away.
    Gone,
}

/// Starts it, with the files that its pod mounts from the Secret of the same name; both go together. One that is there
/// already is left as it is.
pub async fn start(cluster: &Cluster, job: &serde_json::Value, files: BTreeMap<String, Vec<u8>>) -> Result<(), String> {
    let job: Job = serde_json::from_value(job.clone()).map_err(|e| format!("preparing the Job: {e}"))?;
    let name = job.metadata.name.clone().unwrap_or_default();
    let labels = job.metadata.labels.clone();
    let jobs: Api<Job> = cluster.api();
    let there = match cluster.within(jobs.create(&PostParams::default(), &job)).await {
        Ok(job) => job,
        Err(refused) if refused.is_there_already() => {
            cluster.within(jobs.get(&name)).await.map_err(|r| format!("looking at the Job {name}: {r}"))?
        }
        Err(refused) => return Err(format!("creating the Job {name}: {refused}")),
    };
    let owner = OwnerReference {
        api_version: "batch/v1".to_owned(),
        kind: "Job".to_owned(),
        name: name.clone(),
        uid: there.metadata.uid.unwrap_or_default(),
        ..OwnerReference::default()
    };
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            labels,
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(files.into_iter().map(|(name, bytes)| (name, ByteString(bytes))).collect()),
        ..Secret::default()
    };
    let secrets: Api<Secret> = cluster.api();
    match cluster.within(secrets.create(&PostParams::default(), &secret)).await {
        Ok(_) => Ok(()),
        Err(refused) if refused.is_there_already() => Ok(()),
        Err(refused) => Err(format!("creating the Secret {name} with the Job's files: {refused}")),
    }
}

/// Whether it is there, with its files: without them its pod would wait for ever.
pub async fn is_there(cluster: &Cluster, name: &str) -> Result<bool, String> {
    let doing = |refused: Refused| format!("looking at the Job {name}: {refused}");
    for found in [
        cluster.within(cluster.api::<Job>().get(name)).await.map(drop),
        cluster.within(cluster.api::<Secret>().get(name)).await.map(drop),
    ] {
        match found {
            Ok(()) => {}
            Err(refused) if refused.is_absent() => return Ok(false),
            Err(refused) => return Err(doing(refused)),
        }
    }
    Ok(true)
}

/// Follows it. `heard` gets the last lines of the log at every look, and for how long its container runs.
pub async fn follow(
    cluster: &Cluster,
    name: &str,
    pace: Duration,
    mut heard: impl FnMut(&str, Duration),
) -> Result<End, String> {
    let (jobs, pods): (Api<Job>, Api<Pod>) = (cluster.api(), cluster.api());
    let mut running: Option<Instant> = None;
    let mut refusals = 0;
    loop {
        let job = match cluster.within(jobs.get(name)).await {
            Ok(job) => job,
            Err(refused) if refused.is_absent() => return Ok(End::Gone),
            // An API server that is away for a moment ends no dump.
            Err(refused) if refusals < 30 && !refused.is_forbidden() => {
                refusals += 1;
                heard(&format!("omupgrade: {refused}; asking again"), Duration::ZERO);
                sleep(pace).await;
                continue;
            }
            Err(refused) => return Err(format!("following the Job {name}: {refused}")),
        };
        refusals = 0;
        let label = ListParams::default().labels(&format!("job-name={name}"));
        let pod = cluster.within(pods.list(&label)).await.ok().and_then(|list| list.items.into_iter().next());
        let pod_name = pod.as_ref().and_then(|p| p.metadata.name.clone());
        let status = pod.and_then(|p| p.status).unwrap_or_default();
        let state = status.container_statuses.and_then(|all| all.into_iter().next()?.state).unwrap_or_default();
        let log = async |tail: Option<i64>| match &pod_name {
            Some(pod) => cluster.log(pod, &LogParams { tail_lines: tail, ..LogParams::default() }).await,
            None => Ok(String::new()),
        };
        let conditions = job.status.and_then(|s| s.conditions).unwrap_or_default();
        let ended = conditions.iter().find(|c| (c.type_ == "Complete" || c.type_ == "Failed") && c.status == "True");
        if let Some(condition) = ended {
            let log = match log(None).await {
                Err(refused) if refused.is_absent() => String::new(), // its pod went, and the log with it
                said => said.map_err(|r| format!("reading the log of the Job {name}: {r}"))?,
            };
            if condition.type_ == "Complete" {
                return Ok(End::Done(log));
            }
            let last = log.lines().rfind(|l| !l.trim().is_empty()).map(str::to_owned);
            let said = state.terminated.and_then(|t| t.message).or(status.message).or(last);
            let reason = format!(
                "{}: {}",
                condition.reason.as_deref().unwrap_or("Failed"),
                condition.message.as_deref().unwrap_or_default()
            );
            let deadline = condition.reason.as_deref() == Some("DeadlineExceeded");
            let why = said.filter(|_| !deadline).map_or(reason, |s| s.trim().to_owned());
            let tail: Vec<&str> = log.lines().rev().take(12).collect();
            return Ok(End::Failed(why, tail.into_iter().rev().collect::<Vec<_>>().join("\n")));
        }
        if let Some(reason) = hopeless(&state) {
            return Ok(End::Failed(format!("its pod cannot start: {reason}"), String::new()));
        }
        if state.running.is_some() {
            let since = *running.get_or_insert_with(Instant::now);
            if let Ok(lines) = log(Some(5)).await {
                heard(&lines, since.elapsed());
            }
        } else if let Some(message) = unscheduled(status.conditions.as_deref()) {
            heard(&format!("omupgrade: waiting for the pod: {message}"), Duration::ZERO);
        }
        sleep(pace).await;
    }
}

/// Why no node takes the pod.
fn unscheduled(conditions: Option<&[PodCondition]>) -> Option<&str> {
    let mut all = conditions.unwrap_or_default().iter();
    all.find(|c| c.type_ == "PodScheduled" && c.status == "False")?.message.as_deref()
}

/// Takes it away, with its pods and its files. A claim that a pod still uses could not be freed otherwise.
pub async fn remove(cluster: &Cluster, name: &str) -> Result<(), String> {
    match cluster.within(cluster.api::<Job>().delete(name, &DeleteParams::background())).await {
        Ok(_) => Ok(()),
        Err(refused) if refused.is_absent() => Ok(()),
        Err(refused) => Err(format!("taking the Job {name} away: {refused}")),
    }
}
