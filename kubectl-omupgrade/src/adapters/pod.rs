//! Runs one short-lived Pod: starts it, waits for its end, reads its log, and takes it away whatever came of it.

use super::cluster::Cluster;
use super::lock::Lock;
use crate::exit::Exit;
use crate::facts::objects::STUCK;
use crate::failure::Failure;
use crate::redact::without_looks;
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

/// How long a Pod that stands for a step may take to start: after it nobody waits for it, so it must not start any more.
/// Chosen: a large image over a slow line.
const STARTING: Duration = Duration::from_mins(10);

/// Seconds after which the script of such a Pod does not begin to write, by the clock of its node: the time to start, and
/// as much again for a clock that runs ahead. Chosen.
pub const NOT_AFTER: i64 = 1800;

/// How long a Pod may be there beyond the time at which it was to be gone: then its node does not answer any more, and
/// Kubernetes leaves it as it last heard of it. Chosen: a minute for the node, one for a clock that runs ahead.
const GONE: Duration = Duration::from_mins(2);

/// What is said where a Pod's image cannot be had.
pub const NAME_ANOTHER: &str = "; name an image that is there with --probe-image";

/// Why a Pod gave no log.
enum Without {
    /// It ended, badly.
    Ended(String),
    /// It did not begin, and could still do so.
    Armed(String),
    /// It began, and its time was over before it ended.
    Late(String),
    /// It could not be asked: it may be at work.
    Unasked(String),
    /// Its node does not answer: nobody will tell of its end.
    Lost(String),
}

/// A name for a Pod of this role that no other has.
pub fn name(release: &str, role: &str) -> String {
    let head: String = release.chars().take(30).collect();
    format!("{head}-omupgrade-{role}-{:x}", Timestamp::now().as_millisecond() & 0xfff_ffff)
}

/// The log of a Pod that ended well, or in words why there is none.
pub async fn answer(cluster: &Cluster, release: &str, role: &str, pod: &serde_json::Value) -> Result<String, String> {
    asked(cluster, release, role, pod).await.map_err(|failure| failure.message)
}

/// The same, with what that is: the answer is no where the Pod itself said so, else there is none. Takes away first what
/// killed processes left of the same role.
pub async fn asked(cluster: &Cluster, release: &str, role: &str, pod: &serde_json::Value) -> Result<String, Failure> {
    let pod: Pod =
        serde_json::from_value(pod.clone()).map_err(|e| Failure::unknown(format!("preparing the {role} Pod: {e}")))?;
    let name = pod.metadata.name.clone().unwrap_or_default();
    let deadline = pod.spec.as_ref().and_then(|s| s.active_deadline_seconds).unwrap_or(300).unsigned_abs();
    let api: Api<Pod> = cluster.api();
    clean_up(cluster, &api, release, role, left_over).await;
    let doing = format!("starting the {role} Pod {name}");
    cluster.within(api.create(&PostParams::default(), &pod)).await.map_err(|r| r.failure(&doing))?;
    let answer = wait(cluster, &api, role, &name, deadline, Duration::MAX).await;
    let _ = cluster.within(api.delete(&name, &at_once())).await;
    answer.map_err(|without| match without {
        Without::Ended(words) => Failure::no(words),
        Without::Late(words) => Failure::new(Exit::OutOfTime, words),
        Without::Armed(words) | Without::Unasked(words) | Without::Lost(words) => Failure::unknown(words),
    })
}

/// The log of a Pod of a name of its own, which stands for one step of a run: it is started, or gone on with where a
/// killed process left it; one that failed or cannot start is taken away and started anew. The Pod stays until [`forget`],
/// but never one that did not begin: it would do its step when nobody looks any more.
pub async fn attended(lock: &Lock, role: &str, pod: &serde_json::Value) -> Result<String, Failure> {
    let cluster = lock.of().0;
    let wrong = |text: String| Failure::unknown(text);
    let pod: Pod = serde_json::from_value(pod.clone()).map_err(|e| wrong(format!("preparing the {role} Pod: {e}")))?;
    let name = pod.metadata.name.clone().unwrap_or_default();
    let deadline = pod.spec.as_ref().and_then(|s| s.active_deadline_seconds).unwrap_or(300).unsigned_abs();
    let api: Api<Pod> = cluster.api();
    if !usable(lock, &api, role, &name).await? {
        held(lock).await?;
        let made = cluster.within(api.create(&PostParams::default(), &pod)).await;
        made.map_err(|refused| refused.failure(&format!("starting the {role} Pod {name}")))?;
    }
    match wait(cluster, &api, role, &name, deadline, STARTING).await {
        Ok(log) => Ok(log),
        Err(Without::Ended(words)) => Err(Failure::no(words)),
        Err(Without::Unasked(words)) => Err(wrong(words)),
        Err(Without::Lost(words)) => {
            Err(wrong(format!("{words}. Once that node is off, the same command takes the Pod away and goes on"))
                .hint(format!("kubectl get pod {name} -n {} -o wide    # names the node", cluster.namespace)))
        }
        Err(Without::Armed(words) | Without::Late(words)) => {
            held(lock).await?;
            disarm(cluster, &name).await.map_err(|why| wrong(format!("{words}; and {why}")))?;
            Err(Failure::no(words))
        }
    }
}

