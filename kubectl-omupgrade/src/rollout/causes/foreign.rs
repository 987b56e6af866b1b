//! A selector that catches foreign pods: a Job's pod with the server's labels counts as a server for Services,
//! autoscalers and budgets. It stops no rollout by itself, so it is told and changes nothing.

use crate::facts::{Foreign, Workload};
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Why};
use std::collections::BTreeMap;

/// What the workload's own selector and its budgets' catch beside its pods.
pub fn of_workload(scene: &Scene<'_>, workload: &Workload) -> Vec<Why> {
    let mut by_budget: BTreeMap<Option<&str>, Vec<&Foreign>> = BTreeMap::new();
    let all = scene.facts.foreign.iter().filter(|f| f.workload == workload.meta.uid);
    // A pod that ended serves nobody; a budget still counts it.
    for foreign in all.filter(|f| !f.ended || f.budget.is_some()) {
        by_budget.entry(foreign.budget.as_deref()).or_default().push(foreign);
    }
    if by_budget.len() > 1 {
        by_budget.remove(&None); // the budget's words say more of the same pods
    }
    by_budget.into_iter().map(|(budget, pods)| why(scene, budget, &pods)).collect()
}

fn why(scene: &Scene<'_>, budget: Option<&str>, pods: &[&Foreign]) -> Why {
    let first = pods.first().map(|f| format!("{} of {}", f.pod, f.owner)).unwrap_or_default();
    let more = if pods.len() > 1 { format!(" and {} more", pods.len() - 1) } else { String::new() };
    match budget {
        None => {
            let text = format!(
                "its selector also catches foreign pods ({first}{more}): a Service, budget or autoscaler with the same labels takes them for its own"
            );
            Why::new(Cause::ForeignPods, text).hint(scene.kubectl("get pods --show-labels"))
        }
        Some(name) => {
            let text = format!(
                "the disruption budget {name} also catches foreign pods ({first}{more}): it counts them, and with maxUnavailable or a percentage lets no pod go while a Job's is there"
            );
            Why::new(Cause::ForeignPods, text).hint(scene.kubectl(&format!("describe pdb {name}")))
        }
    }
}
