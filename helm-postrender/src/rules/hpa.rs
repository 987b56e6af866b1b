//! Autoscalers that can work, and `spec.replicas` left to them.

mod added;
mod check;
mod handover;
mod requests;

use super::{Head, Rule};
use crate::defaults;
use crate::defaults::limits::{self, COUNT, STABILIZATION};
use crate::pods::Pods;
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::replicas::Autoscalers;
use crate::scene::{Object, Scene};
use shared::manifest::Dialect;
use std::collections::HashSet;

/// The rule.
pub const RULE: Rule = Rule {
    head: Head {
        id: "hpa",
        summary: "An autoscaled server keeps the number of pods that its autoscaler chose, and has an autoscaler only \
                  when asked.",
        what: "\
An autoscaler of the server that is in the stream is always checked, and `spec.replicas` beside it is handed over: with
server-side apply (Helm 4) the field is removed; with client-side apply (Helm 3, plain) it stays, but never outside the
autoscaler's bounds. Which of the two it is can be said by policy (`hpa.apply`).

Reported: minReplicas above maxReplicas, a minimum of one pod, metrics in percent of requests that the containers do not
have, pods that are not the server's in the average, several autoscalers on one server, API versions that are gone, scaling by
several pods at once (each runs the migration).

With `hpa.add` a server without an autoscaler gets one (autoscaling/v2; one pod up per two minutes, down after five
quiet ones), never below the replicas it is rendered with; an existing one is lifted to `hpa.minReplicas`.",
        why: "\
Charts before 1.9.14 and 1.10.0 render `replicas` beside their autoscaler, so each helm upgrade sets the server back
(templates/deployment.yaml; helm-charts#382). Under Helm 4 that upgrade fails once anything scaled the server: \"conflict with
kube-controller-manager: .spec.replicas\". Where client-side apply manages the release, the upgrade that first drops the
field sets the server to 1 pod for a moment (both tried; helm#12650). An autoscaler takes percentages
of `resources.requests` and has no metric as soon as one container of one pod has none; the chart's default is
`resources: {}`. It averages over all pods with the labels of the Deployment's selector, the pods of CronJobs and of the
operator among them (kubernetes#116339). Every new pod migrates first (`run-db-migrations` in templates/deployment.yaml).",
        leaves_alone: "\
A server without an autoscaler, unless asked. A server with `replicas: 0`, which is off: an autoscaler leaves it so.
`replicas` absent. Numbers and metrics that were set, though they are reported. The autoscalers of other workloads, whose
`replicas` are only reported. ScaledObjects of KEDA, which are not looked at.",
        before: include_str!("../../../testdata/rules/hpa/example/before.yaml"),
        after: include_str!("../../../testdata/rules/hpa/example/after.yaml"),
    },
    propose,
};

/// Who is asked to apply the manifests, which decides what happens to a field that is no longer in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Apply {
    /// `server` for Helm 4, `client` for Helm 3 and for a plain stream.
    #[default]
    Auto,
    /// Server-side apply: a field that is not in the manifest keeps its live value.
    Server,
    /// Client-side apply: a field that the manifest drops falls back to its default.
    Client,
}

impl Apply {
    /// Whether `replicas` can be dropped from a manifest without falling back to 1.
    fn is_server(self, dialect: Dialect) -> bool {
        match self {
            Self::Auto => dialect == Dialect::Helm4,
            Self::Server => true,
            Self::Client => false,
        }
    }
}

/// What a policy may set for this rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Whether the rule runs: autoscalers in the stream are checked, and `replicas` is handed over. Default: true.
    pub enabled: bool,
    /// Whether a server without an autoscaler gets one, and one in the stream is lifted to `minReplicas`. Default:
    /// false.
    pub add: bool,
    /// Who applies the manifests: `server` drops `replicas` beside an autoscaler, `client` keeps it within the bounds.
    /// Say `client` for a release that was installed by Helm 3, and `server` for Argo CD. Default: `auto`.
    pub apply: Apply,
    /// Fewest pods; more where the server is rendered with more. Default: 2.
    #[serde(deserialize_with = "limits::within::<1, COUNT, _>")]
    #[schemars(range(min = 1, max = COUNT))]
    pub min_replicas: u32,
    /// Most pods. Default: 5.
    #[serde(deserialize_with = "limits::within::<1, COUNT, _>")]
    #[schemars(range(min = 1, max = COUNT))]
    pub max_replicas: u32,
    /// Average use of the requested CPU, in percent, above which pods are added. Default: 80.
    #[serde(deserialize_with = "limits::within::<1, COUNT, _>")]
    #[schemars(range(min = 1, max = COUNT))]
    pub cpu: u32,
    /// The same for memory; a Java heap seldom shrinks, so pods added by it stay. Default: not used.
    #[serde(deserialize_with = "limits::within_or_null::<1, COUNT, _>")]
    #[schemars(range(min = 1, max = COUNT))]
    pub memory: Option<u32>,
    /// Seconds for which a lower load must last before a pod is removed. Default: 300.
    #[serde(deserialize_with = "limits::within::<0, STABILIZATION, _>")]
    #[schemars(range(min = 0, max = STABILIZATION))]
    pub scale_down_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            add: false,
            apply: Apply::Auto,
            min_replicas: defaults::MIN_REPLICAS,
            max_replicas: defaults::MAX_REPLICAS,
            cpu: defaults::CPU_PERCENT,
            memory: None,
            scale_down_seconds: defaults::SCALE_DOWN_SECONDS,
        }
    }
}

fn propose(scene: &Scene, policy: &Policy) -> Vec<Proposal> {
    let autoscalers = Autoscalers::of(scene);
    if !policy.hpa.add && autoscalers.is_empty() && policy.workloads.is_empty() {
        return Vec::new();
    }
    let pods = Pods::of(scene);
    let mut names: HashSet<&str> = scene.of_kind("HorizontalPodAutoscaler").map(Object::name).collect();
    let mut proposals = Vec::new();
    let runs = |s: &&Object| policy.on(s).hpa.enabled && s.opt_out(RULE.head.id).is_none();
    for server in scene.due_servers().filter(runs).filter(|s| s.kind() != "DaemonSet") {
        let settings = &policy.on(server).hpa;
        let server_side = settings.apply.is_server(scene.dialect);
        let found: Vec<&Object> = autoscalers.on(server).collect();
        match found.as_slice() {
            [] if settings.add && !server.is_double => {
                let new = added::autoscaler(&pods, settings, server, server_side, names.contains(server.name()));
                proposals.extend(new);
                names.insert(server.name());
            }
            [] => {}
            // The one that its first appearance got in an earlier turn.
            [one] if server.is_double && one.document.is_none() => {}
            [one] => proposals.extend(check::autoscaler(&pods, settings, server, one, server_side)),
            several => {
                let text = format!(
                    "is the target of {}, which undo each other's work: remove all but one",
                    crate::pods::names(several)
                );
                proposals.push(Proposal::warning(server, text));
            }
        }
    }
    proposals.extend(check::others(scene, policy, &autoscalers));
    proposals
}
