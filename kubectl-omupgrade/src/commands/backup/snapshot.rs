//! `backup snapshot`: a snapshot that somebody else keeps, as a backup of its own kind. The user's commands make it and wait
//! for it; the database is looked at before and after; what that can prove is recorded.

use super::dump::{images, whole};
use super::receipt::{can_be_written, words as receipt_words, write as write_receipt};
use super::{Of, Place, Terms, answer, version};
use crate::adapters::cluster::Cluster;
use crate::adapters::journal::{self, Stored};
use crate::adapters::lock::{Claim, Lock, holder_name};
use crate::adapters::{keys, probe, secrets, snapshots};
use crate::backup::answers::{Made, Planned};
use crate::backup::{Around, Commands, Entry, Known, of, snapshot_name, snapshot_record};
use crate::cli::flags::duration;
use crate::cli::say;
use crate::commands::checked::writable;
use crate::commands::prune_journal;
use crate::exit::Exit;
use crate::facts::Database;
use crate::failure::Failure;
use crate::fingerprint::Fingerprint;
use crate::journal::{Outcome, Phase, Recorded, Run};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use shared::backup::{Asked, External, Held, Record};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Make a snapshot by commands of your own (RDS, Cloud SQL, Velero), and record what it is of.
///
/// The file is YAML: `provider` (a word), and `create`, `wait`, `restore`, each a list of a program and its arguments in
/// which `{snapshot}` stands for the snapshot's name. `create` and `wait` must end well, and the schema must be the same
/// before and after, or nothing is recorded. What they print is not shown unless asked for, and never kept. The way back is
/// `backup bring-back`: a restored instance has a new address, so helm alone cannot go there.
#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The file with the commands.
    #[arg(long, value_name = "FILE")]
    pub commands: PathBuf,
    /// The version that an upgrade goes to: ends with a receipt for helm-postrender.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub to: Option<String>,
    /// Where the receipt is written; without it RELEASE-VERSION.receipt.json here.
    #[arg(long, value_name = "FILE", requires = "to")]
    pub receipt: Option<PathBuf>,
    /// Keep the Fernet key, JWT keys and values in a Secret of omupgrade's.
    #[arg(long)]
    pub with_secrets: bool,
    /// Say that the Fernet key is kept elsewhere.
    #[arg(long, conflicts_with = "with_secrets")]
    pub fernet_key_held_elsewhere: bool,
    /// How long each command may take.
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = duration)]
    pub timeout: Duration,
    /// Show what the commands print, which may hold secrets.
    #[arg(long)]
    pub show_output: bool,
    /// Print exactly what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// The step that records the snapshot.
const RECORD: &str = "record";

/// What a run remembers: the snapshot's name.
const SNAPSHOT: &str = "snapshot";

/// The commands of a file, and its digest.
pub(super) fn read_commands(file: &Path) -> anyhow::Result<(Commands, String)> {
    let wrong = |why: String| Failure::usage(format!("{}: {why}", file.display()));
    let text = std::fs::read(file).map_err(|e| wrong(e.to_string()))?;
    // Not the parser's own words: they may repeat a line of the file.
    let commands: Commands = serde_saphyr::from_slice(&text).map_err(|_| {
        wrong("it is no file of commands".to_owned())
            .hint("provider: rds\n       create: [aws, rds, create-db-snapshot, …, --db-snapshot-identifier, '{snapshot}']\n       wait: [aws, rds, wait, db-snapshot-available, …]\n       restore: [./restore.sh, '{snapshot}']")
    })?;
    commands.check().map_err(wrong)?;
    Ok((commands, keys::hex(&Sha256::digest(&text))))
}

