//! Checks of what the releases on the way change in your values and environment.

use super::case::Case;
use super::tables::Rule;
use super::values::Values;
use crate::checks::{Answer, Check, Row, fail, pass, skip, unknown, warn};
use serde_json::Value;
use shared::versions::Version;

const GROUP: &str = "release notes";
const DOCS: &str = "https://docs.open-metadata.org/v1.12.x/deployment/upgrade";
const CHART: &str = "https://artifacthub.io/packages/helm/open-metadata/openmetadata";

const fn row(id: &'static str, fact: &'static str, guide: &'static str, hint: &'static str) -> Row {
    Row { id, group: GROUP, fact, guide, hint, docs: CHART, needed: false }
}

/// The command that shows what the target chart takes.
const SHOW: &str = "helm show values open-metadata/openmetadata --version {to}";

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        // A chart that refuses the values does so when the servers are at zero already: refused before.
        row: Row {
            needed: true,
            ..row(
                "values-accepted",
                "the target chart takes every value of yours",
                "Release notes: changed Helm values",
                SHOW,
            )
        },
        ask: accepted,
    },
    Check {
        row: row(
            "values-honoured",
            "no value of yours is ignored in silence by the target chart",
            "Release notes: moved and removed Helm values",
            SHOW,
        ),
        ask: honoured,
    },
    Check {
        row: row(
            "values-meaning",
            "no value of yours means something else to the target",
            "Release notes: changed behaviour",
            SHOW,
        ),
        ask: meaning,
    },
    Check {
        row: row(
            "values-defaults",
            "no default that you rely on changes",
            "Release notes: new defaults",
            "helm show values open-metadata/openmetadata --version {to} # compare, and write down what you rely on",
        ),
        ask: defaults,
    },
    Check {
        row: row(
            "image-tag",
            "the image is the target's, not pinned to another",
            "Helm upgrade: do not keep image.tag",
            "helm get values {release} -n {namespace} # take image.tag out of the values of the upgrade",
        ),
        ask: image_tag,
    },
    Check {
        row: Row {
            docs: DOCS,
            ..row(
                "breaking-changes",
                "no release on the way brings a breaking change",
                "Release notes: read those of every minor version on the way",
                "helm show readme open-metadata/openmetadata --version {to} # and the release notes of each minor version",
            )
        },
        ask: breaking,
    },
];

/// Where the values are from, for evidence.
fn source(case: &Case) -> String {
    match &case.facts.asked.values_file {
        Some(file) => format!("in {file}"),
        None => match case.facts.helm.value().and_then(|helm| helm.taken) {
            Some(taken) => format!("in the values of revision {taken}"),
            None => "in the release's values".to_owned(),
        },
    }
}

fn accepted(case: &Case) -> Answer {
    case.facts.values.judge(|values| {
        let chart = case.chart_to();
        let mut words: Vec<String> = gone(case, values, "rejected")
            .into_iter()
            .map(|key| format!("{key} is refused by the schema of chart {chart}"))
            .collect();
        words.extend(wrong_words(case, values));
        words.extend(rules(case, values, "fail"));
        let exposed: Vec<&str> = ["ingress", "gateway", "route", "istio"]
            .into_iter()
            .filter(|k| values.is_on(&format!("{k}.enabled")))
            .collect();
        let both = Version { major: 1, minor: 12, patch: 5 };
        if exposed.len() > 1 && chart >= both {
            words.push(format!("only one of {} can be enabled", exposed.join(", ")));
        }
        if words.is_empty() {
            let said = format!("{}, against what chart {chart} is known to refuse", source(case));
            return unless_hidden(case, values, "fail", pass(said));
        }
        fail(format!("{}: {}", source(case), words.join("; ")))
    })
}

