//! A budget that lets node drains take one server pod at a time and counts nothing but server pods.

mod fields;
mod repair;
mod services;

use super::{Head, Rule};
use crate::defaults;
use crate::defaults::limits::{self, COUNT};
use crate::pods::narrow::narrow;
use crate::pods::{Class, Pods, names};
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::replicas::{Autoscalers, Namespace};
use crate::scene::{Object, Scene};
use crate::selector::Selector;
use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// The rule.
pub const RULE: Rule = Rule {
    head: Head {
        id: "pdb",
        summary: "A server of two or more pods has one PodDisruptionBudget, which lets one pod go at a time and holds no \
                  pods but the server's.",
        what: "\
Adds a budget with `maxUnavailable: 1` for a server that has, or by its autoscaler may have, two or more pods. Its
selector is the server's own plus `job-name DoesNotExist`, `app.kubernetes.io/component DoesNotExist` and
`pod-template-hash Exists`, each only where the server's own pods agree (a component of theirs is asked for instead); it is added only when it provably selects the
server's pods and those of no other object in the stream.

A budget in the stream that already selects the server's pods is mended in place and never doubled: of two fields one
stays (the one a person set; else maxUnavailable), a number in quotes loses them, one that can never be met
(`minAvailable` of 1 on one pod, of 100%, of as many as the autoscaler's minimum) becomes `maxUnavailable: 1`, and a
selector that catches foreign pods gets the same expressions. It becomes maxUnavailable and is not removed, because that
blocks no drain at one pod and is right at two.

Of other budgets (database, search, Airflow) only what the API refuses is mended.",
        why: "\
Charts 1.2.4 to 1.12.3 render both fields when the budget is switched on, later ones when maxUnavailable is set: the API
refuses that object (values.yaml, templates/poddisruptionbudget.yaml; helm-charts#221, #484). minAvailable 1 on one pod stops every node drain. The pods of
both CronJobs, of the omjob operator and of helm's test carry the labels that the chart's budget selects: they count as
servers, and with maxUnavailable or a percentage a running Job stops every eviction (\"jobs.batch does not implement the
scale subresource\"; tried; kubernetes#77383). Two budgets over one pod make its eviction fail
(MultiplePodDisruptionBudgets, tried). The API takes a string only as a percentage (kubernetes,
ValidatePositiveIntOrPercent). AlwaysAllow lets a drain take pods that run but never became ready
(kubernetes.io/docs/tasks/run-application/configure-pdb).",
        leaves_alone: "\
A server of one pod without a budget, and one with `replicas: 0`. A budget that works, whatever its numbers; one with
`maxUnavailable: 0`, which no chart renders by itself, so somebody wants it (reported). A budget that is meant for more
than the server (it selects pods that the server's own selector does not): reported. New budgets for workloads that are not the server.
Services and the selectors of workloads: those that catch foreign pods are reported. `policy/v1beta1`: reported. Pods of
custom kinds, and pods and budgets that are not in the stream, cannot be seen: each added budget says how to look.",
        before: include_str!("../../../testdata/rules/pdb/example/before.yaml"),
        after: include_str!("../../../testdata/rules/pdb/example/after.yaml"),
    },
    propose,
};

/// What a policy may set for this rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Whether the rule runs. Default: true.
    pub enabled: bool,
    /// Whether a server of two or more pods without a budget gets one. Budgets in the stream are mended in any case.
    /// Default: true.
    pub add: bool,
    /// How many pods a drain may take at once: `maxUnavailable` of new and of mended budgets, at least 1. Default: 1.
    #[serde(deserialize_with = "limits::within::<1, COUNT, _>")]
    #[schemars(range(min = 1, max = COUNT))]
    pub max_unavailable: u32,
    /// Whether new budgets say `unhealthyPodEvictionPolicy: AlwaysAllow`, so that pods which are not ready never hold
    /// up a drain. Kubernetes knows the field since 1.26; set false on older ones, which may refuse it. Default: true.
    pub evict_unhealthy: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { enabled: true, add: true, max_unavailable: defaults::MAX_UNAVAILABLE, evict_unhealthy: true }
    }
}

/// A budget in the stream and the pods it selects.
struct Budget<'a> {
    object: &'a Object,
    classes: Vec<usize>,
    owners: Vec<&'a Object>,
}

/// All that the rule looks at, found once.
struct View<'a> {
    policy: &'a Policy,
    pods: Pods<'a>,
    autoscalers: Autoscalers<'a>,
}

fn propose(scene: &Scene, policy: &Policy) -> Vec<Proposal> {
    let view = View { policy, pods: Pods::of(scene), autoscalers: Autoscalers::of(scene) };
    let (standing, added): (Vec<&Object>, Vec<&Object>) =
        scene.of_kind("PodDisruptionBudget").partition(|b| b.document.is_some());
    let budgets: Vec<Budget<'_>> = standing.into_iter().map(|b| view.budget(b)).collect();
    let due = budgets.iter().filter(|b| scene.is_due(b.object));
    let mut proposals: Vec<Proposal> = due.flat_map(|b| repair::budget(&view, b)).collect();
    let mut guards = Guards::of(&budgets);
    guards.names.extend(added.iter().map(|b| (b.namespace(), b.name().to_owned())));
    for server in scene.due_servers().filter(|s| view.policy.on(s).pdb.enabled && !s.is_double) {
        proposals.extend(look(&view, &mut guards, server));
    }
    if policy.pdb.enabled {
        proposals.extend(services::look(scene, &view.pods));
    }
    proposals
}

