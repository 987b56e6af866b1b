//! Whether the data is there: a page of it, its lineage, the database at rest, and nothing lost since before.

use super::{Facts, asked, either, known, row};
use crate::checks::{Answer, Check, fail, pass, skip, unknown, warn};
use std::collections::BTreeMap;

const GROUP: &str = "data";
const DIAGNOSE: &str = "kubectl omupgrade diagnose {release} -n {namespace}";
const BACK: &str = "kubectl omupgrade rollback {release} -n {namespace} --dry-run # the ways back";
const WATCH: &str = "kubectl omupgrade status {release} -n {namespace} --watch";
const BEFORE: &str = "kubectl omupgrade validate {release} -n {namespace} --facts before.json # before an upgrade; afterwards --before before.json";

const SINCE: &str = "kubectl omupgrade validate {release} -n {namespace} --since-backup # with the newest backup from before the rollout";

/// Tables that no upgrade makes smaller: a loss here is the trouble of 1.11.0 to 1.11.3, and others like it.
const KEPT: &[(&str, &str)] = &[
    ("role_entity", "roles"),
    ("policy_entity", "policies"),
    ("bot_entity", "bots"),
    ("user_entity", "users"),
    ("team_entity", "teams"),
    ("entity_relationship", "relationships"),
];

/// The rows.
pub const CHECKS: &[Check<Facts>] = &[
    Check {
        row: row(
            "entity",
            GROUP,
            "the page of an entity is there",
            "Post-upgrade validation: open an entity",
            DIAGNOSE,
        ),
        ask: |f| either(entity(f)),
    },
    Check {
        row: row(
            "lineage",
            GROUP,
            "the lineage of that entity is answered",
            "Post-upgrade validation: lineage",
            DIAGNOSE,
        ),
        ask: |f| either(lineage(f)),
    },
    Check {
        row: row(
            "migrations",
            GROUP,
            "every migration that was begun was finished",
            "Post-upgrade validation: migrations",
            "kubectl omupgrade rollback {release} -n {namespace} --dry-run",
        ),
        ask: |f| either(migrations(f)),
    },
    Check {
        row: row(
            "nothing-lost",
            GROUP,
            "roles, policies, bots and relationships are as many as before",
            "Post-upgrade validation: nothing is lost",
            BEFORE,
        ),
        ask: |f| either(lost(f)),
    },
];

fn migrations(f: &Facts) -> Result<Answer, Answer> {
    let database = known(&f.database)?;
    let at_work = f.look.pods.items().iter().find(|p| p.is_migrating());
    let unfinished = database.unfinished().join(", ");
    Ok(match at_work {
        // Whether one broke off is told by what stands there when none is at work.
        Some(pod) if !unfinished.is_empty() => {
            warn(format!("a migration is at work in {}: {unfinished}", pod.meta.name)).next(WATCH)
        }
        Some(pod) => warn(format!("a migration is at work in {}", pod.meta.name)).next(WATCH),
        None if unfinished.is_empty() => {
            pass(format!("the database is at {}", database.head().map_or("no version".to_owned(), |v| v.to_string())))
        }
        None => fail(format!("not finished: {unfinished}")),
    })
}

fn entity(f: &Facts) -> Result<Answer, Answer> {
    let Some(entity) = asked(f, |s| &s.entity)? else { return Ok(skip("there is no entity")) };
    let read = asked(f, |s| &s.entity_read)?;
    let what = format!("{} {}", entity.kind, entity.name);
    Ok(match (read.status, read.what.as_str()) {
        (200, "the entity") => pass(format!("{what}, {} ms", read.millis)),
        (200, _) => fail(format!("{what}: the answer is another")),
        (status, _) => fail(format!("{what}: {status}")),
    })
}

fn lineage(f: &Facts) -> Result<Answer, Answer> {
    let Some(entity) = asked(f, |s| &s.entity)? else { return Ok(skip("there is no entity")) };
    let edges = asked(f, |s| &s.lineage)?;
    Ok(pass(format!("{}: {} into it, {} out of it", entity.name, edges.up, edges.down)))
}

fn lost(f: &Facts) -> Result<Answer, Answer> {
    let asked_for =
        |missing: Answer| if missing.evidence.contains("--since-backup") { missing.next(SINCE) } else { missing };
    let before = known(&f.before).map_err(asked_for)?;
    let database = known(&f.database)?;
    let now: BTreeMap<&str, u64> = database.counted();
    let (mut less, mut without, mut gone, mut seen) = (Vec::new(), Vec::new(), false, 0);
    for (table, was) in &before.rows {
        let kept = KEPT.iter().find(|(name, _)| name == table);
        let Some(is) = now.get(table.as_str()) else {
            // Other tables may be renamed by an upgrade; one that is there and was not counted tells nothing.
            if let Some((_, name)) = kept.filter(|_| *was > 0 && !database.tables.contains_key(table)) {
                without.push(format!("{name}: {was} before, and no table {table} now"));
            }
            continue;
        };
        seen += 1;
        if is < was {
            let name = kept.map_or(table.as_str(), |(_, name)| name);
            less.push(format!("{name}: {was} before, {is} now"));
            // Users delete entities; one in a hundred is no loss by itself.
            gone |= kept.is_some() && *table != "entity_relationship" || (was - is).saturating_mul(100) > *was;
        }
    }
    if seen == 0 {
        return Err(unknown("before and now have no counted table in common"));
    }
    gone |= !without.is_empty();
    less.extend(without);
    let since = format!("since {} ({})", before.at.strftime("%Y-%m-%d %H:%M"), before.source);
    Ok(match less.as_slice() {
        [] => pass(format!("{seen} tables, none with fewer rows {since}")),
        all if gone => fail(format!("{} {since}", all.join("; "))).next(BACK),
        all => warn(format!("{} {since}", all.join("; "))).next(BACK),
    })
}
