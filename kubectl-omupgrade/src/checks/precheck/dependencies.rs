//! The release of what OpenMetadata runs on: how far it goes with an upgrade, and what that changes.

use super::case::Case;
use super::facts::Neighbour;
use super::search;
use super::values::MASK;
use crate::checks::{Answer, pass, skip, unknown, warn};
use shared::versions::{Dotted, Version};

const CHART: &str = "openmetadata-dependencies";

/// What of it is not as it was, and in which order it goes.
pub fn check(case: &Case) -> Answer {
    case.facts.neighbours.judge(|_| {
        let Some(release) = release(case) else { return skip("no such release in this namespace") };
        let to = goes_to(case, release);
        let Some((mut words, mysql)) = changes(case, release) else {
            return unknown(format!("the tables do not hold both charts, {} and {to}", release.version))
                .next("{again} --tables DIR # newer tables");
        };
        words.extend(held(case, release));
        words.extend(mysql);
        let said = format!("{} is at {}", release.name, release.version);
        let first = behind(case).is_some();
        if words.is_empty() {
            return pass(if first { format!("{said}; upgrade it to {to} before OpenMetadata") } else { said });
        }
        let order = if first { format!("; before OpenMetadata it goes to {to}") } else { String::new() };
        warn(format!("{said}{order}: {}", words.join(", ")))
            .next(format!("helm show values open-metadata/{CHART} --version {to}"))
    })
}

/// The dependencies' release, where one is in the namespace.
pub fn release(case: &Case) -> Option<&Neighbour> {
    case.facts.neighbours.value()?.iter().find(|n| n.chart == CHART)
}

/// The same where it is older than the chart to go to, with the charts in it that read other values then, as far as the
/// tables tell.
pub fn behind(case: &Case) -> Option<(&Neighbour, Vec<String>)> {
    let release = release(case)?;
    let older = Version::parse(&release.version).is_none_or(|version| version < goes_to(case, release));
    older.then(|| (release, changes(case, release).unwrap_or_default().0))
}

/// The chart that it goes to: the target's, or the newest on the way there whose search engine the target takes.
pub fn goes_to(case: &Case, release: &Neighbour) -> Version {
    let to = case.chart_to();
    let takes = |chart: Version| {
        let brought = becomes(case, release, chart);
        brought.is_none_or(|engine| search::takes(case, "opensearch", engine) != Some(false))
    };
    match Version::parse(&release.version) {
        Some(now) if now < to && !takes(to) => {
            let between = case.tables.versions.charts.iter().map(|c| c.chart).filter(|c| *c > now && *c < to);
            between.filter(|c| takes(*c)).max().unwrap_or(now)
        }
        _ => to,
    }
}

/// That the step gives the server's search engine another major version, in words.
pub fn search_major(case: &Case) -> Option<String> {
    let (release, _) = behind(case)?;
    let to = goes_to(case, release);
    let then = becomes(case, release, to)?;
    let now = case.facts.search.value().map(|search| format!(" in place of {}", search.version)).unwrap_or_default();
    Some(format!("{} with its chart of {to} brings OpenSearch {}{now}", release.name, then.major()))
}

/// That it does not go as far as the target's chart, and why.
fn held(case: &Case, release: &Neighbour) -> Option<String> {
    let (to, goes) = (case.chart_to(), goes_to(case, release));
    let engine = becomes(case, release, to).filter(|_| goes < to)?;
    Some(format!(
        "its chart of {to} brings OpenSearch {}, which {} does not take, so it goes no further than {goes}",
        engine.major(),
        case.to()
    ))
}

/// It, where it brings the search engine: the server asks a host of this namespace.
pub fn brings_search(case: &Case) -> Option<&Neighbour> {
    release(case).filter(|_| here(case, "ELASTICSEARCH_HOST") == Some(true))
}

/// What of the server's an upgrade of it restarts; a host that is not known counts as its own.
pub fn restarts(case: &Case) -> Option<&'static str> {
    let of = |key| here(case, key) != Some(false);
    match (of("DB_HOST"), of("ELASTICSEARCH_HOST")) {
        (true, true) => Some("the database and the search engine"),
        (true, false) => Some("the database"),
        (false, true) => Some("the search engine"),
        (false, false) => None,
    }
}

/// Whether a host of the server's is of this namespace.
fn here(case: &Case, key: &str) -> Option<bool> {
    let host = case.facts.settings.value()?.get(key)?.trim_matches('"');
    let mut parts = host.split('.');
    let named = parts.next().is_some_and(|name| !name.is_empty() && host != MASK);
    named.then(|| parts.next().is_none_or(|namespace| namespace == case.facts.namespace))
}

/// The OpenSearch of another major version that the server's becomes with a chart of it. None where it stays: it is
/// elsewhere, of another kind, or of another version than its chart's, which only values of somebody's own can make it.
fn becomes<'a>(case: &'a Case, release: &Neighbour, chart: Version) -> Option<&'a Dotted> {
    let (now, then) = (engine(case, Version::parse(&release.version)?)?, engine(case, chart)?);
    let follows = if let Some(search) = case.facts.search.value() {
        search.engine == "opensearch" && Dotted::parse(&search.version).is_none_or(|has| has.major() == now.major())
    } else {
        let kind = case.facts.settings.value().and_then(|settings| settings.get("SEARCH_TYPE"));
        kind.is_none_or(|kind| !kind.eq_ignore_ascii_case("elasticsearch"))
    };
    (follows && now.major() != then.major() && brings_search(case).is_some()).then_some(then)
}

/// The search engine of a chart of it: where the tables do not hold that chart, of the newest before.
fn engine(case: &Case, chart: Version) -> Option<&Dotted> {
    let known = case.tables.versions.charts.iter().filter(|c| c.chart <= chart);
    known.filter_map(|c| Some((c.chart, c.deps_opensearch.as_ref()?))).max_by_key(|(at, _)| *at).map(|(_, of)| of)
}

/// The charts in it that become other ones on the way, and a MySQL in them that is too old for the target; none where the
/// tables do not hold both charts.
fn changes(case: &Case, release: &Neighbour) -> Option<(Vec<String>, Option<String>)> {
    let charts = &case.tables.versions.charts;
    let tag = |version: Version| charts.iter().find(|c| c.chart == version);
    let (now, then) = (tag(Version::parse(&release.version)?)?, tag(goes_to(case, release))?);
    let mut words = Vec::new();
    let majors = [
        (&now.deps_opensearch, &then.deps_opensearch, "OpenSearch"),
        (&now.deps_airflow, &then.deps_airflow, "Airflow"),
    ];
    for (a, b, what) in majors {
        if let (Some(a), Some(b)) = (a, b)
            && a.major() != b.major()
        {
            words.push(format!("its {what} chart goes from {a} to {b}"));
        }
    }
    let needs = case.tables.versions.requirement(case.to());
    let old = then.deps_mysql.as_ref().zip(needs).filter(|(mysql, needs)| **mysql < needs.mysql_min);
    let mysql = old.map(|(mysql, needs)| {
        format!("it still brings MySQL {mysql}, below the {} that {} needs", needs.mysql_min, case.to())
    });
    Some((words, mysql))
}
