//! `backup export` and `backup import`: a backup as a folder here, and back onto a claim, of this or another cluster.
//! Every file is compared with the record on its way.

use super::list::pick_files;
use super::{Of, Place, answer};
use crate::adapters::claim;
use crate::adapters::cluster::Cluster;
use crate::adapters::exec::Holder;
use crate::adapters::keys::hex;
use crate::adapters::lock::{Claim, Lock, Timing, holder_name};
use crate::backup::answers::{Exported, Imported};
use crate::backup::bytes;
use crate::cli::flags::{Output, duration};
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use sha2::{Digest, Sha256};
use shared::backup::{File, Record};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// Copy a backup out of the cluster, into a folder named as the backup.
///
/// A lost namespace then is no lost backup. It holds what the database holds: guard the folder as you guard the
/// database. Secrets that were kept beside the backup stay in the cluster.
#[derive(Debug, Clone, clap::Args)]
pub struct ExportArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The backup; without it the newest.
    pub name: Option<String>,
    /// The folder in which the backup's own is made; without it here.
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub into: PathBuf,
    /// How long it may take.
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = duration)]
    pub timeout: Duration,
}

/// Copy an exported backup onto a release's claim.
#[derive(Debug, Clone, clap::Args)]
pub struct ImportArgs {
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

/// The two files beside those that the record names; the second is missing in old backups.
const RECORD: &str = "catalog.json";
const DIGEST: &str = "catalog.sha256";

/// Exports.
pub async fn export(cluster: &Cluster, args: &ExportArgs, output: Output) -> anyhow::Result<Exit> {
    let place = Place::find(cluster, &args.of).await?;
    let listing = place.listing(cluster).await?;
    let on = place.on(cluster);
    let entry = pick_files(&listing, &place, args.name.as_deref(), &on, "no file of it lies here")?;
    let name = &entry.name;
    let folder = args.into.join(name);
    if folder.exists() {
        return Err(Failure::refused(format!("{} is there already and is not overwritten", folder.display())).into());
    }
    let half = args.into.join(format!(".partial-{name}"));
    let doing = |e: std::io::Error| Failure::unknown(format!("writing {}: {e}", half.display()));
    match std::fs::remove_dir_all(&half) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(doing(e).into()),
        _ => {}
    }
    private_folder(&half).map_err(doing)?;
    let failed = |e: String| {
        Failure::unknown(format!("copying {name} out: {e}"))
            .hint(format!("kubectl omupgrade backup verify {on} {name}"))
    };
    let holder =
        Holder::start(cluster, &place.beside, &place.claim, args.timeout.as_secs().max(1)).await.map_err(failed)?;
    let copied = out(&holder, name, &entry.record, &half, output).await;
    holder.end(cluster).await;
    copied.map_err(failed)?;
    std::fs::rename(&half, &folder).map_err(doing)?;
    if let Some(secret) = entry.secret() {
        say::note(&format!(
            "the Fernet key is in the Secret {secret} of {} and does not come along: keep it as well, or make backups with --recipient",
            cluster.namespace
        ));
    }
    let said = format!("{name} stands in {}: every file as recorded\n", folder.display());
    answer(output, &Exported { schema: "omupgrade.io/export/v1", backup: name.clone(), folder }, || said)?;
    Ok(Exit::Done)
}

async fn out(holder: &Holder, name: &str, record: &Record, half: &Path, output: Output) -> Result<(), String> {
    let names = record.files.iter().map(|f| f.name.as_str()).chain([RECORD, DIGEST]);
    for file in names {
        if !inside(file) {
            return Err(format!("the record names the file {file:?}"));
        }
        if let Some((folder, _)) = file.split_once('/') {
            private_folder(&half.join(folder)).map_err(|e| format!("{folder}: {e}"))?;
        }
        let remote = format!("/backup/{name}/{file}");
        let local = half.join(file);
        let mut opening = tokio::fs::OpenOptions::new();
        opening.write(true).create_new(true);
        #[cfg(unix)]
        opening.mode(0o600);
        let mut to = opening.open(&local).await.map_err(|e| format!("{}: {e}", local.display()))?;
        match holder.read(&["cat", &remote], &mut to).await {
            Ok(_) => {}
            Err(_) if file == DIGEST => {
                let _ = std::fs::remove_file(&local);
                continue;
            }
            Err(e) => return Err(format!("{file}: {e}")),
        }
        to.sync_all().await.map_err(|e| format!("{}: {e}", local.display()))?;
        if let Some(recorded) = record.files.iter().find(|f| f.name == file) {
            check(recorded, &local).await?;
            if !output.is_data() {
                say::note(&format!("{file}: {}, as recorded", bytes(recorded.bytes)));
            }
        }
    }
    Ok(())
}

