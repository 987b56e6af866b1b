//! The dump of `backup RELEASE`: what goes into its Job, the Job until its end, what the journal keeps of it.

use super::Place;
use super::again::{again, of};
use super::following::{found, hearing};
use super::keeping::remember;
use super::make::{Args, Terms};
use crate::adapters::cluster::{Cluster, Refused};
use crate::adapters::job::{self, End, NotStarted, RIGHTS};
use crate::adapters::journal::Stored;
use crate::adapters::lock::Lock;
use crate::adapters::{keys, live, probe, release, secrets};
use crate::backup::{Known, pack};
use crate::beside::Beside;
use crate::cli::say;
use crate::failure::Failure;
use crate::fingerprint::Fingerprint;
use crate::journal::{Phase, Recorded, Run};
use crate::wayback::keys::FERNET;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared::backup::{Asked, Engine, Held, Job, Record, counting, job as manifest, jobs};
use std::collections::BTreeMap;
use tokio::time::sleep;

/// The step that dumps.
pub(super) const DUMP: &str = "dump";

/// What a run remembers: the Job, the Secret.
pub(super) const JOB: &str = "job";
pub(super) const SECRETS: &str = "secrets";

/// The dump's step: the Job, its end, what the journal keeps of it. The Job goes when the journal has it.
pub(super) async fn dumped(
    cluster: &Cluster,
    place: &Place,
    args: &Args,
    to: Option<&str>,
    terms: Terms,
    lock: &Lock,
    stored: &mut Stored,
) -> anyhow::Result<(String, Record)> {
    let name = remembered(JOB, stored);
    let failed = |e: String| anyhow::Error::from(Failure::unknown(e));
    if stored.run.is_done(DUMP) {
        return made_before(cluster, place, args, terms, lock, stored, &name).await;
    }
    if !job::is_there(cluster, &name).await? {
        started(cluster, place, args, to, lock, stored).await?;
    }
    let keep = remembered(SECRETS, stored);
    if !terms.output.is_data() {
        say::note(&format!("dumping beside {} (Job {name})", place.release.name));
    }
    let mut end = job::follow(cluster, &name, terms.pace, hearing(terms)).await?;
    for _ in 0..2 {
        // What was cut short on its way is whole the next time.
        if matches!(&end, End::Done(log) if found(log).is_err()) {
            sleep(terms.pace).await;
            end = job::follow(cluster, &name, terms.pace, hearing(terms)).await?;
        }
    }
    if terms.live {
        say::progress("");
    }
    let log = match end {
        End::Done(log) => log,
        End::Gone => {
            return Err(Failure::unknown(format!("the Job {name} was taken away while it worked"))
                .hint(again(args, &place.on(cluster)))
                .into());
        }
        End::Unread(refused) => return Err(unread(&refused, &name, place, cluster).into()),
        End::Failed(why, log) => {
            lock.check().await?;
            removed(cluster, &name, terms, "the dump failed").await;
            secrets::forget(cluster, &keep).await.map_err(failed)?;
            stored.write(lock, DUMP, Phase::Failed, &why).await?;
            let tail = if log.trim().is_empty() { String::new() } else { format!("\nits last lines:\n{log}") };
            return Err(failure(&why, &tail, place, args, cluster));
        }
    };
    let (backup, record) = match found(&log) {
        Ok(found) => found,
        Err(e) => {
            // It will not say more. Its backup may be whole and need what was kept for it, so that stays.
            let words = format!("the Job {name} ended well, but {e}");
            lock.check().await?;
            removed(cluster, &name, terms, &words).await;
            stored.write(lock, DUMP, Phase::Failed, &words).await?;
            let on = place.on(cluster);
            return Err(Failure::unknown(words)
                .hint(format!(
                    "kubectl omupgrade backup list {on}{}    # shows whether its backup is there",
                    of(&args.of)
                ))
                .hint(format!("{}    # makes another one", again(args, &on)))
                .into());
        }
    };
    if matches!(record.of.as_ref().and_then(|of| of.secrets.as_ref()), Some(Held::Secret(_))) {
        lock.check().await?;
        secrets::is_for(cluster, &keep, &backup).await.map_err(failed)?;
    }
    stored.run.remembered.insert("backup".to_owned(), backup.clone());
    stored.run.recorded = Fingerprint::of_record(&record).ok().map(|fingerprint| Recorded {
        revision: place.release.revision.number,
        image: place.beside.server_image.clone(),
        fingerprint,
        at: seen(&record, Timestamp::now()),
    });
    stored.write(lock, DUMP, Phase::Done, &format!("the backup {backup} on the claim {}", place.claim)).await?;
    lock.check().await?;
    removed(cluster, &name, terms, "the backup is made").await;
    Ok((backup, record))
}

