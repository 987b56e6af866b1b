//! What is to be known of the migration in the server's init container. Changes nothing.

use crate::proposal::Proposal;
use crate::replicas::Replicas;
use crate::scene::Object;
use serde_json::Value;
use shared::component;

/// A migration that goes on after errors.
pub fn forced(server: &Object) -> Option<Proposal> {
    let container = component::migration_container(server.value())?;
    let text = "the migration runs with --force: it goes on after a failed statement and still reports success, and on \
                a database older than 1.11 the releases 1.11.0 to 1.11.3 lose roles and policies this way \
                (OpenMetadata PR#24985). Remove it from openmetadata.config.upgradeMigrationConfigs (additionalArgs; before chart 1.3.2 force)";
    is_forced(container).then(|| Proposal::warning(server, text))
}

/// Several migrations at the same time, where all pods start together: in an install, in a start from zero, and
/// where the server `recreates` its pods in every update.
pub fn together(server: &Object, pods: Replicas<'_>, recreates: bool) -> Option<Proposal> {
    component::migration_container(server.value())?;
    let n = pods.least;
    let alone = if pods.autoscaler.is_some() { "one replica and no autoscaler" } else { "one replica" };
    let advice = format!("with {alone} and scale then");
    match n {
        0 | 1 => None,
        _ if recreates => {
            let fact = format!("strategy Recreate starts all {n} new pods at once and each migrates, without a lock");
            Some(Proposal::warning(server, format!("{fact}. Upgrade {advice}")))
        }
        _ => {
            let fact =
                format!("an install, or a start from zero, starts {n} pods at once and each migrates, without a lock");
            Some(Proposal::notice(server, format!("{fact}. Install {advice}")))
        }
    }
}

/// `migrate --force`, or `migrate-all [debug] force` up to 1.2.
fn is_forced(container: &Value) -> bool {
    let lines = ["command", "args"].into_iter().filter_map(|key| container.get(key)?.as_array()).flatten();
    let mut words = lines
        .filter_map(Value::as_str)
        .flat_map(|line| line.split([' ', '\t', '\n', ';', '&', '"', '\'']))
        .skip_while(|word| !word.starts_with("migrate"))
        .skip(1);
    words.any(|word| matches!(word, "--force" | "-force" | "--force=true" | "force"))
}
