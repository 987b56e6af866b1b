//! `backup drill`: restores a backup for a trial and compares it with the record. Into a server of its own that lives and
//! ends in a Pod, which knows no other database; or into a scratch database on the same server, of which the release's
//! own database is only read (its encoding and collation).

use super::list::pick_files;
use super::{Of, Place, answer};
use crate::adapters::cluster::Cluster;
use crate::adapters::lock::{Claim, Lock, Timing, holder_name};
use crate::adapters::{claim, restore};
use crate::backup::answers::Tried;
use crate::backup::{Drilled, drilled};
use crate::cli::flags::{Output, duration};
use crate::cli::say;
use crate::exit::Exit;
use crate::facts::Database;
use crate::failure::Failure;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use serde_json::json;
use std::time::Duration;

/// Restore a backup for a trial, and compare every table's rows with the record.
///
/// Into a database server that lives and ends in a Pod, with room on its node for the whole database (an emptyDir): no
/// server of yours is touched or asked. The image has to hold the server, as the official ones do. With `--same-server`
/// into a scratch database on the release's own server, which needs room for it; it is dropped whatever comes of it.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The backup; without it the newest.
    pub name: Option<String>,
    /// On the release's own database server, in a scratch database: where its user may create databases.
    #[arg(long)]
    pub same_server: bool,
    /// A Secret with username and password of one who may create databases there.
    #[arg(long, value_name = "NAME", requires = "same_server")]
    pub admin_secret: Option<String>,
    /// How long it may take.
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = duration)]
    pub timeout: Duration,
}

impl Default for Args {
    fn default() -> Self {
        Self { of: Of::default(), name: None, same_server: false, admin_secret: None, timeout: Duration::from_hours(2) }
    }
}

/// Drills.
pub async fn drill(cluster: &Cluster, args: &Args, output: Output) -> anyhow::Result<Exit> {
    let place = Place::find(cluster, &args.of).await?;
    let listing = place.listing(cluster).await?;
    let on = place.on(cluster);
    let entry = pick_files(&listing, &place, args.name.as_deref(), &on, "only its provider can make a server of it")?;
    let (name, record) = (entry.name.as_str(), &entry.record);
    let beside = place.beside.clone().for_engine(record.engine, args.of.client_image.as_deref());
    // Into a server as the one that was dumped, where its client can read what was written.
    let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
    let same = major(&record.server_version) == major(&record.client_version) && !args.same_server;
    let beside = if same { beside.fitting(&record.server_version) } else { beside };
    if let Some(secret) = &args.admin_secret {
        administrator(cluster, secret, name, &on).await?;
    }
    // A dump with one byte flipped may restore, rows and all. On the same server the trial itself begins with the right to
    // make a database and with the digests, so that nothing is read where that right is missing.
    if !args.same_server {
        super::verify::proven(cluster, &place, entry, &args.of, args.timeout, output, &on).await?;
    }
    let where_to = if args.same_server { "a scratch database on the same server" } else { "a server of its own" };
    if !output.is_data() {
        say::note(&format!("restoring {name} into {where_to} ({}, {})", record.engine.name(), beside.image));
    }
    let seconds = args.timeout.as_secs().max(1);
    let tried = if args.same_server {
        let of = format!("{}/{}", record.namespace, record.release);
        on_the_same_server(cluster, &place, args, (name, &of), seconds).await?
    } else {
        claim::drill(cluster, &beside, &place.claim, name, seconds).await
    };
    let log = tried.map_err(|why| failed(name, &on, &why))?;
    if !log.contains(&format!("omupgrade-drill: restored {name}")) {
        return Err(Failure::unknown(format!("the trial of {name} broke off")).into());
    }
    let found = Database::parse(record.engine, &log)
        .map_err(|e| Failure::unknown(format!("what was restored of {name} cannot be read: {e}")))?;
    if args.same_server {
        super::verify::proven(cluster, &place, entry, &args.of, args.timeout, output, &on).await?;
    }
    let result = drilled(record, &found);
    let proven = result.differs.is_empty();
    // Where a table's rows were not compared it restores, and is not `drilled`.
    let marked = result.is_proof(record);
    if marked {
        let text =
            json!({"at": Timestamp::now().to_string(), "tables": result.tables, "rows": result.rows}).to_string();
        let mark = [
            ("OMUPGRADE_ACTION", "mark"),
            ("OMUPGRADE_BACKUP", name),
            ("OMUPGRADE_MARK", "drilled"),
            ("OMUPGRADE_MARK_TEXT", text.as_str()),
        ];
        let written = claim::run(cluster, &beside, &place.claim, &mark, 180).await;
        written.map_err(|e| {
            Failure::unknown(format!("{name} restores well, but that could not be written beside it: {e}"))
        })?;
    }
    if !proven {
        // What was proven of it before is not true any more, and `prune` must not keep it for that.
        let unmark = [("OMUPGRADE_ACTION", "unmark"), ("OMUPGRADE_BACKUP", name)];
        let unmarked = claim::run(cluster, &beside, &place.claim, &unmark, 180).await;
        unmarked.map_err(|e| {
            Failure::no(format!(
                "{name} does NOT restore to what was dumped, and that could not be noted beside it: {e}"
            ))
        })?;
    }
    let said = words(name, &result, marked);
    let data = Tried { schema: "omupgrade.io/drill/v1", backup: name.to_owned(), proven, drilled: result };
    answer(output, &data, || said)?;
    Ok(if proven { Exit::Done } else { Exit::No })
}