/// Makes one.
pub async fn snapshot(cluster: &Cluster, args: &Args, terms: Terms) -> anyhow::Result<Exit> {
    let (commands, digest) = read_commands(&args.commands)?;
    args.receipt.as_deref().map(writable).transpose()?;
    let place = Place::find(cluster, &args.of).await?;
    let (release, on) = (place.release.name.clone(), place.on(cluster));
    let to = args.to.as_deref();
    if args.dry_run {
        let program = |words: &[String]| words.first().cloned().unwrap_or_default();
        let mut steps = vec![
            format!("take the lock: Lease omupgrade-{release}, and write into the journal"),
            "ask the database for its state and every table's rows, by a short-lived Pod".to_owned(),
            format!("run `create` ({} …) and `wait` ({} …)", program(&commands.create), program(&commands.wait)),
            "ask the database again: the schema has to be the same".to_owned(),
            "write the record: a ConfigMap omupgrade-snapshot-*".to_owned(),
        ];
        if args.with_secrets {
            let secret = format!("keep the Fernet key, JWT keys and values in a Secret omupgrade-backup-{release}-*");
            steps.insert(1, secret);
        }
        let plan = Planned { schema: "omupgrade.io/backup-plan/v1", outcome: "dry-run", steps };
        answer(terms.output, &plan, || {
            let lines = (1..).zip(&plan.steps).map(|(number, step)| format!("  {number}. {step}\n"));
            format!("would be done:\n{}", lines.collect::<String>())
        })?;
        return Ok(Exit::Done);
    }
    if let Some(to) = to {
        can_be_written(&release, to, args.receipt.as_deref())?;
    }
    let before_what = to.map(|v| format!(" before {v}")).unwrap_or_default();
    let plan = format!("snapshot {release} with {}{before_what}", commands.provider);
    let claim = Claim { holder: holder_name(), plan };
    let lock = Lock::acquire(cluster, &release, &claim, terms.lock).await?;
    let (mut stored, made) = match begin(cluster, &lock, &place, &claim).await {
        Ok(begun) => begun,
        Err(error) => {
            let _ = lock.release().await;
            return Err(error);
        }
    };
    let making = Making { cluster, place: &place, args, commands: &commands, digest, to };
    let made = match made {
        Some(entry) => Ok(entry),
        None => making.make(&lock, &mut stored).await,
    };
    let entry = match made {
        Ok(entry) => entry,
        Err(error) => {
            // Once the record may be there it names the Secret.
            if !stored.run.begun(RECORD) {
                let _ = secrets::forget(cluster, &keep(&stored.run)).await;
            }
            if stored.write(&lock, "end", Phase::Failed, &format!("{error:#}")).await.is_ok() {
                let _ = stored.end(&lock, Outcome::Failed).await;
                let _ = lock.release().await;
            }
            return Err(error);
        }
    };
    stored.end(&lock, Outcome::Done).await?;
    prune_journal(cluster, Some(&lock), &release).await;
    // It is made; a lock that cannot be given back runs out.
    if let Err(error) = lock.release().await {
        say::note(&format!("the snapshot is made, and the lock could not be given back: {error:#}; it runs out"));
    }
    let receipt = match to {
        Some(to) => Some(write_receipt(&entry.name, &entry.record, to, args.receipt.as_deref(), &on)?),
        None => None,
    };
    let told = receipt.as_ref().map(|(file, receipt)| receipt_words(file, receipt));
    let said = format!(
        "{} is kept by {}: the schema was the same before and after\n  secrets: {}\n  the way back: kubectl omupgrade backup bring-back {on} {} --commands {}\n{}",
        entry.name,
        commands.provider,
        entry.held(),
        entry.name,
        args.commands.display(),
        told.unwrap_or_default()
    );
    let data = Made {
        schema: "omupgrade.io/backup/v1",
        outcome: "done",
        claim: None,
        backup: entry,
        receipt: receipt.map(|(_, receipt)| receipt),
    };
    answer(terms.output, &data, || said)?;
    Ok(Exit::Done)
}

/// A run of its own. One that was killed after its record was there is gone on with, and that is the snapshot. One that was
/// killed before may have left a snapshot, of which only its provider knows: it is named, and a new one is made.
async fn begin(
    cluster: &Cluster,
    lock: &Lock,
    place: &Place,
    claim: &Claim,
) -> anyhow::Result<(Stored, Option<Entry>)> {
    let (runs, _) = journal::runs(cluster, &place.release.name).await?;
    let left = |s: &Stored| s.run.outcome == Outcome::Open && s.run.plan == claim.plan;
    for mut left in runs.into_iter().filter(left) {
        let name = left.run.remembered.get(SNAPSHOT).cloned().unwrap_or_default();
        if left.run.begun(RECORD)
            && let Some(entry) = place.snapshots(cluster).await?.into_iter().find(|entry| entry.name == name)
        {
            say::note(&format!("going on with the run {} of {}, which did not end", left.run.id, left.run.by));
            left.write(lock, RECORD, Phase::Done, &format!("the snapshot {name}, gone on with by {}", claim.holder))
                .await?;
            return Ok((left, Some(entry)));
        }
        say::note(&format!("a run that did not end may have left the snapshot {name}: look whether it is there"));
        // No record names the Secret that it may have kept.
        lock.check().await?;
        secrets::forget(cluster, &keep(&left.run)).await.map_err(Failure::unknown)?;
        left.write(lock, "end", Phase::Failed, "it did not end; another run began").await?;
        left.end(lock, Outcome::Failed).await?;
    }
    let now = Timestamp::now();
    let id = journal::run_id(now, lock.fence());
    let mut run = Run::new(&id, &place.release.name, &cluster.namespace, "backup", &claim.plan, &claim.holder, now);
    run.from = Some(place.release.revision.number);
    Ok((journal::open(cluster, Some(lock), run).await?, None))
}