/// Whether a Pod of this name is there and does its work, or did it. One that failed or cannot start is taken away.
async fn usable(lock: &Lock, api: &Api<Pod>, role: &str, name: &str) -> Result<bool, Failure> {
    let until = Instant::now() + Duration::from_mins(2);
    loop {
        let there = match lock.of().0.within(api.get(name)).await {
            Ok(there) => there,
            Err(refused) if refused.is_absent() => return Ok(false),
            Err(refused) => return Err(refused.failure(&format!("looking for the {role} Pod {name}"))),
        };
        let failed = there.status.as_ref().is_some_and(|s| s.phase.as_deref() == Some("Failed"));
        if !failed && state(&there).and_then(hopeless).is_none() && there.metadata.deletion_timestamp.is_none() {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Err(Failure::unknown(format!("the {role} Pod {name}, which failed, does not go away")));
        }
        held(lock).await?;
        let _ = lock.of().0.within(api.delete(name, &at_once())).await;
        sleep(Duration::from_millis(200)).await;
    }
}

/// Takes a Pod away, with the time that its script needs to end, and waits until it cannot start or write any more.
pub async fn disarm(cluster: &Cluster, name: &str) -> Result<(), String> {
    let api: Api<Pod> = cluster.api();
    let until = Instant::now() + Duration::from_secs(45);
    let still = |why: &str| format!("the Pod {name} cannot be taken away and may still do its step: {why}");
    let mut how = DeleteParams::background();
    while Instant::now() < until {
        match cluster.within(api.delete(name, &how)).await {
            Err(refused) if refused.is_absent() => return Ok(()),
            Err(refused) => return Err(still(&refused.to_string())),
            Ok(there) => {
                // Nobody is left who could tell that it ended.
                if there.left().is_some_and(|pod| lost(&pod).is_some()) {
                    how = at_once();
                }
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
    Err(still("it is still there"))
}

/// Pods of this role that did not end, by what their names begin with.
pub async fn at_work(cluster: &Cluster, release: &str, role: &str, prefixes: &[String]) -> Result<Vec<String>, String> {
    if prefixes.is_empty() {
        return Ok(Vec::new());
    }
    let labels = format!("{}={role},{}={release}", marks::ROLE, marks::RELEASE);
    let all = cluster.all(&cluster.api::<Pod>(), ListParams::default().labels(&labels)).await;
    let all = all.map_err(|refused| format!("looking for Pods at work: {refused}"))?;
    let names = all.into_iter().filter(|pod| !ended(pod)).filter_map(|pod| pod.metadata.name);
    Ok(names.filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).collect())
}

fn at_once() -> DeleteParams {
    DeleteParams::background().grace_period(0)
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

async fn wait(
    cluster: &Cluster,
    api: &Api<Pod>,
    role: &str,
    name: &str,
    deadline: u64,
    starting: Duration,
) -> Result<String, Without> {
    let began = Instant::now();
    let until = began + Duration::from_secs(deadline);
    let mut pause = Duration::from_millis(5);
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(2));
        let pod = cluster.within(api.get(name)).await;
        let pod = pod.map_err(|r| Without::Unasked(format!("waiting for the {role} Pod {name}: {r}")))?;
        if let Some(reason) = state(&pod).and_then(hopeless) {
            return Err(Without::Armed(format!("the {role} Pod cannot start: {reason}")));
        }
        let gone_since = lost(&pod);
        let status = pod.status.unwrap_or_default();
        let phase = status.phase.unwrap_or_default();
        // Its node may count faster than we do.
        if status.reason.as_deref() == Some("DeadlineExceeded") {
            return Err(Without::Late(format!("the {role} Pod did not end within {deadline} s")));
        }
        if phase == "Succeeded" || phase == "Failed" {
            let log = cluster.log(name, &LogParams::default()).await;
            let log = log.map_err(|r| Without::Unasked(format!("reading the log of the {role} Pod {name}: {r}")))?;
            let last = || log.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("it said nothing").to_owned();
            return if phase == "Succeeded" {
                Ok(log)
            } else {
                // A client may repeat the address that it was given.
                let said = without_looks(&status.message.unwrap_or_else(last));
                Err(Without::Ended(format!("the {role} failed: {said}")))
            };
        }
        if let Some(since) = gone_since {
            return Err(Without::Lost(format!(
                "the {role} Pod {name} was to be gone at {since:.0} and is still there: its node does not answer"
            )));
        }
        let conditions = status.conditions.unwrap_or_default();
        let placed = conditions.iter().find(|c| c.type_ == "PodScheduled");
        if let Some(why) = placed.filter(|c| c.status == "False" && began.elapsed() >= NO_NODE) {
            let why = why.message.as_deref().unwrap_or_default();
            return Err(Without::Armed(format!("the {role} Pod gets no node: {}", no_node(why))));
        }
        let late = phase != "Running" && began.elapsed() >= starting;
        if late || Instant::now() >= until {
            let (what, within) = if late { ("start", starting.as_secs()) } else { ("end", deadline) };
            let condition = conditions.into_iter().rev().find_map(|c| c.message);
            let why = condition.unwrap_or_else(|| phase.clone());
            let words = format!("the {role} Pod did not {what} within {within} s: {why}");
            return Err(if phase == "Running" { Without::Late(words) } else { Without::Armed(words) });
        }
    }
}

/// When a Pod was to be gone that a node without an answer keeps.
fn lost(pod: &Pod) -> Option<Timestamp> {
    let gone = pod.metadata.deletion_timestamp.as_ref()?.0;
    let late = Duration::try_from(Timestamp::now().duration_since(gone)).unwrap_or_default();
    (!ended(pod) && late > GONE).then_some(gone)
}

/// The state of its one container.
fn state(pod: &Pod) -> Option<&ContainerState> {
    pod.status.as_ref()?.container_statuses.as_ref()?.first()?.state.as_ref()
}

/// Why a container will not start, however long one waits.
pub fn hopeless(state: &ContainerState) -> Option<String> {
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().filter(|r| STUCK.contains(r))?;
    let hint = if reason.contains("Image") { NAME_ANOTHER } else { "" };
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
