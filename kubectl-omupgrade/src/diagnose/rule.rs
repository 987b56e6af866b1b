//! A rule: what is said where, why, and what to do. Read from YAML with the place of every mistake; a rule that does not
//! match its own example is refused.

use crate::failure::Failure;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use shared::versions::Version;
use std::collections::HashSet;
use std::sync::LazyLock;

/// The table that comes with this omupgrade.
const BUILT_IN: &str = include_str!("../../rules/troubles.yaml");

/// A rule.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Its name: a letter or two and a number.
    pub id: String,
    /// What a user sees.
    pub symptom: Symptom,
    /// Where it is said.
    #[serde(rename = "where")]
    pub places: Vec<Place>,
    /// Whose words count; empty for everybody's.
    #[serde(default)]
    pub of: Vec<Part>,
    /// What is said.
    pub matches: Pattern,
    /// A line that this matches as well is not meant.
    #[serde(default)]
    pub except: Option<Pattern>,
    /// Why, in one sentence; `$1` is what the first group matched.
    pub cause: String,
    /// How sure the words make one.
    pub confidence: Confidence,
    /// The first server version that has it.
    #[serde(default)]
    pub since: Option<String>,
    /// The last one.
    #[serde(default)]
    pub until: Option<String>,
    /// Commands, best first.
    pub fix: Vec<String>,
    /// Where it is known from.
    pub source: String,
    /// A line that it matches.
    pub example: String,
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Pattern(pub Regex);

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = |e: regex::Error| {
            let last = e.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            serde::de::Error::custom(format!("`{text}` is no regular expression: {last}"))
        };
        Regex::new(&text).map(Self).map_err(wrong)
    }
}

/// What a user sees: the four symptoms of the upgrade guide, an upgrade that did not take place, a server that was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Symptom {
    /// Pods crash again and again, or do not start.
    CrashLoop,
    /// The server answers with errors.
    ServerErrors,
    /// Search shows what was, or nothing.
    StaleSearch,
    /// Pipelines fail.
    Ingestion,
    /// The upgrade did not take place.
    Upgrade,
    /// The server stands at zero.
    Stopped,
}

/// Where something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Place {
    /// A container's log.
    Log,
    /// A warning about an object.
    Event,
    /// The words of a container's end or wait.
    State,
    /// A condition of a workload or Job.
    Condition,
    /// Helm's description of a revision.
    Helm,
    /// A step of the server's own status.
    Api,
    /// What the database says of itself, or why it did not answer.
    Database,
    /// The same of the search engine.
    Search,
    /// An ingestion pipeline's state.
    Pipeline,
}

/// Whose words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Part {
    /// The server that serves.
    Server,
    /// The container that migrates.
    Migration,
    /// A run of a pipeline.
    Ingestion,
    /// Airflow's parts.
    Airflow,
    /// The search engine.
    Search,
    /// The database.
    Database,
    /// Something else.
    Other,
}

/// How sure the words make one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Confidence {
    /// The words name the cause.
    Certain,
    /// They nearly always mean it.
    Likely,
    /// They can mean it.
    Possible,
}

impl Confidence {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Certain => "certain",
            Self::Likely => "likely",
            Self::Possible => "possible",
        }
    }
}

impl Rule {
    /// Whether it speaks of this line.
    pub fn hears(&self, line: &str) -> bool {
        self.matches.0.is_match(line) && self.except.as_ref().is_none_or(|except| !except.0.is_match(line))
    }

    /// Whether a server of this version can have it.
    pub fn concerns(&self, version: Version) -> bool {
        let bound = |text: &Option<String>| text.as_deref().and_then(Version::parse);
        bound(&self.since).is_none_or(|since| version >= since)
            && bound(&self.until).is_none_or(|until| version <= until)
    }

    fn objection(&self) -> Option<String> {
        let bad = |bound: &Option<String>| bound.clone().filter(|text| Version::parse(text).is_none());
        let sound = !self.id.is_empty() && self.id.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !sound {
            Some(format!("the id `{}` is not made of letters, digits and dashes", self.id))
        } else if self.places.is_empty() {
            Some(format!("{}: `where` is empty", self.id))
        } else if self.fix.iter().all(|fix| fix.trim().is_empty()) {
            Some(format!("{}: `fix` holds no command", self.id))
        } else if let Some(text) = bad(&self.since).or_else(|| bad(&self.until)) {
            Some(format!("{}: `{text}` is no version: write 1.13.0", self.id))
        } else if !self.hears(&self.example) {
            Some(format!("{}: `matches` does not match the rule's own example", self.id))
        } else {
            None
        }
    }
}

/// The rules that come with this omupgrade. They are compiled once.
pub fn built_in() -> Result<Vec<Rule>, Failure> {
    static READ: LazyLock<Result<Vec<Rule>, Failure>> = LazyLock::new(|| read(BUILT_IN, "the built-in rules"));
    READ.clone()
}

/// The rules of a table; `name` is said where it is wrong.
pub fn read(text: &str, name: &str) -> Result<Vec<Rule>, Failure> {
    let wrong = |what: String| Failure::usage(format!("reading {name}: {what}")).hint(HINT);
    let rules: Vec<Rule> = serde_saphyr::from_str(text).map_err(|e| wrong(e.to_string()))?;
    let mut seen = HashSet::new();
    for rule in &rules {
        let objection = rule.objection().or_else(|| {
            let new = seen.insert(rule.id.as_str());
            (!new).then(|| format!("{} stands there twice", rule.id))
        });
        if let Some(objection) = objection {
            let place = text.lines().position(|l| l.contains("id:") && l.contains(&rule.id)).map_or(0, |at| at + 1);
            return Err(wrong(format!("line {place}: {objection}")));
        }
    }
    Ok(rules)
}

const HINT: &str = "kubectl omupgrade diagnose --print-rules    # the built-in rules, in the same form";

/// `more` added to `rules`; one with the same id takes its place.
pub fn merged(mut rules: Vec<Rule>, more: Vec<Rule>) -> Vec<Rule> {
    for rule in more {
        match rules.iter_mut().find(|r| r.id == rule.id) {
            Some(old) => *old = rule,
            None => rules.push(rule),
        }
    }
    rules
}

/// The text of the built-in rules, for whoever writes their own.
pub fn built_in_text() -> &'static str {
    BUILT_IN
}
