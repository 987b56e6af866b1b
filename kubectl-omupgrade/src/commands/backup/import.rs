//! `backup import`: a folder that `backup export` made, back onto a claim, of this or another cluster. Every file is
//! compared with the record before and after its way; what was copied half goes again.

use super::export::{DIGEST, RECORD, check, inside, plain};
use super::{Of, Place, answer, full};
use crate::adapters::claim;
use crate::adapters::cluster::Cluster;
use crate::adapters::exec::{Broken, Holder};
use crate::adapters::keys::hex;
use crate::adapters::lock::{Claim, Lock, Timing, holder_name};
use crate::backup::answers::Imported;
use crate::backup::bytes;
use crate::cli::flags::{Output, duration};
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use sha2::{Digest, Sha256};
use shared::backup::Record;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Copy an exported backup onto a release's claim.
///
/// Refused where the claim has no room for it; of one that did not arrive whole nothing stays there.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The folder that `backup export` made.
    #[arg(long, value_name = "FOLDER")]
    pub from: PathBuf,
    /// How long it may take.
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = duration)]
    pub timeout: Duration,
}

/// Imports.
pub async fn import(cluster: &Cluster, args: &Args, output: Output) -> anyhow::Result<Exit> {
    let from = &args.from;
    let wrong = |e: String| Failure::usage(format!("{} is no exported backup: {e}", from.display()));
    let text = std::fs::read(from.join(RECORD)).map_err(|e| wrong(format!("{RECORD}: {e}")))?;
    let record: Record = serde_json::from_slice(&text).map_err(|e| wrong(format!("{RECORD}: {e}")))?;
    let name = from.canonicalize().ok().and_then(|p| Some(p.file_name()?.to_str()?.to_owned())).unwrap_or_default();
    if !plain(&name) {
        return Err(wrong(format!("`{name}` names no backup: letters, digits, dots, dashes")).into());
    }
    if let Ok(wanted) = std::fs::read_to_string(from.join(DIGEST))
        && wanted.trim() != hex(&Sha256::digest(&text))
    {
        return Err(wrong(format!("{RECORD} is not the one that was written: something changed it")).into());
    }
    if let Some(odd) = record.files.iter().find(|file| !inside(&file.name)) {
        return Err(wrong(format!("its record names the file {:?}", odd.name)).into());
    }
    let place = Place::find(cluster, &args.of).await?;
    place.claim_there(cluster).await?;
    // Last, for large files take their time.
    for file in &record.files {
        check(file, &from.join(&file.name)).await.map_err(wrong)?;
    }
    let on = place.on(cluster);
    // Two that copy the same name would take each other's files away.
    let plan = Claim { holder: holder_name(), plan: format!("import {name} for {}", place.release.name) };
    let lock = Lock::acquire(cluster, &place.release.name, &plan, Timing::default()).await?;
    let taken = taken_in(cluster, args, &place, &name, &record, output).await;
    let _ = lock.release().await;
    taken?;
    if record.release != place.release.name || record.namespace != place.release.namespace {
        say::note(&format!("it is a backup of {} -n {}", record.release, record.namespace));
    }
    let claim = place.claim;
    let said = format!(
        "{name} lies on the claim {claim} and was read back there\n  kubectl omupgrade backup show {on} {name}\n"
    );
    answer(output, &Imported { schema: "omupgrade.io/import/v1", backup: name, claim }, || said)?;
    Ok(Exit::Done)
}

/// Copies the files, then reads them back there and gives them their place.
async fn taken_in(
    cluster: &Cluster,
    args: &Args,
    place: &Place,
    name: &str,
    record: &Record,
    output: Output,
) -> Result<(), Failure> {
    let failed = |e: String| Failure::unknown(format!("copying {name} in: {e}"));
    let seconds = args.timeout.as_secs().max(1);
    let holder = Holder::start(cluster, &place.beside, &place.claim, seconds).await.map_err(failed)?;
    let copied = copied(&holder, cluster, place, name, record, &args.from, output).await;
    holder.end(cluster).await;
    copied?;
    let beside = place.beside.clone().for_engine(record.engine, args.of.client_image.as_deref());
    let variables = [("OMUPGRADE_ACTION", "take-in"), ("OMUPGRADE_BACKUP", name)];
    claim::run(cluster, &beside, &place.claim, &variables, seconds).await.map(drop).map_err(failed)
}

