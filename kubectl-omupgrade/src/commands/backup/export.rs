//! `backup export`: a backup as a folder here. Every file is compared with the record on its way; what was copied half goes
//! again.

use super::list::pick_files;
use super::{Of, Place, answer, full};
use crate::adapters::cluster::Cluster;
use crate::adapters::exec::{Broken, Holder};
use crate::adapters::keys::hex;
use crate::backup::answers::Exported;
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
/// database. Secrets that were kept beside the backup stay in the cluster. Of one that did not arrive whole nothing stays
/// here.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
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

/// The two files beside those that the record names; the second is missing in old backups.
pub(super) const RECORD: &str = "catalog.json";
pub(super) const DIGEST: &str = "catalog.sha256";

/// Exports.
pub async fn export(cluster: &Cluster, args: &Args, output: Output) -> anyhow::Result<Exit> {
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
    let need = entry.record.files.iter().map(|file| file.bytes).fold(0, u64::saturating_add);
    let doing = |e: std::io::Error| {
        if full::here(&e) {
            return full::folder(name, &args.into, need, 0, &on);
        }
        Failure::unknown(format!("writing {}: {e}", half.display()))
    };
    match std::fs::remove_dir_all(&half) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(doing(e).into()),
        _ => {}
    }
    private_folder(&half).map_err(doing)?;
    let holder = Holder::start(cluster, &place.beside, &place.claim, args.timeout.as_secs().max(1)).await;
    let copied = match holder {
        Ok(holder) => {
            let copied = out(&holder, name, &entry.record, &half, output).await;
            holder.end(cluster).await;
            copied
        }
        Err(why) => Err(Broken::There(why)),
    };
    let placed = copied.and_then(|()| std::fs::rename(&half, &folder).map_err(at(&folder)));
    if let Err(why) = placed {
        let written = written(&half);
        let gone = std::fs::remove_dir_all(&half);
        if matches!(&why, Broken::Here(e) if full::here(e)) {
            return Err(full::folder(name, &args.into, need, written, &on).into());
        }
        let left = gone.map_or_else(|_| format!("; {} is half of it", half.display()), |()| String::new());
        let failure = Failure::unknown(format!("copying {name} out: {why}{left}"));
        return Err(match why {
            Broken::Here(_) => failure.hint(format!("kubectl omupgrade backup export {on} {name} --into FOLDER")),
            Broken::There(_) => failure.hint(format!("kubectl omupgrade backup verify {on} {name}")),
        }
        .into());
    }
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

async fn out(holder: &Holder, name: &str, record: &Record, half: &Path, output: Output) -> Result<(), Broken> {
    let names = record.files.iter().map(|f| f.name.as_str()).chain([RECORD, DIGEST]);
    for file in names {
        if !inside(file) {
            return Err(Broken::There(format!("the record names the file {file:?}")));
        }
        if let Some((folder, _)) = file.split_once('/') {
            let folder = half.join(folder);
            private_folder(&folder).map_err(at(&folder))?;
        }
        let remote = format!("/backup/{name}/{file}");
        let local = half.join(file);
        let mut opening = tokio::fs::OpenOptions::new();
        opening.write(true).create_new(true);
        #[cfg(unix)]
        opening.mode(0o600);
        let mut to = opening.open(&local).await.map_err(at(&local))?;
        match holder.read(&["cat", &remote], &mut to).await {
            Ok(()) => {}
            Err(Broken::There(_)) if file == DIGEST => {
                let _ = std::fs::remove_file(&local);
                continue;
            }
            Err(Broken::There(words)) => return Err(Broken::There(format!("{file}: {words}"))),
            Err(Broken::Here(e)) => return Err(at(&local)(e)),
        }
        to.sync_all().await.map_err(at(&local))?;
        if let Some(recorded) = record.files.iter().find(|f| f.name == file) {
            check(recorded, &local).await.map_err(Broken::There)?;
            if !output.is_data() {
                say::note(&format!("{file}: {}, as recorded", bytes(recorded.bytes)));
            }
        }
    }
    Ok(())
}

/// What could not be written here, with its place.
fn at(path: &Path) -> impl Fn(std::io::Error) -> Broken {
    move |e| Broken::Here(std::io::Error::new(e.kind(), format!("{}: {e}", path.display())))
}

/// The bytes that stand in a folder, and in the one of a parallel dump within it.
fn written(folder: &Path) -> u64 {
    let sizes = |folder: PathBuf| {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|e| e.metadata().ok()).filter(std::fs::Metadata::is_file).map(|m| m.len()).sum::<u64>()
    };
    sizes(folder.to_owned()).saturating_add(sizes(folder.join("database")))
}

/// Whether a name from outside is a name and nothing else.
pub(super) fn plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Whether a file of a record lies in the backup's own folder, or in the one of a parallel dump.
pub(super) fn inside(file: &str) -> bool {
    plain(file.strip_prefix("database/").unwrap_or(file))
}

/// Compares a file here with what the record says of it.
pub(super) async fn check(recorded: &File, local: &Path) -> Result<(), String> {
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
