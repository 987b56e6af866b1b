//! The verb `diagnose`: look, judge by the rules, say. Changes nothing.

use super::checked::writable;
use super::status;
use crate::adapters::archive;
use crate::adapters::evidence::{Asked, evidence};
use crate::adapters::validation::Asking;
use crate::cli::flags::{Output, address};
use crate::cli::say;
use crate::diagnose::rule::{self, Rule};
use crate::diagnose::{Diagnosis, Evidence, bundle, diagnose};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::redact::Redactor;
use crate::session::Session;
use crate::view;
use anyhow::Context;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// Why a release is not well: causes with commands, what changed, certificates.
///
/// Looks for the four symptoms of the upgrade guide (pods that crash, 500s, stale search, failing ingestion) in states,
/// events, logs and the database, and names the causes that its rules know. Nothing that is secret is shown or saved.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(
    after_help = "Ends with 0 when nothing wrong was found, 1 when something was, 3 when too little could be seen."
)]
pub struct Args {
    /// The release; without it the only OpenMetadata release of the namespace.
    #[arg(add = clap_complete::ArgValueCompleter::new(crate::cli::complete::releases))]
    pub release: Option<String>,
    /// Also write everything that was looked at as an archive to send on (tar.gz), without secrets.
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// Rules of your own, in the form of --print-rules; one with the id of a built-in rule replaces it. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub rules: Vec<PathBuf>,
    /// Print the built-in rules, and do nothing else.
    #[arg(long, exclusive = true)]
    pub print_rules: bool,
    /// Do not start a Pod that asks the database.
    #[arg(long)]
    pub no_probe: bool,
    /// The client image of that Pod; without it the schema guard's, else postgres:18 or mysql:8.4.
    #[arg(long, value_name = "IMAGE")]
    pub probe_image: Option<String>,
    /// The Secret that holds a token for the server's API: NAME, or NAME/KEY (as for `validate`).
    #[arg(long, value_name = "NAME")]
    pub token_secret: Option<String>,
    /// Take the ingestion bot's token out of the database (as for `validate`).
    #[arg(long, conflicts_with_all = ["token_secret", "no_probe"])]
    pub ingestion_bot: bool,
    /// The address of OpenMetadata (host or host:port), where it is not to be reached through the API server.
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    pub openmetadata: Option<String>,
    /// Save what was found, without secrets.
    #[arg(long, value_name = "FILE", conflicts_with = "from_facts")]
    pub facts: Option<PathBuf>,
    /// Judge what `diagnose --facts` or `status --facts` saved, without a cluster.
    #[arg(long, value_name = "FILE", conflicts_with = "release")]
    pub from_facts: Option<PathBuf>,
}

/// Runs it.
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    if args.print_rules {
        say::output(rule::built_in_text())?;
        return Ok(Exit::Done);
    }
    // Whatever is wrong with the files that were named is said before anything is asked.
    let rules = rules(&args.rules)?;
    for file in args.bundle.iter().chain(&args.facts) {
        writable(file)?;
    }
    if let Some(file) = &args.from_facts {
        let text =
            std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("reading {}: {e}", file.display())))?;
        let found = Evidence::from_text(&text).with_context(|| format!("reading {}", file.display()))?;
        // A bundle promises that nothing secret is in it; without the namespace's Secrets nobody can keep that.
        if args.bundle.is_some() && !found.redacted {
            return Err(Failure::usage(format!(
                "{} does not say that the namespace's Secrets were taken out of it (`diagnose --facts` does): no bundle is made of it",
                file.display()
            ))
            .hint("kubectl omupgrade diagnose RELEASE --bundle FILE    # looks anew, and takes the secrets out")
            .into());
        }
        let redactor = Redactor::new([], &BTreeSet::new()).map_err(anyhow::Error::msg)?;
        return answer(session, args, &found, &rules, &redactor);
    }
    let cluster = session.connect().await?;
    let target = status::target(&cluster, args.release.as_deref()).await?;
    let server = Asking {
        token_secret: args.token_secret.clone(),
        ingestion_bot: args.ingestion_bot,
        probe_image: args.probe_image.clone(),
        server: args.openmetadata.clone(),
        ..Asking::default()
    };
    let asked = Asked {
        server: &server,
        probe: !args.no_probe,
        probe_image: args.probe_image.as_deref(),
        leaves: args.bundle.is_some() || args.facts.is_some(),
    };
    let (found, redactor) = Box::pin(evidence(&cluster, &target.name, target.release, target.history, asked)).await?;
    if let Some(file) = &args.facts {
        std::fs::write(file, found.to_text()?).with_context(|| format!("writing {}", file.display()))?;
    }
    answer(session, args, &found, &rules, &redactor)
}

fn answer(
    session: &Session,
    args: &Args,
    found: &Evidence,
    rules: &[Rule],
    redactor: &Redactor,
) -> anyhow::Result<Exit> {
    // Ages are those of the moment of the look.
    let diagnosis = diagnose(found, rules, found.facts.made);
    let (width, wide) = (session.width(), session.output() == Output::Wide);
    if let Some(file) = &args.bundle {
        let shown = view::plain(&view::diagnosis(&diagnosis, 100, true));
        let files = bundle::files(found, &diagnosis, &shown, redactor)?;
        let folder = format!("omupgrade-{}-{}", diagnosis.release, found.facts.made.strftime("%Y%m%dT%H%M%SZ"));
        archive::write(file, &folder, &files, found.facts.made.as_second())
            .with_context(|| format!("writing {}", file.display()))?;
        say::note(&format!("wrote {} ({} files); look through it before you send it on", file.display(), files.len()));
    }
    let text = match session.output() {
        Output::Json => serde_json::to_string_pretty(&diagnosis)? + "\n",
        Output::Yaml => serde_saphyr::to_string(&diagnosis).context("writing YAML")?,
        Output::Text | Output::Wide => view::styled(&view::diagnosis(&diagnosis, width, wide)),
    };
    say::output(&text)?;
    Ok(exit(&diagnosis))
}

/// The built-in rules with the user's.
pub fn rules(files: &[PathBuf]) -> anyhow::Result<Vec<Rule>> {
    let mut all = rule::built_in()?;
    for file in files {
        let text =
            std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("reading {}: {e}", file.display())))?;
        all = rule::merged(all, rule::read(&text, &file.display().to_string())?);
    }
    Ok(all)
}

fn exit(diagnosis: &Diagnosis) -> Exit {
    if !diagnosis.is_well() {
        Exit::No
    } else if diagnosis.looked {
        Exit::Done
    } else {
        Exit::Unknown
    }
}
