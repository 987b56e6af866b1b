//! Checks that a backup can be made and restored: claim, room, client, rights, what lies outside the database.

use super::case::Case;
use super::estimate::size;
use crate::checks::{Answer, Check, Row, fail, pass, skip, unknown, warn};
use shared::backup::Engine;
use shared::component::image_tag;
use shared::versions::Dotted;

const GROUP: &str = "backup";
const DOCS: &str = "https://docs.open-metadata.org/v1.12.x/deployment/backup-restore-metadata";

/// What makes room on a claim.
const FREED: &str = "kubectl omupgrade backup list {release} -n {namespace} # take away what nobody needs (backup prune), or make the claim larger";

/// The oldest clients that the guide takes.
const MYSQLDUMP_MIN: &str = "8.3";
const PG_DUMP_MIN: &str = "13.3";

const fn row(id: &'static str, fact: &'static str, guide: &'static str, hint: &'static str) -> Row {
    Row { id, group: GROUP, fact, guide, hint, docs: DOCS, needed: false }
}

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        row: row(
            "backup-claim",
            "there is a volume claim that takes the backup",
            "Backup: where it goes",
            "kubectl omupgrade backup init {release} -n {namespace}",
        ),
        ask: claim,
    },
    Check {
        row: row(
            "backup-room",
            "the claim has room for a dump of the database",
            "Backup: enough disk",
            "kubectl get pvc -n {namespace} # make it larger, where its storage class can",
        ),
        ask: room,
    },
    Check {
        row: row(
            "restore-room",
            "the database's volume has room for a restore beside the database",
            "Backup: a restore that can be proven",
            "kubectl get pvc -n {namespace} # or look at the disk where the database runs",
        ),
        ask: restore_room,
    },
    Check {
        row: row(
            "backup-client",
            "the client that dumps is not older than the database server",
            "Backup: mysqldump 8.3 or pg_dump 13.3 and newer",
            "helm-postrender explain backup_hook # its policy names the client image",
        ),
        ask: client,
    },
    Check {
        row: row(
            "backup-rights",
            "the user may read all that a dump holds",
            "Backup: rights of the database user",
            "kubectl get secrets -n {namespace} # grant DB_USER reading of every table",
        ),
        ask: rights,
    },
    Check {
        row: row(
            "restore-rights",
            "the user may make and rename the database that a restore needs",
            "Backup: rights for a restore",
            "kubectl get secrets -n {namespace} # an administrator's login has to be at hand for a restore",
        ),
        ask: restore_rights,
    },
    Check {
        row: row(
            "external-secrets",
            "all secrets that the database refers to are in the database",
            "Backup: an external secrets manager has to be backed up with it",
            "helm get values {release} -n {namespace} # secretsManager names the store",
        ),
        ask: external,
    },
];

fn claim(case: &Case) -> Answer {
    case.facts.backup.judge(|place| match (place.phase.as_str(), &place.waits_unseen) {
        ("", _) => fail(format!("there is no claim {}", place.claim)),
        ("Bound", _) => pass(format!("{} is bound", place.claim)),
        ("Pending", _) if place.waits_for_pod => {
            pass(format!("{} is bound with its first pod, which the backup starts", place.claim))
        }
        ("Pending", Some(why)) => unknown(format!(
            "{} is Pending, and whether it only waits for its first pod is not known: {why}",
            place.claim
        )),
        (phase, _) => fail(format!("{} is {phase}", place.claim))
            .next(format!("kubectl describe pvc {} -n {{namespace}}", place.claim)),
    })
}

fn room(case: &Case) -> Answer {
    case.facts.backup.judge(|place| {
        let Some(capacity) = place.bytes else { return skip("the claim has no size to compare") };
        case.facts.database.judge(|database| {
            let (capacity, needs) = (precise(capacity), precise(database.bytes));
            // What never had a pod holds nothing.
            let free = if place.phase == "Pending" { Ok(capacity) } else { place.free.known().map(|b| precise(*b)) };
            let said = match free {
                Ok(free) => format!(
                    "{} are free on the claim {} of {}, the database has {}",
                    size(free),
                    place.claim,
                    size(capacity),
                    size(needs)
                ),
                Err(_) => format!("the claim {} has {}, the database {}", place.claim, size(capacity), size(needs)),
            };
            let most = free.unwrap_or(capacity);
            if most < needs * 0.5 {
                let answer = fail(format!("{said}: a dump is seldom smaller than half of it"));
                return freed(capacity >= needs * 0.5, answer);
            }
            match free {
                Ok(free) if free < needs * 1.5 => {
                    freed(capacity >= needs * 1.5, warn(format!("{said}: room for one dump, not for two")))
                }
                Ok(_) => pass(said),
                Err(why) => unknown(format!("{said}; how much of it is free is not known: {why}")),
            }
        })
    })
}

