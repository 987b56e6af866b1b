//! What Flyway left: a table of its own up to 1.10, and the rows `0.0.N` that 1.11 made of its scripts. It never runs one of those scripts.

use anyhow::Result;

use crate::database::Database;
use crate::history::{self, Origin};

/// The last script (facts 3.6); the first one of those that 1.11 knows has the number 0 (facts 10.5).
const LAST: u32 = 15;

/// Up to 1.10: the scripts and what Flyway writes down of them. Source: facts 3.3 (`migrate` is Flyway first) and 3.6 (the
/// table's name, upper case also on `PostgreSQL`); the columns are Flyway's own. Assumption: the scripts' names.
pub fn prepare(database: &Database) -> Result<()> {
    let table = database.pick(r#""DATABASE_CHANGE_LOG""#, "DATABASE_CHANGE_LOG");
    database.execute(&format!(
        "CREATE TABLE IF NOT EXISTS {table} (installed_rank INT PRIMARY KEY, version VARCHAR(50),
            description VARCHAR(200) NOT NULL, type VARCHAR(20) NOT NULL, script VARCHAR(1000) NOT NULL, checksum INT,
            installed_by VARCHAR(100) NOT NULL, installed_on TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
            execution_time INT NOT NULL, success BOOLEAN NOT NULL);"
    ))?;
    let again = database.pick("ON CONFLICT DO NOTHING", "ON DUPLICATE KEY UPDATE success = success");
    let rows: Vec<String> = (1..=LAST)
        .map(|number| {
            format!("({number}, '{number:03}', 'script', 'SQL', '{}', 0, 'stand-in', 1, TRUE)", script(number))
        })
        .collect();
    database.execute(&format!(
        "INSERT INTO {table} (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success)
         VALUES {} {again};",
        rows.join(", ")
    ))
}

/// From 1.11 on: a row for every script. Source: facts 1.10 and 10.5 (what Flyway had run is imported with the checksum `0`
/// and without metrics). Assumption: in a database that Flyway never saw the scripts run as any version does, so their rows
/// are there too; and Flyway's own table stays where it is.
pub fn import(database: &Database) -> Result<()> {
    let known = history::versions(database)?;
    let origin = if history::has_table(database, "database_change_log")? { Origin::Imported } else { Origin::Ran };
    for number in 0..=LAST {
        let version = format!("0.0.{number}");
        if !known.contains(&version) {
            history::note(database, &version, &script(number), None, origin)?;
        }
    }
    Ok(())
}

fn script(number: u32) -> String {
    format!("v{number:03}__script.sql")
}
