//! `rollout`: in an update new server pods come one at a time, old ones go last, and nothing is cut off.

mod drain;
mod migration;
mod obstacles;
mod strategy;

use super::{Head, Rule};
use crate::defaults;
use crate::defaults::limits::{self, COUNT, WEEK};
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::replicas::{Autoscalers, Replicas};
use crate::rules::probes;
use crate::scene::{Object, Scene};
use serde_json::Value;
use shared::component;
use strategy::Follows;

/// The rule.
pub const RULE: Rule = Rule {
    head: Head {
        id: "rollout",
        summary: "In an update new server pods come one at a time, no old one goes before its successor is ready, and \
                  stopping pods finish what they serve.",
        what: "On the Deployment of the OpenMetadata server: strategy RollingUpdate with maxSurge 1 and maxUnavailable \
               0 (0 and 1 where required anti-affinity allows one pod a node), minReadySeconds, a progressDeadlineSeconds above the longest allowed migration, a pause before a \
               pod stops (`preStop: exec sleep`) and a terminationGracePeriodSeconds that has room for it. A strategy \
               that lets several migrating pods start together is brought down to one. Says where an install or a \
               start from zero migrates several times at once, where a new pod cannot start beside an old one, and \
               where the migration runs with `--force`.",
        why: "The chart has no value for any of these. Its server migrates the database in an init container of every \
              pod, and nothing locks (OpenMetadata#28825). Under Kubernetes' default (25 % and 25 %, the one rounded \
              up and the other down) two pods migrate at once from four replicas on: a rolling update starts as many \
              new pods as maxSurge and maxUnavailable together. A deadline shorter than the migration calls the \
              rollout failed in the middle of it, and `helm --atomic` then turns back. Endpoints learn of a stopping \
              pod only while it stops.",
        leaves_alone: "StatefulSets, DaemonSets, and every workload that is not the server: databases, search and \
                       Airflow update as their own charts say. A strategy that is set and lets one pod migrate at a \
                       time; Recreate; minReadySeconds, deadlines, preStop and grace periods that are set. The update's \
                       shape of a server that holds a ReadWriteOnce claim, a host port or the host's network: a \
                       second pod may never start beside the first; nor that of one replica whose required anti-affinity \
                       keeps a second off its node. Sidecars. The replica count.",
        before: include_str!("../../../testdata/rules/rollout/example/before.yaml"),
        after: include_str!("../../../testdata/rules/rollout/example/after.yaml"),
    },
    propose,
};

/// How new pods replace old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Shape {
    /// One new pod at a time, each old one until its successor is ready. What the manifest sets otherwise on purpose
    /// is kept.
    #[default]
    Rolling,
    /// All old pods stop first: for servers whose volume or port cannot be had twice. Replaces what is set.
    Recreate,
    /// As the manifest says.
    Leave,
}

/// What a policy may set for this rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Whether the rule runs. Default: true.
    pub enabled: bool,
    /// How new pods replace old ones: `rolling`, `recreate`, or `leave`. Default: rolling.
    pub strategy: Shape,
    /// Seconds that a new pod must stay ready before the next old one goes. Default: 30.
    #[serde(deserialize_with = "limits::within::<0, WEEK, _>")]
    #[schemars(range(min = 0, max = WEEK))]
    pub min_ready_seconds: u32,
    /// Seconds that one migration may take; the rollout's deadline is longer by the start of the server. Default:
    /// 3600.
    #[serde(deserialize_with = "limits::within::<1, WEEK, _>")]
    #[schemars(range(min = 1, max = WEEK))]
    pub longest_migration_seconds: u32,
    /// Seconds that a stopping pod goes on serving; 0 for no pause. Default: 15.
    #[serde(deserialize_with = "limits::within::<0, WEEK, _>")]
    #[schemars(range(min = 0, max = WEEK))]
    pub pre_stop_seconds: u32,
    /// Seconds from the wish to stop a pod to its kill; raised where the pause leaves the server less than 30.
    /// Default: 60.
    #[serde(deserialize_with = "limits::within::<0, WEEK, _>")]
    #[schemars(range(min = 0, max = WEEK))]
    pub termination_grace_period_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            strategy: Shape::Rolling,
            min_ready_seconds: defaults::MIN_READY_SECONDS,
            longest_migration_seconds: defaults::LONGEST_MIGRATION_SECONDS,
            pre_stop_seconds: defaults::PRE_STOP_SECONDS,
            termination_grace_period_seconds: defaults::GRACE_SECONDS,
        }
    }
}

