//! `backup restore`: a backup comes back under the revision that runs: after a lost namespace, or when data went wrong and
//! the code did not. All of it is `rollback --restore` without its step of helm.

use crate::cli::flags::duration;
use crate::commands::rollback;
use crate::exit::Exit;
use crate::session::Session;
use std::path::PathBuf;
use std::time::Duration;

/// Bring the database back to a backup; the release stays as it is.
///
/// After a lost namespace: install the chart's version that `backup show` names, `backup import` the exported folder,
/// then this, with `--backup-of` where the backup is of another release, namespace or database server. To go back to an
/// older version with its database: `rollback RELEASE REVISION --restore`.
#[derive(Debug, Clone, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    /// The release.
    #[arg(add = clap_complete::ArgValueCompleter::new(crate::cli::complete::releases))]
    pub release: String,
    /// The backup, as `backup list` names it.
    pub name: String,
    /// Whose backup it is, where it is of another release or was made on another database server: as `backup show` says it.
    #[arg(long, value_name = "NAMESPACE/RELEASE", value_parser = rollback::whose)]
    pub backup_of: Option<String>,
    /// Restore although the revision's Fernet key is another one than the backup's, or is not known to be the same.
    #[arg(long)]
    pub accept_other_fernet_key: bool,
    /// Restore although the revision's JWT keys are not the backup's: bots and users get new tokens.
    #[arg(long)]
    pub accept_other_jwt_key: bool,
    /// The claim with the backups; without it the backup hook's, else RELEASE-omupgrade-backup.
    #[arg(long, value_name = "NAME")]
    pub claim: Option<String>,
    /// Do not dump the database as it is now first.
    #[arg(long)]
    pub no_dump: bool,
    /// Empty the database and load the backup into it, where no database can be made beside it.
    #[arg(long)]
    pub in_place: bool,
    /// A Secret with username and password of one who may create and rename databases.
    #[arg(long, value_name = "NAME")]
    pub admin_secret: Option<String>,
    /// The database client's image; without it the schema guard's, else postgres:18 or mysql:8.4.
    #[arg(long, value_name = "IMAGE", alias = "probe-image")]
    pub client_image: Option<String>,
    /// A label for every Pod of ours, for network policies and the like; may be given again.
    #[arg(long = "pod-label", value_name = "KEY=VALUE", value_parser = super::label)]
    pub pod_labels: Vec<(String, String)>,
    /// Print exactly what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask before doing it; without a terminal nobody can be asked, and then it is needed.
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// Do not watch the pods afterwards.
    #[arg(long)]
    pub no_watch: bool,
    /// How long to watch. The check of the backup before it may read as long, too, where that is more than its size asks
    /// for: an hour for every 56 GiB, and at least one.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub timeout: Duration,
    /// The helm to use; without it the one on the PATH.
    #[arg(long, value_name = "FILE")]
    pub helm: Option<PathBuf>,
}

/// Brings it back.
pub(super) async fn restore(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let args = args.clone();
    let as_rollback = rollback::Args {
        release: Some(args.release),
        stay: true,
        restore: true,
        backup: Some(args.name),
        backup_of: args.backup_of,
        accept_other_fernet_key: args.accept_other_fernet_key,
        accept_other_jwt_key: args.accept_other_jwt_key,
        claim: args.claim,
        no_dump: args.no_dump,
        in_place: args.in_place,
        admin_secret: args.admin_secret,
        probe_image: args.client_image,
        pod_labels: args.pod_labels,
        dry_run: args.dry_run,
        yes: args.yes,
        no_watch: args.no_watch,
        timeout: args.timeout,
        helm: args.helm,
        ..rollback::Args::default()
    };
    rollback::run(session, &as_rollback).await
}