/// Copies the files where there is room for them; those that arrived go again where one did not.
async fn copied(
    holder: &Holder,
    cluster: &Cluster,
    place: &Place,
    name: &str,
    record: &Record,
    from: &Path,
    output: Output,
) -> Result<(), Failure> {
    let half = format!("/backup/.import/{name}");
    let broken = |b: &Broken| Failure::unknown(format!("copying {name} in: {b}"));
    let need = needed(record, from);
    let full = |free| full::claim(name, &place.claim, need, free, &place.on(cluster), &cluster.namespace);
    let looking = format!(
        "[ ! -e '/backup/{name}' ] || {{ echo '{name} is on the claim already' >&2; exit 1; }}; rm -rf '{half}' && {DF}"
    );
    let free = asked(holder, &looking).await.map_err(|b| broken(&b))?;
    if free.is_some_and(|free| free < need) {
        return Err(full(free));
    }
    let Err(why) = inward(holder, &half, record, from, output).await else { return Ok(()) };
    // The command's own words do not always arrive: what is free once its files are gone tells as well.
    match asked(holder, &format!("rm -rf '{half}' && {DF}")).await {
        Ok(free) if full::is_it(&why) || free.is_some_and(|free| free < need) => {
            Err(Failure { exit: Exit::Unknown, ..full(free) })
        }
        Ok(_) => Err(broken(&why)),
        Err(_) => Err(Failure::unknown(format!(
            "copying {name} in: {why}; what arrived of it lies in .import on the claim until the next import, or `backup prune` after a day"
        ))),
    }
}

/// Tells what is free on the claim; where this image has no `df`, nothing.
const DF: &str = "{ df -Pk /backup 2>/dev/null || :; }";

async fn asked(holder: &Holder, command: &str) -> Result<Option<u64>, Broken> {
    let mut said = Vec::new();
    holder.read(&["sh", "-c", command], &mut said).await?;
    Ok(full::free(&String::from_utf8_lossy(&said)))
}

/// The bytes of all that is copied.
fn needed(record: &Record, from: &Path) -> u64 {
    let beside = [RECORD, DIGEST].into_iter().filter_map(|file| Some(std::fs::metadata(from.join(file)).ok()?.len()));
    record.files.iter().map(|file| file.bytes).chain(beside).fold(0, u64::saturating_add)
}

async fn inward(holder: &Holder, half: &str, record: &Record, from: &Path, output: Output) -> Result<(), Broken> {
    let making = format!("umask 077; mkdir -p '{half}/database'");
    holder.read(&["sh", "-c", &making], &mut tokio::io::sink()).await?;
    for file in record.files.iter().map(|f| f.name.as_str()).chain([RECORD, DIGEST]) {
        let mut source = match tokio::fs::File::open(from.join(file)).await {
            Err(_) if file == DIGEST => continue,
            opened => opened.map_err(Broken::Here)?,
        };
        let size = source.metadata().await.map_err(Broken::Here)?.len();
        // What goes on being taken for a moment keeps the way open until its words are here: they are lost with it.
        let taking =
            format!("umask 077; head -c {size} >'{half}/{file}' || {{ timeout 2 cat >/dev/null 2>&1; exit 1; }}");
        let named = |broken| match broken {
            Broken::There(words) => Broken::There(format!("{file}: {words}")),
            here @ Broken::Here(_) => here,
        };
        holder.write(&["sh", "-c", &taking], &mut source, size).await.map_err(named)?;
        if !output.is_data() {
            say::note(&format!("{file}: {}", bytes(size)));
        }
    }
    Ok(())
}
