//! `backup bring-back`: a database server made of a snapshot, compared with the snapshot's record. The release is not
//! touched: what is left is old chart, old values and the new host, and the commands for that are said.

use super::snapshot::read_commands;
use super::{Of, Place, Terms, answer};
use crate::adapters::cluster::Cluster;
use crate::adapters::journal::{self, Stored};
use crate::adapters::lock::{Claim, Lock, holder_name};
use crate::adapters::{probe, snapshots};
use crate::backup::answers::BroughtBack;
use crate::backup::{Commands, Entry, Mark, brought_back};
use crate::cli::flags::duration;
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal::{Outcome, Phase, Run};
use jiff::Timestamp;
use serde_json::json;
use shared::backup::{Asked, External};
use shared::marks;
use std::path::PathBuf;
use std::time::Duration;

/// Make a database server of a snapshot by your own command, and compare it with what was recorded.
///
/// The command may print `omupgrade-host: HOST` (or HOST:PORT), else name it with `--host`; a server that stands already is only
/// compared, without `--commands`. Fingerprint and rows are read by a Pod beside the release's server, with its user and
/// password. Nothing of the release changes: the commands that take it there are printed.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The snapshot, as `backup list` names it; without it the newest.
    pub name: Option<String>,
    /// The file with the commands, of which `restore` is run.
    #[arg(long, value_name = "FILE", required_unless_present = "host")]
    pub commands: Option<PathBuf>,
    /// The host of the instance, where the command does not print it.
    #[arg(long, value_name = "HOST[:PORT]", value_parser = host)]
    pub host: Option<String>,
    /// How long the command may take.
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = duration)]
    pub timeout: Duration,
    /// Show what the command prints, which may hold secrets.
    #[arg(long)]
    pub show_output: bool,
}

fn host(text: &str) -> Result<String, String> {
    if snapshots::is_host(text) { Ok(text.to_owned()) } else { Err("no host: write HOST or HOST:PORT".to_owned()) }
}

/// Brings it back.
pub async fn bring_back(cluster: &Cluster, args: &Args, terms: Terms) -> anyhow::Result<Exit> {
    let commands = args.commands.as_deref().map(read_commands).transpose()?;
    let place = Place::find(cluster, &args.of).await?;
    let (release, on) = (place.release.name.clone(), place.on(cluster));
    let entry =
        place.snapshots(cluster).await?.into_iter().rfind(|e| args.name.as_ref().is_none_or(|name| *name == e.name));
    let entry = entry.ok_or_else(|| {
        Failure::no(format!("there is no record of a snapshot {}", args.name.as_deref().unwrap_or_default()))
            .hint(format!("kubectl omupgrade backup list {on}"))
    })?;
    let external = entry.record.external.clone().ok_or_else(|| Failure::unknown("its record is of no snapshot"))?;
    let claim = Claim { holder: holder_name(), plan: format!("bring back the snapshot {}", entry.name) };
    let lock = Lock::acquire(cluster, &release, &claim, terms.lock).await?;
    let done = match begin(cluster, &lock, &place, &entry, &claim).await {
        Ok(mut stored) => {
            let done = restored(cluster, args, commands, &place, &entry, &external, &lock, &mut stored).await;
            // Only a killed one is gone on with.
            if let (Err(error), Outcome::Open) = (&done, stored.run.outcome)
                && stored.write(&lock, "end", Phase::Failed, &format!("{error:#}")).await.is_ok()
            {
                let _ = stored.end(&lock, Outcome::Failed).await;
            }
            done
        }
        Err(error) => Err(error),
    };
    let _ = lock.release().await;
    let (host, differs) = done?;
    let commands = way_on(&place, &entry, &host, cluster);
    let proven = differs.is_empty();
    let mut said = if proven {
        format!(
            "{} is back at {host}: schema and rows are as recorded\nit is reached by the old chart, the old values and this host:\n",
            entry.name
        )
    } else {
        format!("{host} does NOT hold what was recorded of {}:\n", entry.name)
    };
    for line in if proven { &commands } else { &differs } {
        said = format!("{said}  {line}\n");
    }
    let commands = if proven { commands } else { Vec::new() };
    let data =
        BroughtBack { schema: "omupgrade.io/bring-back/v1", backup: entry.name, host, proven, differs, commands };
    answer(terms.output, &data, || said)?;
    Ok(if proven { Exit::Done } else { Exit::No })
}

/// What a run remembers: where the server is that was made.
const HOST: &str = "host";

