//! Finds what was recorded before the step that followed a revision. Never takes what could be from after it.

use super::facts::{Before, Source};
use crate::fingerprint::Fingerprint;
use jiff::Timestamp;
use shared::backup::Record;

/// A revision of the release's history and when it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Its number.
    pub revision: u64,
    /// When helm began with it; none where the record does not tell.
    pub began: Option<Timestamp>,
}

/// Whether a backup was made while `revision` served, before the next one changed anything.
///
/// A backup of the plugin ends before the next revision begins. The hook's is made by the next revision itself, in its
/// first step: it starts after that one began and before the one after it.
pub fn from_before(record: &Record, revision: u64, history: &[Moment]) -> bool {
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let (Some(started), Some(finished)) = (time(&record.started), time(&record.finished)) else { return false };
    let mut after: Vec<&Moment> = history.iter().filter(|m| m.revision > revision).collect();
    after.sort_by_key(|m| m.revision);
    let Some(own) = history.iter().find(|m| m.revision == revision).and_then(|m| m.began) else { return false };
    let mut edges = after.iter().map(|m| m.began);
    match (edges.next(), edges.next(), record.origin.as_str()) {
        // Nothing followed: the revision serves now.
        (None, _, _) => started >= own,
        (Some(None), ..) => false,
        (Some(Some(next)), second, "hook") => {
            (started >= next && second.is_none_or(|s| s.is_some_and(|s| started < s)))
                || (started >= own && finished <= next)
        }
        (Some(Some(next)), ..) => started >= own && finished <= next,
    }
}

impl Before {
    /// The newest of what the journal and the backups recorded while `revision` served.
    pub fn newest(
        journal: impl IntoIterator<Item = Self>,
        backups: &[(String, Record)],
        revision: u64,
        history: &[Moment],
    ) -> Option<Self> {
        let recorded =
            backups.iter().filter(|(_, record)| from_before(record, revision, history)).filter_map(|(name, r)| {
                let fingerprint = Fingerprint::of_record(r).ok()?;
                Some(Self { fingerprint, source: Source::Backup(name.clone()), at: r.finished.clone() })
            });
        journal.into_iter().chain(recorded).max_by_key(|b| b.at.parse::<Timestamp>().ok())
    }
}
