//! Everything that somebody said, line by line, with who and where: what rules are matched against.

use super::evidence::Evidence;
use super::rule::{Part, Place};
use super::symptoms::UNREAD;
use crate::facts::{Container, Fact, Pod, Role, State, Terminated, says_no_log};
use shared::component;
use std::collections::HashMap;

/// Lines from one mouth.
#[derive(Debug, Clone, PartialEq)]
pub struct Saying {
    /// Where.
    pub place: Place,
    /// Whose.
    pub part: Part,
    /// The pod, where there is one.
    pub pod: String,
    /// The container, where there is one.
    pub container: String,
    /// Where, in words: `log openmetadata-7c…/openmetadata`.
    pub at: String,
    /// What, oldest first.
    pub lines: Vec<String>,
}

/// All sayings of the evidence.
pub fn sayings(evidence: &Evidence) -> Vec<Saying> {
    let facts = &evidence.facts;
    let mut out = Vec::new();
    let mut parts: HashMap<(String, String), Part> = HashMap::new();
    for pod in facts.pods.items().iter().chain(evidence.neighbours.items()) {
        for container in &pod.containers {
            let part = part(pod, container);
            parts.insert((pod.meta.name.clone(), container.name.clone()), part);
            out.extend(state(pod, container, part));
        }
    }
    for (key, fact) in &facts.logs {
        let (pod, rest) = key.as_str().split_once('/').unwrap_or((key.as_str(), ""));
        let container = rest.trim_end_matches("@previous");
        let part = parts.get(&(pod.to_owned(), container.to_owned())).copied().unwrap_or(Part::Other);
        let at = format!("log {}", key.as_str());
        let lines = fact.items().iter().filter(|line| !says_no_log(line)).cloned().collect();
        out.push(saying(Place::Log, part, (pod, container), at, lines));
    }
    for event in facts.events.items().iter().chain(evidence.events_beside.items()) {
        let part = event.part.rsplit_once('{').map_or("", |(_, c)| c.trim_end_matches('}'));
        let who = parts.get(&(event.about.clone(), part.to_owned())).copied().unwrap_or(Part::Other);
        let at = format!("event {} of {} {}", event.reason, event.about_kind, event.about);
        out.push(saying(Place::Event, who, (&event.about, part), at, vec![event.message.clone()]));
    }
    for workload in facts.workloads.items() {
        for c in workload.conditions.iter().filter(|c| !c.message.is_empty()) {
            let at = format!("condition {} of {} {}", c.kind, workload.kind.name(), workload.meta.name);
            out.push(saying(Place::Condition, Part::Other, ("", ""), at, vec![c.message.clone()]));
        }
    }
    for job in facts.jobs.items() {
        for c in job.conditions.iter().filter(|c| !c.message.is_empty()) {
            let at = format!("condition {} of Job {}", c.kind, job.meta.name);
            out.push(saying(Place::Condition, Part::Other, ("", ""), at, vec![c.message.clone()]));
        }
    }
    // Only what Helm said last: what an older revision failed for was mended.
    if let Some(release) = facts.release.value() {
        let at = format!("helm's description of revision {}", release.revision.number);
        // Helm 4 breaks its sentence where an error was wrapped.
        let said = release.revision.description.split_whitespace().collect::<Vec<_>>().join(" ");
        out.push(saying(Place::Helm, Part::Other, ("", ""), at, vec![said]));
    }
    let said = [
        (Place::Api, "the server's own status", &evidence.api),
        (Place::Database, "the database", &evidence.database),
        (Place::Search, "the search engine", &evidence.search),
        (Place::Pipeline, "the pipelines", &evidence.pipelines),
    ];
    for (place, at, lines) in said {
        out.push(saying(place, Part::Other, ("", ""), at.to_owned(), said_or_why(lines)));
    }
    out
}

/// What was said; of who was asked and did not answer, why. Who was not asked says nothing.
fn said_or_why(lines: &Fact<Vec<String>>) -> Vec<String> {
    match lines.reason().filter(|why| !why.starts_with("not asked")) {
        Some(why) => vec![format!("did not answer: {}", why.split_whitespace().collect::<Vec<_>>().join(" "))],
        // That the status was not read is our word, and no rule's matter.
        None => lines.items().iter().filter(|line| !line.starts_with(UNREAD)).cloned().collect(),
    }
}

fn saying(place: Place, part: Part, who: (&str, &str), at: String, lines: Vec<String>) -> Saying {
    Saying { place, part, pod: who.0.to_owned(), container: who.1.to_owned(), at, lines }
}

/// What a container's end or wait says. An end that is over and done with says nothing any more.
fn state(pod: &Pod, c: &Container, part: Part) -> Option<Saying> {
    let ended = |end: &Terminated| format!("{}: exit {}\n{}", end.reason, end.exit, end.message);
    let text = match &c.state {
        State::Terminated(end) if end.exit != 0 => ended(end),
        State::Waiting { reason, message } => {
            let last = c.last.as_ref().filter(|l| l.exit != 0).map(ended).unwrap_or_default();
            format!("{last}\n{reason}: {message} {}", c.image)
        }
        State::Running { .. } if !c.ready => c.last.as_ref().filter(|l| l.exit != 0).map(ended)?,
        _ => return None,
    };
    let lines = text.lines().filter(|l| !l.trim().is_empty()).map(str::to_owned).collect();
    let at = format!("state of {}/{}", pod.meta.name, c.name);
    Some(saying(Place::State, part, (&pod.meta.name, &c.name), at, lines))
}

/// Which part a container is.
pub fn part(pod: &Pod, container: &Container) -> Part {
    if container.migrates {
        return Part::Migration;
    }
    let serves = pod.containers.iter().any(|c| c.migrates) && container.role == Role::Main;
    if serves {
        return Part::Server;
    }
    let of_job = pod.meta.owner.as_ref().is_some_and(|o| o.kind == "Job");
    match part_of_image(&container.image) {
        Part::Airflow if of_job => Part::Ingestion,
        part => part,
    }
}

fn part_of_image(image: &str) -> Part {
    match component::image_base(image) {
        "server" => Part::Server,
        "mysql" | "mariadb" | "postgres" | "postgresql" | "percona" => Part::Database,
        "opensearch" | "elasticsearch" => Part::Search,
        "ingestion" | "ingestion-base" | "airflow" => Part::Airflow,
        _ => Part::Other,
    }
}
