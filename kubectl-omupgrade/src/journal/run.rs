//! One run of one verb, as it is stored. Grows by entries and never forgets one, except where it would grow too large.

use crate::fingerprint::Fingerprint;
use crate::verdict::Way;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The most entries of a run; beyond it the oldest notes go. With the longest texts, and every character of them escaped,
/// a run stays below the 1 MiB that a Secret may hold.
const ENTRIES: usize = 200;

/// The longest text of an entry, in characters.
const WORDS: usize = 600;

/// A run, version 1 of its form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// The version of this form.
    pub v: u32,
    /// Its name, unique in the release.
    pub id: String,
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The verb.
    pub verb: String,
    /// What it sets out to do, in one line; a run with the same plan may be taken over.
    pub plan: String,
    /// Who began it.
    pub by: String,
    /// When.
    #[schemars(with = "String")]
    pub began: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub ended: Option<Timestamp>,
    /// The revision that served at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u64>,
    /// The revision that it goes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
    /// The verdict that it acts on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Way>,
    /// The database's state that it recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<Recorded>,
    /// The revision that it proved to be good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validated: Option<u64>,
    /// Small things that a later step, or a later process, needs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remembered: BTreeMap<String, String>,
    /// What happened, oldest first.
    pub entries: Vec<Entry>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    /// It did not: it runs, or was killed.
    Open,
    /// It did what it set out to do.
    Done,
    /// It could not.
    Failed,
}

impl Outcome {
    /// The word, also as a label's value.
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// The state of the database while a revision served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recorded {
    /// The revision.
    pub revision: u64,
    /// The server's image at that time.
    pub image: String,
    /// The state.
    pub fingerprint: Fingerprint,
    /// When it was read.
    #[schemars(with = "String")]
    pub at: Timestamp,
}

/// A line of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// When.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The step.
    pub step: String,
    /// Where in the step.
    pub phase: Phase,
    /// In words.
    pub words: String,
}

/// Where in a step an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Phase {
    /// About to do it.
    About,
    /// Did it.
    Done,
    /// Could not.
    Failed,
    /// A remark.
    Note,
}

impl Run {
    /// A run that begins.
    pub fn new(id: &str, release: &str, namespace: &str, verb: &str, plan: &str, by: &str, began: Timestamp) -> Self {
        Self {
            v: 1,
            id: id.to_owned(),
            release: release.to_owned(),
            namespace: namespace.to_owned(),
            verb: verb.to_owned(),
            plan: plan.to_owned(),
            by: by.to_owned(),
            began,
            outcome: Outcome::Open,
            ended: None,
            from: None,
            to: None,
            verdict: None,
            recorded: None,
            validated: None,
            remembered: BTreeMap::new(),
            entries: Vec::new(),
        }
    }

    /// Adds a line.
    pub fn write(&mut self, step: &str, phase: Phase, words: &str, at: Timestamp) {
        let mut text: String = words.chars().take(WORDS).collect();
        if text.len() < words.len() {
            text.push('…');
        }
        self.entries.push(Entry { at, step: step.to_owned(), phase, words: text });
        if self.entries.len() > ENTRIES {
            let oldest = self.entries.iter().position(|e| e.phase == Phase::Note).unwrap_or(1);
            self.entries.remove(oldest);
        }
    }

    /// Whether a step was begun, by this process or one before it.
    pub fn begun(&self, step: &str) -> bool {
        self.entries.iter().any(|e| e.step == step && e.phase == Phase::About)
    }

    /// Whether a step is done.
    pub fn is_done(&self, step: &str) -> bool {
        self.entries.iter().any(|e| e.step == step && e.phase == Phase::Done)
    }

    /// Whether a step is done, and was not undone by another one that was begun after it.
    pub fn is_done_since(&self, step: &str, undoes: &str) -> bool {
        let since = self.entries.iter().rposition(|e| e.step == undoes && e.phase == Phase::About).unwrap_or(0);
        self.entries.iter().skip(since).any(|e| e.step == step && e.phase == Phase::Done)
    }

    /// Ends it.
    pub fn end(&mut self, outcome: Outcome, at: Timestamp) {
        self.outcome = outcome;
        self.ended = Some(at);
    }
}
