//! Checks of the way from here to the target: direction, stops, the state of Helm's storage and of the migrations.

use super::case::{Case, OF_IMAGE, Pending, has_flyway, named};
use crate::checks::{Answer, Check, Row, Why, fail, pass, unknown, warn};
use crate::facts::Status;
use shared::versions::Version;

const GUIDE: &str = "https://docs.open-metadata.org/v1.12.x/deployment/upgrade";
const MIGRATIONS: &str = "https://docs.open-metadata.org/v1.12.x/deployment/upgrade";
const GROUP: &str = "path";
const WATCH: &str = "kubectl omupgrade status {release} -n {namespace} --watch";
const BACK: &str = "kubectl omupgrade rollback {release} -n {namespace} --dry-run";
const KILLED: &str =
    "kubectl omupgrade rollback {release} -n {namespace} --clear-pending --dry-run # once no helm is at work";

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        row: Row {
            id: "direction",
            group: GROUP,
            fact: "the target is newer than what serves and than the database",
            guide: "Version compatibility: upgrades go forward only",
            hint: "kubectl omupgrade status {release} -n {namespace}",
            docs: GUIDE,
            needed: true,
        },
        ask: direction,
    },
    Check {
        row: Row {
            id: "target-known",
            group: GROUP,
            fact: "the target is a release that the tables know",
            guide: "Version compatibility: choose a released version",
            hint: "helm search repo open-metadata/openmetadata --versions",
            docs: "https://github.com/open-metadata/OpenMetadata/releases",
            needed: false,
        },
        ask: target_known,
    },
    Check {
        row: Row {
            id: "hops",
            group: GROUP,
            fact: "the target can be reached in one step",
            guide: "Version compatibility: intermediate versions",
            hint: "kubectl omupgrade precheck {release} --to {to} -n {namespace} # with another version",
            docs: "https://github.com/open-metadata/OpenMetadata/pull/31232",
            needed: false,
        },
        ask: hops,
    },
    Check {
        row: Row {
            id: "helm-state",
            group: GROUP,
            fact: "the last revision is deployed, and no helm is at work or was killed",
            guide: "Prerequisites: a healthy release",
            hint: "helm history {release} -n {namespace}",
            docs: "https://helm.sh/docs/helm/helm_history",
            needed: true,
        },
        ask: helm_state,
    },
    Check {
        row: Row {
            id: "migrations-finished",
            group: GROUP,
            fact: "every earlier migration was finished",
            guide: "Prerequisites: the present version runs without pending migrations",
            hint: "kubectl omupgrade status {release} -n {namespace}",
            docs: MIGRATIONS,
            needed: true,
        },
        ask: finished,
    },
    Check {
        row: Row {
            id: "migrations-pending",
            group: GROUP,
            fact: "the list of migrations that the target will run is complete",
            guide: "Version compatibility: does this step migrate the database",
            hint: "kubectl omupgrade status {release} -n {namespace} --probe # what the database says of itself",
            docs: MIGRATIONS,
            needed: false,
        },
        ask: pending,
    },
    Check {
        row: Row {
            id: "migrations-history",
            group: GROUP,
            fact: "the database has a native history of migrations",
            guide: "Version compatibility: databases from before 1.2",
            hint: "kubectl omupgrade precheck {release} --to 1.13.6 -n {namespace}",
            docs: "https://github.com/open-metadata/OpenMetadata/pull/24985",
            needed: false,
        },
        ask: history,
    },
    Check {
        row: Row {
            id: "known-troubles",
            group: GROUP,
            fact: "the way is free of known troubles",
            guide: "Release notes: known issues of the target",
            hint: "kubectl omupgrade precheck {release} --to {to} -n {namespace} # with another version",
            docs: "https://github.com/open-metadata/OpenMetadata/issues",
            needed: true,
        },
        ask: troubles,
    },
];