fn honoured(case: &Case) -> Answer {
    case.facts.values.judge(|values| {
        let keys = gone(case, values, "ignored");
        let rules = rules(case, values, "ignored");
        if keys.is_empty() && rules.is_empty() {
            let said = format!("{}, against what chart {} is known to ignore", source(case), case.chart_to());
            return unless_hidden(case, values, "ignored", pass(said));
        }
        let moved = keys.iter().any(|k| k.contains("pipelineServiceClientConfig"));
        let fix = if moved { "; they moved below pipelineServiceClientConfig.airflow" } else { "" };
        let before = case.chart_from().is_some_and(|from| !gone_at(case, values, "ignored", from).is_empty());
        let since = if before { ", as it is already now" } else { "" };
        let keys = Some(format!("{} would be ignored without a word{since}{fix}", keys.join(", ")))
            .filter(|_| !keys.is_empty());
        let words: Vec<String> = keys.into_iter().chain(rules).collect();
        fail(format!("{}: {}", source(case), words.join("; ")))
    })
}

fn meaning(case: &Case) -> Answer {
    case.facts.values.judge(|values| {
        let words = rules(case, values, "warn");
        if words.is_empty() {
            return unless_hidden(case, values, "warn", pass(source(case)));
        }
        warn(format!("{}: {}", source(case), words.join("; ")))
    })
}

/// Keys of yours that the target chart no longer has, with what becomes of them.
fn gone(case: &Case, values: &Values, what: &str) -> Vec<String> {
    gone_at(case, values, what, case.chart_to())
}

fn gone_at(case: &Case, values: &Values, what: &str, chart: Version) -> Vec<String> {
    let mut last: Vec<(&str, &str)> = Vec::new();
    for change in case.tables.keys.iter().filter(|k| k.chart <= chart && k.change != "default") {
        last.retain(|(key, _)| *key != change.key);
        last.push((&change.key, &change.change));
    }
    let set = |key: &str| values.get(key).is_some_and(|v| !v.is_null());
    last.into_iter().filter(|(key, change)| *change == what && set(key)).map(|(key, _)| key.to_owned()).collect()
}

/// Values that are none of the words that the target's schema takes.
fn wrong_words(case: &Case, values: &Values) -> Vec<String> {
    let mut out = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for kind in case.tables.types.iter().rev().filter(|t| t.chart <= case.chart_to()) {
        if seen.contains(&kind.key.as_str()) {
            continue;
        }
        seen.push(&kind.key);
        let Some(value) = values.get(&kind.key).filter(|v| !Values::is_masked(v) && !v.is_null()) else {
            // A null takes the default away: helm shows the schema no such key.
            continue;
        };
        if !kind.types.split('|').any(|t| t == type_of(value)) {
            out.push(format!(
                "{} has to be a {}, it is a {}",
                kind.key,
                kind.types.replace('|', " or "),
                type_of(value)
            ));
        } else if let Some(word) = value.as_str()
            && !kind.words.is_empty()
            && !kind.words.split('|').any(|w| w == word)
        {
            out.push(format!("{} is `{word}`, and only {} are taken", kind.key, kind.words.replace('|', ", ")));
        }
    }
    out
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The rules of a level that speak of the target's chart and of a key of yours.
fn of_level<'a>(case: &'a Case, values: &'a Values, level: &'a str) -> impl Iterator<Item = (&'a Rule, &'a Value)> {
    let chart = case.chart_to();
    let holds = move |rule: &Rule| {
        rule.level == level
            && chart >= rule.target_from
            && rule.target_below.is_none_or(|below| chart < below)
            && !rule.unless.split_whitespace().any(|other| {
                match (other.strip_suffix("=null"), other.strip_prefix('!')) {
                    (Some(key), _) => values.get(key).is_some_and(Value::is_null),
                    (_, Some(key)) => !values.is_on(key),
                    _ => values.get(other).is_some(),
                }
            })
    };
    case.tables.rules.iter().filter(move |rule| holds(rule)).filter_map(|rule| Some((rule, values.get(&rule.key)?)))
}

/// Whether a rule asks for words that a saved look does not hold.
fn is_hidden(rule: &Rule, value: &Value) -> bool {
    rule.value.starts_with(['=', '!', '~']) && Values::is_masked_within(value)
}

/// What the rules of a level say of these values.
fn rules(case: &Case, values: &Values, level: &str) -> Vec<String> {
    of_level(case, values, level)
        .filter(|(rule, value)| matches(&rule.value, value) && !is_hidden(rule, value))
        .map(|(rule, _)| format!("{}: {} → {}", rule.key, rule.what, rule.fix))
        .collect()
}

