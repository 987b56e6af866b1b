//! The two tables in which a database remembers its migrations. It never decides what is pending.
//!
//! Source of tables and upserts: the server's `v000__….sql` of both engines and its `MigrationDAO` (facts 3.6, 10.5).

use std::collections::HashSet;

use anyhow::Result;

use crate::database::Database;

/// Makes both tables, with the real columns.
pub fn prepare(database: &Database) -> Result<()> {
    let postgres = "
        CREATE TABLE IF NOT EXISTS SERVER_CHANGE_LOG (installed_rank SERIAL, version VARCHAR(256) PRIMARY KEY,
            migrationFileName VARCHAR(256) NOT NULL, checksum VARCHAR(256) NOT NULL,
            installed_on TIMESTAMP DEFAULT CURRENT_TIMESTAMP, metrics JSONB);
        CREATE TABLE IF NOT EXISTS SERVER_MIGRATION_SQL_LOGS (version VARCHAR(256) NOT NULL,
            sqlStatement VARCHAR(10000) NOT NULL, checksum VARCHAR(256) PRIMARY KEY,
            executedAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP);";
    let mysql = "
        CREATE TABLE IF NOT EXISTS SERVER_CHANGE_LOG (installed_rank BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
            version VARCHAR(256) NOT NULL, migrationFileName VARCHAR(256) NOT NULL, checksum VARCHAR(256) NOT NULL,
            installed_on TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, metrics JSON,
            PRIMARY KEY (version), UNIQUE KEY installed_rank (installed_rank));
        CREATE TABLE IF NOT EXISTS SERVER_MIGRATION_SQL_LOGS (version VARCHAR(256) NOT NULL,
            sqlStatement VARCHAR(10000) NOT NULL, checksum VARCHAR(256) PRIMARY KEY,
            executedAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP);";
    database.execute(database.pick(postgres, mysql))
}

/// Whether the table of versions is there; an error is an error, never "fresh".
pub fn exists(database: &Database) -> Result<bool> {
    has_table(database, "server_change_log")
}

/// Whether a table of this name is there, in whichever case the engine keeps it.
pub fn has_table(database: &Database, name: &str) -> Result<bool> {
    let schema = database.pick("current_schema()", "database()");
    let sql = format!(
        "SELECT count(*) FROM information_schema.tables
         WHERE table_schema = {schema} AND lower(table_name) = '{name}';"
    );
    Ok(database.rows(&sql)?.first().and_then(|row| row.first()).is_some_and(|count| count != "0"))
}

/// The versions that have run.
pub fn versions(database: &Database) -> Result<HashSet<String>> {
    column(database, "SELECT version FROM SERVER_CHANGE_LOG;")
}

/// The checksums of the statements that have run.
pub fn statements(database: &Database) -> Result<HashSet<String>> {
    column(database, "SELECT checksum FROM SERVER_MIGRATION_SQL_LOGS;")
}

fn column(database: &Database, sql: &str) -> Result<HashSet<String>> {
    Ok(database.rows(sql)?.into_iter().filter_map(|row| row.into_iter().next()).collect())
}

/// Notes a statement.
pub fn note_statement(database: &Database, version: &str, sql: &str, checksum: &str) -> Result<()> {
    let (version, sql, checksum) = (database.quote(version), database.quote(sql), database.quote(checksum));
    database.execute(&format!(
        "INSERT INTO SERVER_MIGRATION_SQL_LOGS (version, sqlStatement, checksum) VALUES ({version}, {sql}, {checksum});"
    ))
}

/// Where a version's row comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It ran here. The checksum is random in the real tool, so it is worth nothing here either (facts 10.5).
    Ran,
    /// Flyway had run it (facts 10.5).
    Imported,
}

/// Notes a finished version; one that is there is noted anew, in its old rank (facts 10.5).
pub fn note(database: &Database, version: &str, file: &str, metrics: Option<&str>, origin: Origin) -> Result<()> {
    let checksum = match origin {
        Origin::Ran => std::fs::read_to_string("/proc/sys/kernel/random/uuid").unwrap_or_default(),
        Origin::Imported => "0".to_owned(),
    };
    let (version, file, checksum) = (database.quote(version), database.quote(file), database.quote(checksum.trim()));
    let cast = database.pick("::jsonb", "");
    let metrics = metrics.map_or_else(|| "NULL".to_owned(), |metrics| format!("{}{cast}", database.quote(metrics)));
    let again = database.pick(
        "ON CONFLICT (version) DO UPDATE SET installed_on = CURRENT_TIMESTAMP, checksum = EXCLUDED.checksum, metrics = EXCLUDED.metrics",
        "ON DUPLICATE KEY UPDATE installed_on = CURRENT_TIMESTAMP, checksum = VALUES(checksum), metrics = VALUES(metrics)",
    );
    database.execute(&format!(
        "INSERT INTO SERVER_CHANGE_LOG (version, migrationFileName, checksum, metrics)
         VALUES ({version}, {file}, {checksum}, {metrics}) {again};"
    ))
}
