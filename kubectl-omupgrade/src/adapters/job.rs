//! Runs one Job of ours and follows it to its end: its log as it grows, the reason where it cannot start, its last words
//! where it failed. A Job that a killed process left is followed, not started again.

use super::cluster::{Cluster, Refused};
use super::pod::hopeless;
use crate::failure::Failure;
use crate::redact::without_looks;
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
#[derive(Debug)]
pub enum End {
    /// Well; its whole log.
    Done(String),
    /// Not; why, and its last lines.
    Failed(String, String),
    /// Well, and its log cannot be read.
    Unread(Refused),
    /// Somebody took it away.
    Gone,
}

/// Why a Job was not started.
#[derive(Debug)]
pub enum NotStarted {
    /// It was refused, and nothing of it is there.
    Refused(Failure),
    /// It may be there.
    Unknown(Failure),
}

/// How often a log that cannot be read is asked for again. Chosen: a node that restarts its kubelet answers by then.
const READINGS: usize = 30;

/// What helps whoever may not do it.
pub const RIGHTS: &str = "kubectl omupgrade rbac backup    # prints the rights that are needed";

/// Starts it, with the files that its pod mounts from the Secret of the same name; both go together. One that is there
/// already is left as it is.
pub async fn start(
    cluster: &Cluster,
    job: &serde_json::Value,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<(), NotStarted> {
    let job: Job = serde_json::from_value(job.clone())
        .map_err(|e| NotStarted::Refused(Failure::unknown(format!("preparing the Job: {e}"))))?;
    let name = job.metadata.name.clone().unwrap_or_default();
    let labels = job.metadata.labels.clone();
    let jobs: Api<Job> = cluster.api();
    let (there, ours) = match cluster.within(jobs.create(&PostParams::default(), &job)).await {
        Ok(job) => (job, true),
        Err(refused) if refused.is_there_already() => {
            let there = cluster.within(jobs.get(&name)).await;
            let doing = format!("looking at the Job {name}");
            (there.map_err(|r| NotStarted::Unknown(without_answer(&r, &doing)))?, false)
        }
        Err(refused) => {
            let failure = without_answer(&refused, &format!("creating the Job {name}"));
            return Err(if refused.is_final() { NotStarted::Refused(failure) } else { NotStarted::Unknown(failure) });
        }
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
        Err(refused) => {
            let failure = without_answer(&refused, &format!("creating the Secret {name} with the Job's files"));
            // Without them its pod waits and does nothing. One that was there before may have done its work.
            let gone = refused.is_final() && ours && remove(cluster, &name).await.is_ok();
            Err(if gone { NotStarted::Refused(failure) } else { NotStarted::Unknown(failure) })
        }
    }
}

/// A question about a Job that was refused, with its next step.
fn without_answer(refused: &Refused, doing: &str) -> Failure {
    if refused.is_forbidden() {
        return Failure::unknown(format!("{doing}: {refused}")).hint(RIGHTS);
    }
    refused.failure(doing)
}

/// Whether it is there, with its files: without them its pod would wait for ever.
pub async fn is_there(cluster: &Cluster, name: &str) -> Result<bool, Failure> {
    for found in [
        cluster.within(cluster.api::<Job>().get(name)).await.map(drop),
        cluster.within(cluster.api::<Secret>().get(name)).await.map(drop),
    ] {
        match found {
            Ok(()) => {}
            Err(refused) if refused.is_absent() => return Ok(false),
            Err(refused) => return Err(without_answer(&refused, &format!("looking at the Job {name}"))),
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
) -> Result<End, Failure> {
    let (jobs, pods): (Api<Job>, Api<Pod>) = (cluster.api(), cluster.api());
    let mut running: Option<Instant> = None;
    let (mut refusals, mut readings) = (0, 0);
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
            Err(refused) => return Err(without_answer(&refused, &format!("following the Job {name}"))),
        };
        refusals = 0;
        let label = ListParams::default().labels(&format!("job-name={name}"));
        let (pod, unlisted) = match cluster.within(pods.list(&label)).await {
            Ok(list) => (list.items.into_iter().next(), None),
            Err(refused) => (None, Some(refused)),
        };
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
            // A pod that could not be looked for is none that is gone.
            let said = match unlisted {
                Some(refused) => Err(refused),
                None => log(None).await,
            };
            let log = match said {
                Err(refused) if refused.is_absent() => Ok(String::new()), // its pod went, and the log with it
                Err(refused) if readings < READINGS && !refused.is_forbidden() => {
                    readings += 1;
                    heard(&format!("omupgrade: its log cannot be read: {refused}; asking again"), Duration::ZERO);
                    sleep(pace).await;
                    continue;
                }
                said => said,
            };
            let log = match log {
                Ok(log) if condition.type_ == "Complete" => return Ok(End::Done(log)),
                Err(refused) if condition.type_ == "Complete" => return Ok(End::Unread(refused)),
                // What it wrote at its end stands in its pod's state as well.
                log => log.unwrap_or_default(),
            };
            let last = log.lines().rfind(|l| !l.trim().is_empty()).map(str::to_owned);
            let last_words = state.terminated.and_then(|t| t.message).or(status.message).or(last);
            let reason = format!(
                "{}: {}",
                condition.reason.as_deref().unwrap_or("Failed"),
                condition.message.as_deref().unwrap_or_default()
            );
            let deadline = condition.reason.as_deref() == Some("DeadlineExceeded");
            // A client may repeat the address that it was given.
            let why = without_looks(&last_words.filter(|_| !deadline).map_or(reason, |s| s.trim().to_owned()));
            let tail: Vec<&str> = log.lines().rev().take(12).collect();
            return Ok(End::Failed(why, without_looks(&tail.into_iter().rev().collect::<Vec<_>>().join("\n"))));
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
