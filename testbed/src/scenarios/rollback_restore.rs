//! A migration that failed in the middle is taken back with its database, by a command that is killed in its middle, again and again, and typed again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use shared::marks;

use super::{BOTH, Scenario};
use crate::call::Call;
use crate::cluster::databases::Engine;
use crate::say;
use crate::suite::database::Database;
use crate::suite::look::refused;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "rollback-restore",
    says: "a half-made migration is taken back with its database: rows and schema as before, however often the command is killed",
    engines: BOTH,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(10),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.14", 1)?;
    stage.claim("testbed", "1Gi")?;
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

fn killed_and_typed_again(stage: &Stage, backup: &str) -> Result<()> {
    // The swap is each engine's own; a kill costs a minute until the lock is free, so the steps before it are shared out.
    let first = if stage.database.engine == Engine::Postgres { "dump" } else { "beside" };
    for step in [first, "swap"] {
        say::step(&format!("rollback --restore, kill -9 at its step {step}, and its Pod with it"));
        restore(stage, backup).killed_when(|| Ok(!pods_of(stage, step)?.is_empty()))?;
        for pod in pods_of(stage, step)? {
            let words = ["delete", &pod, "--force", "--grace-period=0", "--ignore-not-found"];
            stage.kubectl("killing a step").args(words).run()?;
        }
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
    ensure!(ended.iter().any(Result::is_ok), "neither came to its end");

    stage.until("the old server to serve", 120, |stage| Ok(stage.serving()? == ["1.12.14"]))?;
    // A pod is Ready a moment before everybody knows its address.
    stage.until("the old server to answer", 60, |stage| Ok(stage.must_serve().is_ok()))
}

fn restore(stage: &Stage, backup: &str) -> Call {
    let words = ["rollback", RELEASE, "1", "--restore", "--backup", backup, "--yes", "--no-watch"];
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
    let schema = if database.engine == Engine::Postgres { "'public'" } else { "DATABASE()" };
    let tables = database.ask(&format!(
        "SELECT table_name FROM information_schema.tables WHERE table_schema = {schema} AND table_type = 'BASE TABLE' ORDER BY 1;"
    ))?;
    let counts: Vec<String> =
        tables.lines().map(|table| format!("SELECT '{table}', COUNT(*) FROM {table};\n")).collect();
    let counts = counts.concat();
    database.ask(&format!(
        "{counts}SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = {schema} ORDER BY 1, 2;\n\
         SELECT version, installed_on FROM SERVER_CHANGE_LOG ORDER BY 1;\nSELECT checksum FROM SERVER_MIGRATION_SQL_LOGS ORDER BY 1;"
    ))
}
