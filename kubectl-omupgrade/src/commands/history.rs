//! The verb `history`.

use super::rollback::saved;
use crate::adapters::cluster::Cluster;
use crate::adapters::lock::{Holder, holder_of};
use crate::adapters::{journal, release};
use crate::cli::flags::Output;
use crate::cli::say;
use crate::exit::Exit;
use crate::facts::{Chart, Revision};
use crate::failure::Failure;
use crate::journal::{Phase, Run};
use crate::session::Session;
use crate::view::one_line;
use crate::wayback::saved::Saved;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;
use std::path::PathBuf;

/// The revisions of a release, and what omupgrade did to it.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    /// The release; without it the only one of the namespace.
    #[arg(add = clap_complete::ArgValueCompleter::new(crate::cli::complete::releases))]
    pub release: Option<String>,
    /// Show every step of this run.
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
    /// Show those of what `rollback --facts` saved, without a cluster.
    #[arg(long, value_name = "FILE", conflicts_with = "release")]
    pub from_facts: Option<PathBuf>,
}

/// The revisions of a release, and the runs of omupgrade on it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "History")]
pub struct Answer<'a> {
    /// `omupgrade.io/history/v1`.
    schema: &'static str,
    /// The release.
    release: &'a str,
    /// Its namespace.
    namespace: &'a str,
    /// Who holds its lock, in words, or why that is not known; none where nobody does.
    lock: Option<String>,
    /// Its revisions, oldest first.
    revisions: &'a [Revision],
    /// What omupgrade did, oldest first.
    runs: &'a [Run],
}

/// Runs it.
pub async fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    if let Some(file) = &args.from_facts {
        let Saved { look, lock: locked, .. } = saved::read(file)?;
        let past = Past {
            name: look.current.name,
            namespace: look.current.namespace,
            revisions: look.history.into_iter().map(|r| r.revision).collect(),
            runs: look.runs,
            locked,
        };
        return answer(past, args, session.output());
    }
    let cluster = session.connect().await?;
    history(&cluster, args, session.output()).await
}

/// Reads and shows it.
pub async fn history(cluster: &Cluster, args: &Args, output: Output) -> anyhow::Result<Exit> {
    let name = release::find(cluster, args.release.as_deref()).await?.release.name;
    let revisions: Vec<Revision> = release::history(cluster, &name).await?.into_iter().map(|r| r.revision).collect();
    let (stored, unread) = journal::runs(cluster, &name).await?;
    for secret in unread {
        say::note(&format!("the journal's Secret {secret} cannot be read and is left out"));
    }
    let runs = stored.into_iter().map(|s| s.run).collect();
    // Who may not read the lock still sees what was done.
    let locked = match holder_of(cluster, &name).await {
        Ok(holder) => holder.as_ref().map(Holder::words),
        Err(error) => Some(format!("not known: {error:#}")),
    };
    answer(Past { name, namespace: cluster.namespace.clone(), revisions, runs, locked }, args, output)
}

/// A release's past.
struct Past {
    name: String,
    namespace: String,
    revisions: Vec<Revision>,
    runs: Vec<Run>,
    /// Who holds its lock, in words.
    locked: Option<String>,
}

fn answer(past: Past, args: &Args, output: Output) -> anyhow::Result<Exit> {
    let Past { name, namespace, revisions, mut runs, locked } = past;
    if let Some(id) = &args.run {
        runs.retain(|r| r.id == *id);
        if runs.is_empty() {
            let failure = Failure::usage(format!("the journal of {name} holds no run {id}"));
            return Err(failure.hint(format!("kubectl omupgrade history {name} -n {namespace}")).into());
        }
    }
    let answer = Answer {
        schema: "omupgrade.io/history/v1",
        release: &name,
        namespace: &namespace,
        lock: locked,
        revisions: &revisions,
        runs: &runs,
    };
    say::answer(output, &answer, || text(&answer, args.run.is_some()))?;
    Ok(Exit::Done)
}

/// The chart's version, and beside it that of what it installs where it is another one.
fn version(chart: &Chart) -> String {
    match (&*chart.version, &*chart.app_version) {
        (chart, app) if chart == app || app.is_empty() => chart.to_owned(),
        ("", app) => app.to_owned(),
        (chart, app) => format!("{chart} (app {app})"),
    }
}

fn text(answer: &Answer<'_>, whole: bool) -> String {
    let mut out = String::new();
    if !whole {
        let _ = writeln!(out, "{} -n {}", answer.release, answer.namespace);
        for revision in answer.revisions {
            let when = revision.updated.map(|t| format!("{t:.0}")).unwrap_or_default();
            let number = revision.number;
            let validated = if answer.runs.iter().any(|r| r.validated == Some(number)) { ", validated" } else { "" };
            let recorded = answer.runs.iter().any(|r| r.recorded.as_ref().is_some_and(|s| s.revision == number));
            let recorded = if recorded { ", database recorded" } else { "" };
            let (status, version) = (revision.status.word(), version(&revision.chart));
            let _ = writeln!(
                out,
                "  revision {number:<4} {version:<10} {when}  {status}{validated}{recorded}: {}",
                one_line(&revision.description)
            );
        }
    }
    for run in answer.runs {
        let _ = writeln!(out, "  run {}  {}  {}  by {}", run.id, run.outcome.word(), run.plan, run.by);
        for entry in run.entries.iter().filter(|_| whole) {
            let phase = match entry.phase {
                Phase::About => "about to",
                Phase::Done => "done",
                Phase::Failed => "failed",
                Phase::Note => "note",
            };
            let _ = writeln!(out, "    {:.0}  {:<8} {}: {}", entry.at, phase, entry.step, one_line(&entry.words));
        }
    }
    if answer.runs.is_empty() {
        let _ = writeln!(out, "  no run of omupgrade");
    }
    if let Some(lock) = &answer.lock {
        let _ = writeln!(out, "  locked: {lock}");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_chart_installs_is_told_where_its_version_is_another() {
        let revision = |version: &str, app: &str| -> Revision {
            serde_json::from_value(
                serde_json::json!({"number": 1, "status": "deployed", "object": "s", "driver": "secrets",
                "chart": {"name": "openmetadata", "version": version, "appVersion": app}}),
            )
            .unwrap()
        };
        for (chart, app, said) in [
            ("1.13.1", "1.13.1", "revision 1    1.13.1     "),
            ("0.0.9", "1.13.1", "revision 1    0.0.9 (app 1.13.1)  "),
            ("1.13.1", "", "revision 1    1.13.1     "),
        ] {
            let revisions = [revision(chart, app)];
            let answer =
                Answer { schema: "", release: "om", namespace: "data", lock: None, revisions: &revisions, runs: &[] };
            assert!(text(&answer, false).contains(said), "{}", text(&answer, false));
        }
    }
}
