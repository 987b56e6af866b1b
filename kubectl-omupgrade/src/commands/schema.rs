//! The verb `schema`: what `-o json` and `-o yaml` hold, as JSON Schema. Asks no cluster.

use super::{completion, history, rollback, unlock};
use crate::backup::{Receipt, answers};
use crate::checks::Report;
use crate::cli::flags::Output;
use crate::cli::say;
use crate::diagnose::Diagnosis;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::rollout::Rollout;
use crate::session::Session;
use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;
use shared::backup::Record;
use std::fmt::Write;

/// What -o json and -o yaml hold, as JSON Schema; without a name which there are.
///
/// Within a version fields are only added, and a field that was there stays and means the same. The field `schema` of
/// every answer names its own. A schema is JSON unless -o yaml asks for YAML.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The answer, as its field `schema` names it: `status/v1`.
    pub name: Option<String>,
}

/// The schemas of all answers.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(title = "Schemas")]
pub struct Listed {
    /// `omupgrade.io/schemas/v1`.
    schema: &'static str,
    /// Each with who writes it.
    schemas: Vec<Written>,
}

/// A schema and who writes answers of it.
#[derive(Debug, Serialize, JsonSchema)]
struct Written {
    /// Its name: `status/v1`.
    name: &'static str,
    /// The verbs, in words.
    verbs: &'static str,
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
    Known { name: "confirm/v1", verbs: "rollback --confirm", make: || schema_for!(rollback::Confirmed) },
    Known { name: "history/v1", verbs: "history", make: || schema_for!(history::Answer<'static>) },
    Known { name: "catalog/v1", verbs: "the record of a backup, catalog.json", make: || schema_for!(Record) },
    Known { name: "receipt/v1", verbs: "backup receipt, and its file", make: || schema_for!(Receipt) },
    Known { name: "backup/v1", verbs: "backup, backup snapshot", make: || schema_for!(answers::Made) },
    Known { name: "backup-plan/v1", verbs: "the same with --dry-run", make: || schema_for!(answers::Planned) },
    Known { name: "backup-claim/v1", verbs: "backup init", make: || schema_for!(answers::Claimed) },
    Known { name: "backups/v1", verbs: "backup list", make: || schema_for!(answers::Listed) },
    Known { name: "backup-entry/v1", verbs: "backup show", make: || schema_for!(answers::Shown) },
    Known { name: "verify/v1", verbs: "backup verify", make: || schema_for!(answers::Verified) },
    Known { name: "drill/v1", verbs: "backup drill", make: || schema_for!(answers::Tried) },
    Known { name: "bring-back/v1", verbs: "backup bring-back", make: || schema_for!(answers::BroughtBack) },
    Known { name: "export/v1", verbs: "backup export", make: || schema_for!(answers::Exported) },
    Known { name: "import/v1", verbs: "backup import", make: || schema_for!(answers::Imported) },
    Known { name: "prune/v1", verbs: "backup prune", make: || schema_for!(answers::Pruned) },
    Known { name: "unlock/v1", verbs: "unlock", make: || schema_for!(unlock::Answer<'static>) },
    Known { name: "completion/v1", verbs: "completion", make: || schema_for!(completion::Answer) },
    Known { name: "schemas/v1", verbs: "schema without a name", make: || schema_for!(Listed) },
];

/// Runs it.
pub fn run(session: &Session, args: &Args) -> anyhow::Result<Exit> {
    let Some(name) = &args.name else {
        let schemas = KNOWN.iter().map(|known| Written { name: known.name, verbs: known.verbs }).collect();
        say::answer(session.output(), &Listed { schema: "omupgrade.io/schemas/v1", schemas }, list)?;
        return Ok(Exit::Done);
    };
    let wanted = name.trim_start_matches("omupgrade.io/");
    let found = KNOWN.iter().find(|known| known.name == wanted);
    let found = found.ok_or_else(|| {
        Failure::usage(format!("no answer has the schema {name}")).hint("kubectl omupgrade schema    # lists them")
    })?;
    let text = found.text()? + "\n";
    let yaml = || serde_saphyr::to_string(&(found.make)());
    say::output(&if session.output() == Output::Yaml { yaml()? } else { text })?;
    Ok(Exit::Done)
}

fn list() -> String {
    KNOWN.iter().fold(String::new(), |mut out, known| {
        let _ = writeln!(out, "{:<16} {}", known.name, known.verbs);
        out
    })
}