/// Refuses where the Secret of an administrator is not there or holds none, before anything is read. Where it may not be
/// looked at, the Pod that is given it says so.
async fn administrator(cluster: &Cluster, secret: &str, name: &str, on: &str) -> anyhow::Result<()> {
    let why = match cluster.within(cluster.api::<Secret>().get(secret)).await {
        Ok(found) => {
            let there =
                |key: &str| found.data.as_ref().is_some_and(|data| data.get(key).is_some_and(|v| !v.0.is_empty()));
            let missing: Vec<&str> = ["username", "password"].into_iter().filter(|key| !there(key)).collect();
            (!missing.is_empty()).then(|| format!("holds no {}", missing.join(" and no ")))
        }
        Err(refused) if refused.is_absent() => Some("is not there".to_owned()),
        Err(_) => None,
    };
    let Some(why) = why else { return Ok(()) };
    Err(elsewhere(
        Failure::refused(format!("{name} was not drilled: the Secret {secret} with an administrator {why}")),
        name,
        on,
    )
    .into())
}

/// With the ways to drill where this one may not make a database.
fn elsewhere(failure: Failure, name: &str, on: &str) -> Failure {
    failure
        .hint(format!("kubectl omupgrade backup drill {on} {name} --same-server --admin-secret NAME"))
        .hint(format!("kubectl omupgrade backup drill {on} {name}    # in a server of its own"))
}

/// Words of a trial that ended before it came to the backup: they tell of who tried it.
const BEFORE_IT: [&str; 3] =
    ["cannot create", "with an administrator is not there", "the user or the password is wrong"];

/// Words of a trial on a server that cannot take this backup: another engine.
const NOT_HERE: &str = "is of another";

/// A trial that failed, which says something of the backup only where the trial came to it.
fn failed(name: &str, on: &str, why: &str) -> Failure {
    if BEFORE_IT.iter().any(|words| why.contains(words)) {
        return elsewhere(Failure::refused(format!("{name} was not drilled: {why}")), name, on);
    }
    if why.contains(NOT_HERE) {
        return Failure::unknown(format!("{name} was not drilled, so whether it restores is not known: {why}"))
            .hint(format!("kubectl omupgrade backup drill {on} {name}    # in a server of its own"));
    }
    Failure::no(format!("{name} is not proven: {why}"))
        .hint(format!("kubectl omupgrade backup verify {on} {name}"))
        .hint(format!("kubectl omupgrade backup {on}    # make a new one"))
}

/// Under the lock: the scratch database has one name, so that the next trial takes away what a killed one left.
async fn on_the_same_server(
    cluster: &Cluster,
    place: &Place,
    args: &Args,
    backup: (&str, &str),
    seconds: u64,
) -> anyhow::Result<Result<String, String>> {
    let release = &place.release.name;
    let plan = Claim { holder: holder_name(), plan: format!("drill a backup of {release} on its own server") };
    let lock = Lock::acquire(cluster, release, &plan, Timing::default()).await?;
    let beside = restore::prepared(place.beside.clone(), args.admin_secret.as_deref());
    let tried = restore::trial(&lock, &beside, &place.claim, backup, seconds).await;
    let _ = lock.release().await;
    Ok(tried)
}

fn words(name: &str, result: &Drilled, marked: bool) -> String {
    let mut out = if result.differs.is_empty() {
        format!("{name} restores: {} rows in {} tables and the schema are as recorded\n", result.rows, result.tables)
    } else {
        format!("{name} does NOT restore to what was dumped:\n")
    };
    for line in &result.differs {
        out = format!("{out}  {line}\n");
    }
    for line in &result.unsaid {
        out = format!("{out}  not compared: {line}\n");
    }
    if result.differs.is_empty() && !marked {
        let all = result.tables.saturating_add(result.uncompared.len());
        out = format!(
            "{out}  it is not marked as drilled: the rows of {} of {all} tables were compared\n",
            result.tables
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_came_to_the_backup_speaks_of_it() {
        for (why, exit) in [
            ("the drill failed: omupgrade restore: 'om' cannot create 'x': it has no CREATEDB", Exit::Refused),
            ("the user or the password is wrong: look at DB_USER", Exit::Refused),
            (
                "the drill failed: omupgrade restore: om-b is of another engine: 'mysql', not 'postgresql'; nothing was changed",
                Exit::Unknown,
            ),
            ("the dump of om-b is not the one that was verified: its sha256 differs", Exit::No),
        ] {
            let failure = failed("om-b", "om -n data", why);
            assert_eq!(failure.exit, exit, "{why}");
            assert_eq!(failure.message.contains("not proven"), exit == Exit::No, "{}", failure.message);
        }
    }
}
