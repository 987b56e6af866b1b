//! A migration that failed in the middle is taken back with its database, by a command that is killed in the middle of its steps, again and again, and typed again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use shared::marks;

use super::{BOTH, Scenario};
use crate::call::Call;
use crate::cluster::databases::Engine;
use crate::say;
use crate::suite::database::{Database, Hold};
use crate::suite::look::refused;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "rollback-restore",
    says: "a half-made migration is taken back with its database: rows and schema as before, however often the command is killed",
    engines: BOTH,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(14),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.14", 1)?;
    stage.claim("testbed", "1Gi")?;
    stage.database.ask(ballast(stage.database.engine))?;
    let before = state(stage)?;
    stage.fault("migrate-fails", "1.13.0:middle")?;
    stage.watched(|| {
        ensure!(stage.upgrade("1.13.1", 1, &["--timeout", "45s"]).is_err(), "the upgrade should have failed");
        Ok(())
    })?;
    ensure!(state(stage)? != before, "the migration did not begin");
    let backup = stage.backup_names()?.pop().context("the upgrade left no backup")?;

    say::step("rollback --restore by a user who may not make databases");
    refused(restore(stage, &backup).run(), "cannot be made beside")?;
    ensure!(stage.serving()? == ["1.12.14"], "something moved: {:?}", stage.serving()?);

    stage.database.may_make_others()?;
    stage.watched(|| killed_and_typed_again(stage, &backup))?;
    ensure!(state(stage)? == before, "rows or schema differ:\n{before}\n---\n{}", state(stage)?);
    ensure!(!stage.database.others()?.is_empty(), "the database from before is not kept");
    let status = stage.omupgrade("looking").args(["status", RELEASE]).text()?;
    ensure!(status.contains("search is due for reindex"), "status does not say that search is due:\n{status}");
    stage.omupgrade("confirming").args(["rollback", RELEASE, "--confirm", "--yes"]).run()?;
    ensure!(stage.database.others()?.is_empty(), "left: {}", stage.database.others()?);
    ensure!(state(stage)? == before, "the confirmation changed something");
    Ok(())
}

/// Which steps are killed in their middle, and whether their Pod dies with the plugin or works on. The swap is each engine's own; a kill costs a minute until the lock is free, so the steps before it are shared out.
const KILLS: &[(Engine, &str, bool)] = &[
    (Engine::Postgres, "dump", false),
    (Engine::Postgres, "swap", true),
    (Engine::Mysql, "beside", true),
    (Engine::Mysql, "swap", false),
];

fn killed_and_typed_again(stage: &Stage, backup: &str) -> Result<()> {
    for (_, step, dies) in KILLS.iter().filter(|kill| kill.0 == stage.database.engine) {
        let what = if *dies { "and its Pod with it" } else { "and its Pod works on" };
        say::step(&format!("rollback --restore, kill -9 in the middle of its step {step}, {what}"));
        let kill = || {
            restore(stage, backup).killed_when(|| in_its_middle(stage, step))?;
            for pod in pods_of(stage, step)?.into_iter().filter(|_| *dies) {
                let words = ["delete", &pod, "--force", "--grace-period=0", "--ignore-not-found"];
                stage.kubectl("killing a step").args(words).run()?;
            }
            Ok(())
        };
        stage.database.while_held(&held(&stage.database, step), kill)?;
    }
    say::step("the same command, by two people at once");
    let both = std::thread::scope(|scope| {
        let other = scope.spawn(|| restore(stage, backup).text());
        (restore(stage, backup).text(), other.join())
    });
    let ended = [both.0, both.1.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread died")))];
    for end in &ended {
        match end {
            Ok(said) => say::line(said),
            Err(error) => say::line(&format!("{error:#}")),
        }
    }
    // It watches until the old server is rolled out.
    let rolled_out = |end: &Result<String>| end.as_ref().is_ok_and(|said| said.contains("om is rolled out"));
    ensure!(ended.iter().any(rolled_out), "neither came to its end");

    stage.until("the old server to serve", 120, |stage| Ok(stage.serving()? == ["1.12.14"]))?;
    // A pod is Ready a moment before everybody knows its address.
    stage.until("the old server to answer", 60, |stage| Ok(stage.must_serve().is_ok()))
}

/// What a step waits for: a table that nothing reads but a dump. Before it in a dump stands one of some size, so that the load of one can be met.
fn ballast(engine: Engine) -> &'static str {
    match engine {
        // What a superuser makes is none of the server's own user.
        Engine::Postgres => {
            "CREATE TABLE held (id INT);\nSELECT format('ALTER TABLE held OWNER TO %I', current_database()) \\gexec\n"
        }
        Engine::Mysql => {
            "SET SESSION cte_max_recursion_depth = 100000;\nCREATE TABLE held (id INT);\n\
             CREATE TABLE ballast (id INT PRIMARY KEY, text TEXT) AS WITH RECURSIVE n (id) AS\n\
             (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 60000) SELECT id, REPEAT(SHA2(id, 256), 16) AS text FROM n;\n"
        }
    }
}

