//! What is to know of a release's database: reads the answer of shared's SQL texts. Never asks a database, and holds
//! nothing of its content but names, counts and sizes.

use crate::fingerprint::{Fingerprint, NoFingerprint};
use crate::redact::HIDDEN;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::backup::Engine;
use shared::versions::Version;
use std::collections::BTreeMap;

/// A database as the probe's Pod saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Database {
    /// Its engine: `postgresql`, `mysql`.
    #[schemars(with = "String")]
    pub engine: Engine,
    /// The server's version, as it names itself: `15.4 (Debian 15.4-1)`, `8.4.3`.
    pub version: String,
    /// Its name.
    pub name: String,
    /// The user that the OpenMetadata server connects as.
    pub user: String,
    /// Its size on disk, indexes included.
    pub bytes: u64,
    /// Its character set: `UTF8`, `utf8mb4`.
    pub charset: String,
    /// Its collation.
    pub collation: String,
    /// `work_mem` or `sort_buffer_size`, in bytes.
    pub sort_buffer: u64,
    /// Whether it takes no writes: a replica, or one that is told so.
    pub read_only: bool,
    /// The sessions of others in this database; those of other users only where they may be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u64>,
    /// Those among them that this user may not end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_not_ours: Option<u64>,
    /// How long the oldest open transaction is open, in seconds; none where that may not be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_transaction_seconds: Option<u64>,
    /// Connections that are open, and how many may be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<u64>,
    /// The most connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u64>,
    /// What the user may do: `create_database`, `rename_database`, `migrate`, `read_all`; null where a role may hold it.
    pub may: BTreeMap<String, Option<bool>>,
    /// Other settings, by the server's own names.
    pub settings: BTreeMap<String, String>,
    /// The rows of `SERVER_CHANGE_LOG`.
    pub migrations: Vec<Migration>,
    /// How many statements of a version stand in `SERVER_MIGRATION_SQL_LOGS`.
    pub statements: BTreeMap<String, u64>,
    /// Its tables by name.
    pub tables: BTreeMap<String, Table>,
    /// The release of the server that built the search index of each kind of entity last, as `index_mapping_versions` has
    /// it; none where that table is not there or may not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexed: Option<BTreeMap<String, String>>,
    /// Its state.
    pub fingerprint: Fingerprint,
}

/// A row of `SERVER_CHANGE_LOG`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Migration {
    /// The version as it stands there: `1.13.0`, `0.0.15`, `1.12.3-collate`.
    pub version: String,
    /// When it last ran, as the server writes it; UTC.
    pub at: String,
    /// `STARTED`, `COMPLETED`, `FAILED`; empty where the table has no such column.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub status: String,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// Its size on disk, indexes included.
    pub bytes: u64,
    /// Its rows, counted: of tables that hold entities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Its rows as the server estimates them; none where it never looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<u64>,
}

