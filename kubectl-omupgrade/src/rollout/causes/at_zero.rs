//! A server that stands at zero. Its controller is through, and there is nobody to have rolled out to: who stopped it, as
//! far as that is known, and what starts it.

use crate::facts::Workload;
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Why};

/// Why nobody serves.
pub fn of_server(scene: &Scene<'_>, workload: &Workload) -> Why {
    let facts = scene.facts;
    let why = |text: String| Why::new(Cause::ScaledToZero, text);
    if let Some(open) = &facts.open {
        let text = format!("it is scaled to zero: `{}` is open and starts it again at its end", open.plan);
        return why(text).hint(scene.command("history"));
    }
    let target = format!("{}/{}", workload.kind.name().to_lowercase(), workload.meta.name);
    let start = |pods: i32, then: &str| scene.kubectl(&format!("scale {target} --replicas={pods}    # {then}"));
    let ours = |kind: &str, name: &str| kind == workload.kind.name() && name == workload.meta.name;
    match facts.autoscalers.items().iter().find(|a| ours(&a.target.0, &a.target.1)) {
        Some(scaler) => why(format!(
            "it is scaled to zero: nobody serves, and its autoscaler {} is off while it stands there",
            scaler.meta.name
        ))
        .hint(start(1, "once whoever stopped it is through; the autoscaler then goes on by itself")),
        None => {
            why("it is scaled to zero: nobody serves; an upgrade that is stopped for its backup looks like this, too"
                .to_owned())
            .hint(start(1, "once whoever stopped it is through; then the count of before"))
        }
    }
}
