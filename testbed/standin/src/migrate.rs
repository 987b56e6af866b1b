//! `migrate`: runs what is pending, with the real tool's order, log lines and failure semantics. It never locks: the real one does not either.

use std::collections::HashSet;

use anyhow::{Context as _, Result, bail};

use crate::database::Database;
use crate::era::Era;
use crate::faults::Faults;
use crate::migrations::{self, FOLDER, Migration, Statement};
use crate::search::Search;
use crate::secrets::Secrets;
use crate::version::Version;
use crate::{entities, flowable, history, log, reindex};

/// What has to run: folders without a row, in newer releases also older ones than the newest row, and that one's folder
/// again if it has statements that were never run.
pub fn pending<'a>(
    era: Era,
    folders: &'a [Migration],
    versions: &HashSet<String>,
    statements: &HashSet<String>,
) -> Vec<&'a Migration> {
    let newest = folders.iter().filter(|folder| versions.contains(&folder.name)).map(|folder| folder.version).max();
    let reached = versions.iter().filter_map(|version| Version::parse(version)).max();
    folders
        .iter()
        .filter(|folder| {
            if !era.plans_any_folder() {
                return reached.is_none_or(|reached| folder.version > reached);
            }
            let executed = versions.contains(&folder.name);
            let grown = Some(folder.version) == newest
                && folder.schema.iter().chain(&folder.post).any(|statement| !statements.contains(&statement.checksum));
            !executed || grown
        })
        .collect()
}

/// What the database still lacks of this image.
pub fn lacking(database: &Database) -> Result<Vec<Migration>> {
    let folders = migrations::of_this_image(database.engine())?;
    if !history::exists(database)? {
        return Ok(folders);
    }
    let versions = history::versions(database)?;
    let statements = history::statements(database)?;
    Ok(pending(Era::of_this_image(), &folders, &versions, &statements).into_iter().cloned().collect())
}

/// Runs everything that is pending.
pub fn run(database: &Database, secrets: &Secrets, search: &Search, force: bool) -> Result<()> {
    migrate(database, secrets, search, force)
        .inspect_err(|error| log::error(&format!("Failed to db migration due to {error:#}")))
}

fn migrate(database: &Database, secrets: &Secrets, search: &Search, force: bool) -> Result<()> {
    history::prepare(database)?;
    let plan = lacking(database)?;
    if plan.is_empty() {
        log::info("No Server Migration To be Run");
    } else {
        log::info(&format!("Following Migrations will be performed, with Force Migration : {force}"));
        let connection = database.pick("POSTGRES", "MYSQL");
        let rows: Vec<Vec<String>> = plan
            .iter()
            .map(|folder| vec![folder.name.clone(), connection.to_owned(), format!("{FOLDER}/{}", folder.name)])
            .collect();
        table(&["Version", "ConnectionType", "MigrationsFilePath"], &rows);
        let faults = Faults::ask();
        let mut results = Vec::new();
        for folder in &plan {
            log::info(&format!("[MigrationWorkFlow] Migration Run started for Version: {}", folder.name));
            let outcome = one(database, folder, &faults, force);
            let word =
                outcome.as_ref().map_or_else(|error| format!("Failed due to : {error:#}"), |_| "Success".to_owned());
            let data = if outcome.is_ok() { "Success" } else { "Skipped" };
            let context = outcome.as_ref().map_or("", String::as_str);
            results.push([&folder.name, "Success", &word, data, data, context].map(str::to_owned).to_vec());
            if let Err(error) = outcome {
                table(RESULT, &results);
                bail!("Migration Failed for Version: {}: {error:#}", folder.name);
            }
            log::info(&format!("[MigrationWorkFlow] Migration Run finished for Version: {}", folder.name));
        }
        table(RESULT, &results);
    }
    if Era::of_this_image().migrates_flowable() {
        flowable::prepare(database)?;
    }
    log::info("Update Search Indexes.");
    reindex::update_indices(search);
    // Last, and so after the schema has moved: a secret that does not open fails the tool all the same.
    entities::open_secrets(database, secrets)?;
    log::info("[MigrationWorkflow] WorkFlow Completed");
    Ok(())
}

/// The head of the table of results; `Context` has the counts that the version's row keeps.
const RESULT: &[&str] = &["Version", "Initialization", "SchemaChanges", "DataMigration", "PostDDLScripts", "Context"];