/// Why an answer holds no facts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDatabase {
    /// The fingerprint is not whole.
    #[error(transparent)]
    Fingerprint(#[from] NoFingerprint),
    /// There is no line `facts:`: another script, or an answer that broke off.
    #[error("the answer holds no facts")]
    NoFacts,
    /// A fact that is always there is missing.
    #[error("the answer holds no `{0}`")]
    Missing(&'static str),
    /// A number is none.
    #[error("`{0}` is no number")]
    Number(String),
}

/// Servers from here on note their version whenever they build an index, however that was asked for (OpenMetadata
/// PR#28856, PR#28885). Those before note it after `reindex` without `--force` only, of every index, and as
/// `1.8.0-SNAPSHOT` (OpenMetadata#28886, #28887): their rows tell nothing.
const NOTES_BUILDS: Version = Version { major: 2, minor: 0, patch: 0 };

/// How many indexes are named.
const NAMED: usize = 3;

/// The line between the fingerprint and the facts.
const BETWEEN: &str = "facts:";

impl Database {
    /// Reads the answer of a probe that was asked for facts.
    pub fn parse(engine: Engine, text: &str) -> Result<Self, NoDatabase> {
        let at = text.lines().position(|l| l.trim_end() == BETWEEN).ok_or(NoDatabase::NoFacts)?;
        let head: Vec<&str> = text.lines().take(at).collect();
        let fingerprint = Fingerprint::parse(engine, &head.join("\n"))?;
        let mut read = Reading::default();
        for (key, value) in text.lines().skip(at + 1).filter_map(|l| l.trim_end_matches('\r').split_once('\t')) {
            read.line(key, value)?;
        }
        read.database(engine, fingerprint)
    }

    /// What the user may do: `Some(true)` and `Some(false)` are the server's word, `None` is not known.
    pub fn may(&self, what: &str) -> Option<bool> {
        self.may.get(what).copied().flatten()
    }

    /// The highest version, `0.0.N` and suffixes left out.
    pub fn head(&self) -> Option<Version> {
        self.fingerprint.head()
    }

    /// Versions of which statements ran and that are not in the change log, or stand there as anything but completed:
    /// a migration that broke off.
    pub fn unfinished(&self) -> Vec<&str> {
        let done = |m: &&Migration| m.status.is_empty() || m.status.eq_ignore_ascii_case("completed");
        let logged = |version: &str| self.migrations.iter().any(|m| m.version == version);
        let halfway = self.statements.keys().map(String::as_str).filter(|v| !logged(v));
        let failed = self.migrations.iter().filter(|m| !done(m)).map(|m| m.version.as_str());
        halfway.chain(failed).collect()
    }

    /// Of these migration folders of an image, those that did not run.
    pub fn pending<'a>(&self, folders: &'a [String]) -> Vec<&'a str> {
        folders.iter().filter(|f| !self.migrations.iter().any(|m| m.version == **f)).map(String::as_str).collect()
    }

    /// Whether all search indexes were last built by a server of the line that serves, in words either way; none where the
    /// rows do not tell. Else that server builds all of them anew: its own criterion, by `x.y` alone.
    pub fn indexes_built(&self, serving: Version) -> Option<Result<String, String>> {
        let rows = self.indexed.as_ref().filter(|_| serving >= NOTES_BUILDS)?;
        let (all, (major, minor)) = (rows.len(), serving.line());
        if all == 0 {
            return Some(Err(
                "`index_mapping_versions` has no row: no index is known to be built by this server".to_owned()
            ));
        }
        let other = |by: &str| Version::parse(by).map(Version::line) != Some((major, minor));
        let others: Vec<String> =
            rows.iter().filter(|(_, by)| other(by)).map(|(kind, by)| format!("{kind} by {by}")).collect();
        let (shown, more) = (others.iter().take(NAMED), others.len().saturating_sub(NAMED));
        let shown = shown.map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Some(match others.len() {
            0 => Ok(format!("all {all} of `index_mapping_versions` were built by {major}.{minor}")),
            // No row is ever taken away.
            n => Err(format!(
                "{n} of {all} indexes were last built by another line than {major}.{minor} (`index_mapping_versions`): {shown}{more}{}",
                if n < all { "; those of kinds that this server no longer has stay so" } else { "" }
            )),
        })
    }

    /// The rows of all tables that were counted.
    pub fn counted(&self) -> BTreeMap<&str, u64> {
        self.tables.iter().filter_map(|(name, table)| Some((name.as_str(), table.rows?))).collect()
    }
}

/// An answer while its lines are read.
#[derive(Default)]
struct Reading {
    plain: BTreeMap<String, String>,
    may: BTreeMap<String, Option<bool>>,
    settings: BTreeMap<String, String>,
    migrations: Vec<Migration>,
    statements: BTreeMap<String, u64>,
    tables: BTreeMap<String, Table>,
    indexed: BTreeMap<String, String>,
}

