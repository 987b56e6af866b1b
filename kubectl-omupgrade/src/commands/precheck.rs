//! The verb `precheck`: look, check, decide, say. Changes nothing but short-lived Pods that ask database, search engine
//! and claim.

use super::checked::{CheckArgs, writable};
use super::status::target;
use crate::adapters::evidence::{names, redactor};
use crate::adapters::precheck::{Look, gather, redacted};
use crate::checks::Report;
use crate::checks::precheck::{self, Asked, Case, Facts, REFUSED, Tables, Values, decide};
use crate::cli::flags::{Format, duration};
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use anyhow::Context;
use shared::versions::Version;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Whether, and how, this release can go to a version: every bullet of the guide's checklist, and a verdict.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The verdict is one of: rolling (nothing migrates), quiesce (stop, back up, one migration, start), hop (through another
version first), search window (the search engine changes with it), refused. It comes with an estimate of the downtime
and the commands to type.

Ends with 0 when no check failed, 1 when one did, 3 when an answer without which nothing can be decided is missing.
With --exit-verdict: 20 rolling, 21 quiesce, 22 hop, 23 search window, 24 refused; 3 in place of 20 to 23 while such an
answer is missing.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    /// The release; without it the only OpenMetadata release of the namespace.
    #[arg(add = clap_complete::ArgValueCompleter::new(crate::cli::complete::releases))]
    pub release: Option<String>,
    /// The version to go to: 1.13.1.
    #[arg(long, value_name = "VERSION", value_parser = version, required_unless_present = "from_facts")]
    pub to: Option<Version>,
    /// The values that the upgrade would be given; without it those of the release.
    #[arg(short = 'f', long, value_name = "FILE")]
    pub values: Option<PathBuf>,
    /// How long nothing need be served (30m, 2h).
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub window: Option<Duration>,
    /// The availability that was promised, in percent of 30 days: 99.9.
    #[arg(long, value_name = "PERCENT", value_parser = percent)]
    pub slo: Option<f64>,
    /// How much of the error budget is spent (10m).
    #[arg(long, value_name = "TIME", value_parser = duration, requires = "slo")]
    pub spent: Option<Duration>,
    /// Waivers and strictness.
    #[command(flatten)]
    pub checks: CheckArgs,
    /// End with the verdict as exit code, whatever the checks say.
    #[arg(long)]
    pub exit_verdict: bool,
    /// Start no Pod: what only the database, the claim, or a search engine elsewhere can tell stays unknown.
    #[arg(long)]
    pub no_probe: bool,
    /// The database client image of the Pod that asks the database.
    #[arg(long, value_name = "IMAGE", conflicts_with = "no_probe")]
    pub probe_image: Option<String>,
    /// Another image than the server's own for the Pod that asks the search engine; it needs curl.
    #[arg(long, value_name = "IMAGE", conflicts_with = "no_probe")]
    pub search_image: Option<String>,
    /// The Secret that holds a token for the server's API: NAME, or NAME/KEY (as for `validate`).
    #[arg(long, value_name = "NAME")]
    pub token_secret: Option<String>,
    /// Take the ingestion bot's token out of the database (as for `validate`).
    #[arg(long, conflicts_with_all = ["token_secret", "no_probe"])]
    pub ingestion_bot: bool,
    /// Ask no image registry.
    #[arg(long)]
    pub offline: bool,
    /// The helm that the upgrade would use; without it the one on the PATH.
    #[arg(long, value_name = "FILE")]
    pub helm: Option<PathBuf>,
    /// A folder with tables in place of the built-in ones, by their names (releases.csv, requirements.csv, …).
    #[arg(long, value_name = "DIR")]
    pub tables: Option<PathBuf>,
    /// Save what was found, with secrets masked.
    #[arg(long, value_name = "FILE", conflicts_with = "from_facts")]
    pub facts: Option<PathBuf>,
    /// Check what was saved, without a cluster; --to, --window and --slo then come from there, too.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["release", "to", "values", "window", "slo"])]
    pub from_facts: Option<PathBuf>,
}

/// Runs it. Files are read before anything is asked: a wrong one costs no time.
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let tables = tables(args.tables.as_deref())?;
    let waivers = args.checks.read(&precheck::ids())?;
    args.facts.as_deref().map(writable).transpose()?;
    let facts = match (&args.from_facts, args.to) {
        (Some(file), _) => Facts::from_text(&text(file)?).with_context(|| format!("reading {}", file.display()))?,
        (None, Some(to)) => look(session, args, to, &tables).await?,
        (None, None) => return Err(Failure::usage("--to VERSION is missing").into()),
    };
    if let Some(file) = &args.facts {
        std::fs::write(file, facts.to_text()?).with_context(|| format!("writing {}", file.display()))?;
    }
    let case = Case { facts, tables };
    let mut report = precheck::report(&case);
    waivers.apply(&mut report, jiff::Zoned::now().date());
    decide(&case, &mut report);
    let exit = args.checks.say(session, &report)?;
    Ok(if args.exit_verdict { decided(&report).unwrap_or(exit) } else { exit })
}

