//! Checks of the search engine: version against both releases, health, aliases, disk.

use super::case::Case;
use crate::checks::{Answer, Check, Row, fail, pass, unknown, warn};
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
            hint: "helm get values {release} -n {namespace} # names the engine: upgrade it in the order of the verdict",
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
            hint: "kubectl create job --from=cronjob/cron-reindex reindex -n {namespace}",
            docs: "https://github.com/open-metadata/OpenMetadata/issues/33667",
            needed: false,
        },
        ask: aliases,
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

fn name(engine: &str) -> &str {
    match engine {
        "elasticsearch" => "Elasticsearch",
        "opensearch" => "OpenSearch",
        other => other,
    }
}

/// Where no version of the engine serves both releases: what is there, and what the target needs.
pub fn without_overlap(case: &Case) -> Option<String> {
    let search = case.facts.search.value()?;
    let tables = &case.tables.versions;
    let from = case.from()?;
    let (now, then) = (tables.requirement(from)?, tables.requirement(case.to())?);
    let has = Dotted::parse(&search.version)?;
    let ((low, high), (least, below)) = (range(now, &search.engine)?, range(then, &search.engine)?);
    let fits = has >= *least && has < *below;
    let overlap = low.max(least) < high.min(below);
    (!fits && then.is_strict() && !overlap)
        .then(|| format!("{} {has} serves {from}, and {} needs {least} or newer", name(&search.engine), case.to()))
}

fn version(case: &Case) -> Answer {
    case.facts.search.judge(|search| {
        let Some(needs) = case.tables.versions.requirement(case.to()) else {
            return unknown(format!("the tables name no requirement of {}", case.to()));
        };
        let (Some(has), Some((least, below))) = (Dotted::parse(&search.version), range(needs, &search.engine)) else {
            return unknown(format!("the engine calls itself {} {}", search.engine, search.version));
        };
        let engine = name(&search.engine);
        let said = format!("{engine} {has} ({}); {} needs {least} to below {below}", search.source, case.to());
        if has >= *least && has < *below {
            return pass(said);
        }
        if has >= *below {
            return warn(format!("{said}: a newer major is not among those that are supported"));
        }
        if let Some(words) = without_overlap(case) {
            return fail(format!("{words}: no version of {engine} works with both, see the verdict"));
        }
        if needs.is_strict() {
            fail(format!("{said}; upgrade it first, the present release works with {least} as well"))
        } else {
            warn(format!("{said}; the documentation of this release contradicts itself"))
        }
    })
}

fn health(case: &Case) -> Answer {
    case.facts.search.judge(|search| {
        let disk = search.disk_percent.map(|p| format!(", its fullest disk at {p} %")).unwrap_or_default();
        let said = format!("{}{disk}", search.health);
        match search.health.as_str() {
            "" => unknown("only its version was seen"),
            "red" => fail(format!("{said}: indexes are missing")),
            _ if search.disk_percent.is_some_and(|p| p >= FULL_PERCENT) => {
                warn(format!("{said}: a reindex builds a second set of indexes"))
            }
            "yellow" => pass(format!("{said} (replicas without a node, usual on a single node)")),
            "green" => pass(said),
            other => unknown(format!("it calls its health `{other}`")),
        }
    })
}

fn aliases(case: &Case) -> Answer {
    case.facts.search.judge(|search| match search.odd_aliases.as_slice() {
        _ if search.health.is_empty() => unknown("only its version was seen"),
        [] => pass("no alias stands for two"),
        odd => warn(format!("{}: a search after the upgrade may fail (OpenMetadata#33667)", odd.join(", "))),
    })
}
