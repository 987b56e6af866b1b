//! `backup verify`: reads a backup's files back, in a Pod.

use super::list::pick_files;
use super::{Of, Place, answer};
use crate::adapters::claim;
use crate::adapters::cluster::Cluster;
use crate::backup::Entry;
use crate::backup::answers::Verified;
use crate::cli::flags::{Output, duration};
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use std::time::Duration;

/// Read a backup's files back: sizes and digests as recorded, the dump whole to its end.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The backup; without it the newest.
    pub name: Option<String>,
    /// How long it may take.
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = duration)]
    pub timeout: Duration,
}

impl Default for Args {
    fn default() -> Self {
        Self { of: Of::default(), name: None, timeout: Duration::from_hours(2) }
    }
}

/// Verifies.
pub async fn verify(cluster: &Cluster, args: &Args, output: Output) -> anyhow::Result<Exit> {
    let place = Place::find(cluster, &args.of).await?;
    let listing = place.listing(cluster).await?;
    let on = place.on(cluster);
    let entry = pick_files(&listing, &place, args.name.as_deref(), &on, "its bytes cannot be read here")?;
    proven(cluster, &place, entry, &args.of, args.timeout, output, &on).await?;
    let data = Verified { schema: "omupgrade.io/verify/v1", backup: entry.name.clone(), verified: true };
    answer(output, &data, || {
        format!("{} is whole: every file has its recorded size and digest, the dump was read to its end\n", entry.name)
    })?;
    Ok(Exit::Done)
}

/// Reads one back, and says so beside it on the claim; an error where it is not whole.
pub(super) async fn proven(
    cluster: &Cluster,
    place: &Place,
    entry: &Entry,
    of: &Of,
    timeout: Duration,
    output: Output,
    on: &str,
) -> anyhow::Result<()> {
    let beside = place.beside.clone().for_engine(entry.record.engine, of.client_image.as_deref());
    if !output.is_data() {
        say::note(&format!("reading {} back", entry.name));
    }
    let variables = [("OMUPGRADE_ACTION", "verify"), ("OMUPGRADE_BACKUP", entry.name.as_str())];
    let log = claim::run(cluster, &beside, &place.claim, &variables, timeout.as_secs().max(1)).await;
    let proven = log.as_ref().is_ok_and(|l| l.contains(&format!("omupgrade-backup: verified {}", entry.name)));
    if !proven {
        let why = log.err().unwrap_or_else(|| "the Pod's answer broke off".to_owned());
        return Err(Failure::no(format!("{} is not proven: {why}", entry.name))
            .hint(format!("kubectl omupgrade backup {on}    # make a new one"))
            .hint(format!("kubectl omupgrade backup list {on}"))
            .into());
    }
    Ok(())
}
