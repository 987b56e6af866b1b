//! Whether search shows what there is: the chosen entity, as many documents as rows, a sound engine, indexes of the
//! present mapping.

use super::{Facts, asked, either, known, of, row, serving, tag};
use crate::checks::{Answer, Check, Outcome, REINDEX, fail, pass, skip, unknown, warn};
use crate::facts::no_answer::{FAILED, GONE};
use crate::facts::{Fact, SearchEngine};
use shared::versions::Version;

const GROUP: &str = "search";
const DIAGNOSE: &str =
    "kubectl omupgrade diagnose {release} -n {namespace} # asks the search engine, and says what its answer means";

/// The rows.
pub const CHECKS: &[Check<Facts>] = &[
    Check {
        row: row(
            "search-finds",
            GROUP,
            "search finds that entity by its name",
            "Post-upgrade validation: search",
            DIAGNOSE,
        ),
        ask: |f| rebuilt(either(finds(f))),
    },
    Check {
        row: row(
            "documents",
            GROUP,
            "search holds as many documents as there are entities",
            "Post-upgrade validation: search results are current",
            DIAGNOSE,
        ),
        ask: |f| rebuilt(either(documents(f))),
    },
    Check {
        row: row(
            "search-engine",
            GROUP,
            "the search engine is well, and an alias stands for one index of a kind",
            "Post-upgrade validation: search",
            DIAGNOSE,
        ),
        ask: |f| rebuilt(engine(f)),
    },
    Check {
        row: row("mapping", GROUP, "every index has the present mapping", "Reindex", DIAGNOSE),
        ask: |f| rebuilt(noted(f, either(mapping(f)))),
    },
];

/// What was seen to be wrong is mended by a reindex; what was not seen is to be asked first.
fn rebuilt(answer: Answer) -> Answer {
    match answer.outcome {
        Outcome::Warn | Outcome::Fail if answer.next.is_none() => answer.next(REINDEX),
        _ => answer,
    }
}

/// What tells of mappings where neither server nor log does. A reindex would answer a question that nobody asked.
const ASK: &str = "{again} # once a Pod may ask the search engine, which shows its mappings";

/// What tells where no mapping was guessed: without `--force` it leaves alone what did not change, by the server's own files.
const SMART: &str = "kubectl exec -n {namespace} {workload} -- ./bootstrap/openmetadata-ops.sh reindex # from 1.8.7 on: builds anew what changed, and says so where nothing did";

/// The name of the app that fills the indexes.
const INDEXING: &str = "SearchIndexingApplication";

/// Whether search is behind a restore of the database, however many documents it holds. The app's own record tells it; a
/// reindex by the command line may leave none, so that without a run it is only looked at.
fn behind(f: &Facts) -> Result<Option<Answer>, Answer> {
    let Some(restored) = f.look.search_due else { return Ok(None) };
    let app = of(f, |s| &s.apps)?.iter().find(|a| a.name == INDEXING);
    let at = restored.strftime("%Y-%m-%d %H:%MZ");
    Ok(match app.map(|a| (a.began.is_some_and(|began| began > restored), a.last.as_deref())) {
        Some((true, Some("success" | "completed"))) => None,
        Some((true, Some(how))) => Some(fail(format!("{INDEXING} began after the restore of {at}: {how}"))),
        _ => Some(warn(format!(
            "the database was restored at {at}, and {INDEXING} did not run since; a reindex on the command line may not be told here"
        ))),
    })
}

fn finds(f: &Facts) -> Result<Answer, Answer> {
    let Some(entity) = asked(f, |s| &s.entity)? else { return Ok(skip("there is no entity")) };
    let found = asked(f, |s| &s.entity_found)?;
    Ok(if *found { pass(entity.name.clone()) } else { fail(format!("{} is not among the hits", entity.name)) })
}

fn documents(f: &Facts) -> Result<Answer, Answer> {
    let server = known(&f.server)?;
    // Without a login nothing was counted: said as everywhere else.
    asked(f, |s| &s.entity)?;
    if let Some(answer) = behind(f)? {
        return Ok(answer);
    }
    let (mut same, mut less, mut far) = (Vec::new(), Vec::new(), false);
    // Kinds that search did not count, by what it said instead.
    let mut uncounted: Vec<(&Fact<u64>, Vec<&str>)> = Vec::new();
    for (kind, counted) in &server.kinds {
        if let Some(said) = counted.uncounted() {
            match uncounted.iter_mut().find(|(other, _)| other.reason() == said.reason()) {
                Some((_, kinds)) => kinds.push(kind),
                None => uncounted.push((said, vec![kind.as_str()])),
            }
        }
        match (counted.there.value(), counted.found.value()) {
            (Some(there), Some(found)) if there == found => same.push(format!("{kind} {there}")),
            (Some(there), Some(found)) => {
                less.push(format!("{kind}: {found} documents of {there}"));
                // What was written a moment ago is not in search yet.
                far |= there.abs_diff(*found).saturating_mul(100) > *there.max(&1);
            }
            _ => {}
        }
    }
    let answered = |status: u16| uncounted.iter().any(|(said, _)| said.status() == Some(status));
    let (gone, failed) = (answered(GONE), answered(FAILED));
    less.extend(
        uncounted.iter().map(|(said, kinds)| format!("{}: {}", kinds.join(", "), said.reason().unwrap_or("?"))),
    );
    let words = less.join("; ");
    Ok(match (words.as_str(), uncounted.first()) {
        ("", _) if same.is_empty() => return Err(unknown("no kind was counted on both sides")),
        ("", _) => pass(same.join(", ")),
        // A server that failed at it may have lost its search engine: a reindex would fail as well.
        _ if failed => fail(words).next(DIAGNOSE),
        _ if far || gone => fail(words),
        (_, Some((said, _))) => return Err(serving::server_next(said).into_iter().fold(unknown(words), Answer::next)),
        (_, None) => warn(words),
    })
}

