//! The decision itself, as one reading of the facts in order of their weight. Its words stand in `words`.

use super::facts::{Backup, Facts};
use super::words::{self, Why};
use super::{Verdict, Way};
use crate::fingerprint::Comparison;

/// The verdict of the way back to a revision.
///
/// Code only needs two fingerprints that were both read and are equal, of the database that the revision uses. All
/// else asks the versions: a head above what the image reaches means restore.
pub fn judge(facts: &Facts) -> Verdict {
    let mut why = Vec::new();
    let moved = moved(facts, &mut why);
    let way = match moved {
        Some(false) if facts.elsewhere.is_empty() => Way::CodeOnly,
        Some(true) => match usable(facts) {
            Ok(Some(backup)) => {
                why.push(Why::BackupListed(backup.name.clone()));
                Way::Restore
            }
            Ok(None) => {
                why.push(Why::NoBackup);
                Way::Impossible
            }
            Err(reason) => {
                why.push(Why::BackupsUnread(reason.clone()));
                Way::Restore
            }
        },
        _ => Way::Unproven,
    };
    if !facts.elsewhere.is_empty() {
        why.insert(0, Why::Elsewhere);
    }
    words::verdict(way, &why, facts)
}

/// Whether the database moved since the revision served: `None` where nothing tells it.
fn moved(facts: &Facts, why: &mut Vec<Why>) -> Option<bool> {
    let compared = match (&facts.now, &facts.before) {
        (Ok(now), Some(before)) => Some(now.compare(&before.fingerprint)),
        (Err(reason), _) => {
            why.push(Why::NowUnread(reason.clone()));
            None
        }
        (Ok(_), None) => {
            why.push(Why::NothingFromBefore);
            None
        }
    };
    match compared {
        Some(Comparison::Equal) => {
            why.push(Why::Equal);
            // What was recorded while an older server ran on a newer schema is no state to go back to.
            return match (&facts.head, facts.reach.highest()) {
                (Ok(Some(head)), Some(reach)) if *head > reach => {
                    why.insert(0, Why::Above { head: *head, reach });
                    (!facts.reach.folders.is_empty()).then_some(true)
                }
                _ => Some(false),
            };
        }
        Some(Comparison::Unequal(parts)) => {
            why.push(Why::Unequal(parts));
            return Some(true);
        }
        Some(Comparison::Incomparable(reason)) => why.push(Why::Incomparable(reason)),
        None => {}
    }
    match (&facts.head, facts.reach.highest()) {
        (Ok(Some(head)), Some(reach)) if *head > reach => {
            why.insert(0, Why::Above { head: *head, reach });
            return Some(true);
        }
        (Ok(Some(head)), Some(reach)) => why.push(Why::NotAbove { head: *head, reach }),
        (Ok(None), _) => why.push(Why::NoVersions),
        (Err(reason), _) => why.push(Why::HeadUnread(reason.clone())),
        (Ok(Some(_)), None) => why.push(Why::ReachUnknown),
    }
    None
}

/// The backup that a restore would take: of this release, of the engine that serves now, from before.
fn usable(facts: &Facts) -> Result<Option<&Backup>, &String> {
    let engine = facts.now.as_ref().ok().map(|f| f.engine).or(facts.before.as_ref().map(|b| b.fingerprint.engine));
    let reach = facts.reach.highest();
    let backups = facts.backups.as_ref()?;
    let mut fit: Vec<&Backup> = backups
        .iter()
        .filter(|b| b.from_before && b.release == facts.release && b.namespace == facts.namespace)
        .filter(|b| engine.is_none_or(|e| e == b.engine))
        .filter(|b| !matches!((b.head, reach), (Some(head), Some(reach)) if head > reach))
        .collect();
    // The one whose state is the recorded one is the best; among others the last listed is the newest.
    let recorded = facts.before.as_ref().map(|b| &b.fingerprint);
    let exact = fit.iter().rposition(|b| recorded.is_some() && b.fingerprint.as_ref() == recorded);
    Ok(exact.map(|i| fit.swap_remove(i)).or_else(|| fit.pop()))
}
