//! `migrate`: runs what is pending, with the real tool's order, log lines and failure semantics. It never locks: the real
//! one does not either (facts 10.6).
//!
//! Source: the server's `OpenMetadataOperations.migrate` and `MigrationWorkflow` (facts 3.8 to 3.10, 10.7). Not played: the
//! change log that the real tool prints after the search indexes, whose shape is not recorded.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context as _, Result, bail};

use crate::database::Database;
use crate::era::Era;
use crate::faults::Faults;
use crate::history::Origin;
use crate::migrations::{self, FOLDER, Migration, Statement};
use crate::search::Search;
use crate::secrets::Secrets;
use crate::version::Version;
use crate::{entities, flowable, flyway, history, log, reindex};

/// What has to run: folders without a row, in newer releases also older ones than the newest row, and two folders again if
/// they have statements that were never run: the newest executed one of the newest minor, and of the minor before it
/// (facts 3.8). Assumption: both minors are those of the folders that ran.
pub fn pending<'a>(
    era: Era,
    folders: &'a [Migration],
    versions: &HashSet<String>,
    statements: &HashSet<String>,
) -> Vec<&'a Migration> {
    let reached = versions.iter().filter_map(|version| Version::parse(version)).max();
    if !era.plans_any_folder() {
        return folders.iter().filter(|folder| reached.is_none_or(|reached| folder.version > reached)).collect();
    }
    let executed = |folder: &&Migration| versions.contains(&folder.name);
    let newest_of_minor: BTreeMap<(u32, u32), Version> =
        folders.iter().filter(executed).map(|folder| ((folder.version.0, folder.version.1), folder.version)).collect();
    let looked_at_again: Vec<Version> = newest_of_minor.into_values().rev().take(2).collect();
    let grown = |folder: &&Migration| {
        looked_at_again.contains(&folder.version)
            && folder.schema.iter().chain(&folder.post).any(|statement| !statements.contains(&statement.checksum))
    };
    folders.iter().filter(|folder| !executed(folder) || grown(folder)).collect()
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
    let (era, faults) = (Era::of_this_image(), Faults::ask());
    if era.runs_flyway() {
        flyway::prepare(database)?;
    } else {
        flyway::import(database)?;
    }
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
        let mut results = Vec::new();
        for folder in &plan {
            log::info(&format!("[MigrationWorkFlow] Migration Run started for Version: {}", folder.name));
            let outcome = one(database, folder, &faults, force);
            let word =
                outcome.as_ref().map_or_else(|error| format!("Failed due to : {error:#}"), |_| "Success".to_owned());
            let [schema, data, post] = match &outcome {
                Ok(_) => ["Success", "Success", "Success"],
                Err(_) if reached_post(database, folder).unwrap_or(false) => ["Success", "Success", &word],
                Err(_) => [&word, "Skipped", "Skipped"],
            };
            let context = outcome.as_ref().map_or("", String::as_str);
            results.push([&folder.name, "Success", schema, data, post, context].map(str::to_owned).to_vec());
            if let Err(error) = outcome {
                table(RESULT, &results);
                bail!("Migration Failed for Version: {}: {error:#}", folder.name);
            }
            log::info(&format!("[MigrationWorkFlow] Migration Run finished for Version: {}", folder.name));
        }
        table(RESULT, &results);
    }
    other_distributions(database, &faults, era)?;
    if era.migrates_flowable() {
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

/// Whether a folder that failed had run all that comes before `postDataMigrationSQLScript.sql`, if it has one.
fn reached_post(database: &Database, folder: &Migration) -> Result<bool> {
    let done = history::statements(database)?;
    Ok(!folder.post.is_empty() && folder.schema.iter().all(|statement| done.contains(&statement.checksum)))
}

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
    if todo.is_empty() {
        pass(faults.migrate_at(name, "middle"))?;
    }
    pass(faults.migrate_at(name, "after"))?;
    let metrics = entities::counts(database).unwrap_or_else(|_| "{}".to_owned());
    history::note(database, name, &format!("{FOLDER}/{name}"), Some(&metrics), Origin::Ran)?;
    Ok(metrics)
}

/// An ordered row `VERSION-SUFFIX`, as an extension folder (`-collate`) or the upgrade gate that is planned after 2.0
/// (`-baseline`) writes it (facts 3.7, 10.5): no image that is played here does so by itself.
fn other_distributions(database: &Database, faults: &Faults, era: Era) -> Result<()> {
    let Some(suffix) = faults.get("suffixed-row") else { return Ok(()) };
    let Version(major, minor, patch) = era.0;
    let version = format!("{major}.{minor}.{patch}-{suffix}");
    log::info(&format!("ordered: a row of {version}"));
    history::note(database, &version, "extension", None, Origin::Ran)
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
    fn the_newest_of_two_minors_run_again_when_they_grew() {
        let all = ["1.11.0", "1.12.0", "1.12.13", "1.13.0"];
        let folders = all.map(|name| folder(name, name));
        assert_eq!(names(NEW, &folders, &all, &[]), ["1.12.13", "1.13.0"]);
        assert_eq!(names(NEW, &folders, &all, &["1.13.0"]), ["1.12.13"]);
        assert_eq!(names(NEW, &folders, &all, &["1.12.13"]), ["1.13.0"]);
    }

    #[test]
    fn rows_of_scripts_and_of_other_distributions_are_no_folders() {
        let folders = [folder("1.12.0", "a"), folder("1.13.0", "b")];
        assert_eq!(names(NEW, &folders, &["0.0.15", "1.12.0", "1.13.1-collate"], &["a"]), ["1.13.0"]);
    }
}
