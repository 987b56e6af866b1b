//! What `rollback` says: the preview, the verdict with its reasons, the steps, what it asks.

use super::next::Next;
use crate::adapters::cluster::Cluster;
use crate::cli::flags::Output;
use crate::cli::say as to;
use crate::exit::Exit;
use crate::facts::Revision;
use crate::failure::Failure;
use crate::preview::Preview;
use crate::view::hanging;
use crate::wayback::Decision;
use crate::wayback::found::Found;
use crate::wayback::keys::Compared;
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;
use std::io::{BufRead, Write as _};
use std::time::{Duration, Instant};

/// The version of the answer's schema.
const SCHEMA: &str = "omupgrade.io/rollback/v1";

/// Labels that change with every version of the chart; people are not told each time.
const LABELS: &[&str] = &["labels.helm.sh/chart", "labels.app.kubernetes.io/version"];

/// The most fields of one object that are shown to people; programs get all.
const FIELDS: usize = 12;

/// What is said of one run: to people before it is done, to programs once, at its end.
pub(super) struct Answer<'a> {
    decision: &'a Decision,
    steps: &'a [String],
    found: Option<&'a (Found, Compared)>,
    output: Output,
    width: Option<usize>,
}

/// A way back: what was decided, and what became of it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(title = "Rollback")]
pub struct Data<'a> {
    /// `omupgrade.io/rollback/v1`.
    schema: &'static str,
    /// `verdict`, `already`, `refused`, `dry-run`, `done` or `failed`.
    outcome: &'a str,
    #[serde(flatten)]
    decision: &'a Decision,
    /// What the check of a restore found.
    #[serde(skip_serializing_if = "Option::is_none")]
    restore: Option<Restore<'a>>,
    /// What was or would be done, in order.
    steps: &'a [String],
}

/// What the check of a restore found.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Restore<'a> {
    #[serde(flatten)]
    found: &'a Found,
    /// How the keys of the revision stand to the backup's.
    keys: &'a Compared,
}

impl<'a> Answer<'a> {
    pub(super) fn new(
        decision: &'a Decision,
        steps: &'a [String],
        found: Option<&'a (Found, Compared)>,
        output: Output,
        width: Option<usize>,
    ) -> Self {
        Self { decision, steps, found, output, width }
    }

    /// For people.
    pub(super) fn text(&self, dry_run: bool) -> anyhow::Result<()> {
        if self.output.is_data() {
            return Ok(());
        }
        to::output(&fits(text(self.decision, self.steps, dry_run), self.width))
    }

    /// Says the end of what is not performed, and gives its exit.
    pub(super) fn end(&self, next: &Next<'_>, dry_run: bool) -> anyhow::Result<Option<Exit>> {
        let decision = self.decision;
        match next {
            Next::Verdict => {
                self.data("verdict")?;
                Ok(Some(Exit::Verdict(decision.verdict.way.exit_code())))
            }
            Next::Already => {
                self.data("already")?;
                to::note(&format!(
                    "{} is at revision {} already: revision {} is the same and deployed",
                    decision.release, decision.to, decision.from
                ));
                Ok(Some(Exit::Done))
            }
            Next::Refused(first) => {
                self.data("refused")?;
                if dry_run {
                    return Ok(Some(Exit::Refused)); // all of it was said already
                }
                let refused = Failure::refused(first.why.clone());
                Err(first.hints.iter().fold(refused, |f, hint| f.hint(hint.as_str())).into())
            }
            Next::Preview => {
                self.data("dry-run")?;
                Ok(Some(Exit::Done))
            }
            Next::Perform => Ok(None),
        }
    }

    /// For programs: `outcome` is one of verdict, already, refused, dry-run, done, failed.
    pub(super) fn data(&self, outcome: &str) -> anyhow::Result<()> {
        let restore = self.found.map(|(found, keys)| Restore { found, keys });
        let data = Data { schema: SCHEMA, outcome, decision: self.decision, restore, steps: self.steps };
        to::answer(self.output, &data, String::new)
    }
}

/// The text for a terminal of so many columns; as it is where it is read elsewhere.
pub(super) fn fits(text: String, width: Option<usize>) -> String {
    match width {
        Some(width) => fitted(&text, width),
        None => text,
    }
}

