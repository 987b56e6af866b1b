//! Checks of the search engine: version against both releases, health, disk, aliases, mappings; and the order in which
//! it is upgraded where no version serves both releases.

use super::case::Case;
use super::dependencies;
use super::facts::Search;
use crate::checks::{Answer, Check, Outcome, REINDEX, Row, fail, pass, unknown, warn};
use shared::versions::Dotted;
use shared::versions::tables::Requirement;

const GROUP: &str = "search";
const REQUIREMENTS: &str = "https://docs.open-metadata.org/v1.12.x/deployment/minimum-requirements";

/// Disks fuller than this stop taking indexes (the engines' low watermark).
const FULL_PERCENT: u64 = 85;

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        row: Row {
            id: "search-version",
            group: GROUP,
            fact: "the search engine is one that the target works with",
            guide: "Prerequisites: minimum version of Elasticsearch or OpenSearch",
            hint: "helm get values {release} -n {namespace} # names the engine",
            docs: REQUIREMENTS,
            needed: true,
        },
        ask: version,
    },
    Check {
        row: Row {
            id: "search-health",
            group: GROUP,
            fact: "the search engine is healthy and has room for a second set of indexes",
            guide: "Prerequisites: a healthy search engine",
            hint: "kubectl get pods -n {namespace}",
            docs: REQUIREMENTS,
            needed: false,
        },
        ask: health,
    },
    Check {
        row: Row {
            id: "search-aliases",
            group: GROUP,
            fact: "every search alias stands for exactly one index",
            guide: "Prerequisites: indexes without drift",
            hint: REINDEX,
            docs: "https://github.com/open-metadata/OpenMetadata/issues/33667",
            needed: false,
        },
        ask: aliases,
    },
    Check {
        row: Row {
            id: "search-mappings",
            group: GROUP,
            fact: "every index has the mapping that the server gave it",
            guide: "Prerequisites: indexes without drift",
            hint: REINDEX,
            docs: REQUIREMENTS,
            needed: false,
        },
        ask: mappings,
    },
];

/// Least and below of an engine.
fn range<'a>(needs: &'a Requirement, engine: &str) -> Option<(&'a Dotted, &'a Dotted)> {
    match engine {
        "elasticsearch" => Some((&needs.elasticsearch_min, &needs.elasticsearch_below)),
        "opensearch" => Some((&needs.opensearch_min, &needs.opensearch_below)),
        _ => None,
    }
}

/// Whether the target works with a major version of an engine; none where the tables do not tell.
pub fn takes(case: &Case, engine: &str, version: &Dotted) -> Option<bool> {
    let (least, below) = range(case.tables.versions.requirement(case.to())?, engine)?;
    Some(version.major() >= least.major() && version < below)
}

fn name(engine: &str) -> &str {
    match engine {
        "elasticsearch" => "Elasticsearch",
        "opensearch" => "OpenSearch",
        other => other,
    }
}

/// From which version on, and below which, an engine works with both releases; with the target alone where the tables do not
/// know the release that serves. It may be an empty range.
fn both<'a>(case: &'a Case, engine: &str) -> Option<(&'a Dotted, &'a Dotted)> {
    let tables = &case.tables.versions;
    let (least, below) = range(tables.requirement(case.to())?, engine)?;
    match case.from().and_then(|from| tables.requirement(from)).and_then(|now| range(now, engine)) {
        Some((low, high)) => Some((low.max(least), high.min(below))),
        None => Some((least, below)),
    }
}

/// Where no version of the engine serves both releases: what is there, and what the target needs.
pub fn without_overlap(case: &Case) -> Option<String> {
    let search = case.facts.search.value()?;
    if case.beyond().is_some() {
        return None;
    }
    let from = case.from()?;
    case.tables.versions.requirement(from)?;
    let then = case.tables.versions.requirement(case.to())?;
    let has = Dotted::parse(&search.version)?;
    let ((least, below), (low, high)) = (range(then, &search.engine)?, both(case, &search.engine)?);
    let fits = has >= *least && has < *below;
    (!fits && then.is_strict() && low >= high)
        .then(|| format!("{} {has} serves {from}, and {} needs {least} or newer", name(&search.engine), case.to()))
}

/// Why the engine changes its major version in one window with OpenMetadata, where it does.
pub fn window(case: &Case) -> Option<String> {
    without_overlap(case).or_else(|| dependencies::search_major(case))
}

fn version(case: &Case) -> Answer {
    if let Some(beyond) = case.beyond() {
        return beyond;
    }
    case.facts.search.judge(|search| {
        let Some(needs) = case.tables.versions.requirement(case.to()) else {
            return unknown(format!("the tables name no requirement of {}", case.to()));
        };
        let (Some(has), Some((least, below))) = (Dotted::parse(&search.version), range(needs, &search.engine)) else {
            return unknown(format!("the engine calls itself {} {}", search.engine, search.version));
        };
        let engine = name(&search.engine);
        if search.engine == "opensearch" && has.major() >= 7 {
            return unknown(format!("OpenSearch calls itself {has} (compatibility.override_main_response_version is on)"))
                .next("kubectl get pods -n {namespace} # switch that setting off: OpenMetadata's clients read the version, too");
        }
        let said = format!("{engine} {has} ({}); {} needs {least} to below {below}", search.source, case.to());
        if has >= *least && has < *below {
            return pass(said);
        }
        if has >= *below {
            return warn(format!("{said}: a newer major is not among those that are supported"));
        }
        if let Some(words) = without_overlap(case) {
            return fail(format!("{words}: no version of {engine} works with both, see the verdict")).next(
                "helm get values {release} -n {namespace} # names the engine: upgrade it in the order of the verdict",
            );
        }
        if needs.is_strict() {
            first(case, search, &said)
        } else {
            warn(format!("{said}; the documentation of this release contradicts itself"))
        }
    })
}

