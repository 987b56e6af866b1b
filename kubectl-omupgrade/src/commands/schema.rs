//! The verb `schema`: what `-o json` and `-o yaml` hold, as JSON Schema. Asks no cluster.

use super::{history, rollback, unlock};
use crate::checks::Report;
use crate::cli::say;
use crate::diagnose::Diagnosis;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::rollout::Rollout;
use schemars::{Schema, schema_for};
use std::fmt::Write;

/// What -o json and -o yaml hold, as JSON Schema; without a name which there are.
///
/// Within a version fields are only added, and a field that was there stays and means the same. The field `schema` of
/// every answer names its own.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The answer, as its field `schema` names it: `status/v1`.
    pub name: Option<String>,
}

/// An answer's schema: its name, which verbs write it, and how to make it.
pub struct Known {
    /// `status/v1`.
    pub name: &'static str,
    /// The verbs.
    pub verbs: &'static str,
    make: fn() -> Schema,
}

impl Known {
    /// The schema as JSON.
    pub fn text(&self) -> anyhow::Result<String> {
        Ok(serde_json::to_string_pretty(&(self.make)())?)
    }
}

/// All of them.
pub const KNOWN: &[Known] = &[
    Known { name: "status/v1", verbs: "status; with --watch one a line", make: || schema_for!(Rollout) },
    Known { name: "checks/v1", verbs: "precheck, validate", make: || schema_for!(Report) },
    Known { name: "diagnosis/v1", verbs: "diagnose", make: || schema_for!(Diagnosis) },
    Known { name: "rollback/v1", verbs: "rollback", make: || schema_for!(rollback::Data<'static>) },
    Known { name: "history/v1", verbs: "history", make: || schema_for!(history::Answer<'static>) },
    Known { name: "unlock/v1", verbs: "unlock", make: || schema_for!(unlock::Answer<'static>) },
];

/// Runs it.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    let Some(name) = &args.name else {
        say::output(&list())?;
        return Ok(Exit::Done);
    };
    let wanted = name.trim_start_matches("omupgrade.io/");
    let found = KNOWN.iter().find(|known| known.name == wanted);
    let found = found.ok_or_else(|| {
        Failure::usage(format!("no answer has the schema {name}")).hint("kubectl omupgrade schema    # lists them")
    })?;
    say::output(&(found.text()? + "\n"))?;
    Ok(Exit::Done)
}

fn list() -> String {
    KNOWN.iter().fold(String::new(), |mut out, known| {
        let _ = writeln!(out, "{:<14} {}", known.name, known.verbs);
        out
    })
}