const MIN_READY: &str = "/spec/minReadySeconds";

fn propose(scene: &Scene, policy: &Policy) -> Vec<Proposal> {
    let autoscalers = Autoscalers::of(scene);
    let servers = scene.due_servers().filter(|server| policy.on(server).rollout.enabled);
    servers.flat_map(|server| on_server(scene, server, policy.on(server), autoscalers.replicas(server))).collect()
}

fn on_server(scene: &Scene, server: &Object, policy: &Policy, pods: Replicas<'_>) -> Vec<Proposal> {
    let mut out: Vec<Proposal> = migration::forced(server).into_iter().collect();
    if server.kind() != "Deployment" {
        let text = format!("a {} replaces its pods by its own rules; its update is left as it is", server.kind());
        out.push(Proposal::kept(server, text));
        // By default a StatefulSet starts its pods one after the other.
        let parallel = server.text("/spec/podManagementPolicy") == Some("Parallel");
        out.extend(parallel.then(|| migration::together(server, pods, false)).flatten());
        return out;
    }
    let settings = &policy.rollout;
    let (follows, shaped) = strategy::propose(scene, server, settings, pods);
    out.extend(shaped);
    out.extend(deadline(server, policy));
    // Where no pod stands beside another there is no next one to hold back.
    out.extend((follows == Follows::Rolling).then(|| min_ready(server, settings)).flatten());
    out.extend(drain::propose(server, settings));
    out.extend(migration::together(server, pods, follows == Follows::Recreate));
    out
}

/// The deadline of the rollout: longer than a migration and the start after it.
fn deadline(server: &Object, policy: &Policy) -> Option<Proposal> {
    let path = "/spec/progressDeadlineSeconds";
    let serving = component::serving_index(server.value());
    let container = serving.and_then(|i| server.list("/spec/template/spec/containers").get(i));
    let start = probes::startup_budget(container, &policy.probes);
    let settings = &policy.rollout;
    // The API refuses a deadline that is not longer than minReadySeconds, whoever set that.
    let min_ready = server.get(MIN_READY).and_then(Value::as_u64).unwrap_or(settings.min_ready_seconds.into());
    let pod = u64::from(settings.longest_migration_seconds) + u64::from(defaults::POD_SETUP_SECONDS);
    let wish = pod.saturating_add(min_ready).saturating_add(start).min(COUNT.into());
    match server.get(path).and_then(Value::as_u64) {
        None => {
            let longest = settings.longest_migration_seconds;
            let why = format!("a migration of up to {longest} s is no failed rollout");
            Some(Proposal::set(server, path, wish, why))
        }
        Some(own) if own < wish => Some(Proposal::kept(
            server,
            format!(
                "progressDeadlineSeconds {own} is kept as set; a migration and start that take longer count as a \
                 failed rollout, and helm's --rollback-on-failure (--atomic) turns back in the middle: {wish} leaves room"
            ),
        )),
        Some(_) => None,
    }
}

fn min_ready(server: &Object, settings: &Settings) -> Option<Proposal> {
    let wish = u64::from(settings.min_ready_seconds);
    let deadline = server.get("/spec/progressDeadlineSeconds").and_then(Value::as_u64);
    if server.get(MIN_READY).is_some_and(|v| !v.is_null()) || wish == 0 || deadline.is_some_and(|d| d <= wish) {
        // The API refuses a deadline that is not longer.
        return None;
    }
    Some(Proposal::set(server, MIN_READY, wish, "a new pod that dies right after its start stops the rollout"))
}