/// When the dump's state was the database's: now, unless it ended a while ago, when another revision may have served. The
/// clocks of a node and of this machine differ by less.
fn seen(record: &Record, now: Timestamp) -> Timestamp {
    let ended = record.finished.parse().ok();
    ended.filter(|ended| now.duration_since(*ended) > SignedDuration::from_mins(10)).unwrap_or(now)
}

/// A dump that the journal has already, of a run that was killed after it.
async fn made_before(
    cluster: &Cluster,
    place: &Place,
    args: &Args,
    terms: Terms,
    lock: &Lock,
    stored: &mut Stored,
    name: &str,
) -> anyhow::Result<(String, Record)> {
    // Killed after the journal had it: only the Job may be left.
    let backup = stored.run.remembered.get("backup").cloned().unwrap_or_default();
    removed(cluster, name, terms, "the backup is made").await;
    let listing = place.listing(cluster).await?;
    if let Some(entry) = listing.backups.into_iter().find(|e| e.name == backup) {
        return Ok((entry.name, entry.record));
    }
    let words = format!("the backup {backup} was made and is not on the claim {} any more", place.claim);
    // Going on would find the same for ever.
    stored.write(lock, DUMP, Phase::Failed, &words).await?;
    Err(Failure::no(words).hint(format!("{}    # makes another one", again(args, &place.on(cluster)))).into())
}

/// Keeps the keys, where that was asked for, and starts the Job.
async fn started(
    cluster: &Cluster,
    place: &Place,
    args: &Args,
    to: Option<&str>,
    lock: &Lock,
    stored: &mut Stored,
) -> anyhow::Result<()> {
    let failed = |e: String| anyhow::Error::from(Failure::unknown(e));
    let (name, mut keep) = (remembered(JOB, stored), remembered(SECRETS, stored));
    let found = keys::read(cluster, place.beside.server(), &[]).await;
    for unread in &found.unread {
        say::note(&format!("a Secret cannot be read, so its keys are not in the record: {unread}"));
    }
    if args.with_secrets {
        whole(&found, &without_them(args, &place.on(cluster)))?;
    }
    // From here on something may be left behind, which the same command finds by this line.
    let seconds = args.timeout.as_secs().max(1);
    remember(&mut stored.run, args);
    stored.write(lock, DUMP, Phase::About, &format!("Job {name}, for at most {seconds} s")).await?;
    let mut encrypted = None;
    let held = if !args.recipients.is_empty() {
        let text = secrets::encrypted(&place.release, &keep, &found, (args.age.as_deref(), &args.recipients))
            .await
            .map_err(failed)?;
        encrypted = Some(text);
        Some(Held::Encrypted(args.recipients.clone()))
    } else if args.with_secrets {
        lock.check().await?;
        let claim = Some(place.claim.as_str());
        while !secrets::keep(cluster, &place.release, &keep, claim, &found).await.map_err(failed)? {
            let fresh = another(&stored.run, &keep);
            let words = format!("the Secret {keep} holds other keys than the server has now; keeping these in {fresh}");
            say::note(&words);
            stored.run.remembered.insert(SECRETS.to_owned(), fresh.clone());
            stored.write(lock, DUMP, Phase::About, &words).await?;
            keep = fresh;
        }
        Some(Held::Secret(keep.clone()))
    } else {
        args.fernet_key_held_elsewhere.then_some(Held::Elsewhere)
    };
    let known = Known {
        defaults: defaults(cluster, place).await,
        images: images(cluster, place).await,
        keys: keys::fingerprints(&found, &keys::salt().map_err(failed)?),
        secrets: held,
    };
    let packed = pack(&place.release, known).map_err(failed)?;
    lock.check().await?;
    let beside = fitting(cluster, place).await.with_resources(resources());
    match job::start(cluster, &wanted(&beside, place, args, &name, to), packed.files(encrypted)).await {
        Ok(()) => Ok(()),
        Err(NotStarted::Unknown(failure)) => Err(failure.into()),
        Err(NotStarted::Refused(failure)) => {
            // The same would be refused again: what was kept for it goes, and the run ends.
            lock.check().await?;
            let forgotten = secrets::forget(cluster, &keep).await;
            forgotten.map_err(|why| failed(format!("{}; and {why}", failure.message)))?;
            stored.write(lock, DUMP, Phase::Failed, &failure.message).await?;
            Err(failure.into())
        }
    }
}

