//! The verb `status`: look, judge, say. Changes nothing; `--probe` starts a short-lived Pod, `--record` adds to the
//! journal.

pub mod database;
pub mod record;

use super::checked::writable;
use super::watching;
use crate::adapters::cluster::{Cluster, gather, release_facts};
use crate::adapters::{evidence, release};
use crate::cli::flags::{Output, duration};
use crate::cli::say;
use crate::exit::Exit;
use crate::facts::{Driver, Fact, Facts, Release, Revision, lacks};
use crate::failure::Failure;
use crate::rollout::{Rollout, Verdict, judge};
use crate::session::Session;
use crate::view::{self, Shape};
use anyhow::Context;
use jiff::Timestamp;
use std::path::PathBuf;
use std::time::Duration;

/// How far a rollout is, and why it is stuck.
#[derive(Debug, Clone, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "\
Ends with 0 when everything is rolled out, 1 when it is not (yet), 3 when it cannot be told; with --watch only when
it is, 1 when waiting does not mend it, 4 when --timeout is over (3 when nothing could be told until then).

Without --probe it only reads, and of the database it knows what the journal recorded last. With it a Pod beside the
server asks the database (engine, version, migrations, sizes, rows, rights) and the server's image (its migrations);
that Pod is gone afterwards and writes nothing.")]
pub struct Args {
    /// The release; without it the only OpenMetadata release of the namespace.
    #[arg(add = clap_complete::ArgValueCompleter::new(crate::cli::complete::releases))]
    pub release: Option<String>,
    /// Stay until it is rolled out, or cannot be.
    #[arg(short, long)]
    pub watch: bool,
    /// How long to stay (90s, 20m); without it until the end.
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "watch")]
    pub timeout: Option<Duration>,
    /// Ask the database too, by a short-lived Pod beside the server.
    #[arg(long, conflicts_with = "from_facts")]
    pub probe: bool,
    /// Do not ask the database: so it is without --probe.
    #[arg(long, overrides_with = "probe", conflicts_with = "record")]
    pub no_probe: bool,
    /// The client image of that Pod; without it the schema guard's, else postgres:18 or mysql:8.4.
    #[arg(long, value_name = "IMAGE")]
    pub probe_image: Option<String>,
    /// Once it is rolled out: write the database's state into the journal, so that a later rollback to this revision can
    /// prove whether the database moved.
    #[arg(long, conflicts_with = "from_facts")]
    pub record: bool,
    /// With --record: also call this revision good; a rollback that names none goes to the last such.
    #[arg(long, requires = "record")]
    pub validated: bool,
    /// Save what one look found, with secrets masked.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["from_facts", "watch"])]
    pub facts: Option<PathBuf>,
    /// Judge what was saved, without a cluster.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["watch", "release"])]
    pub from_facts: Option<PathBuf>,
}

/// Runs it.
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    if let Some(file) = &args.from_facts {
        let doing = || format!("reading {}", file.display());
        let text =
            std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("reading {}: {e}", file.display())))?;
        let facts = Facts::from_text(&text).with_context(doing)?;
        if let Some(words) = lacks(&text) {
            say::note(&words);
        }
        // Ages are those of the moment of the look.
        let rollout = judge(&facts, facts.made);
        return answer(session, &rollout);
    }
    args.facts.as_deref().map(writable).transpose()?;
    let cluster = session.connect().await?;
    let target = target(&cluster, args.release.as_deref()).await?;
    if args.watch {
        let probe = args.probe.then(|| args.probe_image.clone());
        let exit = Box::pin(watching::run(session, &cluster, &target, args.timeout, probe, false)).await?;
        if args.record && exit == Exit::Done {
            record::record(&cluster, &target.name, args, &[]).await?;
        }
        return Ok(exit);
    }
    let release = target.release.clone();
    let (mut facts, recorded, asked) = tokio::join!(
        Box::pin(gather(&cluster, &target.name, target.release, target.history)),
        database::recorded(&cluster, &target.name),
        Box::pin(database::ask(&cluster, &release, args.probe.then_some(args.probe_image.as_deref()))),
    );
    (facts.recorded, facts.search_due, facts.open) = recorded;
    (facts.database, facts.folders) = asked;
    if let Some(file) = &args.facts {
        let (safe, unread) = evidence::without_secrets(&cluster, &facts).await?;
        if let Some(why) = unread {
            say::note(&why);
        }
        std::fs::write(file, safe.to_text()?).with_context(|| format!("writing {}", file.display()))?;
    }
    if let (Some(reason), None) = (facts.workloads.reason(), facts.pods.value()) {
        return Err(nothing_seen(&facts.name, reason).into());
    }
    let rollout = judge(&facts, Timestamp::now());
    let exit = answer(session, &rollout)?;
    if args.record {
        record::refuse_unless_rolled_out(&cluster, &rollout)?;
        record::record(&cluster, &target.name, args, &[]).await?;
    }
    Ok(exit)
}

/// The release that is meant, as far as Helm's storage may be read.
#[derive(Debug)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// Its newest revision.
    pub release: Fact<Release>,
    /// All revisions.
    pub history: Fact<Vec<Revision>>,
    /// Where it is stored.
    pub driver: Option<Driver>,
}

/// Finds the release. A user who may not read Helm's storage must name it, and still sees its workloads.
pub async fn target(cluster: &Cluster, name: Option<&str>) -> anyhow::Result<Target> {
    let error = match release::find(cluster, name).await {
        Ok(found) => {
            let (release, history) = release_facts(&found);
            let driver = Some(found.release.revision.driver);
            return Ok(Target { name: found.release.name, release, history, driver });
        }
        Err(error) => error,
    };
    let reason = format!("{error:#}");
    match name {
        // The refusal's own words, which is all that an error keeps of it.
        Some(name) if reason.contains("forbidden") => {
            let now = Timestamp::now();
            let unknown = || (reason.clone(), "list of stored revisions", now);
            let (a, b, c) = unknown();
            let release = Fact::unknown(a, b, c);
            let (a, b, c) = unknown();
            Ok(Target { name: name.to_owned(), release, history: Fact::unknown(a, b, c), driver: None })
        }
        None if reason.contains("forbidden") => Err(match error.downcast::<Failure>() {
            Ok(failure) => {
                let named = format!("kubectl omupgrade status RELEASE -n {}", cluster.namespace);
                failure.hint(format!("{named}    # one that is named is seen without Helm's storage")).into()
            }
            Err(other) => other,
        }),
        _ => Err(error),
    }
}

/// Neither workloads nor pods can be seen: there is nothing to judge.
pub(super) fn nothing_seen(release: &str, reason: &str) -> Failure {
    Failure::unknown(format!("looking at the release {release}: {reason}"))
        .hint("kubectl omupgrade rbac status    # prints the rights that are needed")
}

/// Says the judgement once.
pub fn answer(session: &Session, rollout: &Rollout) -> anyhow::Result<Exit> {
    let text = match session.output() {
        Output::Json => serde_json::to_string_pretty(rollout)? + "\n",
        Output::Yaml => serde_saphyr::to_string(rollout).context("writing YAML")?,
        format => {
            let shape = Shape { width: session.width(), wide: format == Output::Wide, live: false };
            view::styled(&view::lines(rollout, shape))
        }
    };
    say::output(&text)?;
    Ok(exit(rollout.verdict))
}

/// The exit of a verdict, of one look.
pub fn exit(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::RolledOut => Exit::Done,
        Verdict::Progressing | Verdict::NotReady | Verdict::Blocked | Verdict::Failed => Exit::No,
        Verdict::Unknown => Exit::Unknown,
    }
}
