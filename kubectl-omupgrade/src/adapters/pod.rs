//! Runs one short-lived Pod: starts it, waits for its end, reads its log, and takes it away whatever came of it.

use super::cluster::Cluster;
use super::lock::Lock;
use crate::facts::objects::STUCK;
use crate::failure::Failure;
use crate::rollout::no_node;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, LogParams, PostParams};
use shared::marks;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Seconds for which a Pod that ended is left to the process that started it.
const IN_USE: i64 = 120;

/// How long a Pod may be without a node. Chosen: a scheduler that can place it does so at once, and one that has to make
/// room first is told of by its own words.
const NO_NODE: Duration = Duration::from_secs(30);

/// A name for a Pod of this role that no other has.
pub fn name(release: &str, role: &str) -> String {
    let head: String = release.chars().take(30).collect();
    format!("{head}-omupgrade-{role}-{:x}", Timestamp::now().as_millisecond() & 0xfff_ffff)
}

/// The log of a Pod that ended well, or in words why there is none. Takes away first what killed processes left of the
/// same role.
pub async fn answer(cluster: &Cluster, release: &str, role: &str, pod: &serde_json::Value) -> Result<String, String> {
    let pod: Pod = serde_json::from_value(pod.clone()).map_err(|e| format!("preparing the {role} Pod: {e}"))?;
    let name = pod.metadata.name.clone().unwrap_or_default();
    let deadline = pod.spec.as_ref().and_then(|s| s.active_deadline_seconds).unwrap_or(300).unsigned_abs();
    let api: Api<Pod> = cluster.api();
    clean_up(cluster, &api, release, role, left_over).await;
    let doing = format!("starting the {role} Pod {name}");
    cluster.within(api.create(&PostParams::default(), &pod)).await.map_err(|r| format!("{doing}: {r}"))?;
    let answer = wait(cluster, &api, role, &name, deadline).await;
    let _ = cluster.within(api.delete(&name, &DeleteParams::background().grace_period(0))).await;
    answer
}

/// The log of a Pod of a name of its own, which stands for one step of a run: it is started, or gone on with where a
/// killed process left it; one that failed is taken away and started anew. The Pod stays until [`forget`].
pub async fn attended(lock: &Lock, role: &str, pod: &serde_json::Value) -> Result<String, Failure> {
    let cluster = lock.of().0;
    let wrong = |text: String| Failure::unknown(text);
    let pod: Pod = serde_json::from_value(pod.clone()).map_err(|e| wrong(format!("preparing the {role} Pod: {e}")))?;
    let name = pod.metadata.name.clone().unwrap_or_default();
    let deadline = pod.spec.as_ref().and_then(|s| s.active_deadline_seconds).unwrap_or(300).unsigned_abs();
    let api: Api<Pod> = cluster.api();
    let until = Instant::now() + Duration::from_mins(2);
    loop {
        let there = match cluster.within(api.get(&name)).await {
            Ok(there) => Some(there),
            Err(refused) if refused.is_absent() => None,
            Err(refused) => return Err(refused.failure(&format!("looking for the {role} Pod {name}"))),
        };
        let Some(there) = there else { break };
        let ended_badly = there.status.is_some_and(|s| s.phase.as_deref() == Some("Failed"));
        if !ended_badly && there.metadata.deletion_timestamp.is_none() {
            return wait(cluster, &api, role, &name, deadline).await.map_err(Failure::no);
        }
        if Instant::now() >= until {
            return Err(wrong(format!("the {role} Pod {name}, which failed, does not go away")));
        }
        held(lock).await?;
        let _ = cluster.within(api.delete(&name, &DeleteParams::background().grace_period(0))).await;
        sleep(Duration::from_millis(200)).await;
    }
    held(lock).await?;
    match cluster.within(api.create(&PostParams::default(), &pod)).await {
        Ok(_) => wait(cluster, &api, role, &name, deadline).await.map_err(Failure::no),
        Err(refused) => Err(refused.failure(&format!("starting the {role} Pod {name}"))),
    }
}

