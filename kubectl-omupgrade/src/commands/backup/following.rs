//! What is said while a dump runs, and what its log says at the end.

use super::Terms;
use crate::backup::Progress;
use crate::cli::say;
use shared::backup::Record;
use std::time::{Duration, Instant};

/// Says how far the dump is: one line that is repainted, or a plain line now and then.
pub(super) fn hearing(terms: Terms) -> impl FnMut(&str, Duration) {
    const QUIET: Duration = Duration::from_secs(15);
    let (mut progress, mut said) = (Progress::default(), None::<Instant>);
    let mut waiting = String::new();
    move |log, since| {
        if terms.output.is_data() {
            return;
        }
        if let Some(words) = log.strip_prefix("omupgrade: ") {
            if waiting != words {
                words.clone_into(&mut waiting);
                say::note(words);
            }
            return;
        }
        let Some(words) = progress.words(log, since) else { return };
        if terms.live {
            say::progress(&words);
        } else if said.is_none_or(|s| s.elapsed() >= QUIET) {
            said = Some(Instant::now());
            say::note(&words);
        }
    }
}

/// The backup that a Job's log names, with its record.
pub(super) fn found(log: &str) -> Result<(String, Record), String> {
    let line = |head: &str| log.lines().rev().find_map(|l| l.strip_prefix(head));
    let name = line("omupgrade-backup: complete ").and_then(|l| l.split(' ').next());
    let name = name.ok_or("its log names no backup")?.to_owned();
    let record = line("omupgrade-backup: catalog ").ok_or("its log holds no record")?;
    let record = serde_json::from_str(record).map_err(|e| format!("its record cannot be read: {e}"))?;
    Ok((name, record))
}
