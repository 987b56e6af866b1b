//! A check as a row of a table, and the fold over a list of them.

use super::answer::{Answer, Outcome};
use super::report::Finding;
use super::why::Why;

/// What a check says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its name in waivers and reports: lower case, dashes.
    pub id: &'static str,
    /// The heading that it stands under.
    pub group: &'static str,
    /// A fact that should be true, as a sentence without a period.
    pub fact: &'static str,
    /// The bullet of the upgrade guide that asks for it.
    pub guide: &'static str,
    /// What to do where it is not true: a command, with the names in braces of [`Names::fill`].
    pub hint: &'static str,
    /// Where to read more.
    pub docs: &'static str,
    /// Whether nothing can be decided without its answer: then an unknown one is an answer "could not find out".
    pub needed: bool,
}

/// A row with its function over facts.
pub struct Check<F> {
    /// What it says of itself.
    pub row: Row,
    /// Looks whether the fact is true.
    pub ask: fn(&F) -> Answer,
}

/// What stands in hints for the names that only a run knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The verb that runs.
    pub verb: String,
    /// The release.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The version to go to, where there is one.
    pub to: String,
    /// The server's workload as kubectl takes it; empty where it was not seen.
    pub workload: String,
    /// The revision that helm begins from, where the newest is another one: `helm get` shows the newest by itself.
    pub revision: Option<u64>,
}

/// What the chart calls the server's workload, whatever the release is called.
const WORKLOAD: &str = "deployment/openmetadata";

/// Makes all indexes anew. The chart's own `CronJob` does not do: without `--force` a reindex ends with 0 and does
/// nothing where no mapping changed, and in 1.6.1 and 1.6.2 that `CronJob` deploys pipelines.
pub const REINDEX: &str = "kubectl exec -n {namespace} {workload} -- ./bootstrap/openmetadata-ops.sh reindex --force # or, in the user interface, run the app Search Indexing with recreated indexes";

/// A word as a shell takes it: in quotes where it would be more than one, or something else.
///
/// ```
/// use kubectl_omupgrade::checks::quoted;
/// assert_eq!(quoted("../om/values-1.13.yaml"), "../om/values-1.13.yaml");
/// assert_eq!(quoted("my values.yaml"), "'my values.yaml'");
/// assert_eq!(quoted("it's $(here)"), r"'it'\''s $(here)'");
/// ```
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@%+=,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

impl Names {
    /// A command with the names put in: `{release}`, `{namespace}`, `{to}`, `{workload}`, `{verb}`, and `{again}` for what
    /// was typed.
    pub fn fill(&self, command: &str) -> String {
        let to = if self.to.is_empty() { "VERSION" } else { &self.to };
        let workload = if self.workload.is_empty() { WORKLOAD } else { &self.workload };
        let to_it = if self.to.is_empty() { "" } else { " --to {to}" };
        let again = format!("kubectl omupgrade {{verb}} {{release}}{to_it} -n {{namespace}}");
        let of = self.revision.map(|number| format!(" --revision {number}")).unwrap_or_default();
        ["helm get values {release} -n {namespace}", "helm get manifest {release} -n {namespace}"]
            .into_iter()
            .fold(command.to_owned(), |command, shows| command.replace(shows, &format!("{shows}{of}")))
            .replace("{again}", &again)
            .replace("{verb}", &self.verb)
            .replace("{release}", &self.release)
            .replace("{namespace}", &self.namespace)
            .replace("{to}", to)
            .replace("{workload}", workload)
    }
}

/// Asks every check, in the order of the list.
pub fn run<'a, F: 'a>(checks: impl IntoIterator<Item = &'a Check<F>>, facts: &F, names: &Names) -> Vec<Finding> {
    checks.into_iter().map(|check| finding(&check.row, (check.ask)(facts), names)).collect()
}

fn finding(row: &Row, answer: Answer, names: &Names) -> Finding {
    let wants = matches!(answer.outcome, Outcome::Warn | Outcome::Fail | Outcome::Unknown);
    // What was not seen wants another step than what was seen and is not so.
    let unseen = (answer.outcome == Outcome::Unknown).then(|| Why::of(&answer.evidence)).flatten().and_then(Why::next);
    let next = wants.then(|| names.fill(answer.next.as_deref().or(unseen).unwrap_or(row.hint)));
    Finding {
        id: row.id.to_owned(),
        group: row.group.to_owned(),
        fact: row.fact.to_owned(),
        guide: row.guide.to_owned(),
        outcome: answer.outcome,
        evidence: answer.evidence,
        next,
        docs: row.docs.to_owned(),
        needed: row.needed,
        waived: None,
    }
}