/// The verdict as the end: none is decided while a needed answer is missing, but that it cannot be done.
fn decided(report: &Report) -> Option<Exit> {
    let code = report.verdict.as_ref()?.code;
    let open = code != REFUSED && report.missing().next().is_some();
    Some(if open { Exit::Unknown } else { Exit::Verdict(code) })
}

async fn look(session: &Session, args: &Args, to: Version, tables: &Tables) -> anyhow::Result<Facts> {
    let values = args.values.as_deref().map(values).transpose()?;
    let minutes = |span: Duration| span.as_secs_f64() / 60.0;
    let asked = Asked {
        to,
        values_file: args.values.as_ref().map(|f| f.display().to_string()),
        window_minutes: args.window.map(minutes),
        slo: args.slo,
        spent_minutes: args.spent.map_or(0.0, minutes),
    };
    let cluster = session.connect().await?;
    let target = target(&cluster, args.release.as_deref()).await?;
    if !args.no_probe {
        say::note("asking database and search engine by short-lived Pods (--no-probe leaves them out)");
    }
    let (probe, probe_image, helm) = (!args.no_probe, args.probe_image.as_deref(), args.helm.as_deref());
    let search_image = args.search_image.as_deref();
    let (token_secret, registry) = (args.token_secret.as_deref(), !args.offline);
    let ingestion_bot = args.ingestion_bot;
    let look =
        Look { asked, values, probe, probe_image, search_image, token_secret, ingestion_bot, registry, helm, tables };
    let mut facts = Box::pin(gather(&cluster, &target.name, &target.release, look)).await?;
    // What leaves the terminal holds none of the namespace's other secrets either.
    if args.facts.is_some() || !matches!(session.flags.output, Format::Text | Format::Wide) {
        let public = target.release.value().map(names).unwrap_or_default();
        let (redactor, unread) = redactor(&cluster, target.release.value(), &public).await?;
        if let Some(why) = unread {
            say::note(&why);
        }
        facts = redacted(facts, &redactor)?;
    }
    if facts.helm.value().is_none() && facts.server.value().is_none() {
        let reason = facts.server.known().err().unwrap_or_default();
        return Err(Failure::unknown(format!("looking at the release {}: {reason}", facts.release))
            .hint("kubectl omupgrade rbac precheck    # prints the rights that are needed")
            .into());
    }
    Ok(facts)
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).ok_or_else(|| format!("`{text}` is no version: three numbers are, as 1.13.1"))
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim().parse::<f64>().ok();
    number.filter(|n| *n > 0.0 && *n < 100.0).ok_or_else(|| format!("`{text}` is no availability: write 99.9"))
}

fn text(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("reading {}: {e}", file.display())).into())
}

fn values(file: &Path) -> anyhow::Result<Values> {
    let wrong = |what: String| Failure::usage(format!("reading the values of {}: {what}", file.display()));
    // What the reader shows of the lines around the place may be a password.
    let place = |e: &dyn std::fmt::Display| e.to_string().lines().next().unwrap_or_default().to_owned();
    let value: serde_json::Value = serde_saphyr::from_str(&text(file)?).map_err(|e| wrong(place(&e)))?;
    match value {
        serde_json::Value::Object(_) => Ok(Values(value)),
        serde_json::Value::Null => Ok(Values(serde_json::json!({}))),
        _ => Err(wrong("it holds no keys".to_owned()).into()),
    }
}

/// The tables; those of a folder stand in for the built-in ones.
fn tables(folder: Option<&Path>) -> anyhow::Result<Tables> {
    let Some(folder) = folder else { return Ok(Tables::read(|_| None)?) };
    let shown = folder.display();
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(folder).map_err(|e| Failure::usage(format!("reading the tables in {shown}: {e}")))?;
    for entry in entries {
        let path = entry.with_context(|| format!("reading the tables in {shown}"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.extension().is_some_and(|e| e == "csv") {
            if !precheck::files().any(|file| file == name) {
                let names: Vec<&str> = precheck::files().collect();
                return Err(Failure::usage(format!("{} is no table of a precheck", path.display()))
                    .hint(format!("ls {shown}    # the names are {}", names.join(", ")))
                    .into());
            }
            found.push((name, text(&path)?));
        }
    }
    let read = Tables::read(|name| found.iter().find(|(n, _)| n == name).map(|(_, text)| text.clone()));
    read.map_err(|wrong| {
        let hint = format!("ls {shown}    # take the file away to get the built-in table back");
        Failure::usage(format!("{wrong} (in {shown})")).hint(hint).into()
    })
}
