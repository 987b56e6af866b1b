//! What the check of a restore found beside the database, and what it means in words. Reads the lines of shared's
//! restore script; decides nothing.

use super::keys::{Answer, Compared};
use super::restore::{Plan, Road};
use crate::backup::bytes as size;
use schemars::JsonSchema;
use serde::Serialize;
use shared::backup::Record;
use shared::versions::Version;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What the check found, which only reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Found {
    /// The best road that the grants allow.
    pub road: Road,
    /// Why.
    pub because: String,
    /// The database's size.
    pub database_bytes: u64,
    /// The dump's size.
    pub dump_bytes: u64,
    /// What is free on the claim, where it can be told.
    pub claim_free_bytes: Option<u64>,
    /// The volume of the database's server, where it runs in this namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_volume: Option<Volume>,
    /// When the backup began.
    pub started: String,
    /// Rows written since, by table, as far as tables tell it.
    pub written: BTreeMap<String, u64>,
    /// The backup's record, whose digest was compared.
    #[serde(skip)]
    pub record: Record,
}

/// A volume of the database's server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Its capacity as Kubernetes tells it: what of it is free is not in it.
    pub bytes: u64,
    /// Its claim.
    pub claim: String,
    /// The Pod that mounts it.
    pub pod: String,
}

impl Found {
    /// Reads the log of the check.
    pub fn parse(log: &str) -> Result<Self, String> {
        let mut one: BTreeMap<&str, &str> = BTreeMap::new();
        let mut written = BTreeMap::new();
        for line in log.lines() {
            let words: Vec<&str> = line.split('\t').collect();
            match words[..] {
                ["written", table, rows] => {
                    written.insert(table.to_owned(), rows.parse().map_err(|_| format!("`{line}` counts nothing"))?);
                }
                [key, value] => {
                    one.insert(key, value);
                }
                _ => {}
            }
        }
        let text = |key: &str| one.get(key).copied().ok_or_else(|| format!("the check of the restore tells no {key}"));
        let number =
            |key: &str| text(key)?.parse::<u64>().map_err(|_| format!("the check of the restore tells no {key}"));
        Ok(Self {
            road: match text("way")? {
                "beside" => Road::Beside,
                "in-place" => Road::InPlace,
                other => return Err(format!("the check of the restore names an unknown way `{other}`")),
            },
            because: text("because")?.to_owned(),
            database_bytes: number("database_bytes")?,
            dump_bytes: number("dump_bytes")?,
            claim_free_bytes: text("claim_free_bytes")?.parse().ok(),
            database_volume: None,
            started: text("backup_started")?.to_owned(),
            written,
            record: serde_json::from_str(text("record")?)
                .map_err(|e| format!("the backup's record cannot be read: {e}"))?,
        })
    }

    /// What a dump of the database as it is now needs: as much of it as the backup's was of the database of then, and half
    /// as much again.
    pub fn dump_needs(&self) -> u64 {
        let then = self.record.database_bytes.filter(|bytes| *bytes > 0).unwrap_or(self.database_bytes).max(1);
        let grown = u128::from(self.dump_bytes) * u128::from(self.database_bytes.max(then)) / u128::from(then);
        let grown = u64::try_from(grown).unwrap_or(u64::MAX);
        grown.saturating_add(grown / 2)
    }

    /// All rows written since the backup, at the least.
    pub fn rows_written(&self) -> u64 {
        self.written.values().fold(0, |sum, rows| sum.saturating_add(*rows))
    }

    /// Whether the server's disk takes it, as far as that can be told: no engine tells its free space by SQL. A capacity
    /// is what was asked for, and says nothing of what is free: it warns and never refuses.
    fn disk(&self, out: &mut String) {
        let (holds, needs) = (size(self.database_bytes), self.database_bytes.saturating_mul(3));
        let _ = match &self.database_volume {
            None => writeln!(
                out,
                "  - the database holds {holds}; its server needs up to three times that on its disk, which cannot be asked by SQL"
            ),
            Some(volume) => {
                let (mark, words) = if volume.bytes < needs { ("!", "has only") } else { ("-", "has") };
                writeln!(
                    out,
                    "  {mark} the database holds {holds}; its server needs up to {} on its disk, which {words} {} in all\n    [the capacity of {}, which the Pod {} mounts; what is free of it is not known]",
                    size(needs),
                    size(volume.bytes),
                    volume.claim,
                    volume.pod
                )
            }
        };
    }