/// One folder: its counts. There is no transaction around it: what ran stays, and its row is written only at the end.
/// With `--force` a statement that fails is said and passed over, and the row is written as if nothing was wrong.
fn one(database: &Database, folder: &Migration, faults: &Faults, force: bool) -> Result<String> {
    let name = &folder.name;
    let pass = |outcome: Result<()>| match outcome {
        Err(error) if force => {
            log::error(&format!("Failed to run sql {error:#}"));
            Ok(())
        }
        other => other,
    };
    pass(faults.migrate_at(name, "before"))?;
    let done = history::statements(database)?;
    let todo: Vec<&Statement> =
        folder.schema.iter().chain(&folder.post).filter(|statement| !done.contains(&statement.checksum)).collect();
    for (index, statement) in todo.iter().enumerate() {
        if index == todo.len() / 2 {
            pass(faults.migrate_at(name, "middle"))?;
        }
        faults.slow_down(name);
        let first = statement.sql.lines().find(|line| !line.starts_with("--")).unwrap_or_default();
        let done = database.execute(&format!("{};", statement.sql)).with_context(|| format!("statement {first:?}"));
        pass(done.and_then(|()| history::note_statement(database, name, &statement.sql, &statement.checksum)))?;
    }
    pass(faults.migrate_at(name, "after"))?;
    let metrics = entities::counts(database).unwrap_or_else(|_| "{}".to_owned());
    history::note_version(database, name, &format!("{FOLDER}/{name}"), &metrics)?;
    Ok(metrics)
}

/// A table as the real tool draws it.
pub fn table(head: &[&str], rows: &[Vec<String>]) {
    let widths: Vec<usize> = head
        .iter()
        .enumerate()
        .map(|(at, title)| {
            rows.iter().filter_map(|row| row.get(at)).map(String::len).chain([title.len()]).max().unwrap_or(0)
        })
        .collect();
    let draw = |cells: Vec<&str>| {
        let cells: Vec<String> =
            cells.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} ", width = *width)).collect();
        format!("|{}|", cells.join("|"))
    };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 2)).collect();
    let rule = format!("+{}+", rule.join("+"));
    log::plain(&rule);
    log::plain(&draw(head.to_vec()));
    log::plain(&rule);
    for row in rows {
        log::plain(&draw(row.iter().map(String::as_str).collect()));
    }
    log::plain(&rule);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(name: &str, checksum: &str) -> Migration {
        let schema = vec![Statement { sql: "x".to_owned(), checksum: checksum.to_owned() }];
        Migration { name: name.to_owned(), version: Version::parse(name).unwrap(), schema, post: Vec::new() }
    }

    const NEW: Era = Era(Version(1, 13, 0));

    fn names(era: Era, folders: &[Migration], versions: &[&str], statements: &[&str]) -> Vec<String> {
        let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        pending(era, folders, &set(versions), &set(statements)).iter().map(|folder| folder.name.clone()).collect()
    }

    #[test]
    fn any_folder_without_a_row_is_pending_also_an_older_one() {
        let folders = [folder("1.12.0", "a"), folder("1.12.13", "b"), folder("1.13.0", "c")];
        assert_eq!(names(NEW, &folders, &["1.12.0", "1.13.0"], &["a", "c"]), ["1.12.13"]);
        assert_eq!(names(NEW, &folders, &["1.12.0", "1.12.13", "1.13.0"], &["a", "b", "c"]), [""; 0]);
    }

    #[test]
    fn older_releases_plan_what_is_above_the_newest_row() {
        let folders = [folder("1.9.0", "a"), folder("1.9.9", "b"), folder("1.9.13", "c")];
        let old = Era(Version(1, 9, 13));
        assert_eq!(names(old, &folders, &["1.9.9"], &[]), ["1.9.13"]);
        assert_eq!(names(old, &folders, &["1.13.0"], &[]), [""; 0]);
        assert_eq!(names(old, &folders, &[], &[]).len(), 3);
    }

    #[test]
    fn the_newest_one_runs_again_when_it_grew() {
        let folders = [folder("1.12.0", "new"), folder("1.13.0", "new-too")];
        assert_eq!(names(NEW, &folders, &["1.12.0", "1.13.0"], &[]), ["1.13.0"]);
    }
}
