//! Checks of the database server: version, character set, memory, what is open in it, what the user may do.

use super::case::Case;
use super::estimate::size;
use super::path::is_latin1;
use super::values::MASK;
use crate::checks::{Answer, Check, Row, fail, pass, quoted, unknown, warn};
use crate::facts::Database;
use shared::backup::Engine;
use shared::versions::Dotted;

const GROUP: &str = "database";
const REQUIREMENTS: &str = "https://docs.open-metadata.org/v1.12.x/deployment/minimum-requirements";
const PREREQUISITES: &str = "https://docs.open-metadata.org/v1.12.x/deployment/upgrade";

/// What the guide asks for: `sort_buffer_size` or `work_mem` of 20 MB.
const SORT_MEMORY: u64 = 20_000_000;

/// Seconds for which a transaction may be open. Chosen.
const LONG: u64 = 60;

/// Connections that should be free: a pod's pool of 100 at most (chosen: the image's default is 100), in percent.
const CONNECTIONS_PERCENT: u64 = 80;

const fn row(id: &'static str, fact: &'static str, guide: &'static str, hint: &'static str) -> Row {
    Row { id, group: GROUP, fact, guide, hint, docs: PREREQUISITES, needed: false }
}

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        row: Row {
            docs: REQUIREMENTS,
            needed: true,
            ..row(
                "database-version",
                "the database server is new enough for the target",
                "Prerequisites: minimum database version",
                "helm get values {release} -n {namespace} # names the server: upgrade it before OpenMetadata",
            )
        },
        ask: version,
    },
    Check {
        row: row(
            "database-charset",
            "database and tables are of one Unicode character set",
            "Prerequisites: character set of the database",
            "kubectl omupgrade status {release} -n {namespace} --probe # what the database says of itself",
        ),
        ask: charset,
    },
    Check {
        row: row(
            "database-sort-memory",
            "sorting has the memory that migrations of large tables ask for",
            "Prerequisites: sort_buffer_size or work_mem of 20 MB",
            "kubectl omupgrade status {release} -n {namespace} --probe # what the database says of itself",
        ),
        ask: sort_memory,
    },
    Check {
        row: row(
            "database-transactions",
            "no transaction is open for long",
            "Prerequisites: no locks that a migration waits for",
            "kubectl omupgrade status {release} -n {namespace} --probe # what the database says of itself",
        ),
        ask: transactions,
    },
    Check {
        row: Row {
            needed: true,
            ..row(
                "database-writable",
                "the server's user may change the schema of a database that takes writes",
                "Prerequisites: rights of the database user",
                "kubectl get secrets -n {namespace} # DB_USER needs all rights on its database",
            )
        },
        ask: writable,
    },
    Check {
        row: row(
            "database-connections",
            "the database has connections left for one more pod",
            "Prerequisites: resources of the database",
            "kubectl omupgrade status {release} -n {namespace} --probe # what the database says of itself",
        ),
        ask: connections,
    },
];

fn version(case: &Case) -> Answer {
    if let Some(beyond) = case.beyond() {
        return beyond;
    }
    case.facts.database.judge(|database| {
        let Some(needs) = case.tables.versions.requirement(case.to()) else {
            return unknown(format!("the tables name no requirement of {}", case.to()));
        };
        let least = match database.engine {
            Engine::Mysql => &needs.mysql_min,
            Engine::Postgresql => &needs.postgresql_min,
        };
        let name = database.engine.name();
        let Some(has) = Dotted::parse(&database.version) else {
            return unknown(format!("{name} calls itself `{}`", database.version));
        };
        let said = format!("{name} {has}; {} needs {least} ({})", case.to(), needs.source);
        if database.version.to_lowercase().contains("mariadb") {
            return fail(format!("the server is MariaDB ({}), which OpenMetadata does not support", database.version));
        }
        match has >= *least {
            true => pass(said),
            false if needs.is_strict() => fail(said),
            false => warn(said),
        }
    })
}

fn charset(case: &Case) -> Answer {
    case.facts.database.judge(|database| {
        let others = database.settings.get("other_collations").filter(|o| !o.is_empty());
        let said = format!("{}, collation {}", database.charset, database.collation);
        let unicode = ["utf8", "utf-8", "unicode"].iter().any(|word| database.charset.to_lowercase().starts_with(word));
        if is_latin1(database) || !unicode {
            let tables = others.map(|o| format!("; tables of {o}")).unwrap_or_default();
            let answer = fail(format!("{said}{tables}: statements and names in other scripts do not fit into it"));
            return answer.next(convert(case, database));
        }
        if database.engine == Engine::Mysql && !database.charset.to_lowercase().starts_with("utf8mb4") {
            let answer = warn(format!("{said}: utf8mb4 is what OpenMetadata is tested with"));
            return answer.next(convert(case, database));
        }
        match others {
            Some(others) => warn(format!(
                "{said}, but there are tables of {others}: a new table cannot refer to those"
            ))
            .next(client(
                case,
                database,
                "SELECT table_name, table_collation FROM information_schema.tables WHERE table_schema = DATABASE()",
            )),
            None => pass(said),
        }
    })
}

fn sort_memory(case: &Case) -> Answer {
    case.facts.database.judge(|database| {
        let name = match database.engine {
            Engine::Mysql => "sort_buffer_size",
            Engine::Postgresql => "work_mem",
        };
        #[allow(clippy::cast_precision_loss)] // for words
        let said = format!("{name} is {}", size(database.sort_buffer as f64));
        if database.sort_buffer >= SORT_MEMORY {
            return pass(said);
        }
        warn(format!("{said}; the guide asks for 20 MB")).next(match database.engine {
            Engine::Mysql => client(case, database, "SET GLOBAL sort_buffer_size = 20971520"),
            Engine::Postgresql => {
                client(case, database, &format!("ALTER DATABASE {} SET work_mem = '20MB'", database.name))
            }
        })
    })
}

