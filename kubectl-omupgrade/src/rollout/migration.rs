//! How far a migration is, read from the lines that `openmetadata-ops.sh migrate` writes. Proves nothing: exit 0 and
//! these lines do not say that the schema is whole, only the database does.

use std::fmt;

/// What a migration's log tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The versions that will be run, in order; empty where the list was not seen.
    pub planned: Vec<String>,
    /// The versions that were begun, in order.
    pub begun: Vec<String>,
    /// The versions that were finished.
    pub finished: Vec<String>,
    /// It said that there is nothing to run.
    pub nothing: bool,
    /// It is past the versions: search indexes, secrets.
    pub after: bool,
    /// The line that says why it failed.
    pub failure: Option<String>,
}

/// Reads the lines of a log, oldest first.
pub fn read(lines: &[String]) -> Progress {
    let mut progress = Progress::default();
    let mut table = false;
    for (i, line) in lines.iter().enumerate() {
        if line.contains("Following Migrations will be performed") {
            table = true;
        } else if line.contains("No Server Migration To be Run") {
            progress.nothing = true;
        } else if let Some(version) = after(line, "Migration Run started for Version:") {
            table = false;
            push(&mut progress.begun, version);
        } else if let Some(version) = after(line, "finished for Version:") {
            push(&mut progress.finished, version);
        } else if line.contains("Update Search Indexes") || line.contains("WorkFlow Completed") {
            progress.after = true;
        } else if line.contains("Failed to db migration due to") || line.contains("Failed due to") {
            let next = lines.get(i + 1).map(|l| l.trim()).filter(|_| line.trim_end().ends_with("due to"));
            let failure = format!("{} {}", line.trim(), next.unwrap_or_default());
            progress.failure.get_or_insert_with(|| cell(&failure).to_owned());
        } else if table && let Some(version) = row(line) {
            push(&mut progress.planned, version);
        }
    }
    progress
}

impl Progress {
    /// The version that is being run now.
    pub fn current(&self) -> Option<&str> {
        self.begun.last().filter(|v| !self.finished.contains(v)).map(String::as_str)
    }

    /// `k` of `k of n`: the number of the version that runs, else how many are finished.
    pub fn step(&self) -> usize {
        if self.current().is_some() { self.begun.len() } else { self.finished.len() }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |f: &mut fmt::Formatter<'_>| match self.planned.len().max(self.begun.len()) {
            _ if self.planned.is_empty() => write!(f, "version {}", self.step()),
            n => write!(f, "version {} of {n}", self.step()),
        };
        match self.current() {
            _ if self.after => f.write_str("all versions run, updating search indexes"),
            _ if self.nothing => f.write_str("nothing to migrate"),
            Some(version) => {
                write!(f, "migrating to {version}, ")?;
                of(f)
            }
            None if self.begun.is_empty() && self.planned.is_empty() => f.write_str("preparing the migration"),
            None if self.begun.is_empty() => write!(f, "{} versions to migrate", self.planned.len()),
            None => {
                f.write_str("migrated ")?;
                of(f)
            }
        }
    }
}

/// The word after a marker.
fn after(line: &str, marker: &str) -> Option<String> {
    let rest = line.split_once(marker)?.1;
    let word = rest.split_whitespace().next()?;
    Some(word.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()).filter(|v| !v.is_empty())
}

/// The words alone where they stand in a cell of the table of results.
fn cell(line: &str) -> &str {
    match line.find("Failed due to") {
        Some(at) if line.trim_start().starts_with('|') => line[at..].split('|').next().unwrap_or_default().trim(),
        _ => line.trim(),
    }
}

/// The version in the first cell of a row of the table.
fn row(line: &str) -> Option<String> {
    let line = line.replace('│', "|");
    let first = line.trim().trim_start_matches('|').split('|').next()?.trim();
    let version = first.starts_with(|c: char| c.is_ascii_digit()) && first.contains('.') && !first.contains(' ');
    (version && line.contains('|')).then(|| first.to_owned())
}

/// Versions are named again when the table of results is printed.
fn push(list: &mut Vec<String>, version: String) {
    if !list.contains(&version) {
        list.push(version);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    const LOG: &str = "\
INFO [main] Following Migrations will be performed, with Force Migration : false
┌────────┬────────────────┬───────────────────────────────┐
│ Version│ConnectionType  │MigrationsFilePath             │
+--------+----------------+-------------------------------+
| Version | ConnectionType | MigrationsFilePath           |
+--------+----------------+-------------------------------+
| 1.12.0 | POSTGRES | ./bootstrap/sql/migrations/native/1.12.0/postgres |
| 1.12.1 | POSTGRES | ./bootstrap/sql/migrations/native/1.12.1/postgres |
| 1.13.0 | POSTGRES | ./bootstrap/sql/migrations/native/1.13.0/postgres |
+--------+----------------+-------------------------------+
INFO [MigrationWorkFlow] Migration Run started for Version: 1.12.0
INFO [MigrationWorkFlow] Migration Run finished for Version: 1.12.0
INFO [MigrationWorkFlow] Migration Run started for Version: 1.12.1";

    #[test]
    fn counts_versions() {
        let progress = read(&lines(LOG));
        assert_eq!(progress.to_string(), "migrating to 1.12.1, version 2 of 3");
        let more = format!("{LOG}\nMigration Run finished for Version: 1.12.1\nUpdate Search Indexes.");
        assert_eq!(read(&lines(&more)).to_string(), "all versions run, updating search indexes");
        assert_eq!(read(&[]).to_string(), "preparing the migration");
        // The head of a long log may be cut off.
        assert_eq!(
            read(&lines("Migration Run started for Version: 1.13.0")).to_string(),
            "migrating to 1.13.0, version 1"
        );
        assert_eq!(read(&lines("No Server Migration To be Run")).to_string(), "nothing to migrate");
    }

    #[test]
    fn keeps_the_first_failure() {
        let log = format!("{LOG}\nERROR Failed to db migration due to Duplicate column name 'x'\nFailed due to : y");
        assert_eq!(
            read(&lines(&log)).failure.unwrap(),
            "ERROR Failed to db migration due to Duplicate column name 'x'"
        );
        // The log's head and a table of results, as a failed run prints it.
        let table = "| 1.13.0  | Success  | Failed due to : no such column | Skipped | Skipped |          |";
        assert_eq!(read(&lines(table)).failure.unwrap(), "Failed due to : no such column");
    }
}