/// The engine itself, where it could be asked.
fn engine(f: &Facts) -> Answer {
    let Some(fact) = &f.search else { return skip("the search engine was not asked") };
    either(known(fact).map(|engine| {
        let odd = engine.odd();
        let words =
            format!("{} {}, {}, {} indexes", engine.engine, engine.version, engine.health, engine.indexes.len());
        match engine.health.as_str() {
            "red" => fail(format!("{words}: indexes are missing")).next(
                "kubectl get pods -n {namespace} # are all its nodes up? what stays red then is built anew by a reindex with --force",
            ),
            "" => unknown(format!("{} {} does not tell how it is", engine.engine, engine.version)),
            _ if engine.indexes.is_empty() => fail(format!("{words}: nothing can be found")),
            _ if !odd.is_empty() => warn(format!("{words}; {}", odd.join("; "))),
            _ => pass(words),
        }
    }))
}

/// Together with what the server noted when it built its indexes: of mappings in which nothing looks odd, that tells
/// which are of another release.
fn noted(f: &Facts, answer: Answer) -> Answer {
    let built = f.database.value().zip(version(f)).and_then(|(database, serving)| database.indexes_built(serving));
    match (answer.outcome, built) {
        (Outcome::Pass | Outcome::Unknown, Some(Err(words))) => warn(words),
        (Outcome::Pass, Some(Ok(words))) => pass(format!("{}; {words}", answer.evidence)),
        // Neither a guessed one nor one of another release.
        (Outcome::Unknown, Some(Ok(words))) if with_mappings(f).is_some() => pass(words),
        _ => answer,
    }
}

/// The engine, where its mappings were seen.
fn with_mappings(f: &Facts) -> Option<&SearchEngine> {
    let engine = f.search.as_ref().and_then(|s| s.value());
    engine.filter(|e| !e.indexes.is_empty() && !e.unanswered.contains_key("/_mapping"))
}

/// The version that serves: as the server says it, else as its image is called.
fn version(f: &Facts) -> Option<Version> {
    let said = f.server.value().and_then(|s| s.version.value()).and_then(|said| Version::parse(said));
    said.or_else(|| tag(f).and_then(Version::parse))
}

/// Whether every index has its mapping: newer servers say it in their status; the engine shows where it guessed; what a
/// migration could not update stands in its log.
fn mapping(f: &Facts) -> Result<Answer, Answer> {
    let step = f
        .server
        .value()
        .and_then(|s| s.steps.value())
        .and_then(|all| all.iter().find(|s| s.name.to_lowercase().contains("reindex")));
    if let Some(step) = step {
        return Ok(if step.passed { pass(step.message.clone()) } else { fail(step.message.clone()) });
    }
    let seen = with_mappings(f);
    if let Some(drifted) = seen.map(SearchEngine::drifted).filter(|d| !d.is_empty()) {
        return Ok(fail(format!(
            "the engine guessed the mapping of {} from a first document: filters and facets on it find nothing",
            drifted.join(", ")
        )));
    }
    let each = seen.map(|e| format!("; none of {} indexes has a guessed one", e.indexes.len())).unwrap_or_default();
    let migrates =
        |key: &str| {
            f.look.pods.items().iter().any(|p| {
                p.containers.iter().any(|c| c.migrates && key.starts_with(&format!("{}/{}", p.meta.name, c.name)))
            })
        };
    let logs: Vec<&String> =
        f.look.logs.iter().filter(|(key, _)| migrates(key.as_str())).flat_map(|(_, l)| l.items()).collect();
    let failed: Vec<&str> = logs
        .iter()
        .filter_map(|l| l.split_once("Failed to Update Index for entity "))
        .map(|(_, e)| e.split_whitespace().next().unwrap_or_default())
        .collect();
    if !failed.is_empty() {
        return Ok(fail(format!("the migration could not update: {}", failed.join(", "))));
    }
    if logs.iter().any(|l| l.contains("Update Search Indexes") || l.contains("No Server Migration")) {
        return Ok(pass(format!("the migration updated them without an error in its log{each}")));
    }
    let untold = unknown(format!("this server does not tell, and no log of a migration is left{each}"));
    // That the engine guessed none says nothing of one that is of an older release.
    Err(untold.next(if seen.is_some() { SMART } else { ASK }))
}
