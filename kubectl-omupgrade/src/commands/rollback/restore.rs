//! Brings the database back before helm brings the code back: what is asked, what is checked first, the steps. A run
//! that began with it stays open until it is through: stopped anywhere, the same command goes on.

use super::{Args, Terms};
use crate::adapters::cluster::Cluster;
use crate::adapters::journal::Stored;
use crate::adapters::lock::Lock;
use crate::adapters::{live, pod, release, restore};
use crate::beside::Beside;
use crate::cli::say as to;
use crate::facts::Release;
use crate::failure::Failure;
use crate::journal::Phase;
use crate::wayback::restore::{Found, Plan, Road, Wanted, objections};
use crate::wayback::{Decision, Refusal};
use shared::marks;
use tokio::time::{Instant, sleep};

/// The first step that changes something.
pub(super) const QUIESCE: &str = "quiesce";

/// The step after which the database is the restored one, by either road.
const RESTORED: &str = "swap";

/// A restore that is to begin, or one that a run was left in the middle of.
#[derive(Debug)]
pub(super) struct Restoration {
    /// The server to stand beside.
    pub(super) beside: Beside,
    /// What the check found; none where a run is gone on with.
    pub(super) found: Option<Found>,
    /// What is to be done; its id is the run's, once there is one.
    pub(super) plan: Plan,
}

/// What was asked, with the defaults of the release.
pub(super) fn wanted(args: &Args, release: &str) -> Wanted {
    Wanted {
        backup: args.backup.clone(),
        claim: args.claim.clone().unwrap_or_else(|| marks::backup_claim(release)),
        dump: !args.no_dump,
        in_place: args.in_place,
        admin_secret: args.admin_secret.clone(),
    }
}

/// Goes on with this plan.
pub(super) fn left(current: &Release, args: &Args, plan: Plan) -> anyhow::Result<Restoration> {
    Ok(Restoration { beside: stand_beside(current, args, plan.admin_secret.as_deref())?, found: None, plan })
}

/// Checks what a restore needs, before the first write.
pub(super) async fn prepare(
    cluster: &Cluster,
    current: &Release,
    decision: &Decision,
    args: &Args,
) -> anyhow::Result<(Restoration, Vec<Refusal>)> {
    let wanted = wanted(args, &decision.release);
    let command =
        format!("kubectl omupgrade rollback {} {} -n {} --restore", decision.release, decision.to, decision.namespace);
    let backup = wanted.backup.clone().or_else(|| decision.verdict.backup.clone());
    let backup = backup.ok_or_else(|| {
        Failure::refused("which backup is to be restored is not known").hint(format!("{command} --backup NAME"))
    })?;
    let beside = stand_beside(current, args, wanted.admin_secret.as_deref())?;
    let found = restore::check(cluster, &beside, &wanted, &backup).await.map_err(|why| {
        Failure::refused(format!("{backup} cannot be restored: {why}"))
            .hint(format!("{command} --backup NAME    # another one"))
    })?;
    let refusals = objections(&found, &wanted, &command);
    let road = if wanted.in_place { Road::InPlace } else { found.road };
    let schedules = restore::active(cluster, &decision.quiesce.schedules).await?;
    let plan = Plan {
        id: String::new(),
        backup,
        claim: wanted.claim,
        road,
        dump: wanted.dump,
        admin_secret: wanted.admin_secret,
        workloads: decision.quiesce.workloads.clone(),
        unnamed: decision.quiesce.unnamed.clone(),
        images: decision.quiesce.images.clone(),
        schedules,
    };
    Ok((Restoration { beside, found: Some(Found { road, ..found }), plan }, refusals))
}

fn stand_beside(current: &Release, args: &Args, admin: Option<&str>) -> anyhow::Result<Beside> {
    let text = current.manifest.expose().map_or("", String::as_str);
    let beside = Beside::of_manifest(&current.name, &current.namespace, text, args.probe_image.as_deref());
    let beside = beside.map_err(|why| Failure::unknown(format!("preparing the restore: {why}")))?;
    Ok(restore::prepared(beside, admin))
}

/// The steps up to helm's.
pub(super) async fn perform(
    beside: &Beside,
    decision: &Decision,
    terms: Terms,
    lock: &Lock,
    stored: &mut Stored,
) -> anyhow::Result<()> {
    let Some(plan) = Plan::recall(&stored.run.remembered) else { return Ok(()) };
    if !stored.run.is_done(QUIESCE) {
        quiesce(&plan, decision, terms, lock, stored).await?;
    }
    if !stored.run.is_done(RESTORED) {
        if plan.dump && !stored.run.is_done("dump") {
            stored.write(lock, "dump", Phase::About, "the database as it is now").await?;
            let said = restore::dump(lock, beside, &plan).await?;
            stored.write(lock, "dump", Phase::Done, &said).await?;
        }
        if plan.road == Road::Beside && !stored.run.is_done("beside") {
            stored.write(lock, "beside", Phase::About, &format!("load {} beside and prove it", plan.backup)).await?;
            let said = restore::act(lock, beside, &plan, "beside").await?;
            stored.write(lock, "beside", Phase::Done, &said).await?;
        }
        // What a teammate's helm has begun in between is not swept away.
        untouched(&plan, decision, lock, stored).await?;
        let action = if plan.road == Road::Beside { "swap" } else { "in-place" };
        stored.write(lock, RESTORED, Phase::About, action).await?;
        let said = restore::act(lock, beside, &plan, action).await?;
        stored.write(lock, RESTORED, Phase::Done, &said).await?;
        let words = "the search index holds what the database of before held: due for reindex";
        stored.write(lock, "search", Phase::Note, words).await?;
        pod::forget(lock.of().0, &decision.release, restore::ROLE).await;
    }
    untouched(&plan, decision, lock, stored).await
}

