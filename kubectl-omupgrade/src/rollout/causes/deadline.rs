//! The progress deadline. Its passing is a failure by definition, though the controller goes on trying. Not so while a
//! migration runs: the deadline of a chart knows nothing of migrations, and who goes back then kills one in its middle.

use crate::facts::Workload;
use crate::rollout::scene::Scene;
use crate::rollout::span::seconds;
use crate::rollout::tree::{Cause, Health, Why};

/// Whether a Deployment's controller has given it up.
pub fn passed(scene: &Scene<'_>, workload: &Workload) -> Option<(Health, Why)> {
    let condition = workload.condition("Progressing")?;
    if condition.holds != Some(false) || condition.reason != "ProgressDeadlineExceeded" {
        return None;
    }
    let span = workload.progress_deadline.map(|s| seconds(s.into())).unwrap_or_default();
    let text = format!("no progress within its deadline of {span}");
    if scene.migrating(&workload.meta.uid) {
        let text = format!("{text}, but a migration runs: leave it until it ended");
        return Some((Health::Working, Why::new(Cause::Deadline, text)));
    }
    Some((Health::Failed, Why::new(Cause::Deadline, text).hint(scene.command("rollback"))))
}
