//! The operator's tool: the commands that an upgrade calls. It never plays the others, and says so.

use std::process::ExitCode;

use anyhow::Result;

use crate::database::Database;
use crate::era::Era;
use crate::reindex::{self, Job};
use crate::search::Search;
use crate::secrets::Secrets;
use crate::settings::Settings;
use crate::{history, log, migrate};

/// Runs one command.
pub fn run(words: &[&str]) -> Result<ExitCode> {
    let settings = Settings::from_environment()?;
    let (database, secrets) = (Database::new(&settings), Secrets::new(&settings.fernet_key)?);
    let search = Search::new(&settings.search, &settings.cluster_alias, Era::of_this_image());
    // The chart puts `-d` (debug) before the command.
    let words: Vec<&str> = words.iter().copied().filter(|word| *word != "-d").collect();
    match words.as_slice() {
        ["migrate", rest @ ..] => {
            // The real tool exits with 1 and has said why.
            let done = migrate::run(&database, &secrets, &search, rest.contains(&"--force"));
            return Ok(if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        ["validate"] => {
            let lacking = migrate::lacking(&database)?;
            for folder in &lacking {
                log::error(&format!("pending: {}", folder.name));
            }
            return Ok(if lacking.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
        }
        ["info"] => {
            for version in history::versions(&database)? {
                log::plain(&version);
            }
        }
        ["reindex", rest @ ..]
            if !Era::of_this_image().knows_recreate_indexes()
                && rest.iter().any(|word| word.starts_with("--recreate-indexes")) =>
        {
            // As picocli says it and exits.
            log::plain(&format!("Unknown option: '{}'", rest.join(" ")));
            return Ok(ExitCode::from(2));
        }
        ["reindex", rest @ ..] if rest.contains(&"--force") => {
            reindex::run(&Job { database, search, pause: settings.reindex_pause }, |progress| {
                log::info(&format!("reindexed {} of {} documents", progress.success, progress.total));
                true
            })?;
        }
        // Assumption (derived from the server's source, not run): without --force and with equal mappings it does nothing.
        ["reindex", ..] => log::info("Smart reindexing: No index mapping changes detected, skipping reindex"),
        ["deploy-pipelines", ..] => log::info("Deploying Pipelines: done"),
        [] => log::error("usage: openmetadata-ops.sh migrate | info | validate | reindex | deploy-pipelines"),
        [other, ..] => {
            log::error(&format!("the stand-in does not play {other}"));
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
