//! The verb `backup`.

mod bring_back;
mod drill;
mod dump;
mod export;
mod following;
mod init;
mod list;
mod make;
mod prune;
mod receipt;
mod restore;
mod snapshot;
mod verify;

pub use bring_back::{Args as BringBackArgs, bring_back};
pub use drill::{Args as DrillArgs, drill};
pub use export::{ExportArgs, ImportArgs, export, import};
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
use crate::cli::flags::Output;
use crate::cli::say;
use crate::exit::Exit;
use crate::facts::Release;
use crate::failure::Failure;
use crate::session::Session;
use clap::Subcommand;
use serde::Serialize;
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

/// A label of a Pod. Those that tell our own Pods are ours.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE")?;
    let own = key.is_empty() || key.starts_with("omupgrade.io/") || key == "app.kubernetes.io/managed-by";
    if own { Err(format!("`{key}` is no label to choose")) } else { Ok((key.to_owned(), value.to_owned())) }
}

/// The version that an upgrade goes to, as it is written everywhere.
fn version(text: &str) -> Result<String, Failure> {
    let version =
        Version::parse(text).ok_or_else(|| Failure::usage(format!("`{text}` is no version: write 1.13.1")))?;
    Ok(version.to_string())
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
            Err(_) if !snapshots.is_empty() => return Ok(Listing { backups: snapshots, ..Listing::default() }),
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

/// Writes an answer for programs, or gives the words to people.
fn answer(output: Output, data: &impl Serialize, words: impl FnOnce() -> String) -> anyhow::Result<()> {
    match output {
        Output::Json => say::output(&format!("{}\n", serde_json::to_string_pretty(data)?)),
        Output::Yaml => say::output(&serde_saphyr::to_string(data)?),
        _ => say::output(&words()),
    }
}
