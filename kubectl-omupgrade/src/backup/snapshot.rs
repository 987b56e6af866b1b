//! Snapshots that somebody else keeps (RDS, Cloud SQL, Velero): the user's commands, the record of one, and what can be said
//! of it. It runs nothing. What the commands print may hold secrets, so nothing of it stands here.

use crate::facts::Database;
use crate::fingerprint::{Comparison, Fingerprint};
use jiff::Timestamp;
use serde::Deserialize;
use shared::backup::{External, Of, Record};
use std::collections::BTreeMap;

/// What stands for the snapshot's name in the words of a command.
const PLACE: &str = "{snapshot}";

/// The user's commands: each is a program and its arguments, no shell.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commands {
    /// Who keeps the snapshot, in a word: `rds`.
    pub provider: String,
    /// Makes one of the name that stands for `{snapshot}` and in `OMUPGRADE_SNAPSHOT`.
    pub create: Vec<String>,
    /// Ends well once it is whole.
    pub wait: Vec<String>,
    /// Makes a database server of it, and ends well once that answers; may print `omupgrade-host: HOST`.
    pub restore: Vec<String>,
}

impl Commands {
    /// Whether they can be run at all.
    pub fn check(&self) -> Result<(), String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.provider.is_empty() || self.provider.len() > 40 || !self.provider.chars().all(plain) {
            return Err("`provider` is a word of letters, digits and dashes: rds".to_owned());
        }
        for (name, words) in [("create", &self.create), ("wait", &self.wait), ("restore", &self.restore)] {
            if words.first().is_none_or(String::is_empty) {
                return Err(format!("`{name}` is a list: the program, then its arguments"));
            }
        }
        Ok(())
    }

    /// The words of a command for this snapshot.
    pub fn words(words: &[String], snapshot: &str) -> Vec<String> {
        words.iter().map(|word| word.replace(PLACE, snapshot)).collect()
    }
}

/// A name that every provider takes: small letters, digits, single dashes, a letter first, at most 63 characters.
pub fn snapshot_name(release: &str, target: Option<&str>, at: Timestamp) -> String {
    let head = format!("om-{release}{}", target.map(|t| format!("-{t}")).unwrap_or_default());
    let mut clean = String::new();
    for c in head.to_ascii_lowercase().chars().take(42) {
        let c = if c.is_ascii_alphanumeric() { c } else { '-' };
        if !(c == '-' && clean.ends_with('-')) {
            clean.push(c);
        }
    }
    format!("{}-{}", clean.trim_end_matches('-'), at.strftime("%Y%m%dt%H%M%Sz"))
}

/// What was looked at around the snapshot.
#[derive(Debug, Clone)]
pub struct Around {
    /// The database before `create` began.
    pub before: Database,
    /// The same after `wait` ended.
    pub after: Database,
    /// When `create` began.
    pub started: Timestamp,
    /// When `wait` ended.
    pub finished: Timestamp,
}

/// Its record, or why it proves nothing. `record` brings what is known of the release.
pub fn snapshot_record(mut record: Record, around: &Around, external: External, of: Of) -> Result<Record, String> {
    match around.after.fingerprint.compare(&around.before.fingerprint) {
        Comparison::Equal => {}
        _ => return Err("the schema moved while the snapshot was taken: a migration is running".to_owned()),
    }
    record.fingerprint = around.before.fingerprint.parts.clone();
    record.schema_head = around.before.head().map(|v| v.to_string()).unwrap_or_default();
    record.rows = Some(rows(&around.before));
    record.server_version.clone_from(&around.before.version);
    record.database_bytes = Some(around.before.bytes);
    record.started = around.started.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    record.finished = around.finished.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    record.external = Some(External { rows_after: rows(&around.after), ..external });
    record.of = Some(of);
    Ok(record)
}

fn rows(database: &Database) -> BTreeMap<String, u64> {
    database.tables.iter().filter_map(|(name, table)| Some((name.clone(), table.rows?))).collect()
}

/// What a server that was made of a snapshot does not have as it was recorded; nothing: it is the database of then. The
/// rows lie between those of before and of after, where nobody wrote in between they are the same.
pub fn brought_back(record: &Record, found: &Database) -> Vec<String> {
    let mut out = Vec::new();
    match Fingerprint::of_record(record).map(|wanted| found.fingerprint.compare(&wanted)) {
        Ok(Comparison::Equal) => {}
        Ok(Comparison::Unequal(words)) => out.extend(words),
        Ok(Comparison::Incomparable(why)) => out.push(why),
        Err(error) => out.push(format!("the record's fingerprint: {error}")),
    }
    let none = BTreeMap::new();
    let (before, after) = (record.rows.as_ref().unwrap_or(&none), record.external.as_ref().map(|e| &e.rows_after));
    for (table, rows) in before {
        let later = after.and_then(|a| a.get(table)).unwrap_or(rows);
        let (least, most) = (*rows.min(later), *rows.max(later));
        match found.tables.get(table).and_then(|t| t.rows) {
            Some(there) if (least..=most).contains(&there) => {}
            Some(there) if least == most => out.push(format!("{table}: {there} rows, the record says {least}")),
            Some(there) => out.push(format!("{table}: {there} rows, the record says {least} to {most}")),
            None => out.push(format!("{table}: it is not there, or not counted")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_every_provider_takes() {
        let at: Timestamp = "2026-11-26T23:05:01Z".parse().unwrap();
        assert_eq!(snapshot_name("om", Some("1.13.1"), at), "om-om-1-13-1-20261126t230501z");
        let long = snapshot_name(&"Data_9.".repeat(20), None, at);
        assert!(long.len() <= 63 && !long.contains("--"), "{long}");
    }

    #[test]
    fn commands_are_programs_with_arguments() {
        let read = |text: &str| serde_saphyr::from_str::<Commands>(text).map_err(|e| e.to_string());
        let good = read("{provider: rds, create: [aws, '--name={snapshot}'], wait: [aws], restore: [sh, -c, 'x $OMUPGRADE_SNAPSHOT']}").unwrap();
        assert_eq!(good.check(), Ok(()));
        assert_eq!(Commands::words(&good.create, "s1"), ["aws", "--name=s1"]);
        for bad in [
            "{provider: '', create: [a], wait: [a], restore: [a]}",
            "{provider: rds, create: [], wait: [a], restore: [a]}",
        ] {
            assert!(read(bad).unwrap().check().is_err(), "{bad}");
        }
        assert!(read("{provider: rds, create: aws, wait: [a], restore: [a]}").is_err());
        assert!(read("{provider: rds, create: [a], wait: [a], restore: [a], delete: [a]}").is_err());
    }
}
