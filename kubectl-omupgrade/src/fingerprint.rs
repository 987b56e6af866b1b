//! A database's fingerprint: reads the answer of shared's SQL texts, compares two, says in words what differs. Never
//! asks a database.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use shared::backup::{Engine, Record};
use shared::versions::Version;
use std::collections::BTreeMap;

/// What every fingerprint holds, and what a difference in it means.
const PARTS: &[(&str, &str)] = &[
    ("change_log", "migrations ran, or ran again (SERVER_CHANGE_LOG)"),
    ("sql_logs", "migration statements ran (SERVER_MIGRATION_SQL_LOGS)"),
    ("schema", "tables, columns, indexes or constraints are others"),
    ("flowable", "the workflow engine's own schema moved"),
];

/// The state of a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fingerprint {
    /// The engine whose SQL text made it; digests of two engines cannot be compared.
    #[schemars(with = "String")]
    pub engine: Engine,
    /// Digests by part.
    pub parts: BTreeMap<String, String>,
    /// The highest version of both tables, as three numbers; none for a database without migrations.
    pub head: Option<String>,
}

/// Why an answer is no fingerprint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFingerprint {
    /// A part is missing: another text, or an answer that broke off.
    #[error("the answer holds no `{0}`")]
    Missing(&'static str),
    /// A part stands there twice.
    #[error("the answer holds `{0}` twice")]
    Twice(String),
    /// The head is no version.
    #[error("the answer's head `{0}` is no version")]
    Head(String),
}

/// How two fingerprints stand to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Comparison {
    /// The same state.
    Equal,
    /// Different states, with the words for each part.
    Unequal(Vec<String>),
    /// They say nothing about each other, with the reason.
    Incomparable(String),
}

impl Fingerprint {
    /// Reads `key<TAB>value` lines. Lines without a tab are a script's words and are left out.
    ///
    /// ```
    /// use kubectl_omupgrade::fingerprint::Fingerprint;
    /// let text = "change_log\t3:aa\nsql_logs\t9:bb\nschema\t70:cc\nflowable\t7.2.0.2\nhead\t1.13.1\n";
    /// let read = Fingerprint::parse(shared::backup::Engine::Mysql, text).unwrap();
    /// assert_eq!(read.head.as_deref(), Some("1.13.1"));
    /// ```
    pub fn parse(engine: Engine, text: &str) -> Result<Self, NoFingerprint> {
        let mut parts = BTreeMap::new();
        for (key, value) in text.lines().filter_map(|line| line.trim_end_matches('\r').split_once('\t')) {
            if parts.insert(key.to_owned(), value.to_owned()).is_some() {
                return Err(NoFingerprint::Twice(key.to_owned()));
            }
        }
        let head = parts.remove("head").ok_or(NoFingerprint::Missing("head"))?;
        Self::of(engine, parts, &head)
    }

    /// The fingerprint in a backup's record.
    pub fn of_record(record: &Record) -> Result<Self, NoFingerprint> {
        Self::of(record.engine, record.fingerprint.clone(), &record.schema_head)
    }

    fn of(engine: Engine, parts: BTreeMap<String, String>, head: &str) -> Result<Self, NoFingerprint> {
        if let Some((key, _)) = PARTS.iter().find(|(key, _)| parts.get(*key).is_none_or(String::is_empty)) {
            return Err(NoFingerprint::Missing(key));
        }
        let head = match head {
            "" | "absent" | "none" => None,
            text => Some(Version::parse(text).ok_or_else(|| NoFingerprint::Head(text.to_owned()))?.to_string()),
        };
        Ok(Self { engine, parts, head })
    }

    /// The highest version of both tables.
    pub fn head(&self) -> Option<Version> {
        self.head.as_deref().and_then(Version::parse)
    }

    /// How this state stands to an earlier one.
    pub fn compare(&self, before: &Self) -> Comparison {
        if self.engine != before.engine {
            let (now, then) = (self.engine.name(), before.engine.name());
            return Comparison::Incomparable(format!("the database is {now} now and was {then} before"));
        }
        let other = |a: &Self, b: &Self| a.parts.keys().find(|key| !b.parts.contains_key(*key)).cloned();
        if let Some(key) = other(self, before).or_else(|| other(before, self)) {
            return Comparison::Incomparable(format!("only one of the two fingerprints holds `{key}`"));
        }
        let mut words = Vec::new();
        if self.head != before.head {
            words.push(format!(
                "the database is at {}, it was at {}",
                said(self.head.as_deref()),
                said(before.head.as_deref())
            ));
        }
        for (key, value) in &self.parts {
            if before.parts.get(key) != Some(value) {
                let known = PARTS.iter().find(|(part, _)| part == key);
                words.push(known.map_or_else(|| format!("`{key}` differs"), |(_, meaning)| (*meaning).to_owned()));
            }
        }
        if words.is_empty() { Comparison::Equal } else { Comparison::Unequal(words) }
    }
}

fn said(head: Option<&str>) -> &str {
    head.unwrap_or("no version")
}

#[cfg(test)]
mod tests {
    use super::{Comparison, Fingerprint, NoFingerprint};
    use shared::backup::Engine;

    const TEXT: &str = "change_log\t3:aa\nsql_logs\t9:bb\nschema\t70:cc\nflowable\tabsent\nhead\t1.12.3\n";

    fn read(text: &str) -> Fingerprint {
        Fingerprint::parse(Engine::Postgresql, text).unwrap()
    }

    #[test]
    fn every_part_that_differs_is_named() {
        assert_eq!(read(TEXT).compare(&read(TEXT)), Comparison::Equal);
        for (from, to, word) in [
            ("3:aa", "3:ab", "SERVER_CHANGE_LOG"),
            ("9:bb", "10:bb", "SERVER_MIGRATION_SQL_LOGS"),
            ("70:cc", "absent", "constraints"),
            ("absent", "7.2.0.2", "workflow engine"),
            ("1.12.3", "1.13.0", "is at 1.13.0, it was at 1.12.3"),
            ("1.12.3", "none", "is at no version"),
        ] {
            let Comparison::Unequal(words) = read(&TEXT.replace(from, to)).compare(&read(TEXT)) else {
                panic!("{from} → {to} is not seen");
            };
            assert!(words.len() == 1 && words[0].contains(word), "{words:?}");
        }
    }

    #[test]
    fn what_cannot_be_compared_is_never_equal() {
        let more = read(&format!("{TEXT}views\t1:dd\n"));
        assert!(matches!(more.compare(&read(TEXT)), Comparison::Incomparable(_)));
        assert!(matches!(read(TEXT).compare(&more), Comparison::Incomparable(_)));
        let other = Fingerprint::parse(Engine::Mysql, TEXT).unwrap();
        assert!(matches!(other.compare(&read(TEXT)), Comparison::Incomparable(_)));
    }

    #[test]
    fn an_answer_that_broke_off_is_no_fingerprint() {
        for lines in 0..5 {
            let text: String = TEXT.split_inclusive('\n').take(lines).collect();
            assert!(Fingerprint::parse(Engine::Mysql, &text).is_err(), "{text}");
        }
        let twice = Fingerprint::parse(Engine::Mysql, &format!("{TEXT}head\t1.0.0\n"));
        assert_eq!(twice, Err(NoFingerprint::Twice("head".to_owned())));
        let head = Fingerprint::parse(Engine::Mysql, &TEXT.replace("1.12.3", "2026.04.01"));
        assert_eq!(head, Err(NoFingerprint::Head("2026.04.01".to_owned())));
    }
}
