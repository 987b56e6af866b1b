//! The scripts that run in pods, against faked database clients: fast, no database, every installed POSIX shell.
//! The same scripts against real servers: `scripts_on_databases.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where something is wrong")]

#[path = "scripts/backup.rs"]
mod backup;
#[path = "scripts/claim.rs"]
mod claim;
#[path = "scripts/guard.rs"]
mod guard;
#[path = "scripts/leftovers.rs"]
mod leftovers;
mod support;

use support::{
    BACKUP, CLAIM, DRILL, FACTS_MYSQL, FACTS_POSTGRES, FINGERPRINT_MYSQL, FINGERPRINT_POSTGRES, GUARD, RESTORE,
};

const TEXTS: [&str; 6] = [
    FINGERPRINT_MYSQL,
    FINGERPRINT_POSTGRES,
    FACTS_MYSQL,
    FACTS_POSTGRES,
    shared::backup::BOT_MYSQL,
    shared::backup::BOT_POSTGRESQL,
];

#[test]
fn every_script_holds_the_database_client() {
    for path in [GUARD, BACKUP, RESTORE] {
        let text = support::composed(path);
        assert!(text.contains("BEGIN READ ONLY"), "{path}");
        assert!(!text.contains("# omupgrade: "), "{path}");
    }
}

#[test]
fn kubernetes_leaves_the_texts_as_they_are() {
    assert!(!shared::backup::ROWS_POSTGRESQL.contains("$$") && !shared::backup::ROWS_POSTGRESQL.contains("$("));
    for path in [GUARD, BACKUP, RESTORE, CLAIM, DRILL] {
        assert!(!support::composed(path).contains("$$"), "{path}");
    }
    for text in TEXTS {
        assert!(!text.contains("$$") && !text.contains("$("));
    }
}

#[test]
fn the_guard_does_not_change_with_our_version() {
    let text = support::composed(GUARD);
    assert!(!text.contains(env!("CARGO_PKG_VERSION")));
}

/// What stands in a comment of a version is nothing to a server of an older one.
#[test]
fn a_mysql_before_8_is_asked_nothing_that_it_does_not_know() {
    for path in [BACKUP, RESTORE] {
        let mut seen = support::composed(path);
        while let Some(at) = seen.find("/*!80000") {
            let length = seen[at..].find("*/").unwrap();
            seen.replace_range(at..at + length + 2, "");
        }
        for word in ["CURRENT_ROLE", "information_schema_stats_expiry"] {
            assert!(support::composed(path).contains(word) || path == BACKUP, "{path}: {word}");
            assert!(!seen.contains(word), "{path}: {word}");
        }
    }
}

#[test]
fn nothing_writes_through_the_texts() {
    for text in TEXTS {
        assert!(text.contains("READ ONLY"));
        for word in ["INSERT ", "UPDATE ", "DELETE ", "CREATE ", "DROP ", "ALTER "] {
            assert!(!text.contains(word), "{word}");
        }
    }
}
