//! The verb `validate`: look, check, say. Changes nothing; with `--record` it writes one entry into the journal.

use super::checked::{CheckArgs, writable};
use super::{prune_journal, status};
use crate::adapters::lock::holder_name;
use crate::adapters::validation::{self, Asking};
use crate::checks::validate::{self, Before, Facts, Sample};
use crate::cli::flags::{address, duration, service};
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Whether a release does what it is there for: after an upgrade, or at any time.
///
/// Asks the server through the API server (no ingress needed): login, the page of a real entity, search, lineage,
/// permissions, bots, apps, webhooks, its own numbers; the database by a short-lived Pod; states, events and logs.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(after_help = "\
Where a token comes from, the first that is there: --token-secret or --ingestion-bot, OMUPGRADE_TOKEN, a login with OMUPGRADE_EMAIL and
OMUPGRADE_PASSWORD (not with single sign-on), the Secret RELEASE-omupgrade-token. A bot's token does for all of them:
Settings, Bots. Without one, what needs it is unknown.

Ends with 0 when no check failed, 1 when one did, 3 when the server could not be asked.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    /// The release; without it the only OpenMetadata release of the namespace.
    #[arg(add = clap_complete::ArgValueCompleter::new(crate::cli::complete::releases))]
    pub release: Option<String>,
    /// Compare counts with those of the newest backup from before the rollout, or that the journal remembers (--record).
    #[arg(long, conflicts_with = "before")]
    pub since_backup: bool,
    /// Compare counts and numbers with what `validate --facts` saved before.
    #[arg(long, value_name = "FILE")]
    pub before: Option<PathBuf>,
    /// Keep watching for so long (15m), and report where it goes.
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub watch: Option<Duration>,
    /// If no check fails, record it in the journal with the counts: `rollback` then goes back to this revision.
    #[arg(long)]
    pub record: bool,
    /// The Secret that holds a token: NAME, or NAME/KEY (the key is `token` otherwise).
    #[arg(long, value_name = "NAME")]
    pub token_secret: Option<String>,
    /// Take the ingestion bot's token out of the database: a Pod reads it as it is kept there, encrypted, and it is opened
    /// here with the release's Fernet key. Works with every way to log in.
    #[arg(long, conflicts_with_all = ["token_secret", "no_probe"])]
    pub ingestion_bot: bool,
    /// The address of OpenMetadata (host or host:port), where it is not to be reached through the API server.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub openmetadata: Option<String>,
    /// Prometheus, to look for alerts that fire: host:port, or NAMESPACE/SERVICE:PORT through the API server.
    #[arg(long, value_name = "ADDRESS", value_parser = service)]
    pub prometheus: Option<String>,
    /// Start no Pod: it asks the database, a search engine elsewhere, the claim with the backups.
    #[arg(long)]
    pub no_probe: bool,
    /// The client image of that Pod; without it the schema guard's, else postgres:18 or mysql:8.4.
    #[arg(long, value_name = "IMAGE")]
    pub probe_image: Option<String>,
    /// Another image than the server's own for the Pod that asks the search engine; it needs curl.
    #[arg(long, value_name = "IMAGE", conflicts_with = "no_probe")]
    pub search_image: Option<String>,
    /// Waivers and strictness.
    #[command(flatten)]
    pub checks: CheckArgs,
    /// Save what was found, with secrets masked: for --before later, and for support.
    #[arg(long, value_name = "FILE", conflicts_with = "from_facts")]
    pub facts: Option<PathBuf>,
    /// Check what was saved, without a cluster.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["release", "watch", "record", "before", "since_backup"])]
    pub from_facts: Option<PathBuf>,
}

/// The time between two looks of a watch.
const BETWEEN: Duration = Duration::from_secs(15);

/// Runs it. Files are read before anything is asked: a wrong one costs no time.
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let waivers = args.checks.read(&validate::ids())?;
    args.facts.as_deref().map(writable).transpose()?;
    if let Some(file) = &args.from_facts {
        let facts = read(file)?;
        return args.checks.answer(session, validate::report(&facts), &waivers);
    }
    let before = args
        .before
        .as_deref()
        .map(|file| -> anyhow::Result<Before> { Ok(read(file)?.as_before(&file.display().to_string())) });
    let before = before.transpose()?;
    let cluster = session.connect().await?;
    let target = status::target(&cluster, args.release.as_deref()).await?;
    let asking = Asking {
        probe: !args.no_probe,
        probe_image: args.probe_image.clone(),
        search_image: args.search_image.clone(),
        ingestion_bot: args.ingestion_bot,
        token_secret: args.token_secret.clone(),
        server: args.openmetadata.clone(),
        prometheus: args.prometheus.clone(),
        since_backup: args.since_backup,
        leaves: args.facts.is_some(),
    };
    let mut samples = Vec::new();
    if let Some(time) = args.watch {
        // The watch comes first: the checks then speak of its end.
        let end = Instant::now() + time;
        let light = Asking { probe: false, ingestion_bot: false, since_backup: false, leaves: false, ..asking.clone() };
        let first = Box::pin(validation::facts(
            &cluster,
            &target.name,
            target.release.clone(),
            target.history.clone(),
            &light,
            None,
        ))
        .await?;
        loop {
            let seen = Box::pin(validation::sample(&cluster, &first, &asking)).await;
            say::note(&line(&seen, samples.last()));
            samples.push(seen);
            let next = Instant::now() + BETWEEN.min(time / 4);
            if next >= end {
                break;
            }
            sleep_until(next).await;
        }
    }
    let mut facts =
        Box::pin(validation::facts(&cluster, &target.name, target.release, target.history, &asking, before)).await?;
    facts.samples = samples;
    if let Some(file) = &args.facts {
        std::fs::write(file, facts.to_text()?).with_context(|| format!("writing {}", file.display()))?;
    }
    let report = validate::report(&facts);
    let words = format!("{} of {} checks pass", report.counts.pass, report.checks.len());
    let exit = args.checks.answer(session, report, &waivers)?;
    if args.record {
        if !validate::is_rolled_out(&facts) {
            say::note("not recorded: only what is rolled out is");
        } else if exit == Exit::Done {
            let id = validation::record(&cluster, &facts, &words, &holder_name()).await?;
            say::note(&format!("recorded in the journal: run {id}"));
            prune_journal(&cluster, None, &target.name).await;
        } else {
            say::note("not recorded: only what passes is");
        }
    }
    Ok(exit)
}

/// A look of a watch, as a line.
fn line(now: &Sample, before: Option<&Sample>) -> String {
    let clock = now.at.strftime("%H:%M:%S");
    let health = match &now.health {
        Ok(millis) => format!("answers in {millis} ms"),
        Err(why) => format!("no answer: {why}"),
    };
    let between = before.and_then(|b| now.metrics.as_ref()?.since(b.metrics.as_ref()?));
    let errors = between.map(|m| format!(", {:.0} of {:.0} requests failed", m.errors, m.requests)).unwrap_or_default();
    let heap = now.metrics.as_ref().and_then(|m| m.heap);
    let heap = heap.map(|(used, _)| format!(", heap {:.0} MiB", used / 1_048_576.0)).unwrap_or_default();
    format!("{clock} {} ready, {health}{errors}{heap}", now.ready)
}

fn read(file: &Path) -> anyhow::Result<Facts> {
    let text = std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("reading {}: {e}", file.display())))?;
    Facts::from_text(&text).with_context(|| format!("reading {}", file.display()))
}
