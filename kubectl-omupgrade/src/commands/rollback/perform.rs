//! Does what was decided: lock, journal, helm (see `roll`), replica counts. Every step says in the journal what it is about to do,
//! does it, and says that it did; killed anywhere, the same command again ends in the same place.

use super::left::without_dump;
use super::restore::{self, Restoration, SUSPENDED};
use super::roll::{self, HELM, conflicts};
use super::{Args, Terms, given_up, restored};
use crate::adapters::cluster::Cluster;
use crate::adapters::helm::Helm;
use crate::adapters::journal::{self, Stored};
use crate::adapters::live;
use crate::adapters::lock::{self, Claim, Lock, holder_name};
use crate::cli::say as to;
use crate::commands::prune_journal;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::{Outcome, Phase, Recorded, Run, open_run};
use crate::wayback::restore::{COUNT, GivenUp, Plan, restore_id, step_of_count};
use crate::wayback::{Decision, Look, plan};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The run of this very plan that was left open.
pub(super) fn left_open(look: &Look) -> Option<Run> {
    open_run(look.runs.clone(), &plan(&look.current.name, look.target.revision.number))
}

/// Gives back a lock that a killed run of this plan left behind after its work was done.
pub(super) async fn tidy(cluster: &Cluster, decision: &Decision, terms: Terms) -> anyhow::Result<()> {
    let claim = Claim { holder: holder_name(), plan: decision.plan() };
    if lock::holder_of(cluster, &decision.release).await?.is_some_and(|h| h.plan == claim.plan) {
        Lock::acquire(cluster, &decision.release, &claim, terms.lock).await?.release().await?;
    }
    Ok(())
}

/// Helm's command, as it would be typed.
pub(super) fn command(cluster: &Cluster, helm: &Helm, decision: &Decision, restore: Option<&Plan>) -> String {
    let args = helm.rollback_args(cluster, &decision.release, decision.to, conflicts(decision, restore));
    helm.shown(cluster, &args, decision.driver)
}

/// Exactly what would be done, in order. `command` is helm's.
pub(super) fn steps(decision: &Decision, restore: Option<&Plan>, command: &str) -> Vec<String> {
    let mut out = vec![format!("take the lock: Lease omupgrade-{}", decision.release)];
    out.push(format!(
        "write what is about to be done into the journal: a Secret omupgrade-journal-{}-*",
        decision.release
    ));
    out.extend(restore.map(Plan::steps).unwrap_or_default());
    if !decision.already && !decision.stay {
        out.push(format!("run {command}"));
    }
    for label in restore.iter().flat_map(|p| &p.unnamed) {
        out.push(match restore.and_then(|p| p.workloads.get(label)).filter(|_| decision.stay) {
            Some(count) => format!("scale {label} to {count}, as it was"),
            None => format!("put {label} back to its count of before, which the revision does not name"),
        });
    }
    for name in restore.iter().flat_map(|p| &p.schedules) {
        out.push(format!("let CronJob/{name} go on"));
    }
    for count in decision.counts.iter().filter(|c| c.autoscaler.is_some() && c.live > 0 && !decision.stay) {
        out.push(format!("put {} back to {} replicas, where helm changed them", count.object, count.live));
    }
    out.push("write the end into the journal, give the lock back".to_owned());
    out
}

/// Does it.
pub(super) async fn perform(
    cluster: &Cluster,
    helm: &Helm,
    decision: &Decision,
    args: &Args,
    terms: Terms,
    restoration: Option<&Restoration>,
) -> anyhow::Result<Exit> {
    let claim = Claim { holder: holder_name(), plan: decision.plan() };
    if let Some(holder) = lock::holder_of(cluster, &decision.release).await? {
        let span = terms.lock.duration.as_secs();
        to::note(&format!(
            "{} is locked: {}; looking for {span} s whether it is at work",
            decision.release,
            holder.words()
        ));
    }
    let lock = Lock::acquire(cluster, &decision.release, &claim, terms.lock).await?;
    let mut stored = match begin(cluster, &lock, decision, &claim, restoration).await {
        Ok(stored) => stored,
        Err(error) => {
            let open = restoration.filter(|r| r.found.is_none()).map(|r| &r.plan);
            give_back(lock, open).await;
            return Err(error);
        }
    };
    let done = steps_of(cluster, helm, decision, args, terms, &lock, &mut stored, restoration).await;
    if let Err(error) = &done {
        // Where the lock is lost nothing may be written; the error tells it.
        if stored.write(&lock, "end", Phase::Failed, &format!("{error:#}")).await.is_ok() {
            if restore::in_its_middle(&stored) {
                to::note("the restore stands in its middle: the same command goes on with it");
            } else {
                let _ = stored.end(&lock, Outcome::Failed).await;
            }
            give_back(lock, Plan::recall(&stored.run.remembered).ok().flatten().as_ref()).await;
        }
    } else {
        stored.end(&lock, Outcome::Done).await?;
        prune_journal(cluster, Some(&lock), &decision.release).await;
        lock.release().await?;
    }
    done
}