impl<'a> View<'a> {
    fn budget(&self, object: &'a Object) -> Budget<'a> {
        let selector = object.get("/spec/selector").and_then(Selector::read);
        // In v1beta1 an empty selector selects nothing, in v1 everything.
        let selector = selector.filter(|s| !s.is_empty() || object.text("/apiVersion") == Some("policy/v1"));
        let selected = selector.iter().flat_map(|s| self.pods.selected(Namespace::of(object), s));
        let (mut classes, mut owners) = (Vec::new(), Vec::new());
        for (Class { id, owners: own, .. }, _) in selected {
            classes.push(*id);
            owners.extend(own);
        }
        Budget { object, classes, owners }
    }
}

/// The budgets by the pods that they hold, and the names that are taken.
struct Guards<'a> {
    by_class: HashMap<usize, Vec<&'a Object>>,
    names: HashSet<(Option<&'a str>, String)>,
}

impl<'a> Guards<'a> {
    fn of(budgets: &[Budget<'a>]) -> Self {
        let mut guards = Self { by_class: HashMap::new(), names: HashSet::new() };
        for budget in budgets {
            let object = budget.object;
            if guards.names.insert((object.namespace(), object.name().to_owned())) {
                budget.classes.iter().for_each(|c| guards.by_class.entry(*c).or_default().push(object));
            }
        }
        guards
    }

    fn free_name(&self, server: &Object) -> String {
        let taken = |name: &str| self.names.iter().any(|(at, n)| n == name && Namespace::of(server).may_be(*at));
        let name = server.name();
        if taken(name) { format!("{name}-server") } else { name.to_owned() }
    }
}

/// What one server needs beyond the mending of what is there.
fn look<'a>(view: &View<'a>, guards: &mut Guards<'a>, server: &'a Object) -> Vec<Proposal> {
    let Some(class) = view.pods.class(server).filter(|_| server.kind() != "DaemonSet") else { return Vec::new() };
    if server.opt_out(RULE.head.id).is_some() {
        return Vec::new();
    }
    match guards.by_class.get(&class.id).map_or(&[][..], Vec::as_slice) {
        [] => {}
        [_] => return Vec::new(),
        several => {
            let text = format!(
                "its pods are in {}; Kubernetes evicts no pod that is in more than one budget, so every node drain stops \
                 at them: remove all but one",
                names(several)
            );
            return vec![Proposal::warning(server, text)];
        }
    }
    let pods = view.autoscalers.replicas(server);
    if pods.least == 0 {
        return Vec::new();
    }
    if pods.most == 1 {
        let text = "one pod: a PodDisruptionBudget would protect nothing or stop every node drain, so none is added";
        return vec![Proposal::kept(server, text)];
    }
    if view.policy.on(server).pdb.add { added(view, guards, server) } else { Vec::new() }
}

/// The new budget of a server, or why there is none.
fn added<'a>(view: &View<'a>, guards: &mut Guards<'a>, server: &'a Object) -> Vec<Proposal> {
    let own = server.get("/spec/selector");
    let Some(narrowed) = own.and_then(|s| narrow(&view.pods, server, s, server)).filter(|n| n.holds) else {
        let text = "gets no PodDisruptionBudget: its selector does not select the pods of its own template; check both";
        return vec![Proposal::warning(server, text)];
    };
    if !narrowed.rest.is_empty() {
        let text = format!(
            "gets no PodDisruptionBudget: no label tells its pods from those of {}, and a budget over both would count \
             them as servers; give those pods other labels",
            names(&narrowed.rest)
        );
        return vec![Proposal::warning(server, text)];
    }
    let name = guards.free_name(server);
    let budget = object(&view.policy.on(server).pdb, server, &name, narrowed.selector);
    guards.names.insert((server.namespace(), name));
    let text = "if `kubectl get pdb` shows another budget over these pods, remove one of the two: Kubernetes evicts no pod \
                that is in both";
    vec![
        Proposal::add(server, budget, "node drains and node upgrades take the server's pods one at a time"),
        Proposal::notice(server, text),
    ]
}

fn object(settings: &Settings, server: &Object, name: &str, selector: Value) -> Value {
    let mut metadata = Map::from_iter([("name".to_owned(), json!(name))]);
    if let Some(namespace) = server.namespace() {
        metadata.insert("namespace".to_owned(), json!(namespace));
    }
    // The workload's own labels, so that the budget is found with the rest of the release.
    if let Some(labels) = server.get("/metadata/labels") {
        metadata.insert("labels".to_owned(), labels.clone());
    }
    let mut spec = Map::from_iter([("maxUnavailable".to_owned(), json!(settings.max_unavailable))]);
    if settings.evict_unhealthy {
        spec.insert("unhealthyPodEvictionPolicy".to_owned(), json!("AlwaysAllow"));
    }
    spec.insert("selector".to_owned(), selector);
    json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec})
}
