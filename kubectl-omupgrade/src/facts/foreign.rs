//! Pods that a selector catches although they belong to something else: a Job's or an operator's pods with the server's
//! labels. Found before a look is narrowed to the release, for afterwards they are gone from it.

use super::{Facts, Meta, Selector};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;

/// A selector and a pod that it catches and should not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Foreign {
    /// The workload whose pods are meant, by its identity.
    pub workload: String,
    /// The budget whose selector it is; none for the workload's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<String>,
    /// The pod.
    pub pod: String,
    /// What the pod belongs to: `Job cron-reindex-29384`.
    pub owner: String,
    /// Whether it has ended.
    pub ended: bool,
}

/// All of them, of the workloads that the facts hold.
pub fn found(facts: &Facts) -> Vec<Foreign> {
    let mut out = Vec::new();
    for workload in facts.workloads.items() {
        let uid = &workload.meta.uid;
        let sets = facts.replica_sets.items().iter().filter(|s| s.meta.owned_by(uid)).map(|s| s.meta.uid.as_str());
        let owners: HashSet<&str> = sets.chain([uid.as_str()]).collect();
        let own = |meta: &Meta| meta.owner.as_ref().is_some_and(|o| owners.contains(o.uid.as_str()));
        let meant =
            |selector: &Selector| facts.pods.items().iter().any(|p| own(&p.meta) && selector.selects(&p.meta.labels));
        let budgets = facts.budgets.items().iter().filter(|b| meant(&b.selector));
        let selectors = [(None, &workload.selector)];
        let selectors = selectors.into_iter().chain(budgets.map(|b| (Some(b.meta.name.clone()), &b.selector)));
        for (budget, selector) in selectors.filter(|(_, s)| !s.labels.is_empty() || !s.expressions.is_empty()) {
            let caught = facts.pods.items().iter().filter(|p| !own(&p.meta) && selector.selects(&p.meta.labels));
            out.extend(caught.map(|pod| Foreign {
                workload: uid.clone(),
                budget: budget.clone(),
                pod: pod.meta.name.clone(),
                owner:
                    pod.meta.owner.as_ref().map_or_else(|| "nothing".to_owned(), |o| format!("{} {}", o.kind, o.name)),
                ended: matches!(pod.phase.as_str(), "Succeeded" | "Failed"),
            }));
        }
    }
    out
}
