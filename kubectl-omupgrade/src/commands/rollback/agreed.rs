//! Whether a person agrees to what was shown, and whether it is still so by then.

use super::{Args, Terms};
use crate::adapters::cluster::Cluster;
use crate::adapters::helm::Helm;
use crate::adapters::{journal, release};
use crate::failure::Failure;
use crate::wayback::{Asked, Decision, decide};
use std::time::{Duration, Instant};

/// How long what was looked at is taken for what is there: a person may read a preview over lunch.
const FRESH: Duration = Duration::from_secs(20);

/// Whether a person agrees; refused where there is none to ask.
pub(super) async fn agreed(
    cluster: &Cluster,
    args: &Args,
    helm: &Helm,
    decision: &Decision,
    terms: Terms,
) -> anyhow::Result<()> {
    if args.yes {
        return Ok(());
    }
    if !terms.can_ask {
        return Err(Failure::refused("nobody can be asked here whether to do it")
            .hint("the same command with --yes; --dry-run shows what it would do")
            .into());
    }
    let asked = Instant::now();
    if !super::say::confirm(decision).await? {
        return Err(Failure::refused("nothing was done").into());
    }
    if asked.elapsed() > FRESH {
        changed_meanwhile(cluster, args, helm, decision).await?;
    }
    Ok(())
}

/// Looks again, and refuses where the verdict is another one by now.
async fn changed_meanwhile(cluster: &Cluster, args: &Args, helm: &Helm, before: &Decision) -> anyhow::Result<()> {
    let history = release::history(cluster, &before.release).await?;
    let (runs, _) = journal::runs(cluster, &before.release).await?;
    let runs = runs.into_iter().map(|stored| stored.run).collect();
    let look = Box::pin(super::look::look(cluster, args, helm, history, runs, before.to)).await?;
    let asked = Asked { accept_unproven: args.accept_unproven, clear_pending: args.clear_pending, ..Asked::default() };
    let now = decide(&look, asked).map_err(Failure::unknown)?;
    let same = now.from == before.from && now.database == before.database && look.migrating == Ok(Vec::new());
    if same {
        return Ok(());
    }
    Err(Failure::refused("the release or its database moved while this was asked; nothing was done")
        .hint(format!(
            "kubectl omupgrade rollback {} {} -n {}    # looks again",
            before.release, before.to, before.namespace
        ))
        .into())
}
