//! What a restore left behind that stilled servers and was given up: read from the journal, and what of it still stands.

use crate::adapters::cluster::Cluster;
use crate::adapters::restore;
use crate::failure::Failure;
use crate::journal::Run;
use crate::wayback::restore::{GivenUp, unfinished};
use crate::wayback::{Look, as_before};

/// What is left of it: what stands at zero since then is taken for what it was. None, where nothing is left; and what is
/// said of it.
pub(super) fn given_up(found: Option<GivenUp>, look: &mut Look) -> (Option<GivenUp>, Vec<String>) {
    let (Some(given_up), Ok(_)) = (&found, &look.live) else { return (found, Vec::new()) };
    let words = as_before(look, given_up);
    let left = !(words.is_empty() && given_up.plan.schedules.is_empty());
    (found.filter(|_| left), words)
}

/// It, as the journal has it.
pub(super) fn recorded(runs: &[Run]) -> anyhow::Result<Option<GivenUp>> {
    Ok(unfinished(runs).map_err(|e| Failure::refused(e.to_string()))?)
}

/// The same, with those of its schedules only that stand still because of it.
pub(super) async fn standing(cluster: &Cluster, runs: &[Run]) -> anyhow::Result<Option<GivenUp>> {
    let mut found = recorded(runs)?;
    if let Some(given_up) = &mut found {
        given_up.plan.schedules = restore::suspended_by_us(cluster, &given_up.plan.schedules).await?;
    }
    Ok(found)
}
