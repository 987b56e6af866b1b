//! Finds what was recorded before the step that followed a revision. Never takes what could be from after it.

use super::facts::{Before, Source};
use crate::fingerprint::Fingerprint;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared::backup::Record;
use shared::versions::Version;

/// A revision of the release's history and when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Its number.
    pub revision: u64,
    /// When helm began with it, by the clock of helm's machine; none where the record does not tell.
    pub began: Option<Timestamp>,
    /// The version of its server; none where the image's tag is no version.
    pub version: Option<Version>,
    /// Whether anything of it was applied: one that its hook stopped never served, and the one before it went on.
    pub served: bool,
}

/// Whether a backup was made while `revision` served, before the next one changed anything.
///
/// A backup of the plugin ends before the next revision begins, and says itself which one was the newest. The hook's is
/// the first step of the next revision; tries that their hooks stopped lie between without having served.
pub fn from_before(record: &Record, revision: u64, history: &[Moment]) -> bool {
    if record.origin == "hook" {
        return maker(record, history).is_some_and(|maker| {
            let earlier = history.iter().filter(|m| m.served && m.revision < maker);
            earlier.map(|m| m.revision).max() == Some(revision)
        });
    }
    if record.of.as_ref().is_some_and(|of| of.revision != revision) {
        return false;
    }
    let (Some(started), Some(finished)) = (time(&record.started), time(&record.finished)) else { return false };
    let Some(own) = history.iter().find(|m| m.revision == revision).and_then(|m| m.began) else { return false };
    match history.iter().filter(|m| m.revision > revision).min_by_key(|m| m.revision) {
        // Nothing followed: the revision serves now.
        None => started >= own,
        Some(next) => started >= own && next.began.is_some_and(|next| finished <= next),
    }
}

/// The revision whose first step a backup of the hook was: the last that had begun. Where that one's server is of another
/// version than the backup was made for, the clock of helm's machine is ahead of the node's, and it was the one after.
fn maker(record: &Record, history: &[Moment]) -> Option<u64> {
    let started = time(&record.started)?;
    let mut history: Vec<&Moment> = history.iter().collect();
    history.sort_by_key(|m| m.revision);
    let begun = history.iter().map(|m| m.began.map(|began| began <= started)).collect::<Option<Vec<bool>>>()?;
    let last = begun.iter().rposition(|begun| *begun)?;
    let target = Version::parse(&record.target);
    let fits = |m: &&&Moment| target.is_none() || m.version.is_none() || m.version == target;
    history[last..].iter().take(2).find(fits).map(|m| m.revision)
}

fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok()
}

impl Before {
    /// The newest of what the journal and the backups recorded while `revision` served.
    pub fn newest(
        journal: impl IntoIterator<Item = Self>,
        backups: &[(String, Record)],
        revision: u64,
        history: &[Moment],
    ) -> Option<Self> {
        let own = backups.iter().filter(|(_, record)| from_before(record, revision, history));
        let (hooks, ours): (Vec<_>, Vec<_>) = own.partition(|(_, record)| record.origin == "hook");
        // A second one of the hook was made by a later try, after the first had its way with the database.
        let first = hooks.into_iter().min_by_key(|(_, record)| time(&record.started));
        let recorded = ours.into_iter().chain(first).filter_map(|(name, r)| {
            let fingerprint = Fingerprint::of_record(r).ok()?;
            Some(Self { fingerprint, source: Source::Backup(name.clone()), at: r.finished.clone() })
        });
        journal.into_iter().chain(recorded).max_by_key(|b| time(&b.at))
    }
}
