//! `backup receipt`, and the writing of receipts: the file that helm-postrender takes for a proven backup.

use super::list::pick;
use super::{Of, Place, answer, version};
use crate::adapters::cluster::Cluster;
use crate::backup::{Receipt, receipt};
use crate::cli::flags::Output;
use crate::commands::checked::writable;
use crate::exit::Exit;
use crate::failure::Failure;
use jiff::Timestamp;
use shared::backup::Record;
use std::path::{Path, PathBuf};

/// Write the receipt of a backup that is there, for an upgrade by helm and helm-postrender.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The backup; without it the newest.
    pub name: Option<String>,
    /// The version that the upgrade goes to.
    #[arg(long, value_name = "VERSION", value_parser = version)]
    pub to: String,
    /// Where the receipt is written; without it RELEASE-VERSION.receipt.json here.
    #[arg(long, value_name = "FILE")]
    pub receipt: Option<PathBuf>,
}

/// Writes one again.
pub async fn again(cluster: &Cluster, args: &Args, output: Output) -> anyhow::Result<Exit> {
    args.receipt.as_deref().map(writable).transpose()?;
    let place = Place::find(cluster, &args.of).await?;
    let listing = place.listing(cluster).await?;
    let on = place.on(cluster);
    let entry = pick(&listing, &place, args.name.as_deref(), &on)?;
    if entry.record.release != place.release.name || entry.record.namespace != place.release.namespace {
        let (release, namespace) = (&entry.record.release, &entry.record.namespace);
        return Err(Failure::refused(format!("{} is a backup of {release} -n {namespace}", entry.name)).into());
    }
    let (file, receipt) = write(&entry.name, &entry.record, &args.to, args.receipt.as_deref(), &on)?;
    answer(output, &receipt, || words(&file, &receipt))?;
    Ok(Exit::Done)
}

/// Writes it; where, and what stands in it.
pub(super) fn write(
    name: &str,
    record: &Record,
    to: &str,
    file: Option<&Path>,
    on: &str,
) -> anyhow::Result<(PathBuf, Receipt)> {
    let made = receipt(name, record, to, Timestamp::now())
        .map_err(|why| Failure::refused(why).hint(format!("kubectl omupgrade backup {on} --to {to}")))?;
    let file = path(&made.release, &made.target, file);
    let again = format!("kubectl omupgrade backup receipt {on} {name} --to {to} --receipt FILE");
    let doing = |e: std::io::Error| not_written(&file, &e).hint(again.as_str());
    // Beside it first: a receipt is there whole or not at all.
    let mut text = tempfile::NamedTempFile::new_in(folder(&file)).map_err(doing)?;
    serde_json::to_writer_pretty(&mut text, &made)?;
    text.persist(&file).map_err(|e| doing(e.error))?;
    Ok((file, made))
}

/// Whether one can be written: told before a dump that may take hours.
pub(super) fn can_be_written(release: &str, to: &str, file: Option<&Path>) -> anyhow::Result<()> {
    let file = path(release, to, file);
    writable(&file)?;
    tempfile::NamedTempFile::new_in(folder(&file)).map(drop).map_err(|e| not_written(&file, &e))?;
    Ok(())
}

/// Where it is written, in full.
fn path(release: &str, to: &str, file: Option<&Path>) -> PathBuf {
    let file = file.map_or_else(|| PathBuf::from(format!("{release}-{to}.receipt.json")), Path::to_owned);
    std::path::absolute(&file).unwrap_or(file)
}

fn folder(file: &Path) -> &Path {
    file.parent().unwrap_or(Path::new("."))
}

fn not_written(file: &Path, error: &std::io::Error) -> Failure {
    Failure::unknown(format!("writing the receipt {}: {error}", file.display()))
}

/// What to do with it.
pub(super) fn words(file: &Path, receipt: &Receipt) -> String {
    format!(
        "receipt for the upgrade of {} to {}, holds until {}:\n  export OMUPGRADE_RECEIPT='{}' OMUPGRADE_NAMESPACE='{}'\n  helm upgrade {} … -n {} --post-renderer helm-postrender\n",
        receipt.release,
        receipt.target,
        receipt.expires,
        file.display(),
        receipt.namespace,
        receipt.release,
        receipt.namespace
    )
}
