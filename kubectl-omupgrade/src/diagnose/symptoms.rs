//! The four symptoms of the upgrade guide: seen, not seen, or not to be told, each with what that rests on.

use super::evidence::Evidence;
use super::finding::Finding;
use super::rule::{Part, Place, Symptom};
use super::saying::Saying;
use crate::facts::objects::STUCK;
use crate::facts::{Pod, State};
use crate::rollout::Rollout;
use schemars::JsonSchema;
use serde::Serialize;

/// How it is said what a server counted since its start.
pub(super) const COUNTED: &str = "requests: ";
/// How it is said why the server's status was not read where other answers of it were.
pub(super) const UNREAD: &str = "status not read: ";
/// How it is said which kinds search did not count where there is something to find.
pub(super) const UNSEARCHED: &str = "not found in search: ";
/// The step of the server's status that says that search is well.
const SEARCH_PASSED: &str = "searchInstance passed";

/// A symptom, and whether it is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Which.
    pub symptom: Symptom,
    /// Whether; none where it cannot be told.
    pub there: Option<bool>,
    /// What that rests on.
    pub words: String,
}

impl Symptom {
    /// The guide's name for it.
    pub fn title(self) -> &'static str {
        match self {
            Self::CrashLoop => "pods crash or do not start",
            Self::ServerErrors => "the server answers 500",
            Self::StaleSearch => "search is stale",
            Self::Ingestion => "ingestion fails",
            Self::Upgrade => "the upgrade did not take place",
            Self::Stopped => "the server is stopped",
        }
    }
}

/// All symptoms, in the guide's order.
pub fn symptoms(evidence: &Evidence, sayings: &[Saying], findings: &[Finding], rollout: &Rollout) -> Vec<Seen> {
    let found = |symptom: Symptom| {
        let ids: Vec<&str> = findings.iter().filter(|f| f.symptom == symptom).map(|f| f.id.as_str()).collect();
        (!ids.is_empty()).then(|| format!("{} {}", count(ids.len(), "finding"), "below"))
    };
    let of = |symptom: Symptom, else_: (Option<bool>, String)| {
        let (there, words) = found(symptom).map_or(else_, |words| (Some(true), words));
        Seen { symptom, there, words }
    };
    let mut all = vec![
        of(Symptom::CrashLoop, crashes(evidence, rollout, findings)),
        of(Symptom::ServerErrors, errors(evidence, sayings)),
        of(Symptom::StaleSearch, search(evidence, sayings)),
        of(Symptom::Ingestion, ingestion(evidence, sayings)),
    ];
    for symptom in [Symptom::Upgrade, Symptom::Stopped] {
        all.extend(found(symptom).map(|words| Seen { symptom, there: Some(true), words }));
    }
    all
}

fn crashes(evidence: &Evidence, rollout: &Rollout, findings: &[Finding]) -> (Option<bool>, String) {
    let Some(pods) = evidence.facts.pods.value() else {
        return (None, format!("pods: {}", evidence.facts.pods.reason().unwrap_or_default()));
    };
    let crashed = |p: &&Pod| {
        p.containers.iter().any(|c| match &c.state {
            State::Terminated(end) => end.exit != 0,
            State::Waiting { .. } => c.last.as_ref().is_some_and(|l| l.exit != 0),
            _ => false,
        })
    };
    let waits = |p: &Pod| {
        p.containers.iter().find_map(|c| match &c.state {
            State::Waiting { reason, .. } if STUCK.contains(&reason.as_str()) => Some(reason.clone()),
            _ => None,
        })
    };
    let there = || pods.iter().filter(|p| p.meta.deleted.is_none());
    if let Some((pod, reason)) = there().find_map(|p| Some((p, waits(p)?))) {
        return (Some(true), format!("Pod {} does not start: {reason}", pod.meta.name));
    }
    match there().find(crashed) {
        Some(pod) => (Some(true), format!("Pod {} ends with an error", pod.meta.name)),
        // Whether they come up is not told before they have. What holds them up is a finding.
        None if findings.is_empty() && rollout.verdict.is_on_its_way() => (None, rollout.sentence.clone()),
        None if pods.is_empty() => (Some(false), "there is no pod".to_owned()),
        None => (Some(false), format!("none of {}", count(pods.len(), "pod"))),
    }
}

fn errors(evidence: &Evidence, sayings: &[Saying]) -> (Option<bool>, String) {
    let lines = lines(sayings, &[Part::Server]);
    // A server counts until it is started anew: one look tells that there were errors, and not whether there are.
    if let Some(counted) = evidence.api.items().iter().find_map(|line| line.strip_prefix(COUNTED)) {
        let (name, namespace) = (&evidence.facts.name, &evidence.facts.namespace);
        let again = format!("kubectl omupgrade validate {name} -n {namespace} --for 5m");
        return (None, format!("{counted}; whether it still does is told by `{again}`"));
    }
    if lines == 0 {
        return (None, "no log of a server was read".to_owned());
    }
    (Some(false), format!("none in the last {} of the servers' logs", count(lines, "line")))
}

fn search(evidence: &Evidence, sayings: &[Saying]) -> (Option<bool>, String) {
    // The status looks at the engine and at the index of tables alone.
    if let Some(kinds) = evidence.api.items().iter().find_map(|line| line.strip_prefix(UNSEARCHED)) {
        return (None, kinds.to_owned());
    }
    if evidence.api.items().iter().any(|line| line == SEARCH_PASSED) {
        return (Some(false), "the server's own status says that search is well".to_owned());
    }
    let why = evidence.status_unread().unwrap_or("it says nothing of search");
    let read = lines(sayings, &[Part::Server, Part::Migration, Part::Search]);
    let logs = if read == 0 { "" } else { "; the logs say nothing of it" };
    (None, format!("the server's own status: {why}{logs}"))
}

fn ingestion(evidence: &Evidence, sayings: &[Saying]) -> (Option<bool>, String) {
    let read = lines(sayings, &[Part::Ingestion, Part::Airflow]);
    match (evidence.pipelines.value(), read) {
        (Some(all), _) => (Some(false), format!("none of {}", count(all.len(), "pipeline"))),
        (None, 0) => {
            let why = evidence.pipelines.reason().unwrap_or_default();
            (None, format!("no log of a pipeline was read; the server's list of pipelines: {why}"))
        }
        (None, n) => (Some(false), format!("none in the last {} of the pipelines' logs", count(n, "line"))),
    }
}

fn lines(sayings: &[Saying], of: &[Part]) -> usize {
    sayings.iter().filter(|s| s.place == Place::Log && of.contains(&s.part)).map(|s| s.lines.len()).sum()
}

pub(super) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
