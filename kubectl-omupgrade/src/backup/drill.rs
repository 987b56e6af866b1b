//! Compares what a trial restore holds with what the backup's record says: every table's rows, and the fingerprint.

use crate::facts::Database;
use crate::fingerprint::{Comparison, Fingerprint};
use schemars::JsonSchema;
use serde::Serialize;
use shared::backup::Record;

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Drilled {
    /// Tables whose rows were compared.
    pub tables: usize,
    /// Rows that were compared.
    pub rows: u64,
    /// What is not as recorded; nothing: the backup restores to what was dumped.
    pub differs: Vec<String>,
    /// What could not be compared, and why.
    pub unsaid: Vec<String>,
    /// Tables that are there and whose rows were not compared: with one of them nobody has seen the whole database.
    pub uncompared: Vec<String>,
}

impl Drilled {
    /// Whether the data is proven: every table's rows are as they were counted.
    pub fn is_proof(&self, record: &Record) -> bool {
        self.differs.is_empty() && record.rows.is_some() && self.uncompared.is_empty()
    }
}

/// Compares.
pub fn drilled(record: &Record, found: &Database) -> Drilled {
    let recorded = |table: &String| record.rows.as_ref().is_some_and(|rows| rows.contains_key(table));
    let left = found.tables.iter().filter(|(name, table)| table.rows.is_none() || !recorded(name));
    let uncompared = left.map(|(name, _)| name.clone()).collect();
    let mut out = Drilled { tables: 0, rows: 0, differs: Vec::new(), unsaid: Vec::new(), uncompared };
    match &record.rows {
        None => out.unsaid.push("the record counts no rows (helm-postrender's hook counts none)".to_owned()),
        Some(rows) => {
            for (table, wanted) in rows {
                match found.tables.get(table).map(|t| t.rows) {
                    Some(Some(there)) if there == *wanted => {
                        out.tables += 1;
                        out.rows = out.rows.saturating_add(*wanted);
                    }
                    Some(Some(there)) => out.differs.push(format!("{table}: {there} rows, the record says {wanted}")),
                    Some(None) => out.unsaid.push(format!("{table}: its rows were not counted")),
                    None => out.differs.push(format!("{table}: it is not there, the record says {wanted} rows")),
                }
            }
            for table in found.tables.keys().filter(|table| !rows.contains_key(*table)) {
                out.unsaid.push(format!("{table}: the record does not count its rows"));
            }
        }
    }
    let major = |version: &str| version.split(['.', ' ', '-']).next().unwrap_or_default().to_owned();
    match Fingerprint::of_record(record) {
        Err(error) => out.unsaid.push(format!("the record's fingerprint: {error}")),
        Ok(wanted) => match found.fingerprint.compare(&wanted) {
            Comparison::Equal => {}
            Comparison::Incomparable(why) => out.differs.push(why),
            Comparison::Unequal(words) => {
                // Servers of two majors print one definition in two ways.
                let same = Fingerprint {
                    parts: found
                        .fingerprint
                        .parts
                        .iter()
                        .map(|(k, v)| (k.clone(), wanted.parts.get(k).filter(|_| k == "schema").unwrap_or(v).clone()))
                        .collect(),
                    ..found.fingerprint.clone()
                };
                let other = major(&found.version) != major(&record.server_version);
                if other && same.compare(&wanted) == Comparison::Equal {
                    out.unsaid.push(format!(
                        "definitions of tables: the trial server is {}, the database's was {}",
                        found.version, record.server_version
                    ));
                } else {
                    out.differs.extend(words);
                }
            }
        },
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::backup::Engine;

    fn record(rows: &str, version: &str) -> Record {
        serde_json::from_str(&format!(
            r#"{{"v":1,"origin":"omupgrade","release":"om","namespace":"d","target":"","engine":"postgresql","server_version":"{version}","client_version":"18","database":"d","host":"h","started":"2026-11-22T12:00:00Z","finished":"2026-11-22T12:00:00Z","files":[],"fingerprint":{{"change_log":"3:aa","sql_logs":"9:bb","schema":"70:cc","flowable":"absent"}},"schema_head":"1.12.3"{rows}}}"#
        ))
        .unwrap()
    }

    fn found(schema: &str, rows: &str) -> Database {
        let text = format!(
            "change_log\t3:aa\nsql_logs\t9:bb\nschema\t{schema}\nflowable\tabsent\nhead\t1.12.3\nfacts:\nengine\tpostgresql\nversion\t15.1\ndatabase\tdrill\nuser\tpostgres\nbytes\t1\ncharset\tUTF8\ncollation\tC\nsort_buffer\t1\nread_only\tno\n{rows}"
        );
        Database::parse(Engine::Postgresql, &text).unwrap()
    }

    const ROWS: &str = r#","rows":{"a":2,"b":0}"#;

    #[test]
    fn every_table_of_the_record_has_to_be_there_with_its_rows() {
        let both = "bytes a\t1\nrows a\t2\nbytes b\t1\nrows b\t0\n";
        let good = drilled(&record(ROWS, "15.1"), &found("70:cc", both));
        assert_eq!((good.tables, good.rows, good.differs.len(), good.unsaid.len()), (2, 2, 0, 0), "{good:?}");
        for (rows, words) in [
            (both.replace("rows a\t2", "rows a\t1"), "a: 1 rows, the record says 2"),
            ("bytes a\t1\nrows a\t2\n".to_owned(), "b: it is not there"),
        ] {
            let bad = drilled(&record(ROWS, "15.1"), &found("70:cc", &rows));
            assert!(bad.differs[0].contains(words), "{bad:?}");
        }
        assert!(!drilled(&record(ROWS, "15.1"), &found("71:cc", both)).differs.is_empty());
        let older = drilled(&record(ROWS, "13.4"), &found("71:cc", both));
        assert!(older.differs.is_empty() && older.unsaid.len() == 1, "{older:?}");
        assert_eq!(drilled(&record("", "15.1"), &found("70:cc", both)).unsaid.len(), 1);
    }

    /// What is not in the record was left out of it because it could not be counted.
    #[test]
    fn a_table_that_was_not_compared_is_named_and_nothing_is_proven() {
        let both = "bytes a\t1\nrows a\t2\nbytes b\t1\nrows b\t0\n";
        for (rows, there, named, unsaid) in [
            (ROWS, both, vec![], 0),
            (r#","rows":{"a":2}"#, both, vec!["b"], 1),
            (r#","rows":{}"#, both, vec!["a", "b"], 2),
            ("", both, vec!["a", "b"], 1),
            // The trial could not count it.
            (ROWS, "bytes a\t1\nrows a\t2\nbytes b\t1\n", vec!["b"], 1),
            (r#","rows":{}"#, "", vec![], 0),
        ] {
            let record = record(rows, "15.1");
            let tried = drilled(&record, &found("70:cc", there));
            assert!(tried.differs.is_empty(), "{rows}: {tried:?}");
            assert_eq!(
                (tried.uncompared.clone(), tried.unsaid.len()),
                (named.into_iter().map(str::to_owned).collect(), unsaid),
                "{rows}"
            );
            assert_eq!(tried.is_proof(&record), tried.uncompared.is_empty(), "{rows}");
        }
    }

    #[test]
    fn numbers_that_nobody_counted_end_at_their_limit() {
        let most = u64::MAX;
        let rows = format!("bytes a\t1\nrows a\t{most}\nbytes b\t1\nrows b\t{most}\n");
        let record = record(&format!(r#","rows":{{"a":{most},"b":{most}}}"#), "15.1");
        assert_eq!((drilled(&record, &found("70:cc", &rows)).rows, record.all_rows()), (most, Some(most)));
        let file = shared::backup::File { name: "f".into(), bytes: most, sha256: String::new() };
        assert_eq!(Record { files: vec![file.clone(), file], ..record }.size(), most);
    }
}