/// Imports.
pub async fn import(cluster: &Cluster, args: &ImportArgs, output: Output) -> anyhow::Result<Exit> {
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
    let failed = |e: String| Failure::unknown(format!("copying {name} in: {e}"));
    // Two that copy the same name would take each other's files away.
    let plan = Claim { holder: holder_name(), plan: format!("import {name} for {}", place.release.name) };
    let lock = Lock::acquire(cluster, &place.release.name, &plan, Timing::default()).await?;
    let taken = taken_in(cluster, args, &place, &name, &record, output).await;
    let _ = lock.release().await;
    taken.map_err(failed)?;
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
    args: &ImportArgs,
    place: &Place,
    name: &str,
    record: &Record,
    output: Output,
) -> Result<(), String> {
    let seconds = args.timeout.as_secs().max(1);
    let holder = Holder::start(cluster, &place.beside, &place.claim, seconds).await?;
    let copied = inward(&holder, name, record, &args.from, output).await;
    holder.end(cluster).await;
    copied?;
    let beside = place.beside.clone().for_engine(record.engine, args.of.client_image.as_deref());
    let variables = [("OMUPGRADE_ACTION", "take-in"), ("OMUPGRADE_BACKUP", name)];
    claim::run(cluster, &beside, &place.claim, &variables, seconds).await.map(drop)
}

async fn inward(holder: &Holder, name: &str, record: &Record, from: &Path, output: Output) -> Result<(), String> {
    let half = format!("/backup/.import/{name}");
    let there = format!(
        "umask 077; [ ! -e '/backup/{name}' ] || {{ echo '{name} is on the claim already' >&2; exit 1; }}; rm -rf '{half}'; mkdir -p '{half}/database'"
    );
    holder.read(&["sh", "-c", &there], &mut tokio::io::sink()).await?;
    for file in record.files.iter().map(|f| f.name.as_str()).chain([RECORD, DIGEST]) {
        let local = from.join(file);
        let Ok(mut source) = tokio::fs::File::open(&local).await else {
            if file == DIGEST {
                continue;
            }
            return Err(format!("{} cannot be read", local.display()));
        };
        let size = source.metadata().await.map_err(|e| e.to_string())?.len();
        let taking = format!("umask 077; head -c {size} >'{half}/{file}'");
        holder.write(&["sh", "-c", &taking], &mut source).await.map_err(|e| format!("{file}: {e}"))?;
        if !output.is_data() {
            say::note(&format!("{file}: {}", bytes(size)));
        }
    }
    Ok(())
}

/// Whether a name from outside is a name and nothing else.
fn plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Whether a file of a record lies in the backup's own folder, or in the one of a parallel dump.
fn inside(file: &str) -> bool {
    plain(file.strip_prefix("database/").unwrap_or(file))
}

/// Compares a file here with what the record says of it.
async fn check(recorded: &File, local: &Path) -> Result<(), String> {
    let shown = local.display();
    let mut file = tokio::fs::File::open(local).await.map_err(|e| format!("{shown}: {e}"))?;
    let (mut hash, mut size, mut buffer) = (Sha256::new(), 0_u64, vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer).await.map_err(|e| format!("{shown}: {e}"))?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        size += read as u64;
    }
    if size != recorded.bytes {
        return Err(format!("{shown} has {size} bytes, its record says {}", recorded.bytes));
    }
    if hex(&hash.finalize()) != recorded.sha256 {
        return Err(format!("{shown} is not the file that was recorded: its sha256 differs"));
    }
    Ok(())
}

/// A folder that only its owner may look into.
fn private_folder(path: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_from_a_record_is_never_a_path() {
        for name in ["", ".", "..", ".x", "a/b", "../a", "a b", "a'b", "a\0"] {
            assert!(!super::plain(name) && !super::inside(name), "{name:?}");
        }
        for name in ["database/", "database/../x", "database/.x", "database/a/b", "other/x"] {
            assert!(!super::inside(name), "{name:?}");
        }
        assert!(super::inside("database/toc.dat") && super::inside("database.dump"));
        assert!(super::plain("om-1.13.1-20261122T202821Z"));
    }
}