/// Gives the lock back after a failure, unless a Pod of this restore may still write.
async fn give_back(lock: Lock, plan: Option<&Plan>) {
    let at_work = match plan {
        Some(plan) => restore::may_still_write(&lock, plan).await,
        None => None,
    };
    match at_work {
        // It runs out, and the same command takes it over; `unlock` ends the Pod.
        Some(why) => to::note(&format!("the lock is not given back, the restore may be at work: {why}")),
        None => {
            let _ = lock.release().await;
        }
    }
}

/// The run of this plan: one that was left open is gone on with. What a later step needs is remembered before the first
/// write to the release.
async fn begin(
    cluster: &Cluster,
    lock: &Lock,
    decision: &Decision,
    claim: &Claim,
    restoration: Option<&Restoration>,
) -> anyhow::Result<Stored> {
    let (runs, _) = journal::runs(cluster, &decision.release).await?;
    let before: Vec<Run> = runs.iter().map(|s| s.run.clone()).collect();
    if let Some(looked) = restoration.filter(|r| r.found.is_some()) {
        restored::none_since(&looked.ended, &before, decision)?;
    }
    let left = runs.into_iter().rfind(|s| s.run.outcome == Outcome::Open && s.run.plan == claim.plan);
    if let Some(mut left) = left {
        to::note(&format!("going on with the run {} of {}, which did not end", left.run.id, left.run.by));
        if !left.run.begun(HELM) && !left.run.begun(restore::QUIESCE) {
            // Nothing was changed yet, so what is now counts, not what was when it was killed.
            left.run.from = Some(decision.from);
            let given_up = given_up::standing(cluster, &before).await?;
            left.run.remembered = remembered(decision, restoration, given_up.as_ref(), &left.run.id)?;
        } else if without_dump(&mut left.run, restoration)? {
            left.write(lock, restore::DUMP, Phase::Note, "not made: --no-dump was said").await?;
        }
        left.write(lock, "begin", Phase::Note, &format!("gone on with by {}", claim.holder)).await?;
        return Ok(left);
    }
    if restoration.is_some_and(|r| r.found.is_none()) {
        return Err(Failure::refused("the restore that this was to go on with was ended by somebody else meanwhile")
            .hint(format!("kubectl omupgrade history {} -n {}", decision.release, decision.namespace))
            .into());
    }
    let given_up = given_up::standing(cluster, &before).await?;
    let now = Timestamp::now();
    let id = journal::run_id(now, lock.fence());
    let mut run = Run::new(&id, &decision.release, &decision.namespace, "rollback", &claim.plan, &claim.holder, now);
    run.from = Some(decision.from);
    run.to = Some(decision.to);
    run.verdict = Some(decision.verdict.way);
    run.remembered = remembered(decision, restoration, given_up.as_ref(), &id)?;
    // What a later way back to the newest revision of now will compare with.
    run.recorded = decision.database.clone().filter(|_| decision.finished).map(|fingerprint| Recorded {
        revision: decision.from,
        image: decision.image_now.clone(),
        fingerprint,
        at: now,
    });
    let reason = decision.verdict.reasons.first().map(|r| r.text.as_str()).unwrap_or_default();
    run.write("begin", Phase::Done, &format!("verdict {}: {reason}", decision.verdict.way.name()), now);
    journal::open(cluster, Some(lock), run).await
}