impl Reading {
    fn line(&mut self, key: &str, value: &str) -> Result<(), NoDatabase> {
        // A table's or version's name may hold spaces: only the first one ends the kind.
        let (kind, name) = key.split_once(' ').unwrap_or((key, ""));
        let name = name.to_owned();
        match kind {
            "may" => drop(self.may.insert(name, yes(value))),
            "setting" => {
                let value = if is_of_somebody(&name) { HIDDEN } else { value };
                drop(self.settings.insert(name, value.to_owned()));
            }
            "migration" => {
                let word = |(_, last): &(&str, &str)| last.chars().all(|c| c.is_ascii_alphabetic());
                let (at, status) = value.rsplit_once(' ').filter(word).unwrap_or((value, ""));
                self.migrations.push(Migration { version: name, at: at.to_owned(), status: status.to_owned() });
            }
            "statements" => drop(self.statements.insert(name, number(key, value)?)),
            "indexed" if !name.is_empty() => drop(self.indexed.insert(name, value.to_owned())),
            "rows" => self.tables.entry(name).or_default().rows = Some(number(key, value)?),
            "about" => self.tables.entry(name).or_default().about = Some(number(key, value)?),
            "bytes" if !name.is_empty() => self.tables.entry(name).or_default().bytes = number(key, value)?,
            _ => drop(self.plain.insert(key.to_owned(), value.to_owned())),
        }
        Ok(())
    }

    fn database(self, engine: Engine, fingerprint: Fingerprint) -> Result<Database, NoDatabase> {
        let text = |key: &'static str| self.plain.get(key).cloned().ok_or(NoDatabase::Missing(key));
        let whole = |key: &'static str| number(key, &text(key)?);
        let some = |key: &str| self.plain.get(key).map(|value| number(key, value)).transpose();
        Ok(Database {
            version: text("version")?,
            name: text("database")?,
            user: text("user")?,
            bytes: whole("bytes")?,
            charset: text("charset")?,
            collation: text("collation")?,
            sort_buffer: whole("sort_buffer")?,
            read_only: yes(&text("read_only")?).unwrap_or(false),
            sessions: some("sessions")?,
            sessions_not_ours: some("sessions_not_ours")?,
            oldest_transaction_seconds: some("oldest_transaction_seconds")?,
            connections: some("connections")?,
            max_connections: some("max_connections")?,
            indexed: some("indexed")?.map(|_| self.indexed),
            engine,
            fingerprint,
            may: self.may,
            settings: self.settings,
            migrations: self.migrations,
            statements: self.statements,
            tables: self.tables,
        })
    }
}

/// A setting of the database that no PostgreSQL knows: people keep keys of their own there (`app.jwt_secret`). Its name
/// tells that it has to be made again; its value is nobody's business.
fn is_of_somebody(setting: &str) -> bool {
    setting.strip_prefix("of_database ").is_some_and(|name| name.contains('.'))
}