/// A run of its own. One that was killed when its server was made is gone on with: it is not made again. Of one that was
/// killed before only the provider knows what it made.
async fn begin(cluster: &Cluster, lock: &Lock, place: &Place, entry: &Entry, claim: &Claim) -> anyhow::Result<Stored> {
    let (runs, _) = journal::runs(cluster, &place.release.name).await?;
    for mut left in runs.into_iter().filter(|s| s.run.outcome == Outcome::Open && s.run.plan == claim.plan) {
        if left.run.remembered.contains_key(HOST) {
            say::note(&format!("going on with the run {} of {}, which did not end", left.run.id, left.run.by));
            left.write(lock, "begin", Phase::Note, &format!("gone on with by {}", claim.holder)).await?;
            return Ok(left);
        }
        if left.run.begun(RESTORE) {
            say::note("a run that did not end may have left a server of the snapshot: look whether it is there");
        }
        left.write(lock, "end", Phase::Failed, "it did not end; another run began").await?;
        left.end(lock, Outcome::Failed).await?;
    }
    let now = Timestamp::now();
    let id = journal::run_id(now, lock.fence());
    let mut run = Run::new(&id, &place.release.name, &cluster.namespace, "bring-back", &claim.plan, &claim.holder, now);
    run.remembered.insert("backup".to_owned(), entry.name.clone());
    journal::open(cluster, Some(lock), run).await
}

/// The step in which the command runs.
const RESTORE: &str = "restore";

#[allow(clippy::too_many_arguments, reason = "the parts of one run")]
async fn restored(
    cluster: &Cluster,
    args: &Args,
    commands: Option<(Commands, String)>,
    place: &Place,
    entry: &Entry,
    external: &External,
    lock: &Lock,
    stored: &mut Stored,
) -> anyhow::Result<(String, Vec<String>)> {
    let mut host = args.host.clone().or_else(|| stored.run.remembered.get(HOST).cloned());
    if let Some((commands, digest)) = commands.filter(|_| !stored.run.remembered.contains_key(HOST)) {
        if digest != external.commands_sha256 {
            say::note("the file with the commands is not the one that the snapshot was made with");
        }
        stored.write(lock, RESTORE, Phase::About, &format!("the snapshot {}", entry.name)).await?;
        say::note(&format!("restore: {}", entry.name));
        lock.check().await?;
        let words = Commands::words(&commands.restore, &external.snapshot);
        match snapshots::run(&words, &external.snapshot, args.timeout, args.show_output).await {
            Ok(printed) => host = host.or(printed),
            Err(why) => {
                stored.write(lock, RESTORE, Phase::Failed, &why).await?;
                return Err(Failure::no(format!(
                    "nothing was brought back: `restore`: {why}; the release was not touched"
                ))
                .into());
            }
        }
        stored.run.remembered.extend(host.clone().map(|host| (HOST.to_owned(), host)));
        stored.write(lock, RESTORE, Phase::Done, host.as_deref().unwrap_or("its host is not known")).await?;
    }
    let Some(host) = host else {
        let on = place.on(cluster);
        return Err(Failure::unknown("`restore` ended well and printed no line `omupgrade-host: HOST`")
            .hint(format!("kubectl omupgrade backup bring-back {on} {} --host HOST", entry.name))
            .into());
    };
    let (name, port) = host.rsplit_once(':').map_or((host.as_str(), None), |(name, port)| (name, Some(port)));
    let port = port.map(|port| json!({"name": "DB_PORT", "value": port}));
    let there = [json!({"name": "DB_HOST", "value": name})].into_iter().chain(port);
    let beside = place.beside.clone().with_env(there);
    say::note(&format!("asking {host} for its state and rows"));
    let found = probe::facts_beside(cluster, &beside, Asked::FactsWithAllRows).await;
    let found = found.map_err(|why| {
        Failure::unknown(format!("asking {host}: {why}")).hint(format!(
            "kubectl omupgrade backup bring-back {} {} --host {host}    # asks it again",
            place.on(cluster),
            entry.name
        ))
    })?;
    let differs = brought_back(&entry.record, &found);
    if differs.is_empty() {
        snapshots::mark_drilled(lock, &entry.name, &Mark { at: Timestamp::now().to_string() }).await?;
    }
    stored.end(lock, if differs.is_empty() { Outcome::Done } else { Outcome::Failed }).await?;
    Ok((host, differs))
}

/// Old chart, old values, this host.
fn way_on(place: &Place, entry: &Entry, host: &str, cluster: &Cluster) -> Vec<String> {
    let (release, namespace) = (&place.release.name, &cluster.namespace);
    let (revision, version) =
        entry.record.of.as_ref().map_or((0, "VERSION"), |of| (of.revision, of.chart_version.as_str()));
    let (name, port) = host.rsplit_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let port = port.map(|port| format!(" --set openmetadata.config.database.port={port}")).unwrap_or_default();
    // A revision without it would have no guard.
    let guarded = place.release.manifest.expose().is_some_and(|text| text.contains(marks::GUARD_CONTAINER));
    let renderer = if guarded { " --post-renderer helm-postrender" } else { "" };
    vec![
        format!(
            "(umask 077 && helm get values {release} -n {namespace} --revision {revision} -o yaml > {release}-{revision}.yaml)    # holds secrets"
        ),
        format!(
            "helm upgrade {release} CHART --version {version} -n {namespace} -f {release}-{revision}.yaml --set openmetadata.config.database.host={name}{port}{renderer}"
        ),
        format!("kubectl omupgrade status {release} -n {namespace} --watch"),
    ]
}
