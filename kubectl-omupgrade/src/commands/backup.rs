//! The verb `backup`.

mod again;
mod bring_back;
mod drill;
mod dump;
mod export;
mod following;
mod full;
mod import;
mod init;
mod keeping;
mod list;
mod make;
mod prune;
mod receipt;
mod restore;
mod snapshot;
mod verify;

pub use bring_back::{Args as BringBackArgs, bring_back};
pub use drill::{Args as DrillArgs, drill};
pub use export::{Args as ExportArgs, export};
pub use import::{Args as ImportArgs, import};
pub use init::{Args as InitArgs, init};
pub use list::{ListArgs, ShowArgs, list, show};
pub use make::{Args as MakeArgs, Terms, back_up};
pub use prune::{Args as PruneArgs, prune};
pub use receipt::{Args as ReceiptArgs, again};
pub use restore::Args as RestoreArgs;
pub use snapshot::{Args as SnapshotArgs, snapshot};
pub use verify::{Args as VerifyArgs, verify};

use crate::adapters::cluster::Cluster;
use crate::adapters::lock::Timing;
use crate::adapters::{claim, release, secrets, snapshots};
use crate::backup::{Entry, Listing};
use crate::beside::Beside;
use crate::cli::say::{self, answer};
use crate::exit::Exit;
use crate::facts::Release;
use crate::failure::{Failure, exit_of};
use crate::session::Session;
use clap::Subcommand;
use shared::versions::Version;

/// Back up the database of a release and prove the backup; list, verify and hand on what is there.
///
/// A Job beside the server dumps the database with its own client to a claim (`backup init` makes it), reads the dump
/// back, and leaves a record with digests, row counts and the schema's fingerprint. With `--to` it ends with a receipt
/// that helm-postrender takes, so that `helm upgrade` may follow, also with Helm 3. The same command again goes on where
/// a killed one stopped.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Args {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    make: MakeArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    Init(InitArgs),
    List(ListArgs),
    Show(ShowArgs),
    Snapshot(SnapshotArgs),
    BringBack(BringBackArgs),
    Verify(VerifyArgs),
    Drill(DrillArgs),
    Restore(RestoreArgs),
    Receipt(ReceiptArgs),
    Export(ExportArgs),
    Import(ImportArgs),
    Prune(PruneArgs),
}

impl Args {
    /// What a person is told who stopped it: nothing where it only looks.
    pub(super) fn goes_on(&self) -> Option<&'static str> {
        match &self.what {
            None | Some(What::Restore(_) | What::Prune(_)) => Some(super::GOES_ON),
            Some(What::Export(_) | What::Import(_)) => Some(
                "interrupted: the same command begins anew; the Pod that holds the claim open ends with --timeout, or by kubectl delete pod -l omupgrade.io/role=claim",
            ),
            Some(What::Snapshot(_) | What::BringBack(_)) => Some(
                "interrupted: the same command begins anew; what yours began may go on at the provider: look there first",
            ),
            Some(What::Drill(_)) => Some("interrupted: its Pod ends by itself; the same command begins anew"),
            Some(What::Init(_) | What::List(_) | What::Show(_) | What::Verify(_) | What::Receipt(_)) => None,
        }
    }
}

/// Which release, and which claim of its backups.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Of {
    /// The release; without it the only one of the namespace.
    #[arg(add = clap_complete::ArgValueCompleter::new(crate::cli::complete::releases))]
    pub release: Option<String>,
    /// The claim with the backups; without it the backup hook's, else RELEASE-omupgrade-backup.
    #[arg(long, value_name = "NAME")]
    pub claim: Option<String>,
    /// The database client's image; without it the schema guard's, else postgres:18 or mysql:8.4. Where nobody chose one, a
    /// PostgreSQL is dumped and drilled by postgres of its own major.
    #[arg(long, value_name = "IMAGE", alias = "probe-image")]
    pub client_image: Option<String>,
    /// A label for every Pod of ours, for network policies and the like; may be given again.
    #[arg(long = "pod-label", value_name = "KEY=VALUE", value_parser = label)]
    pub pod_labels: Vec<(String, String)>,
}

