//! The scripts that run in pods, against faked database clients: fast, no database, every installed POSIX shell.
//! The same scripts against real servers: `scripts_on_databases.rs`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops where something is wrong")]

#[path = "scripts/backup.rs"]
mod backup;
#[path = "scripts/guard.rs"]
mod guard;
mod support;

use std::fs;

use support::{BACKUP, FINGERPRINT_MYSQL, FINGERPRINT_POSTGRES, GUARD};

fn database_client(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap();
    let (_, rest) = text.split_once("# ---- database client").unwrap();
    let (block, _) = rest.split_once("# ---- end of database client").unwrap();
    block.to_owned()
}

#[test]
fn both_scripts_connect_in_the_same_way() {
    assert_eq!(database_client(GUARD), database_client(BACKUP));
}

#[test]
fn kubernetes_leaves_the_texts_as_they_are() {
    for path in [GUARD, BACKUP] {
        assert!(!fs::read_to_string(path).unwrap().contains("$$"), "{path}");
    }
    for text in [FINGERPRINT_MYSQL, FINGERPRINT_POSTGRES] {
        assert!(!text.contains("$$") && !text.contains("$("));
    }
}

#[test]
fn the_guard_does_not_change_with_our_version() {
    let text = fs::read_to_string(GUARD).unwrap();
    assert!(!text.contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn nothing_writes_through_the_fingerprint() {
    for text in [FINGERPRINT_MYSQL, FINGERPRINT_POSTGRES] {
        assert!(text.contains("READ ONLY"));
        for word in ["INSERT ", "UPDATE ", "DELETE ", "CREATE ", "DROP ", "ALTER "] {
            assert!(!text.contains(word), "{word}");
        }
    }
}
