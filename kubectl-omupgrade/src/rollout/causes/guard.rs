//! The schema guard's refusal. A database that is newer than the image stays so: no waiting mends it. One that cannot
//! be read may come back.

use super::crash::end;
use crate::facts::{Container, Pod};
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Health, Why};

/// Why the guard stopped a pod: in its own words.
pub fn of_container(scene: &Scene<'_>, pod: &Pod, c: &Container) -> (Health, Why) {
    let message = end(c).map(|e| e.message.trim()).unwrap_or_default();
    let first = message.lines().next().unwrap_or_default();
    let first = first.strip_prefix("omupgrade schema guard: ").unwrap_or(first);
    let logs = scene.kubectl(&format!("logs {} -c {}", pod.meta.name, c.name));
    if first.is_empty() {
        let text = "the schema guard stopped this pod and left no words";
        return (Health::Blocked, Why::new(Cause::Guard, text).hint(logs));
    }
    let newer = first.contains("newer than this image");
    let text = format!("the schema guard stopped this pod: {}", first.trim_end_matches('.'));
    let (health, hint) = if newer { (Health::Failed, scene.command("rollback")) } else { (Health::Blocked, logs) };
    (health, Why::new(Cause::Guard, text).hint(hint))
}