/// What is upgraded before OpenMetadata, to a version that the present release works with as well.
fn first(case: &Case, search: &Search, said: &str) -> Answer {
    let Some((low, high)) = both(case, &search.engine) else { return fail(said) };
    let through = order(case);
    let through = if through.is_empty() { String::new() } else { format!(", through {}", through.join(", then ")) };
    let way = format!("upgrade it first{through}, to {low} or newer, below {high}");
    fail(format!("{said}; {way}: the present release works with that as well"))
        .next(format!("helm get values {{release}} -n {{namespace}} # names the engine: {way}"))
}

fn health(case: &Case) -> Answer {
    case.facts.search.judge(|search| {
        let disk = search.disk_percent.map(|p| format!(", its fullest disk at {p} %")).unwrap_or_default();
        let shards =
            search.unassigned.filter(|n| *n > 0).map(|n| format!(", {n} shards on no node")).unwrap_or_default();
        let said = format!("{}{shards}{disk}", search.health);
        match search.health.as_str() {
            "" => unseen_part(search, "/_cluster/health"),
            "red" => fail(format!("{said}: indexes are missing")),
            "green" | "yellow" if search.disk_percent.is_none() => {
                let answer = unseen_part(search, "/_cat/allocation");
                Answer {
                    evidence: format!("{said}; how full its disks are is not known: {}", answer.evidence),
                    ..answer
                }
            }
            _ if search.disk_percent.is_some_and(|p| p >= FULL_PERCENT) => {
                warn(format!("{said}: a reindex builds a second set of indexes"))
            }
            "yellow" => pass(format!("{said} (replicas without a node, usual on a single node)")),
            "green" => pass(said),
            other => unknown(format!("it calls its health `{other}`")),
        }
    })
}

/// Why a part of its answers is missing.
fn unseen_part(search: &Search, question: &str) -> Answer {
    match search.unanswered.get(question) {
        Some(how) => unknown(format!("it answers {how} to {question}: the server's user may not ask that"))
            .next("helm get values {release} -n {namespace} # its user there needs the rights cluster:monitor/* and indices:monitor/*"),
        None if search.health.is_empty() => unknown(format!("only its version was seen ({})", search.source)),
        None => unknown(format!("its answer to {question} does not tell")),
    }
}

fn mappings(case: &Case) -> Answer {
    let answer = mapped(case);
    // What the server itself noted tells more than an engine in which nothing looks odd, or that was not asked.
    let built = case.facts.database.value().zip(case.from()).and_then(|(d, serving)| d.indexes_built(serving));
    match (answer.outcome, built) {
        (Outcome::Pass | Outcome::Unknown, Some(Err(words))) => warn(words),
        _ => answer,
    }
}

/// By what the engine shows.
fn mapped(case: &Case) -> Answer {
    case.facts.search.judge(|search| match search.drifted.as_slice() {
        _ if search.unanswered.contains_key("/_mapping") => unseen_part(search, "/_mapping"),
        _ if search.health.is_empty() && search.indexes == 0 => unseen_part(search, "/_cat/indices"),
        [] if search.indexes == 0 => {
            warn("it holds no index of this server: nothing was ever indexed, or under another alias")
        }
        [] => pass(format!("{} indexes", search.indexes)),
        some => warn(format!(
            "the engine guessed the mapping of {} from a first document: filters and facets on it find nothing",
            some.join(", ")
        )),
    })
}

/// The releases through which the engine has to go, in their order, to a major version: the last of each major, but for
/// the one that is there already.
pub fn order(case: &Case) -> Vec<String> {
    let Some(search) = case.facts.search.value() else { return Vec::new() };
    let Some((has, (least, _))) = Dotted::parse(&search.version).zip(both(case, &search.engine)) else {
        return Vec::new();
    };
    let engine = name(&search.engine);
    let steps = case.tables.search_steps.iter().filter(|s| s.engine == search.engine);
    let between = steps.filter(|s| s.major >= has.major() && s.major < least.major() && has < s.last);
    between.map(|s| format!("{engine} {} ({})", s.last, s.source)).collect()
}

fn aliases(case: &Case) -> Answer {
    case.facts.search.judge(|search| match search.odd_aliases.as_slice() {
        _ if search.unanswered.contains_key("/_cat/aliases") => unseen_part(search, "/_cat/aliases"),
        _ if search.health.is_empty() && search.indexes == 0 => unseen_part(search, "/_cat/aliases"),
        [] => pass("no alias stands for two"),
        odd => warn(format!("{}: a search after the upgrade may fail (OpenMetadata#33667)", odd.join(", "))),
    })
}
