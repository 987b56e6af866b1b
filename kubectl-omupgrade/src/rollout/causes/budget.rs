//! Disruption budgets. They do not stop a Deployment's own rollout, only evictions: what they block is a node that is
//! to be emptied, which a rollout may wait for. Told only where a pod stands on a cordoned node and its budget has none to
//! spare.

use crate::facts::Workload;
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Why};

/// A budget of this workload's pods that lets none go while one of its pods must move off a cordoned node.
pub fn of_workload(scene: &Scene<'_>, workload: &Workload) -> Option<Why> {
    let nodes = scene.facts.nodes.value()?;
    let owned = |owner: &str| {
        owner == workload.meta.uid || scene.replica_sets(&workload.meta.uid).iter().any(|s| s.meta.uid == owner)
    };
    let pods: Vec<_> =
        scene.facts.pods.items().iter().filter(|p| p.meta.owner.as_ref().is_some_and(|o| owned(&o.uid))).collect();
    let leaving =
        pods.iter().find(|p| p.node.as_ref().is_some_and(|n| nodes.iter().any(|x| x.name == *n && x.cordoned)))?;
    let budgets = scene.facts.budgets.items().iter().filter(|b| b.expected > 0 && b.allowed == 0);
    let budget = budgets.into_iter().find(|b| b.selector.selects(&leaving.meta.labels))?;
    let text = format!(
        "the disruption budget {} lets no pod go ({} of {} healthy, {} wanted), so {} cannot leave the cordoned node {}",
        budget.meta.name,
        budget.healthy,
        budget.expected,
        budget.wanted,
        leaving.meta.name,
        leaving.node.as_deref().unwrap_or_default()
    );
    Some(Why::new(Cause::Budget, text).hint(scene.kubectl(&format!("describe pdb {}", budget.meta.name))))
}
