//! From rules and sayings to findings: what was said, how often, where, and what it means for this version.

use super::rule::{Confidence, Part, Place, Rule, Symptom};
use super::saying::Saying;
use crate::facts::Facts;
use schemars::JsonSchema;
use serde::Serialize;
use shared::component;
use shared::versions::Version;

/// Lines that are kept of what a rule matched.
const SHOWN: usize = 3;

/// A trouble that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// The rule's name, or `state` for what the state of an object says by itself.
    pub id: String,
    /// What a user sees of it.
    pub symptom: Symptom,
    /// Why, in one sentence.
    pub cause: String,
    /// How sure.
    pub confidence: Confidence,
    /// Why it is less sure than the rule says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
    /// Where it was seen, the first place first.
    pub seen: Vec<String>,
    /// How often.
    pub times: usize,
    /// The last lines that showed it.
    pub lines: Vec<String>,
    /// Commands, best first.
    pub fix: Vec<String>,
    /// Where it is known from.
    pub source: String,
    /// The pods that it was seen in.
    #[serde(skip)]
    pub pods: Vec<String>,
    /// Whether it is helm that tells of it.
    #[serde(skip)]
    pub of_helm: bool,
}

/// What the rules find. `version` is that of the server which the workload asks for.
pub fn findings(rules: &[Rule], sayings: &[Saying], facts: &Facts, version: Option<Version>) -> Vec<Finding> {
    rules.iter().filter_map(|rule| finding(rule, sayings, facts, version)).collect()
}

fn finding(rule: &Rule, sayings: &[Saying], facts: &Facts, version: Option<Version>) -> Option<Finding> {
    let heard = |s: &&Saying| rule.places.contains(&s.place) && (rule.of.is_empty() || rule.of.contains(&s.part));
    let mut hits: Vec<(&Saying, &str)> = Vec::new();
    for saying in sayings.iter().filter(heard) {
        hits.extend(saying.lines.iter().filter(|l| rule.hears(l)).map(|l| (saying, l.as_str())));
    }
    let (last, line) = *hits.last()?;
    let mut cause = rule.cause.clone();
    if let Some(groups) = rule.matches.0.captures(line) {
        for (i, group) in groups.iter().enumerate().skip(1) {
            cause = cause.replace(&format!("${i}"), group.map_or("?", |g| g.as_str()).trim());
        }
    }
    let (mut seen, mut pods): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for (saying, _) in &hits {
        if !seen.contains(&saying.at) {
            seen.push(saying.at.clone());
        }
        if !saying.pod.is_empty() && !pods.contains(&saying.pod) {
            pods.push(saying.pod.clone());
        }
    }
    let times = hits.len();
    let mut lines: Vec<String> = Vec::new();
    for (_, line) in hits.iter().rev() {
        let line = line.trim().to_owned();
        if lines.len() < SHOWN && !lines.contains(&line) {
            lines.insert(0, line);
        }
    }
    let elsewhere = spoke(last, facts).or(version).filter(|v| !rule.concerns(*v));
    let doubt = elsewhere.map(|v| format!("known from {}, and this is {v}", span(rule)));
    let confidence = if doubt.is_some() { Confidence::Possible } else { rule.confidence };
    Some(Finding {
        id: rule.id.clone(),
        symptom: rule.symptom,
        cause,
        confidence,
        doubt,
        seen,
        times,
        lines,
        fix: rule.fix.iter().map(|fix| filled(fix, facts, last)).collect(),
        source: rule.source.clone(),
        pods,
        of_helm: last.place == Place::Helm,
    })
}

/// The version of the server that said it: while one rolls out, that of before talks as well.
fn spoke(saying: &Saying, facts: &Facts) -> Option<Version> {
    let of_server = matches!(saying.part, Part::Server | Part::Migration);
    let pod = facts.pods.items().iter().find(|pod| of_server && pod.meta.name == saying.pod)?;
    let container = pod.containers.iter().find(|c| c.name == saying.container)?;
    component::image_tag(&container.image).and_then(Version::parse)
}

fn span(rule: &Rule) -> String {
    match (&rule.since, &rule.until) {
        (Some(a), Some(b)) if a == b => a.clone(),
        (Some(a), Some(b)) => format!("{a} to {b}"),
        (Some(a), None) => format!("{a} and newer"),
        (None, Some(b)) => format!("{b} and older"),
        (None, None) => "all versions".to_owned(),
    }
}

/// A command with the names of this release in it.
pub fn filled(fix: &str, facts: &Facts, saying: &Saying) -> String {
    let or = |name: &str, instead: &str| if name.is_empty() { instead.to_owned() } else { name.to_owned() };
    fix.replace("{release}", &facts.name)
        .replace("{namespace}", &facts.namespace)
        .replace("{workload}", &server(facts))
        .replace("{server}", server(facts).rsplit('/').next().unwrap_or_default())
        .replace(
            "{pod}",
            &or(
                if saying.place == Place::Log || saying.place == Place::State { &saying.pod } else { "" },
                &server(facts),
            ),
        )
        .replace("{container}", &or(&saying.container, "openmetadata"))
}

/// The server's workload, as kubectl takes it.
fn server(facts: &Facts) -> String {
    use crate::facts::Component;
    let found = facts.workloads.items().iter().find(|w| w.component == Component::Server);
    found.map_or_else(
        || "deployment/openmetadata".to_owned(),
        |w| format!("{}/{}", w.kind.name().to_lowercase(), w.meta.name),
    )
}
