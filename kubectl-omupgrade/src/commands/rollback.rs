//! The verb `rollback`.

mod again;
mod agreed;
mod alone;
mod check;
mod confirm;
mod given_up;
mod keys;
mod left;
mod look;
mod next;
mod perform;
mod restore;
mod restored;
mod rights;
mod roll;
pub(super) mod saved;
mod say;

use agreed::agreed;
pub use confirm::{Confirmed, confirmed, dropped};
pub use say::Data;

use super::checked::writable;
use super::{status, watching};
use crate::adapters::cluster::Cluster;
use crate::adapters::helm::{self, Helm};
use crate::adapters::lock::Timing;
use crate::adapters::{journal, release};
use crate::cli::flags::{Output, duration};
use crate::cli::say as to;
use crate::exit::Exit;
use crate::facts::Release;
use crate::failure::Failure;
use crate::journal::{Outcome, Run};
use crate::session::Session;
use crate::verdict::Way;
use crate::wayback::restore::{GivenUp, Plan};
use crate::wayback::{Asked, Choice, Contents, Decision, Look, choose, decided, elsewhere};
use next::Next;
use restore::Restoration;
use std::path::PathBuf;
use std::time::Duration;

/// Take a release back to a revision, by what the database says.
///
/// Shows first what would change, then the verdict: *code only* is performed, with the real helm; *restore* is performed
/// with `--restore`: the servers stand still, the database comes back from a backup, then the code; *unproven* and
/// *impossible* stop with exit 5 and say what is needed, unless `--restore --backup NAME` names the way. Without a
/// revision it goes to the last one that was validated. The same command again goes on where a killed one stopped.
#[derive(Debug, Clone, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    /// The release; without it the only one of the namespace.
    #[arg(add = clap_complete::ArgValueCompleter::new(crate::cli::complete::releases))]
    pub release: Option<String>,
    /// The revision; without it the last one that the journal calls validated.
    #[arg(value_parser = number, add = clap_complete::ArgValueCompleter::new(crate::cli::complete::revisions))]
    pub revision: Option<u64>,
    /// Print exactly what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Go back although nothing proves that the database did not move.
    #[arg(long)]
    pub accept_unproven: bool,
    /// Bring the database back from a backup, where the verdict is restore.
    #[arg(long)]
    pub restore: bool,
    /// The backup, whatever the verdict would take; without it the one that the verdict names.
    #[arg(long, value_name = "NAME", requires = "restore")]
    pub backup: Option<String>,
    /// Whose backup it is, where it is of another release or was made on another database server: as `backup show` says it.
    #[arg(long, value_name = "NAMESPACE/RELEASE", requires = "backup", value_parser = whose)]
    pub backup_of: Option<String>,
    /// Restore although the revision's Fernet key is another one than the backup's, or is not known to be the same.
    #[arg(long, requires = "restore")]
    pub accept_other_fernet_key: bool,
    /// Restore although the revision's JWT keys are not the backup's: bots and users get new tokens.
    #[arg(long, requires = "restore")]
    pub accept_other_jwt_key: bool,
    /// The claim with the backups; without it the backup hook's, else RELEASE-omupgrade-backup.
    #[arg(long, value_name = "NAME")]
    pub claim: Option<String>,
    /// Do not dump the database as it is now first.
    #[arg(long, requires = "restore")]
    pub no_dump: bool,
    /// Empty the database and load the backup into it, where no database can be made beside it.
    #[arg(long, requires = "restore")]
    pub in_place: bool,
    /// A Secret with username and password of one who may create and rename databases.
    #[arg(long, value_name = "NAME")]
    pub admin_secret: Option<String>,
    /// Drop the database from before, which the last restore kept; asks first. Nothing else is done.
    #[arg(long, conflicts_with_all = ["restore", "revision", "dry_run"])]
    pub confirm: bool,
    /// Go on over a pending-* revision: no helm is at work on it any more.
    #[arg(long)]
    pub clear_pending: bool,
    /// Do not start a Pod that reads the database's state: the verdict is then at best unproven.
    #[arg(long)]
    pub no_probe: bool,
    /// The client image of that Pod; without it the schema guard's, else postgres:18 or mysql:8.4.
    #[arg(long, value_name = "IMAGE")]
    pub probe_image: Option<String>,
    /// A label for every Pod of ours, for network policies and the like; may be given again.
    #[arg(long = "pod-label", value_name = "KEY=VALUE", value_parser = super::backup::label)]
    pub pod_labels: Vec<(String, String)>,
    /// Do not ask before doing it; without a terminal nobody can be asked, and then it is needed.
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// The helm to use; without it the one on the PATH.
    #[arg(long, value_name = "FILE")]
    pub helm: Option<PathBuf>,
    /// Do not watch the pods afterwards.
    #[arg(long)]
    pub no_watch: bool,
    /// How long to watch. The check of a backup before a restore may read as long, too, where that is more than its size
    /// asks for: an hour for every 56 GiB, and at least one.
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub timeout: Duration,
    /// Look and decide only, and end with the verdict as exit code: 30 code only, 31 restore, 32 impossible, 33 unproven.
    #[arg(long)]
    pub exit_verdict: bool,
    /// Save what was looked at, with secrets masked.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_facts", "confirm"])]
    pub facts: Option<PathBuf>,
    /// Say of what was saved what --dry-run would have said, without a cluster.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["release", "restore", "confirm", "yes", "helm", "claim"])]
    pub from_facts: Option<PathBuf>,
    /// Only the database comes back, under the newest revision: `backup restore`.
    #[arg(skip)]
    pub stay: bool,
}

