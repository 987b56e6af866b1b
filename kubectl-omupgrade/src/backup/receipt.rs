//! The receipt of a proven backup: the file that helm-postrender takes instead of making a backup of its own.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::backup::Record;
use shared::versions::Version;

/// How long a receipt stands from the end of the dump on: a large database is dumped for hours. Chosen.
const VALID: SignedDuration = SignedDuration::from_hours(4);

/// How long it stands at most from the beginning of the dump on, which is what the post-renderer takes.
const LONGEST: SignedDuration = SignedDuration::from_hours(24);

/// The content of the file, version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The version of this form.
    pub v: u64,
    /// The release whose database was backed up.
    pub release: String,
    /// Its namespace.
    pub namespace: String,
    /// The version that the upgrade goes to.
    pub target: String,
    /// The backup.
    pub backup: String,
    /// When its dump began: what was written later is not in it.
    pub made: String,
    /// Until when the receipt holds.
    pub expires: String,
}

/// The receipt for an upgrade to `target`, or why there is none.
pub fn receipt(name: &str, record: &Record, target: &str, now: Timestamp) -> Result<Receipt, String> {
    let version = Version::parse(target).ok_or_else(|| format!("`{target}` is no version: write 1.13.1"))?;
    let (made, expires) = stands(name, record)?;
    if expires <= now {
        return Err(format!(
            "{name} was made from {} to {}: a receipt stands for {} h after that, and {} h in all; make a new backup",
            record.started,
            record.finished,
            VALID.as_hours(),
            LONGEST.as_hours()
        ));
    }
    Ok(Receipt {
        v: 1,
        release: record.release.clone(),
        namespace: record.namespace.clone(),
        target: version.to_string(),
        backup: name.to_owned(),
        made: made.to_string(),
        expires: expires.to_string(),
    })
}

/// From when until when receipts of a backup hold, whoever has one: they are files, and nobody keeps a list of them.
fn stands(name: &str, record: &Record) -> Result<(Timestamp, Timestamp), String> {
    let made: Timestamp = record.started.parse().map_err(|_| format!("the record of {name} tells no time"))?;
    let ended = record.finished.parse().unwrap_or(made).max(made);
    let expires = ended.checked_add(VALID).and_then(|end| Ok(end.min(made.checked_add(LONGEST)?)));
    Ok((made, expires.map_err(|_| format!("the record of {name} tells a time that is none"))?))
}

/// Whether it was made so long ago that a receipt, which stands for four hours from its end on, is over.
pub fn is_past(record: &Record, now: Timestamp) -> bool {
    let ended = record.finished.parse::<Timestamp>().or_else(|_| record.started.parse());
    ended.is_ok_and(|ended| ended.checked_add(VALID).is_ok_and(|until| until <= now))
}

/// Until when a receipt of it holds that somebody may have; none where none does any more.
pub fn may_hold(record: &Record, now: Timestamp) -> Option<Timestamp> {
    stands("it", record).ok().map(|(_, expires)| expires).filter(|expires| *expires > now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(finished: &str) -> Record {
        serde_json::from_str(&format!(
            r#"{{"v":1,"origin":"omupgrade","release":"om","namespace":"d","target":"","engine":"mysql","server_version":"9","client_version":"9","database":"d","host":"h","started":"2026-11-22T00:00:00Z","finished":"{finished}","files":[],"fingerprint":{{}},"schema_head":""}}"#
        ))
        .unwrap()
    }

    #[test]
    fn one_that_was_made_long_ago_is_told_by_its_end() {
        for (finished, now, past) in [
            ("2026-11-22T00:10:00Z", "2026-11-22T04:09:59Z", false),
            ("2026-11-22T00:10:00Z", "2026-11-22T04:10:00Z", true),
            // A dump of more than a day that has just ended.
            ("2026-11-23T05:00:00Z", "2026-11-23T05:00:01Z", false),
            ("no time", "2026-11-22T04:00:00Z", true),
        ] {
            assert_eq!(is_past(&record(finished), now.parse().unwrap()), past, "{finished} {now}");
        }
    }

    #[test]
    fn it_stands_from_the_end_of_the_dump_on_and_never_longer_than_a_day() {
        let until = |finished: &str, now: &str| {
            receipt("b", &record(finished), "1.13.1", now.parse().unwrap()).map(|receipt| receipt.expires)
        };
        for (finished, expires) in [
            ("2026-11-22T00:10:00Z", "2026-11-22T04:10:00Z"),
            // A dump of five hours.
            ("2026-11-22T05:00:00Z", "2026-11-22T09:00:00Z"),
            ("2026-11-22T23:00:00Z", "2026-11-23T00:00:00Z"),
            ("no time", "2026-11-22T04:00:00Z"),
            ("2026-11-21T00:00:00Z", "2026-11-22T04:00:00Z"),
        ] {
            assert_eq!(until(finished, "2026-11-22T01:00:00Z").as_deref(), Ok(expires), "{finished}");
        }
        let late = until("2026-11-22T05:00:00Z", "2026-11-22T09:00:00Z").unwrap_err();
        assert!(late.contains("make a new backup"), "{late}");
    }
}
