//! `backup prune`: takes backups away that no rule keeps, with the Secrets that were kept for them.

use super::{Of, Place, answer};
use crate::adapters::cluster::Cluster;
use crate::adapters::lock::{Claim, Lock, Timing, holder_name};
use crate::adapters::{claim, journal, secrets};
use crate::backup::answers::Pruned;
use crate::backup::{Entry, Fate, Keep, Listing, open_restore, prune as fates};
use crate::cli::flags::Output;
use crate::exit::Exit;
use crate::failure::Failure;
use jiff::Timestamp;

/// Take backups away that no rule keeps.
///
/// Whatever is asked, the newest stays, the last one that is drilled, verified or complete, any that a run of the journal
/// refers to, and any whose receipt may still hold (four hours from the end of its dump). Backups of other releases on the
/// same claim are not looked at. What a killed dump or import left half-written goes after a day.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// Keep the newest N.
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub keep_last: usize,
    /// Keep the newest of each of the last N days that have one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub keep_daily: usize,
    /// Keep the newest of each of the last N weeks that have one.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub keep_weekly: usize,
    /// Print what would go, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Seconds for which nothing was written to what is half-written: then nobody is at work on it. Chosen.
const HALF_OLDER_THAN: u64 = 24 * 3600;

/// Prunes.
pub async fn prune(cluster: &Cluster, args: &Args, timing: Timing, output: Output) -> anyhow::Result<Exit> {
    let place = Place::find(cluster, &args.of).await?;
    let (name, namespace) = (&place.release.name, &place.release.namespace);
    let claim_of = Claim { holder: holder_name(), plan: format!("prune the backups of {name}") };
    // Under the lock, so that no run begins to need one while it goes.
    let lock = if args.dry_run { None } else { Some(Lock::acquire(cluster, name, &claim_of, timing).await?) };
    let done = async {
        let listing = place.listing(cluster).await?;
        let (runs, unread) = journal::runs(cluster, name).await?;
        if let Some(secret) = unread.first() {
            return Err(Failure::refused(format!(
                "the journal's Secret {secret} cannot be read, so what it refers to is not known"
            ))
            .hint(format!("kubectl omupgrade history {}", place.on(cluster)))
            .into());
        }
        let runs: Vec<_> = runs.into_iter().map(|s| s.run).collect();
        if let Some(run) = open_restore(&runs) {
            let words =
                format!("the restore {} ({}) did not end: what it may need is not taken away", run.id, run.plan);
            return Err(Failure::refused(words)
                .hint(format!("kubectl omupgrade history {}", place.on(cluster)))
                .hint(format!("kubectl omupgrade unlock {} --reason WHY    # gives it up", place.on(cluster)))
                .into());
        }
        let keep = Keep { last: args.keep_last, daily: args.keep_daily, weekly: args.keep_weekly };
        let fates = fates(&listing, name, namespace, &runs, keep, Timestamp::now());
        let gone: Vec<&str> = fates.iter().filter(|f| f.kept.is_none()).map(|f| f.name.as_str()).collect();
        if let Some(lock) = &lock {
            take_away(lock, &place, &listing, &gone).await?;
        }
        Ok::<Vec<Fate>, anyhow::Error>(fates)
    }
    .await;
    if let Some(lock) = lock {
        let _ = lock.release().await;
    }
    let fates = done?;
    let outcome = if args.dry_run { "dry-run" } else { "done" };
    let data = Pruned { schema: "omupgrade.io/prune/v1", outcome, backups: fates };
    answer(output, &data, || {
        let line = |f: &Fate| match &f.kept {
            Some(why) => format!("  keep    {}: {why}\n", f.name),
            None if args.dry_run => format!("  remove  {}\n", f.name),
            None => format!("  removed {}\n", f.name),
        };
        format!(
            "{} on the claim {}\n{}",
            place.on(cluster),
            place.claim,
            data.backups.iter().map(line).collect::<String>()
        )
    })?;
    Ok(Exit::Done)
}

/// Takes these backups away, then the Secrets that were kept for them and for no other: files first, for a backup without
/// its keys is none. What a killed run left is taken along.
async fn take_away(lock: &Lock, place: &Place, listing: &Listing, gone: &[&str]) -> anyhow::Result<()> {
    let (cluster, claim) = (lock.of().0, &place.claim);
    let kept = secrets::all(cluster).await.map_err(Failure::unknown)?;
    let kept: Vec<_> = kept.into_iter().filter(|secret| secret.release == place.release.name).collect();
    let stays = |entry: &&Entry| !gone.contains(&entry.name.as_str());
    let needed = |name: &str| listing.backups.iter().filter(stays).any(|entry| entry.secret() == Some(name));
    let going = kept.iter().filter(|s| !needed(&s.name) && gone.iter().any(|backup| s.is_of(claim, backup)));
    let going: Vec<&str> = going.map(|s| s.name.as_str()).collect();
    let half = listing.half.iter().any(|(_, seconds)| *seconds > HALF_OLDER_THAN);
    if !gone.is_empty() || half {
        for secret in &going {
            lock.check().await?;
            secrets::going(cluster, secret).await.map_err(Failure::unknown)?;
        }
        lock.check().await?;
        let backups = gone.join(" ");
        let older = HALF_OLDER_THAN.to_string();
        let variables = [
            ("OMUPGRADE_ACTION", "remove"),
            ("OMUPGRADE_BACKUPS", backups.as_str()),
            ("OMUPGRADE_HALF_OLDER_THAN", older.as_str()),
        ];
        let removed = claim::run(cluster, &place.beside, claim, &variables, 600).await;
        removed.map_err(|e| Failure::unknown(format!("removing backups: {e}")))?;
    }
    let there = |secret: &secrets::Kept| listing.backups.iter().any(|entry| secret.is_of(claim, &entry.name));
    let left = kept.iter().filter(|s| s.was_going(claim) && !there(s) && !needed(&s.name)).map(|s| s.name.as_str());
    for secret in going.iter().copied().chain(left) {
        lock.check().await?;
        secrets::forget(cluster, secret).await.map_err(Failure::unknown)?;
    }
    Ok(())
}
