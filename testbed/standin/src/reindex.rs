//! The reindex: counts every kind's documents anew. It never changes the database.

use std::time::Duration;

use anyhow::Result;

use crate::database::Database;
use crate::entities::{self, KINDS};

/// What a reindex needs.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where the documents come from.
    pub database: Database,
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
    for kind in KINDS {
        progress.total += entities::count(&job.database, kind)?;
    }
    for kind in KINDS {
        progress.success += entities::count(&job.database, kind)?;
        std::thread::sleep(job.pause);
        if !go_on(progress) {
            return Ok(false);
        }
    }
    Ok(true)
}
