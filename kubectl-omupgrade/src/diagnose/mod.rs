//! Why an OpenMetadata release is not well: evidence and a table of rules in, findings out. Pure: no adapter, no clock.
//!
//! Whoever gathers evidence redacts it before it comes here, so that nothing that is said, saved or bundled can hold a
//! secret: see [`crate::redact`].

pub mod bundle;
pub mod changes;
pub mod edges;
mod evidence;
mod finding;
mod good;
pub mod known;
pub mod rule;
mod said;
mod saying;
mod state;
mod symptoms;
mod wanted;

pub use changes::Changes;
pub use evidence::Evidence;
pub use finding::Finding;
pub use good::last_good;
pub use said::{database, said, search};
pub use saying::{Saying, part, sayings};
pub use symptoms::Seen;
pub use wanted::logs_wanted;

use crate::facts::{Component, Facts, is_no_log};
use crate::rollout::{Verdict, judge};
use edges::{Said, Soundness};
use jiff::Timestamp;
use rule::Rule;
use schemars::JsonSchema;
use serde::Serialize;
use shared::component;
use shared::versions::Version;

/// The version of the schema of a diagnosis.
pub const SCHEMA: &str = "omupgrade.io/diagnosis/v1";

/// A diagnosis.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Diagnosis {
    /// `omupgrade.io/diagnosis/v1`.
    pub schema: String,
    /// The moment of the look (RFC 3339).
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The server's version, as far as its image or chart tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The answer in one sentence.
    pub sentence: String,
    /// Whether everything that counts could be looked at.
    pub looked: bool,
    /// The symptoms of the upgrade guide.
    pub symptoms: Vec<Seen>,
    /// What was found, the surest first.
    pub findings: Vec<Finding>,
    /// What differs from the last good revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<serde_json::Value>")]
    pub changes: Option<Changes>,
    /// Certificates.
    pub certificates: Vec<Said>,
    /// What could not be seen, and why.
    pub unseen: Vec<String>,
}

/// Judges the evidence by the rules.
pub fn diagnose(evidence: &Evidence, rules: &[Rule], now: Timestamp) -> Diagnosis {
    let facts = &evidence.facts;
    let version = version(facts);
    let sayings = sayings(evidence);
    let rollout = judge(facts, now);
    let mut findings = finding::findings(rules, &sayings, facts, version);
    findings.extend(state::findings(facts, &rollout, &findings));
    // Helm tells of what it saw from outside; what an object says of itself is nearer to the cause.
    findings.sort_by_key(|f| (f.confidence, f.of_helm, f.symptom));
    let symptoms = symptoms::symptoms(evidence, &sayings, &findings, &rollout);
    let certificates: Vec<Said> = evidence.edges.items().iter().map(|e| edges::judge(e, now)).collect();
    let looked = facts.pods.value().is_some() && facts.workloads.value().is_some();
    Diagnosis {
        schema: SCHEMA.to_owned(),
        at: now,
        release: facts.name.clone(),
        namespace: facts.namespace.clone(),
        version: serving(facts, version).map(|v| v.to_string()),
        sentence: sentence(&facts.name, &findings, &certificates, &symptoms, looked.then_some(rollout.verdict)),
        looked,
        symptoms,
        findings,
        changes: evidence.changes.value().cloned(),
        certificates,
        unseen: unseen(evidence),
    }
}

impl Diagnosis {
    /// Whether nothing is wrong, as far as could be seen.
    pub fn is_well(&self) -> bool {
        self.findings.is_empty() && !self.certificates.iter().any(|c| c.soundness == Soundness::Broken)
    }
}

/// The server's version: its image's tag, else what the chart installs.
fn version(facts: &Facts) -> Option<Version> {
    let image = facts.workloads.items().iter().find(|w| w.component == Component::Server).map(|w| w.image.as_str());
    let tag = image.and_then(component::image_tag).and_then(Version::parse);
    tag.or_else(|| Version::parse(&facts.release.value()?.revision.chart.app_version))
}

/// The version that is named: where no ready pod is of the one that the workload asks for, that of the ready ones, the
/// oldest of several. What was asked for serves nothing yet, or nothing any more.
fn serving(facts: &Facts, asked: Option<Version>) -> Option<Version> {
    let ready = facts.pods.items().iter().filter(|pod| pod.is_ready());
    let servers = ready.flat_map(|pod| pod.containers.iter().filter(|c| part(pod, c) == rule::Part::Server));
    let tags: Vec<_> = servers.map(|c| component::image_tag(&c.image).and_then(Version::parse)).collect();
    if tags.contains(&asked) { asked } else { tags.into_iter().flatten().min().or(asked) }
}

/// `verdict`: how far the rollout is, where anything could be seen.
fn sentence(name: &str, findings: &[Finding], edges: &[Said], symptoms: &[Seen], verdict: Option<Verdict>) -> String {
    let broken = edges.iter().filter(|e| e.soundness == Soundness::Broken).count();
    match findings.first() {
        Some(first) if findings.len() == 1 => format!("{name}: {} ({})", first.cause, first.confidence.word()),
        Some(first) => {
            let more = symptoms::count(findings.len() - 1, "more finding");
            format!("{name}: {} ({}), and {more}", first.cause, first.confidence.word())
        }
        None if broken > 0 => format!("{name}: {} not in order", symptoms::count(broken, "certificate")),
        None if verdict.is_none() => format!("cannot tell what {name} lacks: too little could be seen"),
        None if symptoms.iter().any(|s| s.there == Some(true)) => {
            format!("{name} is not well, and no rule knows why: read the logs")
        }
        None => match verdict.filter(|verdict| verdict.is_on_its_way()) {
            Some(verdict) => format!("nothing wrong was found with {name} so far, and it is {}", verdict.words()),
            None => format!("nothing wrong was found with {name}"),
        },
    }
}

fn unseen(evidence: &Evidence) -> Vec<String> {
    let facts = &evidence.facts;
    let all = [
        ("workloads", facts.workloads.reason()),
        ("pods", facts.pods.reason()),
        ("jobs", facts.jobs.reason()),
        ("events", facts.events.reason()),
        ("other pods of the namespace", evidence.neighbours.reason()),
        ("the database", evidence.database.reason()),
        ("the search engine", evidence.search.reason()),
        ("the server's own status", evidence.status_unread()),
        ("the pipelines", evidence.pipelines.reason()),
        ("changes since the last good revision", evidence.changes.reason()),
        ("certificates", evidence.edges.reason()),
    ];
    let logs = facts.logs.iter().map(|(key, fact)| {
        let gone = fact.value().is_some_and(|lines| is_no_log(lines));
        (key.as_str(), if gone { Some("kubelet has no log of it any more") } else { fact.reason() })
    });
    // What is unseen for one reason is said once.
    let mut out: Vec<(String, &str)> = Vec::new();
    for (what, why) in all.into_iter().chain(logs).filter_map(|(what, why)| Some((what, why?))) {
        match out.iter_mut().find(|(_, reason)| *reason == why) {
            Some((seen, _)) => *seen = format!("{seen}, {what}"),
            None => out.push((what.to_owned(), why)),
        }
    }
    out.into_iter().map(|(what, why)| format!("{what}: {why}")).collect()
}