/// What a later step, or a later process, needs of the decision.
fn remembered(
    decision: &Decision,
    restoration: Option<&Restoration>,
    given_up: Option<&GivenUp>,
    id: &str,
) -> anyhow::Result<BTreeMap<String, String>> {
    let mut out = counts(decision);
    let counted = |(label, count): (&String, &u64)| (format!("{COUNT}{label}"), count.to_string());
    if let Some(restoration) = restoration {
        let plan = Plan { id: restore_id(id), ..restoration.plan.clone() };
        plan.remember(&mut out)?;
        out.extend(plan.workloads.iter().filter(|(label, _)| plan.unnamed.contains(label)).map(counted));
    } else if let Some(given_up) = given_up {
        // What a restore stilled that was given up does not stay so under this revision.
        let plan = &given_up.plan;
        let unnamed = |(label, count): &(&String, &u64)| {
            **count > 0 && plan.workloads.contains_key(*label) && decision.quiesce.unnamed.contains(label)
        };
        out.extend(decision.quiesce.workloads.iter().filter(unnamed).map(counted));
        out.extend(plan.schedules.iter().map(|name| (format!("{SUSPENDED}{name}"), String::new())));
    }
    Ok(out)
}

/// What is said where helm failed over servers that a restore stilled. Those that helm came to can be started by hand, where
/// it fails at something else each time.
fn left_at_zero(stored: &Stored, decision: &Decision) -> String {
    let (namespace, to) = (&decision.namespace, decision.to);
    let counts = stored.run.remembered.iter().filter_map(|(key, count)| Some((key.strip_prefix(COUNT)?, count)));
    let by_hand: Vec<String> = counts
        .map(|(object, count)| {
            format!("; once the image of {object} is that of revision {to}: kubectl scale {object} -n {namespace} --replicas={count}")
        })
        .collect();
    format!(
        "no replica count was put back: a server that helm did not come to is the other revision's; the same command runs helm again{}",
        by_hand.concat()
    )
}

/// The counts to put back, as a run remembers them. Never zero: an autoscaler rests there for ever, so whoever set it
/// meant another time than after this.
fn counts(decision: &Decision) -> BTreeMap<String, String> {
    let owned = decision.counts.iter().filter(|c| c.autoscaler.is_some() && c.live > 0);
    owned.map(|c| (format!("{COUNT}{}", c.object), c.live.to_string())).collect()
}

#[allow(clippy::too_many_arguments, reason = "the same few things that every step needs")]
async fn steps_of(
    cluster: &Cluster,
    helm: &Helm,
    decision: &Decision,
    args: &Args,
    terms: Terms,
    lock: &Lock,
    stored: &mut Stored,
    restoration: Option<&Restoration>,
) -> anyhow::Result<Exit> {
    if let Some(restoration) = restoration {
        restore::perform(restoration, decision, args, terms, lock, stored).await?;
    }
    let rolled = if decision.stay && stored.run.begun(restore::START) {
        Ok(())
    } else if decision.stay {
        stored.write(lock, restore::START, Phase::About, "the servers, as they were").await
    } else {
        roll::roll(cluster, helm, decision, args, terms, lock, stored).await
    };
    // Also after a helm that failed half-way: it may have changed the counts before. But never where a restore stilled the
    // servers: a helm that did not come to them left the other revision's code there, which would migrate the database that
    // was just brought back. They stay at zero until the same command has brought the code back.
    let stilled = decision.given_up || !matches!(Plan::recall(&stored.run.remembered), Ok(None));
    let began = stored.run.begun(HELM) || stored.run.begun(restore::START);
    if rolled.is_err() && (stilled || !began) {
        if began && !decision.stay {
            to::note(&left_at_zero(stored, decision));
        }
        return rolled.map(|()| Exit::Done);
    }
    let counts: Vec<(String, u64)> = stored
        .run
        .remembered
        .iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(COUNT)?.to_owned(), value.parse().ok()?)))
        .collect();
    for (object, replicas) in counts {
        let step = step_of_count(&object);
        if !stored.run.is_done_since(&step, if decision.stay { restore::START } else { HELM }) {
            stored.write(lock, &step, Phase::About, &format!("{replicas}, as it was")).await?;
            live::scale(lock, &object, replicas).await?;
            stored.write(lock, &step, Phase::Done, "").await?;
        }
    }
    rolled?;
    restore::resume(lock, stored).await?;
    Ok(Exit::Done)
}
