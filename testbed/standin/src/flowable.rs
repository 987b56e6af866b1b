//! Tables like Flowable's, which move by themselves beside the migrations. It never runs a workflow.
//!
//! Source: facts 3.12 (the tables), 10.7 (who makes them, by release), 10.8 (the refusal's words).

use anyhow::{Result, bail};

use crate::database::Database;

// Assumption (derived from the server's source, not run): Flowable moved once, to this schema; which release did it is not known, so all played ones have it.
const SCHEMA: &str = "7.2.0.2";

/// Makes the tables if they are missing.
pub fn prepare(database: &Database) -> Result<()> {
    let again = database.pick("ON CONFLICT (NAME_) DO NOTHING", "ON DUPLICATE KEY UPDATE NAME_ = NAME_");
    database.execute(&format!(
        "CREATE TABLE IF NOT EXISTS ACT_GE_PROPERTY (NAME_ VARCHAR(64) PRIMARY KEY, VALUE_ VARCHAR(300), REV_ INTEGER);
         CREATE TABLE IF NOT EXISTS ACT_RU_TASK (ID_ VARCHAR(64) PRIMARY KEY, NAME_ VARCHAR(255));
         INSERT INTO ACT_GE_PROPERTY (NAME_, VALUE_, REV_) VALUES ('schema.version', '{SCHEMA}', 1) {again};"
    ))
}

/// Refuses as the newer server does when the tables are missing or of another version.
pub fn check(database: &Database) -> Result<()> {
    let rows = database.rows("SELECT VALUE_ FROM ACT_GE_PROPERTY WHERE NAME_ = 'schema.version';");
    if rows.is_ok_and(|rows| rows.first().and_then(|row| row.first()).is_some_and(|version| version == SCHEMA)) {
        return Ok(());
    }
    bail!(
        "Flowable schema is not initialized or is at an unexpected version. \
         Run `openmetadata-ops.sh migrate` before starting the server."
    )
}