/// What a session holds that a step waits for in its middle.
fn held(database: &Database, step: &str) -> Hold {
    let name = &database.name;
    match (database.engine, step) {
        (Engine::Postgres, "dump") => Hold::inside("BEGIN;\nLOCK TABLE held IN ACCESS EXCLUSIVE MODE;\n"),
        // The swap comments on both names in its transaction.
        (Engine::Postgres, _) => Hold::outside(&format!("BEGIN;\nCOMMENT ON DATABASE {name} IS 'held';\n")),
        (Engine::Mysql, "beside") => Hold::later(&load(name)),
        (Engine::Mysql, _) => Hold::outside(&format!("LOCK TABLES {name}.held READ;\n")),
    }
}

/// A load goes into a database that is not there yet: as soon as it has come to the ballast, the table that it will drop and make next is in use.
fn load(name: &str) -> String {
    let like = format!("{}|_omupgrade|_new|_%", name.replace('_', "|_"));
    format!(
        "DROP PROCEDURE IF EXISTS hold_{name};
         DELIMITER //
         CREATE PROCEDURE hold_{name}() BEGIN
           DECLARE beside TEXT DEFAULT NULL; DECLARE deadline DATETIME DEFAULT SYSDATE() + INTERVAL 240 SECOND;
           WHILE beside IS NULL AND SYSDATE() < deadline DO
             DO SLEEP(0.01);
             SELECT MAX(table_schema) INTO beside FROM information_schema.tables WHERE table_name = 'ballast' AND table_schema LIKE '{like}' ESCAPE '|';
           END WHILE;
           SET @make = CONCAT('CREATE TABLE IF NOT EXISTS ', beside, '.held (id INT)'), @look = CONCAT('SELECT COUNT(*) FROM ', beside, '.held');
           PREPARE make FROM @make; EXECUTE make; START TRANSACTION; PREPARE look FROM @look; EXECUTE look;
         END//
         DELIMITER ;
         CALL hold_{name}();\n"
    )
}

/// Whether the step waits for what is held, and its Pod is seen to run.
fn in_its_middle(stage: &Stage, step: &str) -> Result<bool> {
    if !stage.database.waits()? {
        return Ok(false);
    }
    let Some(pod) = pods_of(stage, step)?.pop() else { return Ok(false) };
    let words = ["get", &pod, "--ignore-not-found", "-o", "jsonpath={.status.phase}"];
    Ok(stage.kubectl("looking at a step").args(words).text()? == "Running")
}

fn restore(stage: &Stage, backup: &str) -> Call {
    let words = ["rollback", RELEASE, "1", "--restore", "--backup", backup, "--yes", "--timeout", "4m"];
    stage.omupgrade("restoring").args(words)
}

/// The Pods of a step of a restore.
fn pods_of(stage: &Stage, step: &str) -> Result<Vec<String>> {
    let list = stage
        .kubectl("looking for a step")
        .args(["get", "pods", "-l", &format!("{}=restore", marks::ROLE), "-o", "name"])
        .text()?;
    Ok(list.lines().filter(|name| name.ends_with(&format!("-{step}"))).map(str::to_owned).collect())
}

/// Every column, the rows of every table, and what the migrations wrote down.
pub(super) fn state(stage: &Stage) -> Result<String> {
    state_of(&stage.database)
}

/// The same of any database.
pub(super) fn state_of(database: &Database) -> Result<String> {
    let (schema, mark) = if database.engine == Engine::Postgres { ("'public'", '"') } else { ("DATABASE()", '`') };
    let tables = database.ask(&format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = {schema} AND table_type = 'BASE TABLE' ORDER BY 1;"
    ))?;
    let counts: Vec<String> =
        tables.lines().map(|table| format!("SELECT '{table}', COUNT(*) FROM {mark}{table}{mark};\n")).collect();
    let counts = counts.concat();
    database.ask(&format!(
        "{counts}SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = {schema} ORDER BY 1, 2;\n\
         SELECT version, installed_on FROM SERVER_CHANGE_LOG ORDER BY 1;\nSELECT checksum FROM SERVER_MIGRATION_SQL_LOGS ORDER BY 1;"
    ))
}