/// The number of a revision.
fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write the number of a revision, as `history` lists them".to_owned())
}

/// `NAMESPACE/RELEASE`.
pub(super) fn whose(text: &str) -> Result<String, String> {
    let name = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.'))
    };
    match text.split_once('/') {
        Some((namespace, release)) if name(namespace) && name(release) => Ok(text.to_owned()),
        _ => Err("write NAMESPACE/RELEASE, as `backup show` says it".to_owned()),
    }
}

/// Runs it.
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    if let Some(file) = &args.from_facts {
        return saved::preview(file, args, session.output(), session.fits());
    }
    args.facts.as_deref().map(writable).transpose()?;
    let cluster = session.connect().await?;
    let terms = Terms {
        output: session.output(),
        width: session.fits(),
        can_ask: session.can_ask(),
        lock: Timing::default(),
        settle: Duration::from_secs(90),
        drain: Duration::from_mins(10),
    };
    if args.confirm {
        return confirmed(&cluster, args, terms).await;
    }
    let Ended { exit, to_record } = Box::pin(rolled_back(&cluster, args, terms)).await?;
    if exit != Exit::Done || args.dry_run || args.no_watch {
        return Ok(exit);
    }
    // As `status --watch` does, with its words and its verdict; beside an answer for a program without the words.
    let target = status::target(&cluster, args.release.as_deref()).await?;
    let quiet = terms.output.is_data();
    let exit = watching::run(session, &cluster, &target, Some(args.timeout), None, quiet).await?;
    if exit == Exit::Done && to_record && !args.no_probe {
        remember(&cluster, &target.name, args).await;
    }
    Ok(exit)
}

/// Records the database's state for the revision that this way back made: the next way back to it has something to
/// compare with. That it could not be recorded does not make the way back a failure.
async fn remember(cluster: &Cluster, name: &str, args: &Args) {
    let asked = status::Args { probe_image: args.probe_image.clone(), ..status::Args::default() };
    if let Err(error) = status::record::record(cluster, name, &asked, &args.pod_labels).await {
        to::note(&format!("{error:#}; a later way back to this revision is then unproven"));
    }
}

/// What depends on where and how the process runs.
#[derive(Debug, Clone, Copy)]
pub struct Terms {
    /// The format of the answer.
    pub output: Output,
    /// The columns of the terminal that it is read on.
    pub width: Option<usize>,
    /// Whether a person can be asked.
    pub can_ask: bool,
    /// The lock's times.
    pub lock: Timing,
    /// How long a helm of ours that was left behind may take to end.
    pub settle: Duration,
    /// How long servers may take to end.
    pub drain: Duration,
}