fn remembered(key: &str, stored: &Stored) -> String {
    stored.run.remembered.get(key).cloned().unwrap_or_default()
}

/// Takes the Job away that ended. One that cannot be taken away is said, and changes nothing of how it ended.
async fn removed(cluster: &Cluster, name: &str, terms: Terms, ended: &str) {
    let mut refused = job::remove(cluster, name).await;
    for _ in 0..2 {
        if refused.is_err() {
            sleep(terms.pace).await;
            refused = job::remove(cluster, name).await;
        }
    }
    if let Err(why) = refused {
        let namespace = &cluster.namespace;
        say::note(&format!("{ended}, and its Job is left: {why}; to do it: kubectl delete job {name} -n {namespace}"));
    }
}

/// The next name for the Secret of this run.
fn another(run: &Run, keep: &str) -> String {
    let first = kept_in(run);
    let nth = keep.strip_prefix(&first).and_then(|rest| rest.strip_prefix('-')?.parse::<u32>().ok()).unwrap_or(1);
    format!("{first}-{}", nth.saturating_add(1))
}

/// The Secret that a run keeps the keys in, where nothing is in its way.
pub(super) fn kept_in(run: &Run) -> String {
    format!("omupgrade-backup-{}-{}", run.release, run.id)
}

/// Whether the run is in the middle of its dump: a Job or a Secret of it may be there, and nobody knows yet how it ended.
/// Every end that cannot change any more is written as one.
pub(super) fn in_its_middle(run: &Run) -> bool {
    run.entries.iter().rfind(|e| e.step == DUMP).is_some_and(|e| e.phase != Phase::Failed)
}

/// The command of a backup whose keys are not kept.
pub(super) fn without_them(args: &Args, on: &str) -> String {
    again(&Args { with_secrets: false, recipients: Vec::new(), age: None, ..args.clone() }, on)
}

/// A backup that is to be complete holds the Fernet key, or nothing is begun. `command` is the one that keeps no keys.
pub(super) fn whole(found: &keys::Found, command: &str) -> Result<(), Failure> {
    if found.holds(FERNET) {
        return Ok(());
    }
    let why = found.unread.first().map_or_else(
        || "no Secret that the server's pod names holds it".to_owned(),
        |unread| format!("a Secret cannot be read: {unread}"),
    );
    Err(Failure::refused(format!("the Fernet key is not to be had, so the backup would not be complete: {why}"))
        .hint(format!("{command} --fernet-key-held-elsewhere    # where a vault keeps it")))
}

