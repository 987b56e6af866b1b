//! How far a rollout is, and why it is stuck. Pure: facts in, a tree and a judgement out; no clock, no adapter.
//!
//! A workload is judged by its status only where that speaks of the newest generation; anything else is the previous
//! rollout's. A rollout is called failed before its deadline only for a cause that no waiting mends: each file in
//! `causes` says which.

mod causes;
mod container;
mod database;
mod job;
pub mod migration;
mod pod;
mod release;
mod replica_set;
mod same_image;
mod scene;
mod span;
mod tree;
mod wanted;
mod workload;

pub use causes::scheduling::no_node;
pub use scene::Scene;
pub use span::span;
pub use tree::{Cause, Health, Kind, Node, Why};
pub use wanted::{Wanted, logs_wanted};

use crate::facts::{Database, Facts, NOT_ASKED};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// The version of the schema of a status.
pub const SCHEMA: &str = "omupgrade.io/status/v1";

/// The judgement of one moment of a rollout.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rollout {
    /// `omupgrade.io/status/v1`.
    pub schema: String,
    /// The moment that was judged (RFC 3339).
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// The namespace of the release.
    pub namespace: String,
    /// The answer.
    pub verdict: Verdict,
    /// The answer in one sentence.
    pub sentence: String,
    /// The database, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<Database>,
    /// What could not be seen, and why.
    pub unseen: Vec<String>,
    /// The release and all below it.
    pub tree: Node,
}

/// The answer to "is it rolled out?".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Verdict {
    /// Yes: everything is of the newest revision and available.
    RolledOut,
    /// Not yet; it moves.
    Progressing,
    /// It was, and nothing rolls out; but not everything is ready now.
    NotReady,
    /// Not yet, and it stands still for a reason that someone must remove.
    Blocked,
    /// No, and waiting does not mend it.
    Failed,
    /// What was seen does not tell.
    Unknown,
}

impl Verdict {
    /// Whether a watch ends with it.
    pub fn is_final(self) -> bool {
        matches!(self, Self::RolledOut | Self::Failed)
    }

    /// Whether something is still to come up.
    pub fn is_on_its_way(self) -> bool {
        matches!(self, Self::Progressing | Self::NotReady | Self::Blocked)
    }

    /// In two words.
    pub fn words(self) -> &'static str {
        match self {
            Self::RolledOut => "rolled out",
            Self::Progressing => "rolling out",
            Self::NotReady => "not ready",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        }
    }
}

/// Judges one moment.
pub fn judge(facts: &Facts, now: Timestamp) -> Rollout {
    let scene = Scene::new(facts, now);
    let tree = release::node(&scene);
    let verdict = verdict(&scene, &tree);
    let sentence = sentence(&scene, &tree, verdict);
    Rollout {
        schema: SCHEMA.to_owned(),
        at: now,
        namespace: facts.namespace.clone(),
        verdict,
        sentence,
        database: facts.database.value().cloned(),
        unseen: unseen(facts),
        tree,
    }
}

fn verdict(scene: &Scene<'_>, tree: &Node) -> Verdict {
    let worst = tree.worst();
    if scene.facts.workloads.value().is_none() && worst != Health::Failed {
        return Verdict::Unknown;
    }
    match worst {
        Health::Failed => Verdict::Failed,
        Health::Blocked | Health::Working if !rolls_out(scene, tree) => Verdict::NotReady,
        Health::Blocked => Verdict::Blocked,
        Health::Working => Verdict::Progressing,
        Health::Unknown => Verdict::Unknown,
        // What is not seen may not be rolled out.
        Health::Idle | Health::Done if !scene.facts.workload_gaps.is_empty() => Verdict::Unknown,
        Health::Idle | Health::Done => Verdict::RolledOut,
    }
}

/// Whether something is still to come: helm is at work or was stopped, a Job runs, or a workload's controller is not
/// through.
fn rolls_out(scene: &Scene<'_>, tree: &Node) -> bool {
    tree.health > Health::Done || tree.children.iter().any(|c| c.worst() > Health::Done && !workload::is_out(scene, c))
}

/// The first cause of the worst health, else the counts.
fn sentence(scene: &Scene<'_>, tree: &Node, verdict: Verdict) -> String {
    let name = &tree.name;
    let first = tree.reasons().into_iter().next();
    let serves = release::serves(scene).filter(|_| tree.children.iter().all(|child| child.worst() <= Health::Done));
    if let (Verdict::Failed, Some(revision)) = (verdict, serves) {
        return format!(
            "{name} serves revision {}, but helm gave up on it: {}",
            revision.number,
            release::again(revision)
        );
    }
    match (verdict, first) {
        (Verdict::RolledOut, _) => format!("{name} is rolled out"),
        (_, Some((node, why))) => {
            format!("{name} is {}: {} {}: {}", verdict_words(verdict), node.kind.word(), node.name, why.text)
        }
        (Verdict::Unknown, None) => format!("cannot tell whether {name} is rolled out"),
        (_, None) => format!("{name} is {}", verdict_words(verdict)),
    }
}

fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed => "not rolled out",
        Verdict::Unknown => "in an unknown state",
        other => other.words(),
    }
}

fn unseen(facts: &Facts) -> Vec<String> {
    let all = [
        ("the release's revisions", facts.history.reason()),
        ("workloads", facts.workloads.reason()),
        ("ReplicaSets", facts.replica_sets.reason()),
        ("pods", facts.pods.reason()),
        ("jobs", facts.jobs.reason()),
        ("disruption budgets", facts.budgets.reason()),
        ("autoscalers", facts.autoscalers.reason()),
        ("volume claims", facts.claims.reason()),
        ("quotas", facts.quotas.reason()),
        ("nodes", facts.nodes.reason()),
        ("events", facts.events.reason()),
        ("the database", facts.database.reason().filter(|reason| *reason != NOT_ASKED)),
    ];
    let whole = all.into_iter().filter_map(|(what, reason)| Some(format!("{what}: {}", reason?)));
    // Where no workload could be seen, that is said once.
    let gaps = facts.workload_gaps.iter().filter(|_| facts.workloads.value().is_some()).cloned();
    whole.chain(gaps).collect()
}