/// Scales to zero and suspends all that could migrate or write, and waits until none of it runs.
async fn quiesce(
    plan: &Plan,
    decision: &Decision,
    terms: Terms,
    lock: &Lock,
    stored: &mut Stored,
) -> anyhow::Result<()> {
    revision_stands(decision, lock, stored).await?;
    stored.write(lock, QUIESCE, Phase::About, &plan.stilled().join(", ")).await?;
    for name in &plan.schedules {
        restore::suspend(lock, name, true).await?;
    }
    for label in plan.workloads.keys() {
        live::scale(lock, label, 0).await?;
    }
    let until = Instant::now() + terms.drain;
    loop {
        let awake = restore::awake(lock.of().0, &decision.release, &plan.images).await?;
        if awake.is_empty() {
            break;
        }
        if Instant::now() >= until {
            let names = awake.join(", ");
            return Err(Failure::new(
                crate::exit::Exit::OutOfTime,
                format!("{names} did not end within {} s", terms.drain.as_secs()),
            )
            .hint(format!("kubectl omupgrade status {} -n {}", decision.release, decision.namespace))
            .into());
        }
        sleep((terms.drain / 100).min(std::time::Duration::from_secs(2))).await;
    }
    stored.write(lock, QUIESCE, Phase::Done, "nothing runs that could migrate or write").await
}

/// Nobody began a revision or started a server since this run stilled them.
async fn untouched(plan: &Plan, decision: &Decision, lock: &Lock, stored: &Stored) -> anyhow::Result<()> {
    if stored.run.begun(super::roll::HELM) {
        return Ok(()); // from here on it is our own helm that starts servers
    }
    revision_stands(decision, lock, stored).await?;
    let awake = restore::awake(lock.of().0, &decision.release, &plan.images).await?;
    if awake.is_empty() {
        return Ok(());
    }
    Err(Failure::refused(format!("{} was started in between: somebody else is at work", awake.join(", ")))
        .hint(format!("kubectl get pods -n {}    # once they are gone, the same command goes on", decision.namespace))
        .into())
}

async fn revision_stands(decision: &Decision, lock: &Lock, stored: &Stored) -> anyhow::Result<()> {
    let (cluster, name) = lock.of();
    let newest = release::latest(cluster, name).await?;
    let now = newest.as_ref().map(|r| r.revision.number);
    let from = stored.run.from.or(Some(decision.from));
    if now == from {
        return Ok(());
    }
    let words = now.map_or_else(|| "the release is gone".to_owned(), |n| format!("revision {n} appeared"));
    Err(Failure::refused(format!("{words} since this restore began: somebody else is at work"))
        .hint(format!("kubectl omupgrade status {name} -n {}", cluster.namespace))
        .hint(format!(
            "kubectl omupgrade unlock {name} -n {} --reason WHY    # gives this restore up",
            cluster.namespace
        ))
        .into())
}

/// Lets go on what was suspended, once the code is back.
pub(super) async fn resume(lock: &Lock, stored: &mut Stored) -> anyhow::Result<()> {
    let Some(plan) = Plan::recall(&stored.run.remembered) else { return Ok(()) };
    for name in &plan.schedules {
        let step = format!("resume CronJob/{name}");
        if !stored.run.is_done(&step) {
            stored.write(lock, &step, Phase::About, "").await?;
            restore::suspend(lock, name, false).await?;
            stored.write(lock, &step, Phase::Done, "").await?;
        }
    }
    Ok(())
}

/// Whether the run must stay open for the same command: something was stilled.
pub(super) fn in_its_middle(stored: &Stored) -> bool {
    Plan::recall(&stored.run.remembered).is_some() && stored.run.begun(QUIESCE)
}

/// What is left for the person.
pub(super) fn say_after(decision: &Decision, plan: &Plan) {
    let on = format!("{} -n {}", decision.release, decision.namespace);
    if plan.road == Road::Beside {
        to::note(&format!(
            "the database from before is kept; once all is well: kubectl omupgrade rollback {on} --confirm"
        ));
    }
    to::note("the search index is due for reindex: it still holds what the database of before held");
}