/// The Secret of a run.
fn keep(run: &Run) -> String {
    format!("omupgrade-backup-{}-{}", run.release, run.id)
}

struct Making<'a> {
    cluster: &'a Cluster,
    place: &'a Place,
    args: &'a Args,
    commands: &'a Commands,
    digest: String,
    to: Option<&'a str>,
}

impl Making<'_> {
    async fn make(&self, lock: &Lock, stored: &mut Stored) -> anyhow::Result<Entry> {
        let release = &self.place.release;
        let before = self.look("before").await?;
        let started = Timestamp::now();
        let name = snapshot_name(&release.name, self.to, started);
        stored.run.remembered.insert(SNAPSHOT.to_owned(), name.clone());
        let found = keys::read(self.cluster, self.place.beside.server(), &[]).await;
        let held = if self.args.with_secrets {
            let to = self.to.map(|to| format!(" --to {to}")).unwrap_or_default();
            let (on, file) = (self.place.on(self.cluster), self.args.commands.display());
            whole(&found, &format!("kubectl omupgrade backup snapshot {on} --commands {file}{to}"))?;
            let keep = keep(&stored.run);
            lock.check().await?;
            if !secrets::keep(self.cluster, release, &keep, None, &found).await.map_err(Failure::unknown)? {
                return Err(Failure::unknown(format!("the Secret {keep} is there already and holds other keys")).into());
            }
            Some(Held::Secret(keep))
        } else {
            self.args.fernet_key_held_elsewhere.then_some(Held::Elsewhere)
        };
        for (step, words) in [("create", &self.commands.create), ("wait", &self.commands.wait)] {
            stored.write(lock, step, Phase::About, &format!("the snapshot {name}")).await?;
            say::note(&format!("{step}: {name}"));
            lock.check().await?;
            let words = Commands::words(words, &name);
            if let Err(why) = snapshots::run(&words, &name, self.args.timeout, self.args.show_output).await {
                return Err(Failure::no(format!("no snapshot was recorded: `{step}`: {why}"))
                    .hint(format!("look whether {} has a snapshot {name}, and remove it", self.commands.provider))
                    .into());
            }
            stored.write(lock, step, Phase::Done, &format!("the snapshot {name}")).await?;
        }
        let finished = Timestamp::now();
        let after = self.look("after").await?;
        let known = Known {
            defaults: None,
            images: images(self.cluster, self.place).await,
            keys: keys::fingerprints(&found, &keys::salt().map_err(Failure::unknown)?),
            secrets: held,
        };
        let external = External {
            provider: self.commands.provider.clone(),
            snapshot: name.clone(),
            commands_sha256: self.digest.clone(),
            rows_after: BTreeMap::new(),
        };
        let around = Around { before, after, started, finished };
        let record = snapshot_record(self.empty(&around.before), &around, external, of(release, known));
        let record = record.map_err(|why| {
            Failure::no(format!("no snapshot was recorded: {why}"))
                .hint(format!("look whether {} has a snapshot {name}, and remove it", self.commands.provider))
        })?;
        stored.run.recorded = Fingerprint::of_record(&record).ok().map(|fingerprint| Recorded {
            revision: release.revision.number,
            image: self.place.beside.server_image.clone(),
            fingerprint,
            at: finished,
        });
        stored.write(lock, RECORD, Phase::About, &format!("the snapshot {name}")).await?;
        snapshots::keep(lock, &name, &record).await?;
        stored.write(lock, RECORD, Phase::Done, &format!("the snapshot {name}")).await?;
        Ok(Entry::new(name, record))
    }

    async fn look(&self, when: &str) -> anyhow::Result<Database> {
        say::note(&format!("asking the database for its state and rows, {when} the snapshot"));
        let found = probe::facts_beside(self.cluster, &self.place.beside, Asked::FactsWithAllRows).await;
        found.map_err(|e| Failure::unknown(format!("asking the database, {when} the snapshot: {e}")).into())
    }

    /// What the look fills.
    fn empty(&self, before: &Database) -> Record {
        Record {
            v: 1,
            origin: "snapshot".to_owned(),
            release: self.place.release.name.clone(),
            namespace: self.place.release.namespace.clone(),
            target: self.to.unwrap_or_default().to_owned(),
            engine: self.place.beside.engine,
            server_version: String::new(),
            client_version: String::new(),
            database: before.name.clone(),
            host: String::new(), // stands in the server's Secrets
            started: String::new(),
            finished: String::new(),
            files: Vec::new(),
            fingerprint: BTreeMap::new(),
            schema_head: String::new(),
            database_bytes: None,
            rows: None,
            external: None,
            of: None,
        }
    }
}
