//! `backup RELEASE`: dumps the database, proves the dump, records what it is. Look, decide, do, say; every step is in the
//! journal, and the same command again goes on where a killed one stopped.

use super::again::again;
use super::dump::{JOB, SECRETS, dumped, in_its_middle, kept_in, whole, without_them};
use super::keeping::make_way;
use super::receipt::{can_be_written, words as receipt_words, write as write_receipt};
use super::{Of, Place, answer, version};
use crate::adapters::cluster::Cluster;
use crate::adapters::journal::{self, Stored};
use crate::adapters::lock::{Claim, Lock, Timing, holder_name};
use crate::adapters::{age, keys};
use crate::backup::answers::{Made, Planned};
use crate::backup::{Entry, bytes, is_past};
use crate::cli::flags::{Output, duration};
use crate::cli::say;
use crate::commands::checked::writable;
use crate::commands::prune_journal;
use crate::exit::Exit;
use crate::journal::{Outcome, Phase, Run};
use crate::rollout::span;
use crate::session::Session;
use jiff::{SignedDuration, Timestamp};
use shared::backup::{Engine, JOBS, MOST_JOBS, Record, job_name};
use std::path::PathBuf;
use std::time::Duration;

/// What to back up, and how.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The version that an upgrade goes to: ends with a receipt for helm-postrender.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub to: Option<String>,
    /// Where the receipt is written; without it RELEASE-VERSION.receipt.json here.
    #[arg(long, value_name = "FILE", requires = "to")]
    pub receipt: Option<PathBuf>,
    /// Keep the Fernet key, JWT keys and values in a Secret of omupgrade's beside the backup.
    #[arg(long)]
    pub with_secrets: bool,
    /// Not in a Secret but encrypted beside the dump, for this recipient of age (age1…); may be given again.
    #[arg(long = "recipient", value_name = "RECIPIENT", requires = "with_secrets")]
    pub recipients: Vec<String>,
    /// The age to use; without it the one on the PATH.
    #[arg(long, value_name = "FILE", requires = "recipients")]
    pub age: Option<PathBuf>,
    /// Say that the Fernet key is kept elsewhere: without it no backup of the database can be read whole.
    #[arg(long, conflicts_with = "with_secrets")]
    pub fernet_key_held_elsewhere: bool,
    /// At most so many connections that dump a PostgreSQL database of 10 GiB or more at once.
    #[arg(long, value_name = "N", default_value_t = JOBS, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST_JOBS)))]
    pub jobs: u32,
    /// How long the dump may take; then Kubernetes ends it.
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = duration)]
    pub timeout: Duration,
    /// Print exactly what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

impl Default for Args {
    fn default() -> Self {
        Self {
            of: Of::default(),
            to: None,
            receipt: None,
            with_secrets: false,
            recipients: Vec::new(),
            age: None,
            fernet_key_held_elsewhere: false,
            jobs: JOBS,
            timeout: Duration::from_hours(2),
            dry_run: false,
        }
    }
}

/// What depends on where and how the process runs.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The format of the answer.
    pub output: Output,
    /// The lock's times.
    pub lock: Timing,
    /// Time between two looks at the Job.
    pub pace: Duration,
    /// Whether one line can be repainted; else a plain line now and then.
    pub live: bool,
}

impl Terms {
    pub(super) fn of(session: &Session) -> Self {
        Self {
            output: session.output(),
            lock: Timing::default(),
            pace: Duration::from_secs(1),
            live: session.live() && !session.output().is_data(),
        }
    }
}