/// A claim that is large enough, and full, is not made larger first.
fn freed(large_enough: bool, answer: Answer) -> Answer {
    if large_enough { answer.next(FREED) } else { answer }
}

fn restore_room(case: &Case) -> Answer {
    let database = match case.facts.database.known() {
        Ok(database) => database,
        Err(reason) => return unknown(reason),
    };
    let needs = precise(database.bytes) * 3.0;
    let volume = case.facts.backup.value().and_then(|b| b.database_volume_bytes);
    match volume {
        Some(has) if precise(has) >= needs => {
            pass(format!("its volume has {}, three times the database are {}", size(precise(has)), size(needs)))
        }
        Some(has) => warn(format!(
            "its volume has {}, and a restore beside the database wants three times its size, {}",
            size(precise(has)),
            size(needs)
        )),
        None => unknown(format!("its disk cannot be seen from here: see that {} are free in all", size(needs))),
    }
}

fn client(case: &Case) -> Answer {
    let database = match case.facts.database.known() {
        Ok(database) => database,
        Err(reason) => return unknown(reason),
    };
    case.facts.backup.judge(|place| {
        let image = &place.client_image;
        let tag = image_tag(image);
        let Some(client) = tag.and_then(Dotted::parse) else {
            return unknown(format!("the image {image} names no version; the backup compares the versions itself"));
        };
        let Some(server) = Dotted::parse(&database.version) else {
            return unknown(format!("the server calls itself `{}`", database.version));
        };
        let said = format!("{image} for {} {server}", database.engine.name());
        let least = match database.engine {
            Engine::Mysql => MYSQLDUMP_MIN,
            Engine::Postgresql => PG_DUMP_MIN,
        };
        let newest = match database.engine {
            // A dump of an older server by a newer client is sound; MySQL's clients also by the second number. A tag of one
            // number is the newest of its line.
            Engine::Mysql if tag.is_some_and(|t| !t.contains('.')) => client.major() >= server.major(),
            Engine::Mysql => (client.number(0), client.number(1)) >= (server.number(0), server.number(1)),
            Engine::Postgresql => client.major() >= server.major(),
        };
        let old = Dotted::parse(least).is_some_and(|least| client < least);
        if !newest {
            fail(format!("{said}: a client older than its server does not dump it soundly"))
        } else if old {
            warn(format!("{said}: the guide asks for {least} or newer"))
        } else {
            pass(said)
        }
    })
}

fn rights(case: &Case) -> Answer {
    case.facts.database.judge(|database| match database.may("read_all") {
        Some(true) => pass(format!("{} may", database.user)),
        Some(false) => fail(format!("{} may not read every table: a dump would not be whole", database.user)),
        None => unknown(format!("whether {} may depends on a role that it does not show", database.user)),
    })
}

fn restore_rights(case: &Case) -> Answer {
    case.facts.database.judge(|database| {
        let may: Vec<Option<bool>> =
            ["create_database", "rename_database"].into_iter().map(|what| database.may(what)).collect();
        if may.contains(&Some(false)) {
            return warn(format!(
                "{} may not make or rename databases: a restore needs an administrator's login",
                database.user
            ));
        }
        if may.contains(&None) {
            return unknown(format!("whether {} may depends on a role that it does not show", database.user));
        }
        pass(format!("{} may", database.user))
    })
}

fn external(case: &Case) -> Answer {
    case.facts.values.judge(|values| {
        let key = "openmetadata.config.secretsManager.provider";
        match values.text(key) {
            None => pass("secretsManager.provider is not set: the database"),
            Some("db" | "noop") => pass("secretsManager.provider: the database"),
            Some(provider) => {
                warn(format!("secretsManager.provider is {provider}: no dump of the database holds those"))
            }
        }
    })
}

/// Bytes are far below where a float loses one that matters.
#[allow(clippy::cast_precision_loss)]
fn precise(bytes: u64) -> f64 {
    bytes as f64
}
