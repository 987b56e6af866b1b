//! `probes`: a slow start is waited for, a busy server is not killed, and only paths are asked that the version has.

mod handler;
mod subject;
mod timing;

use super::{Head, Rule};
use crate::defaults;
use crate::defaults::limits::{self, WEEK};
use crate::policy::Policy;
use crate::proposal::Proposal;
use crate::scene::{Object, Scene};
use handler::Handler;
use serde_json::{Value, json};
use shared::component;
use shared::endpoints::{self, Era};
use subject::Subject;
use timing::Timeout;

/// The rule.
pub const RULE: Rule = Rule {
    head: Head {
        id: "probes",
        summary: "A slow first start is waited for, a busy server or a blinking database kills no pod, and only paths \
                  are asked that this version has.",
        what: "On the server's own container, for the version of its image: a startup probe with a budget of 1800 \
               seconds, looked at every 10; liveness asks /ping at the admin port; readiness that asks \
               /api/v1/system/health asks the first page before 1.9.7; each waits 10 seconds for an answer. The \
               minute by which the chart delays readiness goes where a startup probe stands. Says so where the image \
               tag is older or newer than the chart.",
        why: "The chart's startup budget is 300 seconds with a look a minute; killing a first start leaves Flowable's \
              tables half-made (OpenMetadata#26048). From 1.9.7 its liveness asks the API port and waits one second, \
              so a busy API is killed; the server's own source says to prefer the admin port, which has threads of its \
              own. /healthcheck asks the database in some builds (OpenMetadata#4038), and killing a pod repairs no \
              database: /ping asks nothing. /api/v1/system/health came after 1.9.0 (PR#22974): under an image tag \
              older than the chart it answers 404 and no pod ever becomes ready. The first page is never replaced by it: \
              every release has that page, and a tag may be a number of somebody's own. With a startup probe an \
              initialDelaySeconds only holds a ready pod back.",
        leaves_alone: "Sidecars and every other workload. What is asked and how often, where it is not what a chart \
                       renders. An absent liveness probe. Paths, where neither image tag nor labels name a version; \
                       readiness, where BASE_PATH comes from a reference.",
        before: include_str!("../../../testdata/rules/probes/example/before.yaml"),
        after: include_str!("../../../testdata/rules/probes/example/after.yaml"),
    },
    propose,
};

/// What a policy may set for this rule.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct Settings {
    /// Whether the rule runs. Default: true.
    pub enabled: bool,
    /// Seconds that a server may take to start after its migration. Default: 1800.
    #[serde(deserialize_with = "limits::within::<1, WEEK, _>")]
    #[schemars(range(min = 1, max = WEEK))]
    pub startup_budget_seconds: u32,
    /// Seconds between two looks at a starting server, at least 1. Default: 10.
    #[serde(deserialize_with = "limits::within::<1, WEEK, _>")]
    #[schemars(range(min = 1, max = WEEK))]
    pub startup_period_seconds: u32,
    /// Seconds that each probe waits for an answer, at least 1. Default: 10.
    #[serde(deserialize_with = "limits::within::<1, WEEK, _>")]
    #[schemars(range(min = 1, max = WEEK))]
    pub timeout_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            enabled: true,
            startup_budget_seconds: defaults::STARTUP_BUDGET_SECONDS,
            startup_period_seconds: defaults::STARTUP_PERIOD_SECONDS,
            timeout_seconds: defaults::PROBE_TIMEOUT_SECONDS,
        }
    }
}

/// Seconds that a container gets for its start: by the startup probe that it has, or the longer one that this rule
/// gives it.
pub fn startup_budget(container: Option<&Value>, settings: &Settings) -> u64 {
    let own = container.and_then(|c| c.get("startupProbe")).filter(|p| p.is_object()).map_or(0, timing::budget);
    let wished = if settings.enabled { timing::seconds(&timing::startup(settings)) } else { 0 };
    own.max(wished)
}

fn propose(scene: &Scene, policy: &Policy) -> Vec<Proposal> {
    let servers = scene.due_servers().filter(|server| policy.on(server).probes.enabled);
    servers.flat_map(|server| on_server(scene, server, &policy.on(server).probes)).collect()
}

