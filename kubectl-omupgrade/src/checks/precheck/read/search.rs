//! The search engine, as a precheck looks at it.

use crate::checks::precheck::Search;
use crate::facts::SearchEngine;

/// From what it answered; `source` says where it was asked.
pub fn search(engine: &SearchEngine, source: String) -> Search {
    Search {
        engine: engine.engine.clone(),
        version: engine.version.clone(),
        health: engine.health.clone(),
        indexes: engine.indexes.len(),
        unassigned: engine.unassigned,
        odd_aliases: engine.odd(),
        drifted: engine.drifted(),
        disk_percent: engine.disk_percent,
        unanswered: engine.unanswered.clone(),
        source,
    }
}