fn yes(value: &str) -> Option<bool> {
    match value {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

fn number(key: &str, value: &str) -> Result<u64, NoDatabase> {
    value.parse().map_err(|_| NoDatabase::Number(format!("{key}: {value}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "some words\nchange_log\t3:aa\nsql_logs\t9:bb\nschema\t70:cc\nflowable\tabsent\nhead\t1.13.0\nfacts:\n\
        version\t15.4 (Debian 15.4-1)\ndatabase\topenmetadata_db\nuser\tom\nbytes\t5000\ncharset\tUTF8\ncollation\tC\n\
        sort_buffer\t4194304\nread_only\tno\nmay migrate\tyes\nmay create_database\tno\nmay read_all\tunknown\n\
        setting ssl\ton\nmigration 1.12.3\t2026-11-22 10:00:00\nmigration 1.12.4\t2026-11-22 10:00:00 FAILED\n\
        statements 1.12.3\t4\nstatements 1.13.0\t1\nbytes an odd_entity\t8192\nrows an odd_entity\t3\nabout change_event\t100\n";

    #[test]
    fn reads_what_the_probe_says() {
        let read = Database::parse(Engine::Postgresql, TEXT).unwrap();
        assert_eq!((read.name.as_str(), read.bytes, read.sort_buffer), ("openmetadata_db", 5000, 4_194_304));
        assert_eq!(read.fingerprint.head.as_deref(), Some("1.13.0"));
        assert_eq!(read.tables["an odd_entity"], Table { bytes: 8192, rows: Some(3), about: None });
        assert_eq!(read.counted().into_iter().collect::<Vec<_>>(), [("an odd_entity", 3)]);
        assert_eq!((read.may("migrate"), read.may("create_database")), (Some(true), Some(false)));
        assert_eq!((read.may("read_all"), read.may("fly")), (None, None));
        assert_eq!(read.oldest_transaction_seconds, None);
        assert_eq!(read.migrations[0].at, "2026-11-22 10:00:00");
    }

    #[test]
    fn a_setting_of_somebodys_own_is_told_by_its_name_alone() {
        let own = "setting of_database app.jwt_secret\tgeheim\nsetting of_database work_mem\t20MB\n";
        let read = Database::parse(Engine::Postgresql, &format!("{TEXT}{own}")).unwrap();
        assert_eq!(read.settings["of_database app.jwt_secret"], HIDDEN);
        assert_eq!(read.settings["of_database work_mem"], "20MB");
    }

    #[test]
    fn a_migration_that_broke_off_is_seen() {
        let read = Database::parse(Engine::Postgresql, TEXT).unwrap();
        assert_eq!(read.unfinished(), ["1.13.0", "1.12.4"]);
        assert_eq!(read.pending(&["1.12.3".to_owned(), "1.13.0".to_owned()]), ["1.13.0"]);
    }

    #[test]
    fn what_built_the_indexes_is_compared_by_line_where_the_server_notes_it() {
        let read = |rows: &str| Database::parse(Engine::Postgresql, &format!("{TEXT}{rows}")).unwrap();
        let of = |rows: &str, serving: &str| read(rows).indexes_built(Version::parse(serving).unwrap());
        let rows = "indexed\t2\nindexed table\t2.0.3\nindexed glossaryTerm\t1.8.0-SNAPSHOT\n";
        let words = "1 of 2 indexes were last built by another line than 2.0 (`index_mapping_versions`): glossaryTerm by 1.8.0-SNAPSHOT; those of kinds that this server no longer has stay so";
        assert_eq!(of(rows, "2.0.7"), Some(Err(words.to_owned())));
        assert_eq!(of(rows, "1.13.1"), None);
        assert_eq!(of("", "2.0.7"), None);
        assert!(of("indexed\t0\n", "2.0.7").unwrap().unwrap_err().contains("has no row"));
        assert!(of("indexed\t1\nindexed table\t2.0.3\n", "2.0.7").unwrap().is_ok());
        let many = ["k0", "k1", "k2", "k3", "k4"].map(|kind| format!("indexed {kind}\t2.0.0\n")).concat();
        let many = of(&format!("indexed\t5\n{many}"), "2.1.0").unwrap().unwrap_err();
        assert!(many.starts_with("5 of 5") && many.ends_with("k2 by 2.0.0 and 2 more"), "{many}");
    }

    #[test]
    fn an_answer_that_broke_off_is_none() {
        let cut = |from: &str| Database::parse(Engine::Postgresql, &TEXT.replace(from, "")).unwrap_err();
        assert_eq!(cut("facts:\n"), NoDatabase::NoFacts);
        assert_eq!(cut("head\t1.13.0\n"), NoDatabase::Fingerprint(NoFingerprint::Missing("head")));
        assert_eq!(cut("bytes\t5000\n"), NoDatabase::Missing("bytes"));
        let wrong = TEXT.replace("bytes\t5000", "bytes\tmany");
        assert_eq!(Database::parse(Engine::Mysql, &wrong).unwrap_err(), NoDatabase::Number("bytes: many".into()));
    }
}
