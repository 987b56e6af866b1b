//! A snapshot that somebody else keeps comes back as a second server at another address, and the release goes there.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::rollback_restore::{state, state_of};
use super::{POSTGRES, Scenario};
use crate::cluster::databases;
use crate::say;
use crate::suite::database::NAMESPACE;
use crate::suite::helm::Version;
use crate::suite::look::refused;
use crate::suite::stage::{Pace, RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "snapshot-elsewhere",
    says: "a provider's snapshot comes back as another server, is compared with its record, and the old chart serves from there",
    engines: POSTGRES,
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(7),
    play,
};

/// A provider in a few lines: a snapshot is an archive, and an instance made of it is the server of this namespace.
const PROVIDER: &str = r#"#!/bin/sh
set -eu
archive=$(dirname "$0")/$2.dump
case $1 in
create) kubectl exec -n SHARED postgresql-0 -- pg_dump -U postgres -Fc DATABASE >"$archive.part" && mv "$archive.part" "$archive" ;;
wait) test -s "$archive" ;;
restore)
    kubectl exec -i -n OWN postgresql-0 -- pg_restore -U postgres -d DATABASE --exit-on-error <"$archive"
    echo "omupgrade-host: postgresql.OWN" ;;
esac
"#;

fn play(stage: &Stage) -> Result<()> {
    stage.install("1.12.14", 1)?;
    let (before, own) = (state(stage)?, stage.database.on_server_of(&stage.namespace));
    let text = PROVIDER.replace("SHARED", NAMESPACE).replace("OWN", &stage.namespace);
    let program = stage.program("provider.sh", &text.replace("DATABASE", &own.name))?;
    let words = |verb: &str| format!("[{program}, {verb}, '{{snapshot}}']");
    let file =
        format!("provider: lab\ncreate: {}\nwait: {}\nrestore: {}\n", words("create"), words("wait"), words("restore"));
    let (commands, receipt) = (stage.write("commands.yaml", &file)?, stage.path("receipt.json"));

    say::step("backup snapshot --to 1.13.1, and the upgrade with its receipt");
    let to = ["--commands", &commands, "--to", "1.13.1", "--receipt", &receipt, "--with-secrets"];
    let made = stage.omupgrade("making a snapshot").args(["backup", "snapshot", RELEASE]).args(to).text()?;
    ensure!(made.contains("the schema was the same before and after"), "it said: {made}");
    let upgrade = stage.upgrade_call(Version::Four, Pace::Quick, "1.13.1", 1, &[])?;
    upgrade.env("OMUPGRADE_RECEIPT", &receipt).env("OMUPGRADE_NAMESPACE", &stage.namespace).run()?;
    let migrated = state(stage)?;
    ensure!(stage.serving()? == ["1.13.1"] && migrated != before, "it did not migrate");

    say::step("bring-back makes a second server, and says how to go there");
    databases::run(stage.cache, own.engine, &stage.namespace)?;
    own.make()?;
    let bring = || stage.omupgrade("bringing back").args(["backup", "bring-back", RELEASE, "--commands", &commands]);
    let said = bring().text()?;
    let host = own.host();
    ensure!(said.contains(&format!("is back at {host}: schema and rows are as recorded")), "it said: {said}");
    ensure!(
        said.contains(&format!("database.host={host} --post-renderer helm-postrender")),
        "the way there is not said:\n{said}"
    );
    ensure!(state_of(&own)? == before && state(stage)? == migrated, "a server holds what it should not");
    let values = stage.helm(Version::Four, "reading the values").args([
        "get",
        "values",
        RELEASE,
        "--revision",
        "1",
        "-o",
        "yaml",
    ]);
    let values = stage.write("om-1.yaml", &values.text()?)?;

    say::step("without the new host the guard keeps the old server from the new schema");
    let old = |more: &[&str]| -> Result<()> {
        let there = [&["-f", &values, "--post-renderer-args", "--backup=off"], more].concat();
        stage.upgrade("1.12.14", 1, &there)
    };
    refused(old(&["--timeout", "40s"]), "")?;
    stage.comes_to_serve(&["1.13.1"])?;
    old(&["--set", &format!("database.host={host}")])?;
    stage.until("the old server to serve", 120, |stage| Ok(stage.serving()? == ["1.12.14"]))?;
    stage.until("the old server to answer", 60, |stage| Ok(stage.must_serve().is_ok()))?;
    ensure!(state_of(&own)? == before, "the old server changed what came back:\n{before}\n---\n{}", state_of(&own)?);
    ensure!(state(stage)? == migrated, "the server of before was touched");

    say::step("one that does not hold what was recorded is told, row by row");
    own.ask("DELETE FROM SERVER_MIGRATION_SQL_LOGS;")?;
    let only = ["backup", "bring-back", RELEASE, "--host", &host];
    let (code, said) = stage.omupgrade("comparing").args(only).outcome()?;
    ensure!(code == 1 && said.contains("does NOT hold what was recorded"), "it ended with {code} and said: {said}");
    Ok(())
}
