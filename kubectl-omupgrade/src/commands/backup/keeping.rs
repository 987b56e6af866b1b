//! How a backup keeps the keys, as its run remembers it. A run that was left open is not gone on with where they are to be
//! kept otherwise than it does: its end would be called done, and the keys would be nowhere.

use super::Place;
use super::dump::{DUMP, JOB, SECRETS, in_its_middle};
use super::make::{Args, CLAIM};
use crate::adapters::cluster::Cluster;
use crate::adapters::lock::Lock;
use crate::adapters::{job, journal};
use crate::cli::say;
use crate::failure::Failure;
use crate::journal::{Outcome, Phase, Run};
use std::collections::BTreeSet;

/// What a run remembers: how its dump keeps the keys.
const KEEPS: &str = "keeps";

/// Not at all.
const NOT: &str = "no keys";

/// The keys, in a Secret.
const IN_A_SECRET: &str = "the keys in a Secret";

/// How the keys are to be kept.
fn asked(args: &Args) -> String {
    if !args.recipients.is_empty() {
        // In whatever order they were typed.
        let recipients: BTreeSet<&str> = args.recipients.iter().map(String::as_str).collect();
        format!("the keys encrypted for {}", Vec::from_iter(recipients).join(", "))
    } else if args.with_secrets {
        IN_A_SECRET.to_owned()
    } else if args.fernet_key_held_elsewhere {
        "no keys, the Fernet key is held elsewhere".to_owned()
    } else {
        NOT.to_owned()
    }
}

/// Before its dump.
pub(super) fn remember(run: &mut Run, args: &Args) {
    run.remembered.insert(KEEPS.to_owned(), asked(args));
}

/// How a dump of this run that was begun keeps them, where that is another way than is asked for. Who asks for none takes
/// what there is.
fn otherwise<'a>(run: &'a Run, asked: &str) -> Option<&'a str> {
    let kept = run.remembered.get(KEEPS).filter(|_| in_its_middle(run) && asked != NOT)?;
    Some(kept.as_str()).filter(|kept| *kept != asked)
}

/// Ends the run of this plan and claim that was left open and keeps the keys otherwise, and takes its Job away: what is begun
/// then is what was asked for. What it has finished stays.
pub(super) async fn make_way(
    cluster: &Cluster,
    lock: &Lock,
    place: &Place,
    plan: &str,
    args: &Args,
) -> anyhow::Result<()> {
    let (runs, _) = journal::runs(cluster, &place.release.name).await?;
    let asked = asked(args);
    for mut left in runs {
        let run = &left.run;
        let this = run.outcome == Outcome::Open && run.plan == plan && run.remembered.get(CLAIM) == Some(&place.claim);
        let Some(kept) = otherwise(run, &asked).filter(|_| this) else { continue };
        let words = format!("it keeps {kept}; asked for is {asked}");
        say::note(&format!(
            "the run {} of {} did not end, and {words}: it is ended, and another one begun",
            run.id, run.by
        ));
        let (job, secret) = (run.remembered.get(JOB).cloned(), run.remembered.get(SECRETS).cloned());
        if let Some(secret) = secret.filter(|_| kept == IN_A_SECRET) {
            let (on, namespace) = (place.on(cluster), &cluster.namespace);
            say::note(&format!(
                "what it kept stays; where no backup of `kubectl omupgrade backup list {on}` names it: kubectl delete secret {secret} -n {namespace}"
            ));
        }
        if let Some(job) = job {
            lock.check().await?;
            job::remove(cluster, &job).await.map_err(Failure::unknown)?;
        }
        let outcome = if left.run.is_done(DUMP) { Outcome::Done } else { Outcome::Failed };
        left.write(lock, "end", Phase::Note, &words).await?;
        left.end(lock, outcome).await?;
    }
    Ok(())
}