/// What holds by all that can be read, unless a rule of the level asks for what is masked.
fn unless_hidden(case: &Case, values: &Values, level: &str, holds: Answer) -> Answer {
    let hidden = of_level(case, values, level).filter(|(rule, value)| is_hidden(rule, value));
    let keys: Vec<&str> = hidden.map(|(rule, _)| rule.key.as_str()).collect();
    if keys.is_empty() {
        return case.of_charts(holds);
    }
    unknown(format!("{}: what {} says is masked in this saved look, and a rule asks for it", source(case), keys.join(", ")))
        .next("kubectl omupgrade precheck {release} -n {namespace} --to {to} # with the cluster: a saved look does not hold it")
}

/// Whether a value is what a rule speaks of.
fn matches(pattern: &str, value: &Value) -> bool {
    let text = match value {
        Value::Null => return false,
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if let Some(word) = pattern.strip_prefix('=') {
        text == word
    } else if let Some(word) = pattern.strip_prefix('!') {
        text != word
    } else if let Some(word) = pattern.strip_prefix('~') {
        text.contains(word)
    } else if let Some(kind) = pattern.strip_prefix("type:") {
        type_of(value) == kind
    } else {
        true
    }
}

fn defaults(case: &Case) -> Answer {
    let Some(from) = case.chart_from() else { return unknown("the chart that is installed names no version") };
    let to = case.chart_to();
    case.facts.values.judge(|values| {
        let changed = case.tables.keys.iter().filter(|k| k.change == "default" && k.chart > from && k.chart <= to);
        let (mut new, mut kept) = (Vec::new(), Vec::new());
        for change in changed {
            let old: Value = serde_json::from_str(&change.old).unwrap_or_default();
            match values.get(&change.key) {
                None => new.push(format!("{}: {} → {}", change.key, change.old, change.new)),
                Some(value) if *value == old => kept.push(change.key.clone()),
                Some(_) => {}
            }
        }
        if new.is_empty() && kept.is_empty() {
            let said = format!("none between the charts {from} and {to} that your values do not set");
            return case.of_charts(pass(said));
        }
        let mut words = Vec::new();
        if !new.is_empty() {
            words.push(format!("you will get {}", new.join("; ")));
        }
        if !kept.is_empty() {
            words.push(format!("your values hold the old default of {}", kept.join(", ")));
        }
        warn(words.join(". "))
    })
}

fn image_tag(case: &Case) -> Answer {
    case.facts.values.judge(|values| match values.get("image.tag") {
        None | Some(Value::Null) => pass("image.tag is not set: the chart's own version counts"),
        Some(tag) => {
            let shown = tag.as_str().map_or_else(|| tag.to_string(), str::to_owned);
            let to = case.to();
            match Version::parse(&shown) {
                _ if shown.is_empty() => pass("image.tag is empty: the chart's own version counts"),
                Some(version) if version == to => pass(format!("image.tag is {shown}")),
                Some(_) => fail(format!(
                    "image.tag is {shown} {}: the upgrade to {to} would go on running that image",
                    source(case)
                )),
                None => warn(format!("image.tag is `{shown}`, which names no version: see that it is {to}")),
            }
        }
    })
}

fn breaking(case: &Case) -> Answer {
    let Some(from) = case.from() else { return unknown(case.unnamed()) };
    let lines = case.tables.versions.lines_between(from, case.to());
    if lines.is_empty() {
        return skip(format!("{from} and {} are of one minor version", case.to()));
    }
    let values = case.facts.values.value();
    let said: Vec<String> = case
        .tables
        .notes
        .iter()
        .filter(|n| lines.contains(&(n.minor.number(0), n.minor.number(1))))
        .filter(|n| n.key.is_empty() || values.is_none_or(|v| v.get(&n.key).is_some()))
        .map(|n| {
            let yours = if n.key.is_empty() { String::new() } else { format!(" (your {})", n.key) };
            format!("{}: {}{yours}", n.minor, n.what)
        })
        .collect();
    if said.is_empty() { case.of_releases(pass("none is known")) } else { warn(said.join(". ")) }
}