/// A label of a Pod, as the API server takes one: it would refuse another one in the middle of the work. Those that tell
/// our own Pods are ours.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    let own = key.is_empty() || key.starts_with("omupgrade.io/") || key == "app.kubernetes.io/managed-by";
    if own {
        return Err(format!("`{key}` is no label to choose"));
    }
    let outer = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let word = |text: &str| {
        let plain = text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        plain && text.len() <= 63 && outer(text.chars().next()) && outer(text.chars().next_back())
    };
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let domain = |text: &str| {
        let label = |part: &str| word(part) && !part.contains('_') && !part.chars().any(|c| c.is_ascii_uppercase());
        text.len() <= 253 && text.split('.').all(label)
    };
    if !word(name) || !prefix.is_none_or(domain) || !(value.is_empty() || word(value)) {
        return Err("a label is letters, digits, dashes, dots and underscores: write team=data".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// The version that an upgrade goes to, as it is written everywhere.
fn version(text: &str) -> Result<String, String> {
    Version::parse(text).map(|v| v.to_string()).ok_or_else(|| format!("`{text}` is no version: write 1.13.1"))
}

/// Runs it.
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let cluster = session.connect().await?;
    let output = session.output();
    match &args.what {
        None => Box::pin(back_up(&cluster, &args.make, Terms::of(session))).await,
        Some(What::Init(args)) => init(&cluster, args, output).await,
        Some(What::List(args)) => list(&cluster, args, output).await,
        Some(What::Show(args)) => show(&cluster, args, output).await,
        Some(What::Snapshot(args)) => Box::pin(snapshot(&cluster, args, Terms::of(session))).await,
        Some(What::BringBack(args)) => Box::pin(bring_back(&cluster, args, Terms::of(session))).await,
        Some(What::Verify(args)) => verify(&cluster, args, output).await,
        Some(What::Restore(args)) => Box::pin(restore::restore(session, args)).await,
        Some(What::Drill(args)) => drill(&cluster, args, output).await,
        Some(What::Export(args)) => export(&cluster, args, output).await,
        Some(What::Import(args)) => import(&cluster, args, output).await,
        Some(What::Prune(args)) => prune(&cluster, args, Timing::default(), output).await,
        Some(What::Receipt(args)) => again(&cluster, args, output).await,
    }
}

/// A release and where its backups are.
struct Place {
    release: Release,
    stored: Vec<release::Stored>,
    beside: Beside,
    claim: String,
}

impl Place {
    async fn find(cluster: &Cluster, of: &Of) -> anyhow::Result<Self> {
        let found = release::find(cluster, of.release.as_deref()).await?;
        let (release, stored) = (found.release, found.stored);
        let manifest = release.manifest.expose().map_or("", String::as_str);
        let beside = Beside::of_manifest(&release.name, &release.namespace, manifest, of.client_image.as_deref());
        let beside = beside.map_err(|e| {
            Failure::unknown(format!("reading the newest revision of {}: {e}", release.name))
                .hint(format!("kubectl omupgrade status {} -n {}", release.name, cluster.namespace))
        })?;
        let beside = beside.labelled(&of.pod_labels)?;
        let claim = claim::name_of(&release.name, of.claim.as_deref(), std::slice::from_ref(&release));
        Ok(Self { release, stored, beside, claim })
    }

    /// `RELEASE -n NAMESPACE`, for commands in hints.
    fn on(&self, cluster: &Cluster) -> String {
        format!("{} -n {}", self.release.name, cluster.namespace)
    }

    /// What lies on the claim, which has to be there unless there are snapshots; and those.
    async fn listing(&self, cluster: &Cluster) -> anyhow::Result<Listing> {
        let snapshots = self.snapshots(cluster).await?;
        match self.claim_there(cluster).await {
            // Where it is known that there is no claim; one that could not be looked for may hold backups.
            Err(error) if !snapshots.is_empty() && exit_of(&error) == Exit::Refused => {
                return Ok(Listing { backups: snapshots, ..Listing::default() });
            }
            there => there?,
        }
        let listing = claim::listing(cluster, &self.beside, &self.claim).await;
        let listing = listing.map_err(|e| Failure::unknown(format!("listing the backups on {}: {e}", self.claim)))?;
        // Where they may not be listed the records are believed.
        match secrets::all(cluster).await {
            Ok(there) => {
                let there: Vec<String> = there.into_iter().map(|s| s.name).collect();
                Ok(listing.with(snapshots).with_secrets(&there))
            }
            Err(_) => Ok(listing.with(snapshots)),
        }
    }

    /// The snapshots that are recorded of the release.
    async fn snapshots(&self, cluster: &Cluster) -> anyhow::Result<Vec<Entry>> {
        let (found, unread) = snapshots::all(cluster, &self.release.name).await.map_err(Failure::unknown)?;
        for map in unread {
            say::note(&format!("the ConfigMap {map} holds no record that can be read, and is left out"));
        }
        Ok(found)
    }

    /// That the claim is there, and not on its way out.
    async fn claim_there(&self, cluster: &Cluster) -> anyhow::Result<()> {
        let (claim, on) = (&self.claim, self.on(cluster));
        let found =
            claim::get(cluster, claim).await.map_err(|r| r.failure(&format!("looking for the claim {claim}")))?;
        match found {
            None => Err(Failure::refused(format!("there is no claim {claim} for the backups"))
                .hint(format!("kubectl omupgrade backup init {on}"))
                .hint(format!("kubectl get pvc -n {}    # or name one of them with --claim", cluster.namespace))
                .into()),
            Some(there) if there.metadata.deletion_timestamp.is_some() => {
                Err(Failure::refused(format!("the claim {claim} is being deleted, and its backups with it"))
                    .hint(format!("kubectl describe pvc {claim} -n {}    # what still uses it?", cluster.namespace))
                    .into())
            }
            Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Args, ExportArgs, ListArgs, MakeArgs, Of, What, label, version};
    use crate::commands::GOES_ON;
    use std::time::Duration;

    #[test]
    fn only_of_what_the_same_command_goes_on_with_it_is_said() {
        let said = |what| Args { what, make: MakeArgs::default() }.goes_on();
        assert_eq!(said(None), Some(GOES_ON));
        assert_eq!(said(Some(What::List(ListArgs::default()))), None);
        let export = ExportArgs { of: Of::default(), name: None, into: ".".into(), timeout: Duration::ZERO };
        let words = said(Some(What::Export(export))).unwrap();
        assert!(words.contains("begins anew") && words.contains("delete pod"), "{words}");
    }

    #[test]
    fn what_the_api_server_would_refuse_as_a_label_is_refused_at_once() {
        for text in ["net=db", "example.com/net=db.1_x-2", "net=", "a/b=C"] {
            let (key, value) = text.split_once('=').unwrap();
            assert_eq!(label(text), Ok((key.to_owned(), value.to_owned())));
        }
        let long = format!("net={}", "x".repeat(64));
        for text in
            ["net", "=db", "a b=db", "net=c d", "net=-db", "/net=db", "a_b/net=db", "a/b/c=db", "net=a=b", &long]
        {
            assert!(label(text).is_err(), "{text}");
        }
        assert!(label("omupgrade.io/role=x").is_err() && label("app.kubernetes.io/managed-by=x").is_err());
    }

    #[test]
    fn a_version_is_written_as_everywhere() {
        assert_eq!(version("v1.13.1").as_deref(), Ok("1.13.1"));
        assert!(version("latest").is_err());
    }
}
