//! A namespace is lost with its database: the exported backup comes back in another one.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::rollback_restore::state;
use super::{BOTH, Scenario};
use crate::cluster::databases::Engine;
use crate::say;
use crate::suite::look::refused;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "restore-elsewhere",
    says: "of a lost namespace the exported backup is imported and restored in another one: every row is there",
    engines: BOTH,
    plays_faults: true,
    more_stages: &["b"],
    deadline: Duration::from_mins(8),
    play,
};

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.14", 1)?;
    stage.claim("testbed", "1Gi")?;
    mark(stage)?;
    let (before, marked) = (state(stage)?, marks(stage)?);
    stage.omupgrade("backing up").args(["backup", RELEASE]).run()?;
    let name = stage.backup_names()?.pop().context("there is no backup")?;
    let safe = stage.empty("exported")?;
    stage.omupgrade("exporting").args(["backup", "export", RELEASE, &name, "--into", &safe]).run()?;

    say::step("the namespace is lost, and the database with it");
    stage.clear()?;
    let second =
        Stage::set(stage.cache, stage.database.engine, &format!("{}-{}", stage.namespace, SCENARIO.more_stages[0]))?;
    second.install("1.12.14", 1)?;
    second.claim("testbed", "1Gi")?;
    ensure!(marks(&second)? != marked, "the new database holds the old one's rows already");
    let from = format!("{safe}/{name}");
    second.omupgrade("importing").args(["backup", "import", RELEASE, "--from", &from]).run()?;
    let words = ["backup", "restore", RELEASE, &name, "--yes", "--no-watch"];
    let of = format!("{}/{RELEASE}", stage.namespace);
    let said = refused(second.omupgrade("not saying whose it is").args(words).run(), "of another release")?;
    ensure!(said.contains(&format!("--backup-of {of}")), "the way on is not said:\n{said}");
    second.database.may_make_others()?;
    second.watched(|| {
        say::line(&second.omupgrade("restoring").args(words).args(["--backup-of", &of]).text()?);
        second.until("the server to serve", 120, |second| Ok(second.serving()? == ["1.12.14"]))
    })?;
    ensure!(state(&second)? == before, "rows or schema differ:\n{before}\n---\n{}", state(&second)?);
    ensure!(marks(&second)? == marked, "the rows are not those of the lost namespace");
    say::step("the same command again, after its end");
    let dumps = second.backup_names()?;
    second.omupgrade("once more").args(words).args(["--backup-of", &of]).run()?;
    ensure!(second.backup_names()? == dumps, "it began anew: {:?}", second.backup_names()?);
    second.omupgrade("confirming").args(["rollback", RELEASE, "--confirm", "--yes"]).run()?;
    ensure!(second.database.others()?.is_empty(), "left: {}", second.database.others()?);
    fs::remove_dir_all(&safe)?;
    Ok(())
}

/// What no server writes.
fn mark(stage: &Stage) -> Result<()> {
    let changed = match stage.database.engine {
        Engine::Postgres => "jsonb_set(json::jsonb, '{updatedBy}', '\"the-lost-one\"')",
        Engine::Mysql => "JSON_SET(json, '$.updatedBy', 'the-lost-one')",
    };
    stage.database.ask(&format!("UPDATE table_entity SET json = {changed};")).map(drop)
}

/// The rows that were marked.
fn marks(stage: &Stage) -> Result<String> {
    let by = if stage.database.engine == Engine::Postgres { "updatedBy" } else { "$.updatedBy" };
    stage.database.ask(&format!("SELECT COUNT(*) FROM table_entity WHERE json ->> '{by}' = 'the-lost-one';"))
}
