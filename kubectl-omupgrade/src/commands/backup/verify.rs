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

/// Words of an image that cannot read a dump: they tell nothing of the backup.
const READERS: [&str; 2] = ["its files are as recorded, and this image's", "this image has no pg_restore"];

/// Reads one back, and says so beside it on the claim; an error where it is not whole or cannot be read.
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
        return Err(not_proven(&entry.name, &entry.record.client_version, on, &why).into());
    }
    Ok(())
}

/// Why one is not proven: its bytes, or only what was to read them.
fn not_proven(name: &str, client: &str, on: &str, why: &str) -> Failure {
    if READERS.iter().any(|words| why.contains(words)) {
        let major = client.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
        return Failure::unknown(format!("whether {name} can be restored is not known: {why}")).hint(format!(
            "kubectl omupgrade backup verify {on} {name} --client-image postgres:{major}    # {client} dumped it"
        ));
    }
    Failure::no(format!("{name} is not proven: {why}"))
        .hint(format!("kubectl omupgrade backup {on}    # make a new one"))
        .hint(format!("kubectl omupgrade backup list {on}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_that_cannot_read_a_dump_tells_nothing_of_the_backup() {
        for (why, exit, hint) in [
            (
                "om-b: its files are as recorded, and this image's pg_restore (PostgreSQL) 15.1 cannot read the dump to its end (exit 1): unsupported version",
                Exit::Unknown,
                "kubectl omupgrade backup verify om -n data om-b --client-image postgres:18 ",
            ),
            (
                "this image has no pg_restore to read the dump with; name a postgresql client image",
                Exit::Unknown,
                "postgres:18",
            ),
            (
                "om-b: database.dump is not the one that was proven: its sha256 differs from the record's",
                Exit::No,
                "make a new one",
            ),
        ] {
            let failure = not_proven("om-b", "18.1", "om -n data", why);
            assert_eq!(failure.exit, exit, "{why}");
            assert!(failure.hints[0].contains(hint), "{:?}", failure.hints);
        }
    }
}