/// Looks, decides, does, says.
pub async fn back_up(cluster: &Cluster, args: &Args, terms: Terms) -> anyhow::Result<Exit> {
    args.receipt.as_deref().map(writable).transpose()?;
    let place = Place::find(cluster, &args.of).await?;
    let on = place.on(cluster);
    let to = args.to.as_deref();
    place.claim_there(cluster).await?;
    if !args.recipients.is_empty() {
        age::check(args.age.as_deref(), &args.recipients).await?;
    }
    if args.with_secrets {
        whole(&keys::read(cluster, place.beside.server(), &[]).await, &without_them(args, &on))?;
    }
    let plan = format!("back up {}{}", place.release.name, to.map(|v| format!(" before {v}")).unwrap_or_default());
    if args.dry_run {
        let plan = Planned { schema: "omupgrade.io/backup-plan/v1", outcome: "dry-run", steps: steps(&place, args) };
        answer(terms.output, &plan, || {
            let lines = (1..).zip(&plan.steps).map(|(number, step)| format!("  {number}. {step}\n"));
            format!("would be done:\n{}", lines.collect::<String>())
        })?;
        return Ok(Exit::Done);
    }
    if let Some(to) = to {
        can_be_written(&place.release.name, to, args.receipt.as_deref())?;
    }
    let claim = Claim { holder: holder_name(), plan };
    let lock = Lock::acquire(cluster, &place.release.name, &claim, terms.lock).await?;
    let begun = match make_way(cluster, &lock, &place, &claim.plan, args).await {
        Ok(()) => begin(cluster, &lock, &place, &claim).await,
        Err(error) => Err(error),
    };
    let mut stored = match begun {
        Ok(stored) => stored,
        Err(error) => {
            let _ = lock.release().await;
            return Err(error);
        }
    };
    let mut done = Box::pin(dumped(cluster, &place, args, to, terms, &lock, &mut stored)).await;
    // Who types it today asks for what is there today.
    if let Ok((name, record)) = &done
        && gone_on_since(&stored.run).is_some()
        && is_past(record, Timestamp::now())
    {
        let (from, until) = (&record.started, &record.finished);
        say::note(&format!("{name}, which that run made from {from} to {until}, stays; making a new one"));
        stored.end(&lock, Outcome::Done).await?;
        stored = begin(cluster, &lock, &place, &claim).await?;
        done = Box::pin(dumped(cluster, &place, args, to, terms, &lock, &mut stored)).await;
    }
    let (name, record) = match done {
        Ok(done) => done,
        Err(error) => {
            // Where the lock is lost nothing may be written; the error tells it.
            if stored.write(&lock, "end", Phase::Failed, &format!("{error:#}")).await.is_ok() {
                if in_its_middle(&stored.run) {
                    say::note("the backup stands in its middle: the same command goes on with it");
                } else {
                    let _ = stored.end(&lock, Outcome::Failed).await;
                }
                let _ = lock.release().await;
            }
            return Err(error);
        }
    };
    stored.end(&lock, Outcome::Done).await?;
    prune_journal(cluster, Some(&lock), &place.release.name).await;
    // It is made; a lock that cannot be given back runs out.
    if let Err(error) = lock.release().await {
        say::note(&format!("the backup is made, and the lock could not be given back: {error:#}; it runs out"));
    }
    let entry = Entry::new(name, record);
    let receipt = match to {
        Some(to) => Some(write_receipt(&entry.name, &entry.record, to, args.receipt.as_deref(), &on)?),
        None => None,
    };
    let told = receipt.as_ref().map(|(file, receipt)| receipt_words(file, receipt));
    let keeping = again(&Args { with_secrets: true, ..args.clone() }, &on);
    let behind = behind(&stored.run, &entry.record, Timestamp::now()).unwrap_or_default();
    let said = words(&entry, &place.claim, &keeping) + &behind + &told.unwrap_or_default();
    let data = Made {
        schema: "omupgrade.io/backup/v1",
        outcome: "done",
        claim: Some(place.claim.clone()),
        backup: entry,
        receipt: receipt.map(|(_, receipt)| receipt),
    };
    answer(terms.output, &data, || said)?;
    Ok(Exit::Done)
}

/// `keeping` is the command that keeps the keys as well.
fn words(entry: &Entry, claim: &str, keeping: &str) -> String {
    let record = &entry.record;
    let rows = record.rows.as_ref().zip(record.all_rows());
    let rows = rows.map(|(tables, rows)| format!(", {rows} rows in {} tables", tables.len()));
    let mut out = format!(
        "{} on the claim {claim}: {}, schema {}{}\n  secrets: {}\n",
        entry.name,
        bytes(record.size()),
        if record.schema_head.is_empty() { "none" } else { &record.schema_head },
        rows.unwrap_or_default(),
        entry.held()
    );
    if entry.record.of.as_ref().is_none_or(|of| of.secrets.is_none()) {
        out = format!("{out}  to keep them: {keeping}\n");
    }
    out
}

/// Of a dump that another process began minutes ago: what it cannot hold.
fn behind(run: &Run, record: &Record, now: Timestamp) -> Option<String> {
    let began: Timestamp = record.started.parse().ok()?;
    // One that this process made itself is of now, however long it took.
    let before = gone_on_since(run).is_some_and(|since| began < since);
    let old = before && now.duration_since(began) > MINUTES;
    old.then(|| {
        let (ago, release) = (span(began, now), &run.release);
        format!("  its dump began {ago} ago, in a run that did not end: what was written to {release} since is not in it; the same command again makes another one\n")
    })
}

