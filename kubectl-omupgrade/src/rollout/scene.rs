//! The facts with the ways through them that a judgement takes often. Owns nothing, decides nothing.

use crate::facts::{Event, Fact, Facts, LogKey, Pod, ReplicaSet};
use jiff::Timestamp;
use std::collections::HashMap;

/// The facts of one moment.
#[derive(Debug)]
pub struct Scene<'a> {
    /// The facts.
    pub facts: &'a Facts,
    /// The moment.
    pub now: Timestamp,
    pods: HashMap<&'a str, Vec<&'a Pod>>,
    sets: HashMap<&'a str, Vec<&'a ReplicaSet>>,
    events: HashMap<&'a str, Vec<&'a Event>>,
}

impl<'a> Scene<'a> {
    /// Orders the facts.
    pub fn new(facts: &'a Facts, now: Timestamp) -> Self {
        let mut scene = Self { facts, now, pods: HashMap::new(), sets: HashMap::new(), events: HashMap::new() };
        for pod in facts.pods.items() {
            if let Some(owner) = &pod.meta.owner {
                scene.pods.entry(&owner.uid).or_default().push(pod);
            }
        }
        for set in facts.replica_sets.items() {
            if let Some(owner) = &set.meta.owner {
                scene.sets.entry(&owner.uid).or_default().push(set);
            }
        }
        for event in facts.events.items().iter().filter(|e| e.warning) {
            scene.events.entry(&event.about_uid).or_default().push(event);
        }
        scene
    }

    /// The pods that an owner controls, oldest first.
    pub fn pods(&self, owner: &str) -> Vec<&'a Pod> {
        let mut pods = self.pods.get(owner).cloned().unwrap_or_default();
        pods.sort_by(|a, b| (a.meta.created, &a.meta.name).cmp(&(b.meta.created, &b.meta.name)));
        pods
    }

    /// The `ReplicaSets` of a Deployment, newest revision first.
    pub fn replica_sets(&self, deployment: &str) -> Vec<&'a ReplicaSet> {
        let mut sets = self.sets.get(deployment).cloned().unwrap_or_default();
        sets.sort_by(|a, b| (b.revision, &a.meta.name).cmp(&(a.revision, &b.meta.name)));
        sets
    }

    /// Whether a migration runs in a pod of a workload.
    pub fn migrating(&self, workload: &str) -> bool {
        let sets = self.sets.get(workload).into_iter().flatten().map(|set| set.meta.uid.as_str());
        let mut pods = sets.chain([workload]).filter_map(|owner| self.pods.get(owner)).flatten();
        pods.any(|pod| pod.is_migrating())
    }

    /// The newest warning about an object, of one of these reasons.
    pub fn warning(&self, uid: &str, reasons: &[&str]) -> Option<&'a Event> {
        let all = self.events.get(uid)?;
        all.iter().filter(|e| reasons.contains(&e.reason.as_str())).max_by_key(|e| e.last).copied()
    }

    /// The newest warning about a container of a pod, of one of these reasons.
    pub fn container_warning(&self, uid: &str, container: &str, reasons: &[&str]) -> Option<&'a Event> {
        let all = self.events.get(uid)?;
        let part = format!("{{{container}}}");
        all.iter()
            .filter(|e| reasons.contains(&e.reason.as_str()) && e.part.ends_with(&part))
            .max_by_key(|e| e.last)
            .copied()
    }

    /// The lines of a log, where they were read.
    pub fn log(&self, key: &LogKey) -> &'a [String] {
        self.facts.logs.get(key).map_or(&[], |fact| fact.items())
    }

    /// When the last line of a log was written, where it was read.
    pub fn log_ends(&self, key: &LogKey) -> Option<Timestamp> {
        match self.facts.logs.get(key)? {
            Fact::Known(known) if !known.value.is_empty() => Some(known.at),
            _ => None,
        }
    }

    /// A command about the release, ready to type.
    pub fn command(&self, verb: &str) -> String {
        format!("kubectl omupgrade {verb} {} -n {}", self.facts.name, self.facts.namespace)
    }

    /// A kubectl command in the namespace.
    pub fn kubectl(&self, words: &str) -> String {
        format!("kubectl -n {} {words}", self.facts.namespace)
    }
}
