//! The verbs, one file each. This list is the only place that knows them all.

pub mod backup;
pub mod checked;
pub mod completion;
pub mod diagnose;
pub mod history;
pub mod precheck;
pub mod rbac;
pub mod rollback;
pub mod schema;
pub mod status;
pub mod unlock;
pub mod validate;
pub mod watching;

use crate::adapters::cluster::Cluster;
use crate::adapters::lock::Lock;
use crate::adapters::{helm, journal};
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use clap::Subcommand;

/// What a person is told who stopped a run that the same command goes on with.
const GOES_ON: &str = "interrupted: what was begun stays as it is, and the same command goes on with it; `kubectl omupgrade history` tells how far it came";

/// The same, where helm was at work: a signal of the terminal ends it, too.
const HELM_STOPPED: &str = "interrupted while helm was at work: Ctrl-C ends helm, too, in its middle, and its revision stays pending-rollback; the run stands in the journal, and the same command goes on from there (a helm that still runs is waited for, for 90 s at most); `kubectl omupgrade history` tells how far it came";

/// Takes what nothing needs any more out of the journal, once a verb's work is done: that it could not be is no failure of
/// that work.
async fn prune_journal(cluster: &Cluster, lock: Option<&Lock>, release: &str) {
    match journal::prune(cluster, lock, release).await {
        Ok(0) => {}
        Ok(gone) => say::note(&format!("{gone} old runs that nothing needs any more were taken out of the journal")),
        Err(error) => say::note(&format!("old runs stay in the journal: {error:#}")),
    }
}

/// A verb and its arguments.
#[derive(Debug, Subcommand)]
#[allow(missing_docs)] // each verb's own doc is its help
pub enum Command {
    Status(status::Args),
    Precheck(precheck::Args),
    Rollback(rollback::Args),
    History(history::Args),
    Unlock(unlock::Args),
    Diagnose(diagnose::Args),
    Validate(validate::Args),
    Rbac(rbac::Args),
    Completion(completion::Args),
    Backup(backup::Args),
    Schema(schema::Args),
}

impl Command {
    /// What a person is told who stopped it: nothing where it only looks.
    pub fn goes_on(&self) -> Option<&'static str> {
        match self {
            Self::Rollback(_) if helm::is_at_work() => Some(HELM_STOPPED),
            Self::Rollback(_) => Some(GOES_ON),
            Self::Backup(args) => args.goes_on(),
            _ => None,
        }
    }

    /// Runs the verb.
    pub async fn run(&self, session: &Session) -> anyhow::Result<Exit> {
        let runs_checks = matches!(self, Self::Precheck(_) | Self::Validate(_));
        if session.flags.output.output().is_none() && !runs_checks {
            return Err(Failure::usage("this verb runs no checks: it writes text, wide, json or yaml").into());
        }
        match self {
            Self::Status(args) => Box::pin(status::run(session, args)).await,
            Self::Precheck(args) => Box::pin(precheck::run(session, args)).await,
            Self::Rollback(args) => Box::pin(rollback::run(session, args)).await,
            Self::History(args) => history::run(session, args).await,
            Self::Unlock(args) => unlock::run(session, args).await,
            Self::Validate(args) => Box::pin(validate::run(session, args)).await,
            Self::Diagnose(args) => Box::pin(diagnose::run(session, args)).await,
            Self::Rbac(args) => rbac::run(session, args).await,
            Self::Completion(args) => completion::run(session, args).await,
            Self::Schema(args) => schema::run(session, args),
            Self::Backup(args) => Box::pin(backup::run(session, args)).await,
        }
    }
}