/// Exactly what would be done, in order.
fn steps(place: &Place, args: &Args) -> Vec<String> {
    let release = &place.release.name;
    let mut out = vec![
        format!("take the lock: Lease omupgrade-{release}"),
        format!("write what is about to be done into the journal: a Secret omupgrade-journal-{release}-*"),
    ];
    if !args.recipients.is_empty() {
        let recipients = args.recipients.join(", ");
        out.push(format!(
            "encrypt the Fernet key, JWT keys and values for {recipients} into secrets.age beside the dump"
        ));
    } else if args.with_secrets {
        out.push(format!("keep the Fernet key, JWT keys and values in a Secret omupgrade-backup-{release}-*"));
    }
    let mut image = place.beside.image.clone();
    if place.beside.unchosen && place.beside.engine == Engine::Postgresql {
        out.push(format!("ask the server for its version, in a short-lived Pod of {image}"));
        "postgres of that version".clone_into(&mut image);
    }
    out.push(format!(
        "create a Job {release}-omupgrade-backup-* and a Secret of that name (values and manifest without secrets): dump the {} database with {image} to the claim {}, read it back, for at most {} s",
        place.beside.engine.name(),
        place.claim,
        args.timeout.as_secs()
    ));
    out.push("delete the Job, write the end into the journal, give the lock back".to_owned());
    if let Some(to) = &args.to {
        out.push(format!("write a receipt for the upgrade to {to}"));
    }
    out
}

/// For how long nobody thinks about what was written since. Chosen.
const MINUTES: SignedDuration = SignedDuration::from_mins(5);

/// The note in a run that another process goes on with.
const GONE_ON: &str = "gone on with by ";

/// When a process went on with it last.
fn gone_on_since(run: &Run) -> Option<Timestamp> {
    let note = run.entries.iter().rfind(|entry| entry.phase == Phase::Note && entry.words.starts_with(GONE_ON))?;
    Some(note.at)
}

/// What a run remembers: the claim that it backs up to.
pub(super) const CLAIM: &str = "claim";

/// The run of this plan and claim: one that was left open is gone on with.
async fn begin(cluster: &Cluster, lock: &Lock, place: &Place, claim: &Claim) -> anyhow::Result<Stored> {
    let (runs, _) = journal::runs(cluster, &place.release.name).await?;
    let this = |run: &Run| {
        let there = run.remembered.get(CLAIM).is_none_or(|there| *there == place.claim);
        run.outcome == Outcome::Open && run.plan == claim.plan && there
    };
    if let Some(mut left) = runs.into_iter().rfind(|s| this(&s.run)) {
        say::note(&format!("going on with the run {} of {}, which did not end", left.run.id, left.run.by));
        left.write(lock, "begin", Phase::Note, &format!("{GONE_ON}{}", claim.holder)).await?;
        return Ok(left);
    }
    let now = Timestamp::now();
    let id = journal::run_id(now, lock.fence());
    let name = &place.release.name;
    let mut run = Run::new(&id, name, &cluster.namespace, "backup", &claim.plan, &claim.holder, now);
    run.from = Some(place.release.revision.number);
    run.remembered.insert(JOB.to_owned(), job_name(name, Some(&id)));
    let keep = kept_in(&run);
    run.remembered.insert(SECRETS.to_owned(), keep);
    run.remembered.insert(CLAIM.to_owned(), place.claim.clone());
    run.write("begin", Phase::Done, &format!("to the claim {}", place.claim), now);
    journal::open(cluster, Some(lock), run).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dump_of_another_process_tells_what_it_cannot_hold() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let record: Record = serde_json::from_str(
            r#"{"v":1,"origin":"omupgrade","release":"om","namespace":"d","target":"","engine":"mysql","server_version":"9","client_version":"9","database":"d","host":"h","started":"2026-11-22T10:00:00Z","finished":"2026-11-22T10:01:00Z","files":[],"fingerprint":{},"schema_head":""}"#,
        )
        .unwrap();
        let mut run = Run::new("r", "om", "d", "backup", "back up om", "ann", at("2026-11-22T10:00:00Z"));
        run.write("begin", Phase::Done, "to the claim c", at("2026-11-22T10:00:00Z"));
        let now = at("2026-11-22T13:00:00Z");
        assert_eq!(behind(&run, &record, now), None, "one's own dump may take long");
        run.write("begin", Phase::Note, &format!("{GONE_ON}bob"), now);
        let told = behind(&run, &record, now).unwrap();
        assert!(told.starts_with("  its dump began 3h ago, in a run that did not end"), "{told}");
        assert_eq!(behind(&run, &record, at("2026-11-22T10:05:00Z")), None);
    }
}