/// What earlier runs left behind for this one.
struct Past {
    /// Whether a run of this plan has no end: it is gone on with.
    left_open: bool,
    /// The restore that such a run was left in the middle of: it is gone on with, whatever the half-way database looks
    /// like. One that was killed before it changed anything is looked at anew.
    begun: Option<Plan>,
    /// The restore that was given up after it stilled servers, with what of it still stands.
    given_up: Option<GivenUp>,
    /// What is said of that.
    notes: Vec<String>,
}

impl Past {
    fn of(look: &mut Look, unfinished: Option<GivenUp>) -> anyhow::Result<Self> {
        let (given_up, notes) = given_up::given_up(unfinished, look);
        Self::with(look, given_up, notes)
    }

    /// Where what was given up is known already.
    fn with(look: &Look, given_up: Option<GivenUp>, notes: Vec<String>) -> anyhow::Result<Self> {
        for words in &notes {
            to::note(words);
        }
        let left = perform::left_open(look);
        let begun = left.as_ref().filter(|run| run.begun(restore::QUIESCE)).map(restore::recalled);
        Ok(Self { left_open: left.is_some(), begun: begun.transpose()?.flatten(), given_up, notes })
    }
}

/// Decides, with all that stands against it.
fn decision(look: &Look, contents: &Contents, args: &Args, past: &Past) -> Decision {
    let asked = Asked {
        accept_unproven: args.accept_unproven,
        clear_pending: args.clear_pending,
        restore: args.restore,
        named: args.backup.is_some(),
        restoring: past.begun.is_some(),
    };
    let mut decision = decided(look, contents, asked);
    decision.given_up = past.given_up.is_some();
    // Helm may have ended before somebody gave the run up; its counts and schedules are still to be put back.
    decision.already &= past.given_up.is_none();
    let backup = args.backup.as_deref().or(decision.verdict.backup.as_deref());
    let kept = look.backups.as_deref().unwrap_or_default();
    let refusal = elsewhere(decision.verdict.way, backup, kept, &decision.release, &decision.namespace);
    if let Some(refusal) = refusal.filter(|_| past.begun.is_none()) {
        decision.refusals.insert(0, refusal);
    }
    decision
}

/// How it ended, and whether the database's state is to be recorded once the servers are ready: of a release that is there
/// already it was, unless that was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// The exit.
    pub exit: Exit,
    /// Whether the database's state is to be recorded.
    pub to_record: bool,
}

/// The same, for its exit alone.
pub async fn roll_back(cluster: &Cluster, args: &Args, terms: Terms) -> anyhow::Result<Exit> {
    Ok(Box::pin(rolled_back(cluster, args, terms)).await?.exit)
}

