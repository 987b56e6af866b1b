//! Which backups go: those that no rule keeps. Never the newest, never the last proven one, never one that a run of the
//! journal refers to, never one that an upgrade may rely on by its receipt, never one of another release.

use super::receipt::may_hold;
use super::{Entry, Listing, State};
use crate::journal::{Outcome, Run};
use crate::wayback::restore::Plan;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeSet;

/// How many are kept of what.
#[derive(Debug, Clone, Copy, Default)]
pub struct Keep {
    /// The newest ones.
    pub last: usize,
    /// The newest of each of the last days on which there was one.
    pub daily: usize,
    /// The same by week.
    pub weekly: usize,
}

/// A backup and why it stays; none: it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Fate {
    /// The backup.
    pub name: String,
    /// Why it stays.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// The fate of each backup of a release, oldest first.
pub fn prune(listing: &Listing, release: &str, namespace: &str, runs: &[Run], keep: Keep, now: Timestamp) -> Vec<Fate> {
    let own = |e: &&Entry| e.record.release == release && e.record.namespace == namespace;
    let (elsewhere, all): (Vec<&Entry>, Vec<&Entry>) =
        listing.backups.iter().filter(own).partition(|e| e.record.external.is_some());
    let newest_first: Vec<&Entry> = all.iter().rev().copied().collect();
    let time = |e: &Entry| e.record.started.parse::<Timestamp>().ok();
    let by = |count: usize, of: &dyn Fn(Timestamp) -> String| -> BTreeSet<&str> {
        let mut seen: Vec<String> = Vec::new();
        let mut kept = BTreeSet::new();
        for entry in &newest_first {
            let Some(period) = time(entry).map(of) else { continue };
            if !seen.contains(&period) && seen.len() < count {
                seen.push(period);
                kept.insert(entry.name.as_str());
            }
        }
        kept
    };
    let daily = by(keep.daily, &|at| at.strftime("%Y-%m-%d").to_string());
    let weekly = by(keep.weekly, &|at| at.strftime("%G-W%V").to_string());
    let proven = |state: State| newest_first.iter().find(|e| e.states.contains(&state)).map(|e| e.name.as_str());
    let last_proven = proven(State::Drilled).into_iter().chain(proven(State::Verified)).chain(proven(State::Complete));
    let last_proven: BTreeSet<&str> = last_proven.collect();
    let fate = |(index, entry): (usize, &&Entry)| {
        let name = entry.name.as_str();
        let age = all.len() - 1 - index;
        let kept = if age == 0 {
            Some("the newest".to_owned())
        } else if let Some(run) = runs.iter().find(|run| refers(run, name)) {
            Some(format!("the run {} of the journal refers to it", run.id))
        } else if let Some(until) = may_hold(&entry.record, now) {
            Some(if entry.record.target.is_empty() {
                format!("a receipt of it can be made until {until:.0}, and an upgrade rely on it")
            } else {
                format!("an upgrade may rely on it: its receipt holds until {until:.0}")
            })
        } else if last_proven.contains(name) {
            Some("the last that is drilled, verified or complete".to_owned())
        } else if time(entry).is_none() {
            Some("its record tells no time".to_owned())
        } else if age < keep.last {
            Some("one of the last".to_owned())
        } else if daily.contains(name) {
            Some("the newest of its day".to_owned())
        } else {
            weekly.contains(name).then(|| "the newest of its week".to_owned())
        };
        Fate { name: name.to_owned(), kept }
    };
    // A snapshot is its provider's to remove, and proves nothing of what lies on the claim.
    let left = |entry: &Entry| {
        let keeper = entry.record.external.as_ref().map_or("", |e| e.provider.as_str());
        Fate { name: entry.name.clone(), kept: Some(format!("a snapshot that {keeper} keeps")) }
    };
    elsewhere.into_iter().map(left).chain(all.iter().enumerate().map(fate)).collect()
}

/// Whether a run still needs a backup: any but the one that made it, and that one while it is open. A restore remembers
/// its backup within its plan, and makes one of the database from before under a name of its own.
fn refers(run: &Run, name: &str) -> bool {
    let restore = Plan::recall(&run.remembered).ok().flatten();
    let restores = restore.is_some_and(|plan| plan.backup == name || name.contains(&plan.dumps_as()));
    let names = || {
        run.remembered.values().any(|v| v == name) || run.entries.iter().any(|e| e.words.split(' ').any(|w| w == name))
    };
    restores || (run.outcome == Outcome::Open || !matches!(run.verb.as_str(), "backup" | "prune")) && names()
}

