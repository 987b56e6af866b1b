//! A restore as part of a way back: what was asked, what the check beside the database found, what stands against it,
//! and the plan that the journal remembers, so that another process can go on with it.

use super::Refusal;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The key under which a run remembers its restore.
const KEY: &str = "restore";

/// What the person asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The backup to take; none leaves the choice to the verdict.
    pub backup: Option<String>,
    /// The claim that holds it.
    pub claim: String,
    /// Whether the database as it is now is dumped first.
    pub dump: bool,
    /// Whether the database may be emptied and loaded in place.
    pub in_place: bool,
    /// The Secret with an administrator of the database.
    pub admin_secret: Option<String>,
}

/// How the dump comes to stand under the database's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Road {
    /// Loaded into a database beside, proven there, then both names are swapped.
    Beside,
    /// The database is emptied and loaded.
    InPlace,
}

/// What the check found, which only reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// When the backup began.
    pub started: String,
    /// Rows written since, by table, as far as tables tell it.
    pub written: BTreeMap<String, u64>,
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
            started: text("backup_started")?.to_owned(),
            written,
        })
    }

    /// All rows written since the backup, at the least.
    pub fn rows_written(&self) -> u64 {
        self.written.values().sum()
    }

    /// In words, for whoever decides: what will be lost, and what it takes.
    pub fn words(&self, backup: &str) -> String {
        let mut out = format!("restore from {backup} of {}\n", self.started);
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
        let road = match self.road {
            Road::Beside => "into a database beside, proven there, then both names are swapped; the one of now is kept",
            Road::InPlace => "in place: the database is emptied first",
        };
        let _ = writeln!(out, "  - {road}\n    [{}]", self.because);
        let _ = writeln!(
            out,
            "  - the database holds {}; its server needs up to three times that on its disk, which cannot be asked by SQL",
            size(self.database_bytes)
        );
        out
    }
}

/// Bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut rest = bytes;
    let mut shown = format!("{bytes} B");
    for unit in UNITS {
        if rest < 1024 {
            break;
        }
        shown = format!("{}.{} {unit}", rest / 1024, rest % 1024 * 10 / 1024);
        rest /= 1024;
    }
    shown
}

/// What stands against it, found before the first write.
pub fn objections(found: &Found, wanted: &Wanted, command: &str) -> Vec<Refusal> {
    let mut out = Vec::new();
    if found.road == Road::InPlace && !wanted.in_place {
        out.push(Refusal {
            why: format!(
                "the restore cannot be made beside: {}. In place the database is emptied first, and a failure leaves it empty",
                found.because
            ),
            hints: vec![
                format!("{command} --admin-secret NAME    # a Secret with username and password of one who may create databases"),
                format!("{command} --in-place"),
            ],
        });
    }
    // A dump is smaller than its database; the one that is there tells how much.
    let need = found.dump_bytes.saturating_add(found.dump_bytes / 2);
    if wanted.dump
        && let Some(free) = found.claim_free_bytes.filter(|free| *free < need)
    {
        out.push(Refusal {
            why: format!(
                "the claim {} has {} free, too little to dump the database as it is now (about {})",
                wanted.claim,
                size(free),
                size(need)
            ),
            hints: vec![
                format!(
                    "kubectl edit persistentvolumeclaim {}    # more storage, where its class allows it",
                    wanted.claim
                ),
                format!("{command} --no-dump    # what was written since the backup is then only in the old database"),
            ],
        });
    }
    out
}

/// What a run sets out to restore. Written into the journal before the first write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Keeps this restore's databases and Pods apart from another's.
    pub id: String,
    /// The backup.
    pub backup: String,
    /// Its claim.
    pub claim: String,
    /// The road.
    pub road: Road,
    /// Whether the database as it is now is dumped first.
    pub dump: bool,
    /// The Secret with an administrator.
    pub admin_secret: Option<String>,
    /// What is scaled to zero, with the counts of before.
    pub workloads: BTreeMap<String, u64>,
    /// Of these, whose count helm leaves at zero: it is put back afterwards.
    pub unnamed: Vec<String>,
    /// The `CronJob`s that are suspended and were not.
    pub schedules: Vec<String>,
    /// The images that could migrate or write, without tag and digest.
    pub images: Vec<String>,
}

impl Plan {
    /// Puts it where a later process finds it.
    pub fn remember(&self, remembered: &mut BTreeMap<String, String>) -> Result<(), serde_json::Error> {
        remembered.insert(KEY.to_owned(), serde_json::to_string(self)?);
        Ok(())
    }

    /// Finds it again.
    pub fn recall(remembered: &BTreeMap<String, String>) -> Option<Self> {
        serde_json::from_str(remembered.get(KEY)?).ok()
    }

    /// What is stilled, with the counts of before.
    pub fn stilled(&self) -> Vec<String> {
        let scaled = self.workloads.iter().map(|(label, count)| format!("scale {label} from {count} to 0"));
        scaled.chain(self.schedules.iter().map(|name| format!("suspend CronJob/{name}"))).collect()
    }

    /// Exactly what is done before helm, in order.
    pub fn steps(&self) -> Vec<String> {
        let mut out = self.stilled();
        if self.dump {
            out.push(format!("dump the database as it is now onto the claim {}", self.claim));
        }
        match self.road {
            Road::Beside => {
                out.push(format!(
                    "load {} into a database beside and prove it: fingerprint and rows of the record",
                    self.backup
                ));
                out.push("swap both names, if no revision appeared and no server started in between".to_owned());
            }
            Road::InPlace => out.push(format!(
                "empty the database, load {} into it and prove it: fingerprint and rows of the record",
                self.backup
            )),
        }
        out
    }
}

/// A name for a restore that begins now: small letters and digits, as databases and Pods take it.
pub fn restore_id(run: &str) -> String {
    run.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase().chars().take(16).collect()
}