fn direction(case: &Case) -> Answer {
    let to = case.to();
    let head = case.facts.database.value().and_then(crate::facts::Database::head);
    let from = case.from();
    if let Some(head) = head.filter(|h| *h > to) {
        let next = if migrating(case).is_some() { WATCH } else { BACK };
        return fail(format!(
            "the database is at {head}, newer than {to}: an older server would start on a newer schema"
        ))
        .next(next);
    }
    match from {
        None => unknown(case.unnamed()),
        Some(from) if from > to => {
            fail(format!("{from} serves, which is newer than {to}: a rollback is another verb")).next(BACK)
        }
        Some(from) if from == to => warn(format!("{from} serves already")),
        Some(from) => match (case.facts.database.known(), head) {
            (Err(reason), _) => unknown(format!("{from} serves; where the database is was not read: {reason}")),
            (Ok(_), Some(head)) => pass(format!("{from} serves, the database is at {head}")),
            (Ok(_), None) if case.is_flyway_only() == Some(true) => {
                pass(format!("{from} serves, the database knows only Flyway's history, which is older"))
            }
            (Ok(_), None) => unknown(format!("{from} serves; the database names no version that it is at")),
        },
    }
}

fn target_known(case: &Case) -> Answer {
    let (to, tables) = (case.to(), &case.tables.versions);
    if let Some(beyond) = case.beyond() {
        return beyond.next("helm search repo open-metadata/openmetadata --versions # is it there? then --tables DIR");
    }
    if !tables.charts.iter().any(|c| Version::parse(&c.app) == Some(to)) {
        let newest = tables.charts.iter().map(|c| c.chart).filter(|c| c.line() == to.line()).max();
        // Charts newer than the newest tag that was recorded may well be there.
        if newest.is_some_and(|newest| to < newest) {
            return warn(format!("no chart was tagged for {to}: take a neighbouring release"));
        }
        let recorded = newest.map_or_else(|| "none of its line".to_owned(), |c| c.to_string());
        return pass(format!("{to} is known; of its charts {recorded} is the newest that the tables hold"));
    }
    match tables.line(to) {
        Some(line) if line.newest > to => {
            pass(format!("{to} is known; the newest of its line is {} ({})", line.newest, line.newest_date))
        }
        _ => pass(format!("{to} is known and the newest of its line")),
    }
}

fn hops(case: &Case) -> Answer {
    match case.stops().as_slice() {
        [] => case.of_releases(pass(format!("no stop is known between here and {}", case.to()))),
        [via, ..] => fail(format!("{} refuses a database from before it has been at {via}: go there first", case.to()))
            .next(format!("kubectl omupgrade precheck {{release}} --to {via} -n {{namespace}}")),
    }
}

fn helm_state(case: &Case) -> Answer {
    case.facts.helm.judge(|helm| {
        let said = format!("revision {} is {}", helm.revision, helm.status.word());
        match helm.status {
            Status::Deployed => pass(said),
            Status::Superseded => warn(format!("{said}, though nothing follows it")),
            Status::Failed => match helm.taken {
                Some(taken) => warn(format!(
                    "{said}: {}; helm begins from revision {taken}, the last deployed one: what {} set is not in the values that are looked at",
                    helm.description, helm.revision
                ))
                .next(format!(
                    "helm get values {{release}} --revision {} -n {{namespace}} # what it set; give what is wanted of it with -f",
                    helm.revision
                )),
                None => warn(format!("{said}: {}", helm.description)),
            },
            status if status.is_pending() => {
                let answer = fail(format!("{said}: a helm is at work on it, or was killed at it"));
                // A way back is for what was killed, not for what is at work.
                let next = if migrating(case).is_some() { WATCH } else { KILLED };
                answer.next(next)
            }
            _ => fail(said),
        }
    })
}

fn migrating(case: &Case) -> Option<&str> {
    case.facts.server.value()?.migrating.as_deref()
}

fn finished(case: &Case) -> Answer {
    // What looks broken off while one is at work is that one; a second must not begin beside it.
    if let Some(pod) = migrating(case) {
        return fail(format!("a migration is at work in {pod}: wait for its end")).next(WATCH);
    }
    case.facts.database.judge(|database| match database.unfinished().as_slice() {
        [] => pass(format!("{} versions ran, none broke off", database.migrations.len())),
        broken => fail(format!(
            "{} began and is not in the change log as completed: a migration broke off",
            broken.join(", ")
        )),
    })
}