fn transactions(case: &Case) -> Answer {
    case.facts.database.judge(|database| match database.oldest_transaction_seconds {
        None => unknown(format!("the user {} may not see the transactions of others", database.user)),
        Some(seconds) if seconds > LONG => warn(format!(
            "one is open for {seconds} s: what it locks, a migration waits for"
        ))
        .next(match database.engine {
            Engine::Mysql => client(case, database, "SELECT * FROM information_schema.innodb_trx ORDER BY trx_started"),
            Engine::Postgresql => client(case, database, "SELECT * FROM pg_stat_activity ORDER BY xact_start"),
        }),
        Some(seconds) => pass(format!("the oldest is open for {seconds} s")),
    })
}

fn writable(case: &Case) -> Answer {
    case.facts.database.judge(|database| {
        if database.read_only {
            return fail("the database takes no writes: it is a replica, or told so");
        }
        match database.may("migrate") {
            Some(true) => pass(format!("{} may", database.user)),
            Some(false) => {
                let (name, user) = (&database.name, user(database));
                let grant = match database.engine {
                    Engine::Mysql => format!("GRANT ALL PRIVILEGES ON {name}.* TO '{user}'@'%';"),
                    Engine::Postgresql => format!(
                        "ALTER DATABASE {name} OWNER TO {user}; then for each table ALTER TABLE … OWNER TO {user};"
                    ),
                };
                fail(format!("{} may not create, alter and drop there", database.user))
                    .next(session(case, database, "ADMIN", &grant))
            }
            None => unknown(format!("whether {} may depends on a role that it does not show", database.user)),
        }
    })
}

fn connections(case: &Case) -> Answer {
    case.facts.database.judge(|database| match (database.connections, database.max_connections) {
        (Some(open), Some(most)) if most > 0 => {
            let said = format!("{open} of {most} are open");
            if open.saturating_mul(100) < most.saturating_mul(CONNECTIONS_PERCENT) {
                return pass(said);
            }
            // Who holds them: then end those, or raise the most.
            warn(said).next(match database.engine {
                Engine::Mysql => client(
                    case,
                    database,
                    "SELECT user, SUBSTRING_INDEX(host, ':', 1) AS place, COUNT(*) FROM information_schema.processlist GROUP BY user, place",
                ),
                Engine::Postgresql => client(
                    case,
                    database,
                    "SELECT usename, client_addr, count(*) FROM pg_stat_activity GROUP BY usename, client_addr",
                ),
            })
        }
        (None, Some(most)) => {
            let words = format!("{most} at most; how many are open is not told to the user {}", database.user);
            unknown(words).next(counted(case, database))
        }
        _ => unknown("the server does not tell how many it lets in").next(counted(case, database)),
    })
}

/// Asks for them; anybody may.
fn counted(case: &Case, database: &Database) -> String {
    match database.engine {
        Engine::Mysql => {
            client(case, database, "SHOW GLOBAL STATUS LIKE 'Threads_connected'; SHOW VARIABLES LIKE 'max_connections'")
        }
        Engine::Postgresql => client(
            case,
            database,
            "SELECT count(*), current_setting('max_connections') FROM pg_stat_activity WHERE usesysid IS NOT NULL",
        ),
    }
}

/// What brings a database to Unicode. MySQL converts where it lies; PostgreSQL's encoding is that of its making.
fn convert(case: &Case, database: &Database) -> String {
    match database.engine {
        Engine::Mysql => session(
            case,
            database,
            user(database),
            &format!(
                "back up first; ALTER DATABASE {} CHARACTER SET utf8mb4; then for each table ALTER TABLE … CONVERT TO CHARACTER SET utf8mb4;",
                database.name
            ),
        ),
        Engine::Postgresql => format!(
            "kubectl omupgrade backup {{release}} -n {{namespace}} # the encoding of {0} stays what it is, also in a restore by omupgrade: CREATE DATABASE {0}_utf8 TEMPLATE template0 ENCODING 'UTF8'; load the dump into it with pg_restore, and point the release's database name there",
            database.name
        ),
    }
}

/// The name with which the server logs in.
fn user(database: &Database) -> &str {
    database.user.split('@').next().unwrap_or_default()
}

/// A database client in a pod of its own, and the one statement to type into it. It asks for the password.
fn client(case: &Case, database: &Database, statement: &str) -> String {
    session(case, database, user(database), &format!("{statement};"))
}

/// The same as somebody, who may be another that may more, and what to do there: statements with their ends, or words.
fn session(case: &Case, database: &Database, user: &str, what: &str) -> String {
    let (name, host) = (&database.name, case.facts.settings.value().and_then(|s| s.get("DB_HOST")));
    let host = host.filter(|h| *h != MASK).map_or("HOST", |h| h.trim_matches('"'));
    // Settings are somebody's own words, and a command is copied into a shell.
    let (host, user, name) = (quoted(host), quoted(user), quoted(name));
    let command = match database.engine {
        Engine::Mysql => format!("mysql:8.4 -- mysql -h {host} -u {user} -p {name}"),
        Engine::Postgresql => format!("postgres:18 -- psql -h {host} -U {user} {name}"),
    };
    format!("kubectl run -n {{namespace}} -it --rm sql --image={command} # {what}")
}