/// The text in lines of at most `width` columns, broken between words. Commands stay whole: they are typed.
fn fitted(text: &str, width: usize) -> String {
    let is_command =
        |line: &str| line.trim_start_matches(|c: char| c.is_ascii_digit() || " .".contains(c)).starts_with("run ");
    let mut out = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with("try: ") || is_command(line) {
            let _ = writeln!(out, "{line}");
        } else {
            for part in hanging(line, width) {
                let _ = writeln!(out, "{part}");
            }
        }
    }
    out
}

fn text(decision: &Decision, steps: &[String], dry_run: bool) -> String {
    let mut out = String::new();
    let (release, namespace) = (&decision.release, &decision.namespace);
    if decision.stay {
        let _ = writeln!(out, "{release} -n {namespace}: revision {} stays  ({})", decision.to, decision.image);
        let _ = writeln!(out, "  only the database is brought back");
    } else {
        let _ = writeln!(
            out,
            "{release} -n {namespace}: revision {} → {}  ({})",
            decision.from, decision.to, decision.image
        );
        code(&mut out, decision);
    }
    if dry_run {
        for refusal in &decision.refusals {
            let _ = writeln!(out, "\nrefused: {}", refusal.why);
            for hint in &refusal.hints {
                let _ = writeln!(out, "  try: {hint}");
            }
        }
        if decision.refusals.is_empty() {
            let _ = writeln!(out, "\nwould be done:");
            for (number, step) in (1..).zip(steps) {
                let _ = writeln!(out, "  {number}. {step}");
            }
        }
    }
    out
}

/// What becomes of the code, and the verdict.
fn code(out: &mut String, decision: &Decision) {
    preview(out, &decision.preview);
    for count in &decision.counts {
        let then = count.then.map_or_else(|| "none".to_owned(), |n| n.to_string());
        let _ = match &count.autoscaler {
            Some(name) => writeln!(
                out,
                "  {}: {} replicas belong to the autoscaler {name}; helm sets {then} for a moment, then they are put back",
                count.object, count.live
            ),
            None => writeln!(out, "  {}: replicas {} → {then}", count.object, count.live),
        };
        if let Some(manager) = &count.conflict {
            let _ = writeln!(
                out,
                "  {}: its replicas belong to {manager}, so helm would stop at a conflict: --force-conflicts is given to it",
                count.object
            );
        }
    }
    for stop in &decision.stops {
        let _ = writeln!(out, "  {stop}");
    }
    let _ = writeln!(out, "\nverdict: {}", decision.verdict.way.name());
    for reason in &decision.verdict.reasons {
        let _ = writeln!(out, "  - {}\n    [{}]", reason.text, reason.evidence);
    }
    for caution in &decision.verdict.cautions {
        let _ = writeln!(out, "  ! {caution}");
    }
    let _ = writeln!(out, "  bare: {}", decision.verdict.bare);
}

fn preview(out: &mut String, preview: &Preview) {
    for (sign, objects) in [("+", &preview.added), ("-", &preview.removed)] {
        for object in objects {
            let _ = writeln!(out, "  {sign} {object}");
        }
    }
    let mut labelled = 0;
    for change in &preview.changed {
        let told: Vec<_> = change.fields.iter().filter(|f| !LABELS.iter().any(|l| f.path.ends_with(l))).collect();
        if told.is_empty() {
            labelled += 1;
            continue;
        }
        let _ = writeln!(out, "  ~ {}", change.object);
        for field in told.iter().take(FIELDS) {
            let show = |value: &Option<String>| value.clone().unwrap_or_else(|| "(absent)".to_owned());
            let _ = writeln!(out, "      {}: {} → {}", field.path, show(&field.now), show(&field.then));
        }
        if told.len() > FIELDS {
            let _ = writeln!(out, "      … and {} more (-o json)", told.len() - FIELDS);
        }
    }
    let labelled = if labelled == 0 { String::new() } else { format!(", {labelled} change only the chart's labels") };
    let _ = writeln!(out, "  {} objects stay as they are{labelled}", preview.same);
}