fn pending(case: &Case) -> Answer {
    if let Some(beyond) = case.beyond() {
        return beyond;
    }
    match case.pending() {
        Pending::Nothing(why) => pass(format!("nothing: {why}")),
        // The tables alone do not know what this database has run.
        Pending::Versions(versions, why) if case.facts.database.value().is_none() => {
            unknown(format!("{}: {why}", named(&versions)))
        }
        Pending::Versions(versions, why) => pass(format!("{}: {why}", named(&versions))),
        Pending::Unknown(why) if why.contains(OF_IMAGE) && Why::of(&why) == Some(Why::Image) => {
            unknown(why).next("{again} # once a node can pull the target's image")
        }
        Pending::Unknown(why) => unknown(why),
    }
}

fn history(case: &Case) -> Answer {
    case.facts.database.judge(|database| {
        if case.is_flyway_only() == Some(true) {
            let to = case.to();
            return if case.stops().is_empty() {
                if let Some(beyond) = case.beyond() {
                    return beyond;
                }
                warn(format!("only Flyway's history is there: {to} turns it into native rows; prove a backup first"))
                    .next("kubectl omupgrade status {release} -n {namespace}")
            } else {
                fail(format!("only Flyway's history is there, and {to} refuses such a database")).next(
                    case.stops().first().map_or_else(String::new, |via| {
                        format!("kubectl omupgrade precheck {{release}} --to {via} -n {{namespace}}")
                    }),
                )
            };
        }
        if database.migrations.is_empty() {
            return fail("the database holds no history of migrations at all: is it OpenMetadata's?");
        }
        let flyway = if has_flyway(database) { ", Flyway's beside it" } else { "" };
        pass(format!("{} native rows{flyway}", database.migrations.len()))
    })
}

fn troubles(case: &Case) -> Answer {
    let to = case.to();
    let database = case.facts.database.value();
    let head = database.and_then(crate::facts::Database::head).or(case.from());
    let mut hits = Vec::new();
    let mut open = Vec::new();
    for trouble in &case.tables.troubles {
        let target = to >= trouble.target_from && trouble.target_below.is_none_or(|below| to < below);
        let from = trouble.database_from.is_none_or(|at| head.is_none_or(|h| h >= at));
        let below = trouble.database_below.is_none_or(|at| head.is_none_or(|h| h < at));
        if !(target && from && below) {
            continue;
        }
        if trouble.engine.is_empty() && trouble.when.is_empty() {
            hits.push(trouble);
            continue;
        }
        let Some(database) = database else {
            open.push(trouble.id.clone());
            continue;
        };
        let engine = trouble.engine.is_empty() || database.engine.name().eq_ignore_ascii_case(&trouble.engine);
        let when = match trouble.when.as_str() {
            "latin1" => is_latin1(database),
            "flyway" => has_flyway(database),
            _ => true,
        };
        if engine && when {
            hits.push(trouble);
        }
    }
    if !hits.is_empty() {
        let said: Vec<String> =
            hits.iter().map(|t| format!("{}: {} ({}); {}", t.id, t.what, t.source, t.fix)).collect();
        let said = said.join(". ");
        return if hits.iter().any(|t| t.level == "fail") { fail(said) } else { warn(said) };
    }
    if open.is_empty() {
        return case.of_releases(pass(format!("none of {} known troubles", case.tables.troubles.len())));
    }
    let reason = case.facts.database.known().err().unwrap_or_default();
    unknown(format!("{} may stand on the way: the database was not read: {reason}", open.join(", ")))
}

/// Whether a database, or a table of it, is of the character set latin1.
pub fn is_latin1(database: &crate::facts::Database) -> bool {
    let others = database.settings.get("other_collations").map(String::as_str).unwrap_or_default();
    database.charset.to_lowercase().starts_with("latin1") || others.to_lowercase().contains("latin1")
}
