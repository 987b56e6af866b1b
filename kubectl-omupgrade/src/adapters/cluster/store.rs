//! What was seen of a namespace so far, kind by kind: filled by one pass of lists or by watches, read as facts. Asks
//! nothing.

use super::logs::Line;
use crate::facts::{
    Autoscaler, Budget, Claim, Database, Event, Fact, Facts, GONE, Job, LogKey, Logs, Node, Pod, Quota, Release,
    ReplicaSet, Revision, SCHEMA, Workload, not_asked,
};
use crate::journal::{Open, Recorded};
use crate::rollout::Wanted;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// One turn of a watch over one kind.
#[derive(Debug)]
pub enum Turn<T> {
    /// A new list begins.
    Begin,
    /// An object of the list, or one that changed.
    Item(String, T),
    /// The list is complete.
    Ready,
    /// An object is gone.
    Gone(String),
    /// The API refuses, or cannot be reached.
    Refused {
        /// In words.
        reason: String,
        /// Whether asking again helps nothing.
        forbidden: bool,
    },
}

/// Seconds within which a watch that cannot go on has tried again.
const BACK_OFF: i64 = 60;

/// The objects of one kind.
#[derive(Debug)]
pub struct Shelf<T> {
    source: &'static str,
    items: BTreeMap<String, T>,
    coming: Option<BTreeMap<String, T>>,
    ready: bool,
    /// Whether it was ever ready.
    seen: bool,
    refused: Option<String>,
    /// Whether it was refused to one who may not see it.
    forbidden: bool,
    at: Timestamp,
    heard: Timestamp,
    lost: Timestamp,
}

impl<T: Clone> Shelf<T> {
    fn new(source: &'static str) -> Self {
        let at = Timestamp::UNIX_EPOCH;
        Self {
            source,
            items: BTreeMap::new(),
            coming: None,
            ready: false,
            seen: false,
            refused: None,
            forbidden: false,
            at,
            heard: at,
            lost: at,
        }
    }

    /// Takes one turn.
    pub fn take(&mut self, turn: Turn<T>) {
        self.at = Timestamp::now();
        if !matches!(turn, Turn::Refused { .. }) {
            self.heard = self.at;
        }
        match turn {
            Turn::Begin => self.coming = Some(BTreeMap::new()),
            Turn::Item(key, item) => {
                let _ = self.coming.as_mut().unwrap_or(&mut self.items).insert(key, item);
            }
            Turn::Ready => {
                self.items = self.coming.take().unwrap_or_default();
                (self.ready, self.seen) = (true, true);
                self.refused = None;
            }
            Turn::Gone(key) => {
                self.items.remove(&key);
            }
            Turn::Refused { reason, forbidden } => {
                // Of watches that break again and again without a word in between, the first loss counts.
                if self.lost <= self.heard {
                    self.lost = self.at;
                }
                if forbidden {
                    self.ready = false;
                }
                self.forbidden = forbidden;
                self.refused = Some(reason);
            }
        }
    }

    /// Puts what one list found.
    pub fn fill(&mut self, found: Result<Vec<(String, T)>, String>) {
        match found {
            Ok(items) => {
                self.take(Turn::Begin);
                for (key, item) in items {
                    self.take(Turn::Item(key, item));
                }
                self.take(Turn::Ready);
            }
            Err(reason) => self.take(Turn::Refused { reason, forbidden: true }),
        }
    }

    /// Whether its watch was lost a moment ago and nothing was heard of it since, or a new list is still on its way: what
    /// is there is of before.
    fn silent(&self) -> bool {
        let lost = self.lost > self.heard && Timestamp::now().as_second() - self.lost.as_second() <= BACK_OFF;
        self.ready && (lost || self.coming.is_some())
    }

    /// Whether it has an answer, good or bad.
    fn answered(&self) -> bool {
        self.ready || self.refused.is_some()
    }

    /// Why it will not be seen: it may not be, and was not so far. A server that is away may come back.
    fn shut(&self) -> Option<&str> {
        self.refused.as_deref().filter(|_| self.forbidden && !self.seen)
    }

    fn fact(&self) -> Fact<Vec<T>> {
        if self.ready {
            return Fact::known(self.items.values().cloned().collect(), self.source, self.at);
        }
        Fact::unknown(self.refused.clone().unwrap_or_else(|| "not asked yet".to_owned()), self.source, self.at)
    }
}