/// Asks which revision. Without a terminal that is a refusal: a decision is needed.
pub(super) async fn ask(
    release: &str,
    namespace: &str,
    served: &[u64],
    history: &[Revision],
    can_ask: bool,
) -> anyhow::Result<u64> {
    let refused = || {
        if served.is_empty() {
            let none = format!("no revision of {release} served before the newest one, so there is none to go back to");
            let restore = format!("kubectl omupgrade backup list {release} -n {namespace}");
            return Failure::refused(none)
                .hint(format!("kubectl omupgrade history {release} -n {namespace}"))
                .hint(format!("{restore}    # `backup restore` brings the database back and leaves the revision"));
        }
        let failure = Failure::refused(format!(
            "the journal knows no validated revision of {release} before the newest one, so the revision has to be named"
        ));
        let failure = failure.hint(format!("kubectl omupgrade history {release} -n {namespace}"));
        served
            .iter()
            .take(3)
            .fold(failure, |f, n| f.hint(format!("kubectl omupgrade rollback {release} {n} -n {namespace} --dry-run")))
    };
    if !can_ask || served.is_empty() {
        return Err(refused().into());
    }
    for revision in history.iter().rev().filter(|r| served.contains(&r.number)) {
        let when = revision.updated.map(|t| format!("{t:.0}")).unwrap_or_default();
        to::note(&format!(
            "  {:>4}  {}  {}  {}",
            revision.number, revision.chart.app_version, when, revision.description
        ));
    }
    let answer = line(&format!("no revision of {release} was validated; go back to which one? ")).await?;
    answer.parse().ok().filter(|n| served.contains(n)).ok_or_else(|| refused().into())
}

/// Whether a person says yes.
pub(super) async fn confirm(decision: &Decision) -> anyhow::Result<bool> {
    let question = if decision.stay {
        format!("bring the database back under revision {}? [y/N] ", decision.to)
    } else {
        format!("go back to revision {} ({})? [y/N] ", decision.to, decision.verdict.way.name())
    };
    yes(&question).await
}

/// Whether a question is answered with yes.
pub(super) async fn yes(question: &str) -> anyhow::Result<bool> {
    let answer = line(question).await?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

/// How long nobody needs to read a question and to answer it: what comes sooner was typed before it was asked. Chosen.
const UNREAD: Duration = Duration::from_millis(200);

/// A line that a person types. Waits on a thread of its own, so that Ctrl-C ends the process and not only the line.
async fn line(question: &str) -> anyhow::Result<String> {
    let question = question.to_owned();
    let typed = tokio::task::spawn_blocking(move || {
        answered(&question, || {
            let mut answer = String::new();
            std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
        })
    });
    Ok(typed.await??.trim().to_owned())
}

/// The first line that came after the question was there to be read; empty where the input ended.
fn answered(question: &str, mut read: impl FnMut() -> std::io::Result<String>) -> std::io::Result<String> {
    loop {
        let mut err = anstream::stderr();
        let _ = write!(err, "{question}");
        let _ = err.flush();
        let asked = Instant::now();
        let answer = read()?;
        if answer.is_empty() || asked.elapsed() >= UNREAD {
            return Ok(answer);
        }
        to::note("that was typed before it was asked");
    }
}

/// The asked revision is not there.
pub(super) fn absent(release: &str, cluster: &Cluster, number: u64, served: &[u64]) -> anyhow::Error {
    let failure = Failure::usage(format!("{release} has no revision {number}"));
    served
        .iter()
        .take(3)
        .fold(failure, |f, n| f.hint(format!("kubectl omupgrade rollback {release} {n} -n {}", cluster.namespace)))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A `y` of a moment before the preview decides nothing.
    #[test]
    fn what_was_typed_before_the_question_is_no_answer() {
        let mut typed = vec![("n\n", true), ("y\n", false), ("y\n", false)];
        let mut read = || {
            let (line, after) = typed.pop().unwrap_or_default();
            if after {
                std::thread::sleep(UNREAD);
            }
            Ok(line.to_owned())
        };
        assert_eq!(answered("? ", &mut read).unwrap(), "n\n");
        assert_eq!(answered("? ", &mut read).unwrap(), "", "the input ended");
    }

    #[test]
    fn a_narrow_terminal_breaks_between_words_and_never_in_a_command() {
        let text = "  - the database moved since revision 1 served: migrations ran\n  try: kubectl omupgrade rollback om 1 -n data\n  3. run helm rollback om 1 --namespace data --kube-context here\n";
        assert_eq!(
            fits(text.to_owned(), Some(40)),
            "  - the database moved since revision\n    1 served: migrations ran\n  try: kubectl omupgrade rollback om 1 -n data\n  3. run helm rollback om 1 --namespace data --kube-context here\n"
        );
        assert_eq!(fits(text.to_owned(), None), text);
    }
}