async fn held(lock: &Lock) -> Result<(), Failure> {
    lock.check().await.map_err(|e| match e.downcast::<Failure>() {
        Ok(failure) => failure,
        Err(other) => Failure::unknown(other.to_string()),
    })
}

/// Takes away the Pods of this role that ended.
pub async fn forget(cluster: &Cluster, release: &str, role: &str) {
    clean_up(cluster, &cluster.api(), release, role, ended).await;
}

async fn wait(cluster: &Cluster, api: &Api<Pod>, role: &str, name: &str, deadline: u64) -> Result<String, String> {
    let began = Instant::now();
    let until = began + Duration::from_secs(deadline);
    let mut pause = Duration::from_millis(5);
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
        let pod = cluster.within(api.get(name)).await.map_err(|r| format!("waiting for the {role} Pod {name}: {r}"))?;
        let status = pod.status.unwrap_or_default();
        let phase = status.phase.unwrap_or_default();
        if phase == "Succeeded" || phase == "Failed" {
            let log = cluster.within(api.logs(name, &LogParams::default())).await;
            let log = log.map_err(|r| format!("reading the log of the {role} Pod {name}: {r}"))?;
            let last = || log.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("it said nothing").to_owned();
            return if phase == "Succeeded" {
                Ok(log)
            } else {
                Err(format!("the {role} failed: {}", status.message.unwrap_or_else(last)))
            };
        }
        let state = status.container_statuses.and_then(|all| all.into_iter().next()?.state).unwrap_or_default();
        if let Some(reason) = hopeless(&state) {
            return Err(format!("the {role} Pod cannot start: {reason}"));
        }
        let conditions = status.conditions.unwrap_or_default();
        let placed = conditions.iter().find(|c| c.type_ == "PodScheduled");
        if let Some(why) = placed.filter(|c| c.status == "False" && began.elapsed() >= NO_NODE) {
            let why = why.message.as_deref().unwrap_or_default();
            return Err(format!("the {role} Pod gets no node: {}", no_node(why)));
        }
        if Instant::now() >= until {
            let condition = conditions.into_iter().rev().find_map(|c| c.message);
            return Err(format!("the {role} Pod did not end within {deadline} s: {}", condition.unwrap_or(phase)));
        }
    }
}

/// Why a container will not start, however long one waits.
pub fn hopeless(state: &ContainerState) -> Option<String> {
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().filter(|r| STUCK.contains(r))?;
    let hint = if reason.contains("Image") { "; name an image that is there with --probe-image" } else { "" };
    Some(format!("{reason}: {}{hint}", waiting.message.as_deref().unwrap_or_default()))
}

/// Takes away Pods of this role.
async fn clean_up(cluster: &Cluster, api: &Api<Pod>, release: &str, role: &str, which: fn(&Pod) -> bool) {
    let labels = format!("{}={role},{}={release}", marks::ROLE, marks::RELEASE);
    for pod in cluster.all(api, ListParams::default().labels(&labels)).await.unwrap_or_default() {
        if let Some(name) = pod.metadata.name.clone().filter(|_| which(&pod)) {
            let _ = cluster.within(api.delete(&name, &DeleteParams::background())).await;
        }
    }
}

fn ended(pod: &Pod) -> bool {
    pod.status.as_ref().is_some_and(|s| matches!(s.phase.as_deref(), Some("Succeeded" | "Failed")))
}

/// Whether it ended so long ago that no other process is about to read its log: a killed one left it.
fn left_over(pod: &Pod) -> bool {
    let containers = pod.status.iter().flat_map(|s| s.container_statuses.iter().flatten());
    let ends = containers.filter_map(|c| Some(c.state.as_ref()?.terminated.as_ref()?.finished_at.as_ref()?.0));
    ended(pod) && ends.max().is_none_or(|at| Timestamp::now().as_second() - at.as_second() > IN_USE)
}