/// All kinds.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Store {
    namespace: String,
    name: String,
    pub release: Fact<Release>,
    pub history: Fact<Vec<Revision>>,
    pub deployments: Shelf<Workload>,
    pub stateful_sets: Shelf<Workload>,
    pub daemon_sets: Shelf<Workload>,
    pub replica_sets: Shelf<ReplicaSet>,
    pub pods: Shelf<Pod>,
    pub jobs: Shelf<Job>,
    pub budgets: Shelf<Budget>,
    pub autoscalers: Shelf<Autoscaler>,
    pub claims: Shelf<Claim>,
    pub quotas: Shelf<Quota>,
    pub nodes: Shelf<Node>,
    pub events: Shelf<Event>,
    pub database: Fact<Database>,
    pub asking: bool,
    pub recorded: Option<Recorded>,
    pub search_due: Option<Timestamp>,
    pub open: Option<Open>,
    pub folders: BTreeMap<String, Vec<String>>,
    pub logs: Logs,
    /// Questions that were asked again and are not answered yet.
    pub questions: u32,
    /// Logs that ended or broke: they may be read again.
    pub unread: Vec<Wanted>,
}

impl Store {
    /// An empty one for a release.
    pub fn new(namespace: &str, name: &str, release: Fact<Release>, history: Fact<Vec<Revision>>) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            release,
            history,
            deployments: Shelf::new("list deployments"),
            stateful_sets: Shelf::new("list statefulsets"),
            daemon_sets: Shelf::new("list daemonsets"),
            replica_sets: Shelf::new("list replicasets"),
            pods: Shelf::new("list pods"),
            jobs: Shelf::new("list jobs"),
            budgets: Shelf::new("list poddisruptionbudgets"),
            autoscalers: Shelf::new("list horizontalpodautoscalers"),
            claims: Shelf::new("list persistentvolumeclaims"),
            quotas: Shelf::new("list resourcequotas"),
            nodes: Shelf::new("list nodes"),
            events: Shelf::new("list events"),
            database: not_asked(),
            asking: false,
            recorded: None,
            search_due: None,
            open: None,
            folders: BTreeMap::new(),
            logs: BTreeMap::new(),
            questions: 0,
            unread: Vec::new(),
        }
    }

    /// Takes what a new look at the release found. An answer that was lost makes no known revision unknown.
    pub fn take_release(&mut self, found: Fact<Release>) {
        if found.value().is_some() || found.reason() == Some(GONE) || self.release.value().is_none() {
            self.release = found;
        }
    }

    /// Whether nothing may be decided yet: an answer is on its way, or a kind that a verdict rests on lost its watch and
    /// was not heard of since.
    pub fn unsettled(&self) -> bool {
        self.asking
            || self.questions > 0
            || self.deployments.silent()
            || self.stateful_sets.silent()
            || self.daemon_sets.silent()
            || self.replica_sets.silent()
            || self.pods.silent()
            || self.jobs.silent()
    }

    /// Whether every kind has answered once.
    pub fn answered(&self) -> bool {
        self.deployments.answered()
            && self.stateful_sets.answered()
            && self.daemon_sets.answered()
            && self.replica_sets.answered()
            && self.pods.answered()
            && self.jobs.answered()
            && self.events.answered()
            && self.budgets.answered()
            && self.autoscalers.answered()
            && self.claims.answered()
            && self.quotas.answered()
            && self.nodes.answered()
    }

    /// Why nothing will be seen: neither workloads nor pods may be looked at.
    pub fn shut(&self) -> Option<&str> {
        self.stateful_sets.shut().and(self.daemon_sets.shut()).and(self.pods.shut()).and(self.deployments.shut())
    }

    /// Why what is shown may be old: a watch that lost its connection. None where all are up. A watch that goes on
    /// where it stopped says nothing until something changes; one that cannot refuses again within its back-off.
    pub fn lost(&self) -> Option<&str> {
        let now = Timestamp::now();
        let heard = self.deployments.heard.max(self.replica_sets.heard).max(self.pods.heard).max(self.events.heard);
        let fresh = |at: Timestamp| at > heard && now.as_second() - at.as_second() <= BACK_OFF;
        let shelves = [
            (self.deployments.ready, &self.deployments.refused, self.deployments.at),
            (self.replica_sets.ready, &self.replica_sets.refused, self.replica_sets.at),
            (self.pods.ready, &self.pods.refused, self.pods.at),
        ];
        shelves.into_iter().filter(|(ready, _, at)| *ready && fresh(*at)).find_map(|(_, refused, _)| refused.as_deref())
    }

    /// Adds lines to a log, and forgets the oldest ones of a long one.
    pub fn log(&mut self, key: LogKey, lines: Vec<Line>, fresh: bool) {
        const MOST: usize = 4000;
        let last = lines.iter().rev().find_map(|line| line.at).unwrap_or_else(Timestamp::now);
        let mut all = match self.logs.remove(&key) {
            Some(Fact::Known(known)) if !fresh => known.value,
            _ => Vec::new(),
        };
        all.extend(lines.into_iter().map(|line| line.text));
        // The head holds the list of versions, the tail what happens now.
        if all.len() > MOST {
            let surplus = all.len() - MOST;
            all.drain(MOST / 4..MOST / 4 + surplus);
        }
        self.logs.insert(key, Fact::known(all, "logs", last));
    }

    /// The facts about the release.
    pub fn facts(&self) -> Facts {
        Facts {
            schema: SCHEMA.to_owned(),
            made: Timestamp::now(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            release: self.release.clone(),
            history: self.history.clone(),
            workloads: self.workloads(),
            workload_gaps: self.workload_gaps(),
            replica_sets: self.replica_sets.fact(),
            pods: self.pods.fact(),
            jobs: self.jobs.fact(),
            budgets: self.budgets.fact(),
            autoscalers: self.autoscalers.fact(),
            claims: self.claims.fact(),
            quotas: self.quotas.fact(),
            nodes: self.nodes.fact(),
            events: self.events.fact(),
            foreign: Vec::new(),
            database: self.database.clone(),
            recorded: self.recorded.clone(),
            search_due: self.search_due,
            open: self.open.clone(),
            folders: self.folders.clone(),
            logs: self.logs.clone(),
        }
        .narrowed()
    }

    /// The kinds that could not be seen and that the release holds, as far as its manifest tells.
    fn workload_gaps(&self) -> Vec<String> {
        let manifest = self.release.value().and_then(|r| r.manifest.expose());
        let kinds =
            [("Deployment", &self.deployments), ("StatefulSet", &self.stateful_sets), ("DaemonSet", &self.daemon_sets)];
        let may_hold = |kind: &str| manifest.is_none_or(|text| text.contains(&format!("kind: {kind}")));
        let unseen = kinds.into_iter().filter(|(kind, shelf)| !shelf.ready && may_hold(kind));
        unseen
            .map(|(kind, shelf)| format!("{kind}s: {}", shelf.refused.as_deref().unwrap_or("not asked yet")))
            .collect()
    }

    /// Three kinds are one fact: unknown where all are, else what could be seen.
    fn workloads(&self) -> Fact<Vec<Workload>> {
        let mut facts = [self.deployments.fact(), self.stateful_sets.fact(), self.daemon_sets.fact()].into_iter();
        let Some(mut all) = facts.next() else { return self.deployments.fact() };
        for next in facts {
            all = match (all, next) {
                (Fact::Known(mut a), Fact::Known(b)) => {
                    a.value.extend(b.value);
                    Fact::Known(a)
                }
                (Fact::Known(a), Fact::Unknown(_)) | (Fact::Unknown(_), Fact::Known(a)) => Fact::Known(a),
                (unknown, Fact::Unknown(_)) => unknown,
            };
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_decided_before_a_new_list_is_whole() {
        let mut shelf: Shelf<u8> = Shelf::new("list");
        let refused = |forbidden| Turn::Refused { reason: "why".to_owned(), forbidden };
        assert!(shelf.shut().is_none());
        shelf.take(refused(true));
        assert_eq!(shelf.shut(), Some("why"));
        for turn in [Turn::Begin, Turn::Item("a".to_owned(), 1), Turn::Ready] {
            shelf.take(turn);
        }
        assert!(!shelf.silent() && shelf.shut().is_none());
        shelf.take(refused(false));
        assert!(shelf.silent());
        shelf.take(Turn::Begin);
        assert!(shelf.silent(), "what is there is of before");
        shelf.take(Turn::Ready);
        assert!(!shelf.silent() && shelf.items.is_empty());
        // What was seen once is not shut: credentials are renewed.
        shelf.take(refused(true));
        assert!(!shelf.silent() && shelf.shut().is_none());
    }
}
