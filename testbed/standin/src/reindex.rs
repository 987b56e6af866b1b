//! The reindex: every document from the database into search, counted. It never changes the database.
//!
//! Source: a staged build and a swap of aliases in newer releases (facts 4.7), counts as runs show them (facts 4.8), failures
//! of an index that are said and swallowed (facts 10.7). Assumption: one kind of entity after the other.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::database::Database;
use crate::entities::{self, KINDS};
use crate::log;
use crate::search::{self, Search};
use crate::token;

/// What a reindex needs.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where the documents come from.
    pub database: Database,
    /// Where they go.
    pub search: Search,
    /// How long it rests after each kind, so that it can be watched.
    pub pause: Duration,
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Documents in the database.
    pub total: u64,
    /// Those that search has taken.
    pub success: u64,
    /// Those that it has not.
    pub failed: u64,
}

/// Runs to the end, unless `go_on` says no: false then.
pub fn run(job: &Job, mut go_on: impl FnMut(Progress) -> bool) -> Result<bool> {
    let mut progress = Progress::default();
    for kind in KINDS.iter().filter(|kind| kind.indexed.is_some()) {
        progress.total += entities::count(&job.database, kind)?;
    }
    for kind in KINDS {
        let Some(indexed) = &kind.indexed else { continue };
        let entities = entities::list(&job.database, kind, usize::from(u16::MAX), None)?;
        let documents: Vec<_> = entities.into_iter().map(|entity| search::document(kind, entity)).collect();
        job.search.rebuild(indexed, token::millis(), &documents)?;
        let found = job.search.count(indexed.index)?;
        progress.success += found;
        progress.failed += (documents.len() as u64).saturating_sub(found);
        std::thread::sleep(job.pause);
        if !go_on(progress) {
            return Ok(false);
        }
    }
    ensure!(progress.failed == 0, "search lacks {} documents", progress.failed);
    Ok(true)
}

/// Indices that are missing, and fields that their mappings lack. A failure is said and swallowed, as the real server does.
pub fn update_indices(search: &Search) {
    for indexed in KINDS.iter().filter_map(|kind| kind.indexed.as_ref()) {
        if let Err(error) = search.ensure(indexed) {
            log::warn(&format!("Failed to Update Index for entity {}: {error:#}", indexed.entity));
        }
    }
}