/// The server's images with the digests that the nodes pulled; without a pod that runs the digests are not known.
pub(super) async fn images(cluster: &Cluster, place: &Place) -> BTreeMap<String, Vec<String>> {
    let mut pulled = live::pulled(cluster, place.beside.server()).await;
    if pulled.is_empty() {
        say::note("no pod of the server tells what its node pulled: the record holds no digest of its image");
        pulled.insert(place.beside.server_image.clone(), Vec::new());
    }
    pulled
}

async fn defaults(cluster: &Cluster, place: &Place) -> Option<Value> {
    let newest = place.stored.last()?;
    release::defaults(cluster, newest).await.ok()
}

/// The server to stand beside, with a client of the database's own major where nobody chose one.
async fn fitting(cluster: &Cluster, place: &Place) -> Beside {
    let beside = place.beside.clone();
    if !beside.unchosen || beside.engine != Engine::Postgresql {
        return beside;
    }
    match probe::facts_beside(cluster, &beside, Asked::Facts).await {
        Ok(database) => {
            let fitting = beside.fitting(&database.version);
            let version = database.version.split(' ').next().unwrap_or_default();
            say::note(&format!(
                "the server is {version}, so {} dumps it (--client-image names another)",
                fitting.image
            ));
            fitting
        }
        Err(why) => {
            say::note(&format!("the server's version is not known ({why}), so {} dumps it", beside.image));
            beside
        }
    }
}

/// The log of a Job that ended well cannot be read. It and its backup stay, so that the same command has only to read it.
fn unread(refused: &Refused, name: &str, place: &Place, cluster: &Cluster) -> Failure {
    let (on, namespace) = (place.on(cluster), &cluster.namespace);
    let words = "ended well, and its log, which holds the record, cannot be read";
    let failure = Failure::unknown(format!("the Job {name} {words}: {refused}"));
    let failure = if refused.is_forbidden() { failure.hint(RIGHTS) } else { failure };
    failure
        .hint(format!("kubectl logs job/{name} -n {namespace} --tail 3    # once this works, the same command goes on"))
        .hint(format!(
            "kubectl omupgrade unlock {on} --reason WHY    # gives it up; its backup stays on the claim {}",
            place.claim
        ))
}

/// Why a dump failed, and what to do about it.
fn failure(why: &str, tail: &str, place: &Place, args: &Args, cluster: &Cluster) -> anyhow::Error {
    let (on, claim) = (place.on(cluster), &place.claim);
    let failure = Failure::no(format!("no backup was made: {why}{tail}"));
    let failure = if why.contains("DeadlineExceeded") {
        failure.hint(again(&Args { timeout: args.timeout * 3, ..args.clone() }, &on))
    } else if why.contains("the claim is full") {
        failure.hint(format!("kubectl omupgrade backup list {on}{}", of(&args.of))).hint(format!(
            "kubectl patch pvc {claim} -n {} -p '{{\"spec\":{{\"resources\":{{\"requests\":{{\"storage\":\"SIZE\"}}}}}}}}'",
            cluster.namespace
        ))
    } else {
        failure
    };
    failure.into()
}

fn resources() -> Value {
    json!({"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}})
}

fn wanted(beside: &Beside, place: &Place, args: &Args, name: &str, to: Option<&str>) -> Value {
    let rows = counting(beside.engine);
    let parallel = jobs(args.jobs);
    let parallel = parallel.iter().map(|(name, value)| (*name, value.as_str()));
    let variables: Vec<_> = [rows, ("OMUPGRADE_PROGRESS_SECONDS", "3")].into_iter().chain(parallel).collect();
    let parts = Job {
        claim: &place.claim,
        variables: &variables,
        attached: Some(name),
        target: to.map(str::to_owned),
        ..beside.parts(name, args.timeout.as_secs().max(1))
    };
    manifest(&parts)
}
