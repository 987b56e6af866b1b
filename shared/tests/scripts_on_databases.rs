//! The scripts that run in pods, against real servers of both kinds. `testdata/databases/run.sh` starts the servers
//! and runs these; the same scripts without a database: `scripts.rs`.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, reason = "a test stops where something is wrong")]

#[path = "scripts_on_databases/backup.rs"]
mod backup;
#[path = "scripts_on_databases/drill.rs"]
mod drill;
#[path = "scripts_on_databases/facts.rs"]
mod facts;
#[path = "scripts_on_databases/fingerprint.rs"]
mod fingerprint;
#[path = "scripts_on_databases/guard.rs"]
mod guard;
#[path = "scripts_on_databases/parallel.rs"]
mod parallel;
#[path = "scripts_on_databases/proxy.rs"]
mod proxy;
#[path = "scripts_on_databases/restore.rs"]
mod restore;
#[path = "scripts_on_databases/restore_record.rs"]
mod restore_record;
#[path = "scripts_on_databases/restore_refused.rs"]
mod restore_refused;
#[path = "scripts_on_databases/servers.rs"]
mod servers;
mod support;
