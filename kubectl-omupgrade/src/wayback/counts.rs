//! Replica counts across a rollback: which ones an autoscaler owns, where a server-side apply would conflict.

use super::Look;
use super::restore::{GivenUp, Plan};
use crate::journal::{Outcome, Run};
use crate::preview::Object;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The field manager of our own writes.
pub const OURS: &str = "omupgrade";

/// A workload as it is in the cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    /// `Deployment` or `StatefulSet`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// `spec.replicas`.
    pub replicas: u64,
    /// The autoscaler that targets it.
    pub autoscaler: Option<String>,
    /// The field manager that last set `spec.replicas`.
    pub manager: Option<String>,
    /// Its labels and annotations, of those by which GitOps tools mark what is theirs.
    pub marks: BTreeMap<String, String>,
}

impl Live {
    /// Kind and name.
    pub fn label(&self) -> String {
        format!("{}/{}", self.kind, self.name)
    }
}

/// Puts the counts of before in place of those that a restore left which did not end or was given up, or its helm: nobody
/// wanted those. What somebody else has set since then stays, also a helm of theirs. Tells which.
pub fn as_before(look: &mut Look, given_up: &GivenUp) -> Vec<String> {
    let (mut out, id) = (Vec::new(), &given_up.plan.id);
    let of_its_helm = newest_is_of(look, given_up);
    // The same command goes on with one that is open: nobody gave that up.
    let is_it = |run: &Run| Plan::recall(&run.remembered).ok().flatten().is_some_and(|plan| plan.id == *id);
    let open = look.runs.iter().any(|run| run.outcome == Outcome::Open && is_it(run));
    let ended = if open { "which did not end" } else { "which was given up" };
    for workload in look.live.iter_mut().flatten() {
        let (label, now) = (workload.label(), workload.replicas);
        let set_by = |who: &str| workload.manager.as_ref().is_none_or(|m| m.starts_with(who));
        let (before, since) = if now == 0 && set_by(OURS) {
            (given_up.plan.workloads.get(&label), "stands at zero since the restore")
        } else if now > 0 && of_its_helm && set_by("helm") {
            (given_up.counts.get(&label), "has what helm gave it in the restore")
        } else {
            continue;
        };
        if let Some(count) = before.copied().filter(|count| *count > 0 && *count != now) {
            workload.replicas = count;
            out.push(format!("{label} {since} {id}, {ended}: before, it had {count}"));
        }
    }
    out
}

/// Whether the newest revision is one that its helm made, not one of somebody else since then.
fn newest_is_of(look: &Look, given_up: &GivenUp) -> bool {
    let newest = &look.current;
    given_up.rolled.iter().any(|rolled| {
        let to = look.history.iter().find(|release| release.revision.number == rolled.to);
        rolled.made(newest.revision.number) && to.is_some_and(|to| to.manifest == newest.manifest)
    })
}

/// What happens to a replica count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Count {
    /// Kind and name.
    pub object: String,
    /// What it is.
    pub live: u64,
    /// What the revision's manifest says.
    pub then: Option<u64>,
    /// The autoscaler that owns it: the count is put back after helm.
    pub autoscaler: Option<String>,
    /// The manager whose field a server-side apply would run into.
    pub conflict: Option<String>,
}

/// The counts that helm would change or stumble over. `server_side` tells whether helm applies on the server.
pub(super) fn counts(then: &[Object], live: &[Live], server_side: bool) -> Vec<Count> {
    let mut out = Vec::new();
    for workload in live {
        let Some(object) = then.iter().find(|o| o.kind == workload.kind && o.name == workload.name) else { continue };
        let wanted = object.value.pointer("/spec/replicas").and_then(Value::as_u64);
        let differs = wanted.is_none_or(|w| w != workload.replicas);
        let foreign = workload.manager.as_ref().filter(|m| !m.starts_with("helm"));
        let conflict = foreign.filter(|_| server_side && wanted.is_some() && differs).cloned();
        let dropped = wanted.is_none() && workload.autoscaler.is_none();
        if differs && !dropped {
            out.push(Count {
                object: workload.label(),
                live: workload.replicas,
                then: wanted,
                autoscaler: workload.autoscaler.clone(),
                conflict,
            });
        }
    }
    out
}