/// Looks, decides, does, says; all but the watching afterwards.
pub async fn rolled_back(cluster: &Cluster, args: &Args, terms: Terms) -> anyhow::Result<Ended> {
    if !args.stay {
        helm::reaches(&cluster.pointers)?;
    }
    let helm = match Helm::find(args.helm.as_deref()).await {
        Err(_) if args.stay => Helm::not_needed(),
        found => found?,
    };
    let Wanted { history, runs, revision } = wanted(cluster, args, terms).await?;
    let mut look = Box::pin(look::look(cluster, args, &helm, history, runs, revision)).await?;
    let unfinished = given_up::standing(cluster, &look.runs).await?;
    let past = Past::of(&mut look, unfinished)?;
    let contents = Contents::of(&look).map_err(Failure::unknown)?;
    let mut decision = decision(&look, &contents, args, &past);
    if let Some(file) = &args.facts {
        let command = perform::command(cluster, &helm, &decision, past.begun.as_ref());
        saved::save(cluster, file, &look, &contents, &past, command).await?;
    }
    if decision.stay && past.begun.is_none() && restored::done_already(&look, args) {
        if !args.dry_run {
            perform::tidy(cluster, &decision, terms).await?;
        }
        say::Answer::new(&decision, &[], None, terms.output, terms.width).data("already")?;
        return Ok(Ended { exit: Exit::Done, to_record: false });
    }
    if decision.already && past.begun.is_none() && !decision.stay {
        restored::refuse_for_nothing(&look, &decision, args)?;
    }
    let wanted = args.restore && (args.backup.is_some() || decision.verdict.way == Way::Restore);
    let restoration = match past.begun {
        Some(plan) => Some(left::left(&look, &decision, args, plan)?),
        None if wanted && !decision.already && decision.refusals.is_empty() => {
            let given_up = past.given_up.as_ref();
            let (restoration, refusals) = restore::prepare(cluster, &look, &decision, args, given_up).await?;
            decision.refusals.extend(refusals);
            Some(restoration)
        }
        None => None,
    };
    let restore_plan = restoration.as_ref().map(|r| &r.plan);
    let steps = perform::steps(&decision, restore_plan, &perform::command(cluster, &helm, &decision, restore_plan));
    let found = restoration.as_ref().and_then(|r| r.found.as_ref());
    let answer = say::Answer::new(&decision, &steps, found, terms.output, terms.width);
    answer.text(args.dry_run)?;
    if let Some(Restoration { found: Some((found, keys)), plan, .. }) = &restoration {
        to::note(&say::fits(found.words(plan, keys, decision.reach), terms.width));
    } else if args.restore && restoration.is_none() && decision.verdict.way == Way::CodeOnly && !decision.already {
        to::note("the database did not move, so nothing is restored; --backup NAME restores one all the same");
    }
    let next = Next::of(&decision, past.left_open, args.dry_run, args.exit_verdict);
    if next == Next::Already && !args.dry_run {
        perform::tidy(cluster, &decision, terms).await?;
    }
    let helms = matches!(next, Next::Preview | Next::Perform) && !decision.stay && !decision.already;
    let missing = if helms { rights::missing(cluster, &look).await } else { rights::Missing::default() };
    if !missing.is_empty() && (next == Next::Preview || !missing.refuses()) {
        to::note(&rights::words(&missing));
    }
    if let Some(exit) = answer.end(&next, args.dry_run)? {
        return Ok(Ended { exit, to_record: next == Next::Already && unrecorded(&look) });
    }
    if missing.refuses() {
        answer.data("refused")?;
        return Err(rights::refusal(&missing).into());
    }
    if let Err(error) = agreed(cluster, args, &helm, &decision, terms).await {
        answer.data("refused")?;
        return Err(error);
    }
    let done = perform::perform(cluster, &helm, &decision, args, terms, restoration.as_ref()).await;
    if let (Ok(_), Some(plan)) = (&done, restore_plan) {
        restore::say_after(&decision, plan);
    }
    answer.data(if done.is_ok() { "done" } else { "failed" })?;
    done.map(|exit| Ended { exit, to_record: true })
}

/// Whether the way back to this revision was the last one, and its watch was broken off before the database's state was
/// recorded.
fn unrecorded(look: &Look) -> bool {
    let mut since = look.runs.iter().rev().take_while(|run| run.recorded.is_none());
    let back = |run: &Run| run.verb == "rollback" && run.outcome == Outcome::Done;
    since.any(|run| back(run) && run.to == Some(look.target.revision.number))
}

/// A release with its past, and the revision to go back to.
struct Wanted {
    history: Vec<Release>,
    runs: Vec<Run>,
    revision: u64,
}

async fn wanted(cluster: &Cluster, args: &Args, terms: Terms) -> anyhow::Result<Wanted> {
    let found = release::find(cluster, args.release.as_deref()).await?;
    let name = found.release.name.clone();
    let history = release::history(cluster, &name).await?;
    let (runs, unread) = journal::runs(cluster, &name).await?;
    for secret in unread {
        to::note(&format!("the journal's Secret {secret} cannot be read and is left out"));
    }
    let runs: Vec<_> = runs.into_iter().map(|s| s.run).collect();
    let revisions: Vec<_> = history.iter().map(|r| r.revision.clone()).collect();
    let newest = history.last().map(|r| r.revision.number);
    let asked = if args.stay { newest } else { args.revision };
    let revision = match choose(asked, &revisions, &runs) {
        Choice::Given(number) | Choice::Validated(number) => number,
        Choice::Ask(served) => say::ask(&name, &cluster.namespace, &served, &revisions, terms.can_ask).await?,
        Choice::Absent(number, served) => return Err(say::absent(&name, cluster, number, &served)),
    };
    Ok(Wanted { history, runs, revision })
}