/// The restore that was begun and did not end, or that this version cannot read: nothing of what it may need goes.
pub fn open_restore(runs: &[Run]) -> Option<&Run> {
    let restores = |run: &&Run| !matches!(Plan::recall(&run.remembered), Ok(None));
    let unreadable = |run: &Run| Plan::recall(&run.remembered).is_err();
    runs.iter().filter(restores).find(|run| run.outcome == Outcome::Open || unreadable(run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write;

    fn listing(days: &[(&str, &str)]) -> Listing {
        let mut text = String::new();
        for (name, at) in days {
            let verified = name.contains("verified");
            let name = name.replace("-verified", "");
            let _ = writeln!(
                text,
                "backup\t{name}\t{{\"v\":1,\"origin\":\"hook\",\"release\":\"om\",\"namespace\":\"data\",\"target\":\"\",\"engine\":\"mysql\",\"server_version\":\"9\",\"client_version\":\"9\",\"database\":\"d\",\"host\":\"h\",\"started\":\"{at}\",\"finished\":\"{at}\",\"files\":[],\"fingerprint\":{{}},\"schema_head\":\"\"}}"
            );
            if verified {
                let _ = writeln!(text, "verified\t{name}\t{{\"at\":\"{at}\"}}");
            }
        }
        super::super::read(&format!("{text}end\n")).unwrap()
    }

    fn plan(backup: &str) -> Plan {
        let text = format!(
            r#"{{"id":"r1","backup":"{backup}","claim":"c","road":"beside","dump":true,"admin_secret":null,"workloads":{{}},"unnamed":[],"schedules":[],"images":[]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn what_a_restore_dumped_first_stays_also_where_it_never_learned_the_name() {
        let all = listing(&[
            ("om-before-restore-r1-20261101T100000Z", "2026-11-01T10:00:00Z"),
            ("om-before-restore-r2-20261102T100000Z", "2026-11-02T10:00:00Z"),
            ("z", "2026-11-11T11:00:00Z"),
        ]);
        let mut run = Run::new("r", "om", "data", "rollback", "p", "anna", Timestamp::UNIX_EPOCH);
        plan("gone").remember(&mut run.remembered).unwrap();
        let fates = prune(&all, "om", "data", &[run], Keep::default(), LATER);
        assert_eq!(gone(&fates), ["om-before-restore-r2-20261102T100000Z"], "{fates:?}");
    }

    /// When no receipt holds any more.
    const LATER: Timestamp = Timestamp::MAX;

    #[test]
    fn what_a_receipt_stands_for_stays_until_it_is_over() {
        let all =
            listing(&[("a", "2026-11-10T09:00:00Z"), ("b", "2026-11-10T10:00:00Z"), ("c", "2026-11-10T11:00:00Z")]);
        let at = |now: &str| prune(&all, "om", "data", &[], Keep::default(), now.parse().unwrap());
        let fates = at("2026-11-10T13:30:00Z");
        assert_eq!(gone(&fates), ["a"], "{fates:?}");
        let why = fates[1].kept.as_deref().unwrap();
        assert_eq!(why, "a receipt of it can be made until 2026-11-10T14:00:00Z, and an upgrade rely on it");
        let mut made = all.clone();
        made.backups.iter_mut().for_each(|e| "1.13.1".clone_into(&mut e.record.target));
        let fates = prune(&made, "om", "data", &[], Keep::default(), "2026-11-10T13:30:00Z".parse().unwrap());
        let why = fates[1].kept.as_deref().unwrap();
        assert_eq!(why, "an upgrade may rely on it: its receipt holds until 2026-11-10T14:00:00Z");
        assert_eq!(gone(&at("2026-11-10T14:00:00Z")), ["a", "b"]);
    }

    fn gone(fates: &[Fate]) -> Vec<&str> {
        fates.iter().filter(|f| f.kept.is_none()).map(|f| f.name.as_str()).collect()
    }

    #[test]
    fn the_newest_the_proven_and_the_needed_stay_whatever_is_asked() {
        let all = listing(&[
            ("a-verified", "2026-11-01T10:00:00Z"),
            ("b", "2026-11-10T10:00:00Z"),
            ("c", "2026-11-11T10:00:00Z"),
            ("d", "2026-11-11T11:00:00Z"),
        ]);
        let mut run = Run::new("r", "om", "data", "rollback", "p", "anna", Timestamp::UNIX_EPOCH);
        plan("b").remember(&mut run.remembered).unwrap();
        assert!(open_restore(&[run.clone()]).is_some());
        run.end(Outcome::Failed, Timestamp::UNIX_EPOCH);
        assert!(open_restore(&[run.clone()]).is_none());
        let fates = prune(&all, "om", "data", &[run.clone()], Keep::default(), LATER);
        assert_eq!(gone(&fates), ["c"], "{fates:?}");
        // One that cannot be read may need any.
        run.remembered.insert("restore".into(), "{}".into());
        assert!(open_restore(&[run.clone()]).is_some());
        // The run that made one does not keep it for ever.
        run.remembered = [("backup".to_owned(), "b".to_owned())].into();
        let made = Run { verb: "backup".into(), ..run };
        assert_eq!(gone(&prune(&all, "om", "data", &[made], Keep::default(), LATER)), ["b", "c"]);
        assert!(prune(&all, "other", "data", &[], Keep::default(), LATER).is_empty());
    }

    #[test]
    fn days_and_weeks_keep_their_newest() {
        let all = listing(&[
            ("mon", "2026-11-02T10:00:00Z"),
            ("sun", "2026-11-08T10:00:00Z"),
            ("mon2", "2026-11-09T10:00:00Z"),
            ("tue", "2026-11-10T09:00:00Z"),
            ("tue2", "2026-11-10T10:00:00Z"),
            ("wed", "2026-11-11T10:00:00Z"),
        ]);
        let keep =
            |last, daily, weekly| gone(&prune(&all, "om", "data", &[], Keep { last, daily, weekly }, LATER)).join(" ");
        assert_eq!(keep(1, 2, 0), "mon sun mon2 tue");
        assert_eq!(keep(1, 0, 2), "mon mon2 tue tue2");
        assert_eq!(keep(3, 0, 0), "mon sun mon2");
        assert_eq!(keep(9, 0, 0), "");
    }
}
