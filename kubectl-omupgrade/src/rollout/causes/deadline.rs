//! The progress deadline. Its passing is a failure by definition, though the controller goes on trying.

use crate::facts::Workload;
use crate::rollout::scene::Scene;
use crate::rollout::span::seconds;
use crate::rollout::tree::{Cause, Why};

/// Whether a Deployment's controller has given it up.
pub fn passed(scene: &Scene<'_>, workload: &Workload) -> Option<Why> {
    let condition = workload.condition("Progressing")?;
    if condition.holds != Some(false) || condition.reason != "ProgressDeadlineExceeded" {
        return None;
    }
    let span = workload.progress_deadline.map(|s| seconds(s.into())).unwrap_or_default();
    let text = format!("no progress within its deadline of {span}");
    Some(Why::new(Cause::Deadline, text).hint(scene.command("rollback")))
}
