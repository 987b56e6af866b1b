//! Init containers and migrations that fail, and containers whose configuration is missing. A migration that fails
//! twice for a reason other than its connection fails again.

use super::crash::{self, PASSING, end, ended};
use crate::facts::{Container, Pod, State};
use crate::rollout::migration::{self, Progress};
use crate::rollout::scene::Scene;
use crate::rollout::span::span;
use crate::rollout::tree::{Cause, Health, Why};
use jiff::Timestamp;

/// Words of what is encrypted and cannot be read.
const KEY: &[&str] = &["Encryption key", "Signature does not match"];
/// Restarts after which a migration that fails for a reason of its own is called a failure.
const FEW: i32 = 1;
/// Restarts after which any other is, but one that waits for its database.
const MANY: i32 = 5;

/// Why a migration failed.
pub fn of_migration(scene: &Scene<'_>, pod: &Pod, c: &Container) -> (Health, Why) {
    let lines = crash::lines(scene, pod, c);
    let progress = migration::read(lines);
    let at = progress.current().map(|v| format!(" at version {v}")).unwrap_or_default();
    let how = end(c).map_or_else(|| "ended".to_owned(), ended);
    let detail =
        progress.failure.as_deref().and_then(|f| f.split_once("due to")).map(|(_, d)| d.trim_start_matches([' ', ':']));
    let text = match detail {
        Some(detail) if !detail.trim().is_empty() => format!("the database migration failed{at}: {}", detail.trim()),
        _ => format!("the database migration {how}{at}"),
    };
    let passing = crash::tells(lines, PASSING).is_some();
    let own = progress.failure.is_some() && !passing;
    let failed = (c.restarts >= MANY && !passing) || (c.restarts >= FEW && own);
    let why = Why::new(Cause::Migration, text).lines(crash::shown(lines));
    if !failed {
        return (Health::Blocked, why.hint(hint(scene, pod, c)));
    }
    let step = if crash::tells(lines, KEY).is_some() {
        format!(
            "{}    # the key is another one than the data was written with: what to look at",
            scene.command("diagnose")
        )
    } else {
        format!(
            "{} --dry-run    # the ways back, by what the database says; what it did stays done",
            scene.command("rollback")
        )
    };
    (Health::Failed, why.hint(step).or(hint(scene, pod, c)))
}

/// A failure that a migration with `--force` goes over.
pub fn swallowed(progress: &Progress) -> Option<Why> {
    let line = progress.failure.as_ref()?;
    Some(Why::new(Cause::Migration, format!("its log says: {line}")))
}

/// A running migration that has not said a word for a while: one statement may take long, or wait for a lock.
pub fn silent(scene: &Scene<'_>, last: Timestamp) -> Option<Why> {
    /// Seconds. Chosen: a statement over a large table takes minutes, and a person begins to wonder.
    const LONG: i64 = 120;
    (scene.now.as_second() - last.as_second() >= LONG).then(|| {
        let text = format!(
            "no line for {}: a statement that takes long, or one that waits for a lock; do not stop it while the database works",
            span(last, scene.now)
        );
        let ask = format!("{} --probe    # names open transactions", scene.command("status"));
        Why::new(Cause::Migration, text).hint(ask)
    })
}

/// Why a container waits, for reasons that are not its image's: mostly a Secret or `ConfigMap` that is missing.
pub fn of_waiting(scene: &Scene<'_>, pod: &Pod, c: &Container) -> (Health, Why) {
    let State::Waiting { reason, message } = &c.state else {
        return (Health::Blocked, Why::new(Cause::Init, "it waits"));
    };
    let text = match reason.as_str() {
        "CreateContainerConfigError" => format!("its configuration is not there: {}", message.trim_end_matches('.')),
        _ if message.is_empty() => format!("it waits: {reason}"),
        _ => format!("it waits: {reason}: {}", message.trim_end_matches('.')),
    };
    let hint = scene.kubectl(&format!("describe pod {}", pod.meta.name));
    (Health::Blocked, Why::new(Cause::Config, text).hint(hint))
}

fn hint(scene: &Scene<'_>, pod: &Pod, c: &Container) -> String {
    let previous = if matches!(c.state, State::Terminated(_)) { "" } else { " --previous" };
    scene.kubectl(&format!("logs {} -c {}{previous}", pod.meta.name, c.name))
}
