//! The tree that a judgement is: what stands where, how it is, and why.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// One line of the tree and what is below it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Node {
    /// What it is.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// How it is.
    pub health: Health,
    /// How it is, in words: counts, phases.
    pub words: String,
    /// Since when it is so, where that is known (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// The image, where that tells something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Why it is not well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub why: Vec<Why>,
    /// What is below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub enum Kind {
    Release,
    Deployment,
    StatefulSet,
    DaemonSet,
    ReplicaSet,
    Pod,
    Container,
    InitContainer,
    Job,
    Database,
}

impl Kind {
    /// Its name in a line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::ReplicaSet => "ReplicaSet",
            Self::Pod => "Pod",
            Self::Container => "container",
            Self::InitContainer => "init",
            Self::Job => "Job",
            Self::Database => "database",
        }
    }
}

/// How something is. Ordered from good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Health {
    /// Nothing is wanted of it (an old `ReplicaSet`, a pod that goes).
    Idle,
    /// As it should be.
    Done,
    /// It moves.
    Working,
    /// It cannot be seen.
    Unknown,
    /// It stands still until someone removes the cause.
    Blocked,
    /// Waiting does not mend it.
    Failed,
}

/// Why something is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// The kind of cause.
    pub cause: Cause,
    /// The cause in words. Lower case, no final period.
    pub text: String,
    /// The next step: a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Another step, where somebody has the choice: a command.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub or: Option<String>,
    /// The last lines of a log that show it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<String>,
}

impl Why {
    /// A cause.
    pub fn new(cause: Cause, text: impl Into<String>) -> Self {
        Self { cause, text: text.into(), hint: None, or: None, lines: Vec::new() }
    }

    /// The same with a next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with another step beside it.
    #[must_use]
    pub fn or(mut self, other: impl Into<String>) -> Self {
        self.or = Some(other.into());
        self
    }

    /// The steps.
    pub fn steps(&self) -> impl Iterator<Item = &String> {
        self.hint.iter().chain(&self.or)
    }

    /// The same with lines of a log.
    #[must_use]
    pub fn lines(mut self, lines: Vec<String>) -> Self {
        self.lines = lines;
        self
    }
}

/// The kinds of causes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(missing_docs)]
pub enum Cause {
    Unschedulable,
    ClaimMissing,
    ClaimPending,
    Quota,
    Refused,
    Budget,
    Image,
    Config,
    Volume,
    Probe,
    CrashLoop,
    Guard,
    Init,
    Migration,
    Deadline,
    Paused,
    OnDelete,
    Helm,
    Hook,
    Evicted,
    Stopping,
    OlderImage,
    ForeignPods,
    Database,
    Search,
    ScaledToZero,
}

impl Cause {
    /// Whether it says that something went wrong, and not what.
    fn is_general(self) -> bool {
        matches!(self, Self::Helm | Self::Deadline | Self::Stopping | Self::Evicted)
    }

    /// Whether it may be there without standing in the way.
    fn is_aside(self) -> bool {
        matches!(self, Self::OlderImage | Self::ForeignPods | Self::Database | Self::Search)
    }
}

impl Node {
    /// A node that is well.
    pub fn new(kind: Kind, name: impl Into<String>, health: Health, words: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            health,
            words: words.into(),
            since: None,
            image: None,
            why: Vec::new(),
            children: Vec::new(),
        }
    }

    /// The same with a cause, at least as bad as `health`.
    pub fn because(&mut self, health: Health, why: Why) {
        self.health = self.health.max(health);
        self.why.push(why);
    }

    /// The worst health of it and what is below it. What is below an idle node does not count.
    pub fn worst(&self) -> Health {
        if self.health == Health::Idle {
            return Health::Idle;
        }
        self.children.iter().map(Self::worst).fold(self.health, Ord::max)
    }

    /// All causes with the nodes that have them: what says most first, then the worst, else from the top of the tree.
    pub fn reasons(&self) -> Vec<(&Node, &Why)> {
        let mut all = Vec::new();
        self.collect(&mut all);
        all.sort_by_key(|(node, why)| (why.cause.is_general(), std::cmp::Reverse(node.health), why.cause.is_aside()));
        all
    }

    fn collect<'a>(&'a self, into: &mut Vec<(&'a Node, &'a Why)>) {
        into.extend(self.why.iter().map(|why| (self, why)));
        for child in &self.children {
            child.collect(into);
        }
    }
}