    /// In words, for whoever decides: what will be lost, and what it takes. `reach` is what the server knows.
    pub fn words(&self, plan: &Plan, keys: &Compared, reach: Option<Version>) -> String {
        let backup = &plan.backup;
        let mut out = format!("restore from {backup} of {}\n", self.started);
        if let Some(of) = &plan.of {
            let (database, host) = (&self.record.database, &self.record.host);
            let _ = writeln!(out, "  - it was made of {of}, database {database} on {host}");
        }
        if self.written.is_empty() {
            let _ = writeln!(out, "  - no row tells that it was written since (tables without updatedAt tell nothing)");
        } else {
            let tables: Vec<String> = self.written.iter().map(|(table, rows)| format!("{table} {rows}")).collect();
            let _ = writeln!(
                out,
                "  ! at least {} rows were written since and will be lost: {}",
                self.rows_written(),
                tables.join(", ")
            );
        }
        match &keys.fernet {
            Answer::Same(because) => {
                let _ = writeln!(out, "  - the Fernet key is the backup's\n    [{because}]");
            }
            Answer::Other(because) => {
                let _ = writeln!(out, "  ! the Fernet key is another one than the backup's\n    [{because}]");
            }
            Answer::Unknown(because) => {
                let _ = writeln!(out, "  ! the Fernet key is not known to be the backup's\n    [{because}]");
            }
        }
        for (name, answer) in &keys.others {
            let (how, because) = match answer {
                Answer::Unknown(because) => ("not known to be", because),
                Answer::Other(because) | Answer::Same(because) => ("not", because),
            };
            let _ = writeln!(
                out,
                "  ! {name} is {how} the backup's: tokens of bots and users that were signed with another key are refused\n    [{because}]"
            );
        }
        match (Version::parse(&self.record.schema_head), reach) {
            (Some(head), Some(reach)) if head < reach && head.line() != reach.line() => {
                let _ = writeln!(out, "  ! its schema is {head}: a server of {reach} migrates it when it starts");
            }
            (Some(head), None) => {
                let _ = writeln!(out, "  ! its schema is {head}; what the server's image knows is not known");
            }
            _ => {}
        }
        let road = match self.road {
            Road::Beside => "into a database beside, proven there, then both names are swapped; the one of now is kept",
            Road::InPlace => "in place: the database is emptied first",
        };
        let _ = writeln!(out, "  - {road}\n    [{}]", self.because);
        self.disk(&mut out);
        if plan.dump && self.claim_free_bytes.is_none() {
            let need = size(self.dump_needs());
            let _ = writeln!(
                out,
                "  ! what is free on the claim {} is not known; the dump of now needs about {need}",
                plan.claim
            );
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_nobody_counted_end_at_their_limit() {
        let record = r#"{"v":1,"origin":"hook","release":"om","namespace":"d","target":"","engine":"mysql","server_version":"9","client_version":"9","database":"d","host":"h","started":"","finished":"","files":[],"fingerprint":{},"schema_head":""}"#;
        let most = u64::MAX;
        let log = format!(
            "way\tbeside\nbecause\tit may\ndatabase_bytes\t{most}\ndump_bytes\t{most}\nclaim_free_bytes\t{most}\nbackup_started\tt\nrecord\t{record}\nwritten\ta\t{most}\nwritten\tb\t1\n"
        );
        let found = Found::parse(&log).unwrap();
        assert_eq!((found.rows_written(), found.dump_needs()), (most, most));
    }

    #[test]
    fn of_the_servers_disk_only_what_the_cluster_tells_is_said() {
        let record = r#"{"v":1,"origin":"omupgrade","release":"om","namespace":"d","target":"","engine":"mysql","server_version":"9","client_version":"9","database":"d","host":"h","started":"","finished":"","files":[],"fingerprint":{},"schema_head":""}"#;
        let log = format!(
            "way\tbeside\nbecause\tit may\ndatabase_bytes\t{}\ndump_bytes\t1\nclaim_free_bytes\tunknown\nbackup_started\tx\nrecord\t{record}\n",
            4_u64 << 30
        );
        let said = |gib: Option<u64>| {
            let volume = |gib: u64| Volume { bytes: gib << 30, claim: "data-mysql-0".into(), pod: "mysql-0".into() };
            let found = Found { database_volume: gib.map(volume), ..Found::parse(&log).unwrap() };
            let mut out = String::new();
            found.disk(&mut out);
            out
        };
        assert!(said(None).contains("- the database holds 4.0 GiB") && said(None).contains("cannot be asked by SQL"));
        let little = said(Some(8));
        assert!(
            little.starts_with("  ! ") && little.contains("up to 12.0 GiB on its disk, which has only 8.0 GiB"),
            "{little}"
        );
        assert!(little.contains("[the capacity of data-mysql-0, which the Pod mysql-0 mounts;"), "{little}");
        assert!(said(Some(12)).starts_with("  - the database holds 4.0 GiB"), "{}", said(Some(12)));
    }
}