fn on_server(scene: &Scene, server: &Object, settings: &Settings) -> Vec<Proposal> {
    let Some(index) = component::serving_index(server.value()) else {
        let text = "which container serves cannot be told, so no probe is looked at";
        return vec![Proposal::notice(server, text)];
    };
    let Some(subject) = Subject::read(scene, server, index) else { return Vec::new() };
    let mut out = subject.notes();
    let startup = startup(&subject, settings);
    let is_waited_for = subject.probe("startupProbe").is_some() || !startup.is_empty();
    out.extend(startup);
    out.extend(liveness(&subject, settings));
    out.extend(readiness(&subject, settings, is_waited_for));
    out
}

fn startup(subject: &Subject<'_>, settings: &Settings) -> Vec<Proposal> {
    let name = "startupProbe";
    let era = subject.era.map(|era| era.startup);
    let wish = era.and_then(|get| subject.request(get));
    let mut out = Vec::new();
    let timed = timing::startup(settings);
    if subject.probe(name).is_none() {
        // Without a version, what the chart asks for liveness is known to be there.
        let liveness = || subject.get("livenessProbe/httpGet").filter(|v| v.is_object()).cloned();
        let Some(request) = wish.or_else(liveness) else { return out };
        let mut probe = json!({"httpGet": request});
        for (field, value) in timed.iter().chain(&[("timeoutSeconds", settings.timeout_seconds.into())]) {
            probe[*field] = (*value).into();
        }
        let why = format!("a first start may take {} s, and nothing else waits for it", timing::seconds(&timed));
        out.push(subject.set(name, probe, why));
        return out;
    }
    let (_, proposals) =
        handler::mend(subject, name, wish, endpoints::RENDERED_STARTUP, "it says that the start is over");
    out.extend(proposals);
    out.extend(timing::mend_startup(subject, &timed));
    out.extend(Timeout::new(settings, false).mend(subject, name));
    out
}

fn liveness(subject: &Subject<'_>, settings: &Settings) -> Vec<Proposal> {
    let name = "livenessProbe";
    if subject.probe(name).is_none() {
        return vec![Proposal::kept(subject.server, "it has no livenessProbe; a server that hangs is not restarted")];
    }
    let wish = subject.era.and_then(|era| subject.request(era.liveness));
    let why = if subject.asks_api(name) {
        "the admin port answers while the API is busy, and /ping asks no database"
    } else {
        "/healthcheck asks the database in some builds, /ping does not"
    };
    let (handler, mut out) = handler::mend(subject, name, wish, endpoints::RENDERED_LIVENESS, why);
    if handler == Handler::Own && subject.asks_api(name) {
        let text = "its livenessProbe asks the API port, so a busy server can be killed; /ping at the admin port answers \
                    even then";
        out.push(Proposal::notice(subject.server, text));
    }
    let timeout = Timeout::new(settings, true);
    out.extend(timeout.mend(subject, name));
    out.extend(timing::kept(subject, name, &timeout));
    out
}

fn readiness(subject: &Subject<'_>, settings: &Settings, is_waited_for: bool) -> Vec<Proposal> {
    let name = "readinessProbe";
    // Every release has the first page; the health path is never set on a tag's word, only taken back by it.
    let get = |era: &Era| if handler::asks_health(subject, name) { era.readiness } else { endpoints::ROOT };
    let wish = subject.era.and_then(|era| subject.request(get(era)));
    if subject.probe(name).is_none() {
        let Some(request) = wish else { return Vec::new() };
        let mut probe = json!({"httpGet": request});
        if let Some(probe) = probe.as_object_mut() {
            probe.insert("timeoutSeconds".to_owned(), settings.timeout_seconds.into());
        }
        return vec![subject.set(name, probe, "without it a pod gets requests before it can answer them")];
    }
    let why = subject.version.map(handler::has_no_health).unwrap_or_default();
    let (_, mut out) = handler::mend(subject, name, wish, endpoints::RENDERED_READINESS, &why);
    let timeout = Timeout::new(settings, false);
    out.extend(timeout.mend(subject, name));
    out.extend(is_waited_for.then(|| timing::undelayed(subject, name)).flatten());
    out.extend(timing::kept(subject, name, &timeout));
    out
}
