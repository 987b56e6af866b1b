//! `backup drill`: restores a backup into a server of its own that lives and ends in a Pod, and compares it with the
//! record. The Pod knows no other database, so a trial cannot touch one.

use super::list::pick;
use super::{Of, Place, answer};
use crate::adapters::claim;
use crate::adapters::cluster::Cluster;
use crate::backup::{Drilled, drilled};
use crate::cli::flags::{Output, duration};
use crate::cli::say;
use crate::exit::Exit;
use crate::facts::Database;
use crate::failure::Failure;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use std::time::Duration;

/// Restore a backup for a trial, and compare every table's rows with the record.
///
/// Into a database server that lives and ends in a Pod, with room on its node for the whole database (an emptyDir): no
/// server of yours is touched or asked. The image has to hold the server, as the official ones do.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The backup; without it the newest.
    pub name: Option<String>,
    /// How long it may take.
    #[arg(long, value_name = "TIME", default_value = "2h", value_parser = duration)]
    pub timeout: Duration,
}

impl Default for Args {
    fn default() -> Self {
        Self { of: Of::default(), name: None, timeout: Duration::from_hours(2) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    schema: &'static str,
    backup: &'a str,
    proven: bool,
    #[serde(flatten)]
    drilled: &'a Drilled,
}

/// Drills.
pub async fn drill(cluster: &Cluster, args: &Args, output: Output) -> anyhow::Result<Exit> {
    let place = Place::find(cluster, &args.of).await?;
    let listing = place.listing(cluster).await?;
    let on = place.on(cluster);
    let entry = pick(&listing, &place, args.name.as_deref(), &on)?;
    let (name, record) = (entry.name.as_str(), &entry.record);
    let beside = place.beside.clone().for_engine(record.engine, args.of.client_image.as_deref());
    // A dump with one byte flipped may restore, rows and all.
    super::verify::proven(cluster, &place, entry, &args.of, args.timeout, output, &on).await?;
    if !output.is_data() {
        say::note(&format!("restoring {name} into a {} of its own ({})", record.engine.name(), beside.image));
    }
    let seconds = args.timeout.as_secs().max(1);
    let log = claim::drill(cluster, &beside, &place.claim, name, seconds).await.map_err(|why| {
        Failure::no(format!("{name} is not proven: {why}"))
            .hint(format!("kubectl omupgrade backup verify {on} {name}"))
            .hint(format!("kubectl omupgrade backup {on}    # make a new one"))
    })?;
    if !log.contains(&format!("omupgrade-drill: restored {name}")) {
        return Err(Failure::unknown(format!("the trial of {name} broke off")).into());
    }
    let found = Database::parse(record.engine, &log)
        .map_err(|e| Failure::unknown(format!("what was restored of {name} cannot be read: {e}")))?;
    let result = drilled(record, &found);
    let proven = result.differs.is_empty();
    if proven {
        let text =
            json!({"at": Timestamp::now().to_string(), "tables": result.tables, "rows": result.rows}).to_string();
        let mark = [
            ("OMUPGRADE_ACTION", "mark"),
            ("OMUPGRADE_BACKUP", name),
            ("OMUPGRADE_MARK", "drilled"),
            ("OMUPGRADE_MARK_TEXT", text.as_str()),
        ];
        let marked = claim::run(cluster, &beside, &place.claim, &mark, 180).await;
        marked.map_err(|e| {
            Failure::unknown(format!("{name} restores well, but that could not be written beside it: {e}"))
        })?;
    }
    let data = Data { schema: "omupgrade.io/drill/v1", backup: name, proven, drilled: &result };
    answer(output, &data, || words(name, &result))?;
    Ok(if proven { Exit::Done } else { Exit::No })
}

fn words(name: &str, result: &Drilled) -> String {
    let mut out = if result.differs.is_empty() {
        format!("{name} restores: {} rows in {} tables and the schema are as recorded\n", result.rows, result.tables)
    } else {
        format!("{name} does NOT restore to what was dumped:\n")
    };
    for line in &result.differs {
        out = format!("{out}  {line}\n");
    }
    for line in &result.unsaid {
        out = format!("{out}  not compared: {line}\n");
    }
    out
}
