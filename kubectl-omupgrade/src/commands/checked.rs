//! What the verbs with checks have in common: waivers, strictness, the formats of the answer, the end.

use crate::checks::{Report, Strictness, Waivers};
use crate::cli::flags::Format;
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;
use crate::view::{self, Shape};
use anyhow::Context;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// The flags of a run of checks.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CheckArgs {
    /// Findings that somebody answers for: a list `waivers:` of {check, reason, until: YYYY-MM-DD}.
    #[arg(long, value_name = "FILE")]
    pub waivers: Option<PathBuf>,
    /// A warning, and an answer that could not be found out, count as a no.
    #[arg(long)]
    pub strict: bool,
}

impl CheckArgs {
    /// The waivers of the file, where one is named. Read before anything is asked: a wrong file costs no time.
    pub fn read(&self, ids: &[&str]) -> anyhow::Result<Waivers> {
        let Some(file) = &self.waivers else { return Ok(Waivers::default()) };
        let text =
            std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("reading {}: {e}", file.display())))?;
        Waivers::read(&text, ids).with_context(|| format!("reading {}", file.display()))
    }

    /// Applies the waivers to a report, says it, and gives the end of the command.
    pub fn answer(&self, session: &Session, mut report: Report, waivers: &Waivers) -> anyhow::Result<Exit> {
        waivers.apply(&mut report, jiff::Zoned::now().date());
        self.say(session, &report)
    }

    /// Says a report whose waivers were applied, and gives the end of the command.
    pub fn say(&self, session: &Session, report: &Report) -> anyhow::Result<Exit> {
        let strictness = if self.strict { Strictness::Everything } else { Strictness::Failures };
        let text = match session.flags.output {
            Format::Json => serde_json::to_string_pretty(report)? + "\n",
            Format::Yaml => serde_saphyr::to_string(report).context("writing YAML")?,
            Format::Junit => view::junit(report, strictness),
            Format::Markdown => view::markdown(report),
            format @ (Format::Text | Format::Wide) => {
                let shape = Shape { width: session.width(), wide: format == Format::Wide, live: false };
                view::styled(&view::checks_on(report, shape, session.rows()))
            }
        };
        say::output(&text)?;
        Ok(report.exit(strictness))
    }
}

/// Whether a file can be written at all: said before anything is asked.
pub fn writable(file: &Path) -> anyhow::Result<()> {
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(Failure::usage(format!("writing {}: the folder is not there", file.display())).into());
    }
    if file.is_dir() {
        return Err(Failure::usage(format!("writing {}: it is a folder", file.display())).into());
    }
    // What is there stays as it is, and nothing is left behind: the look may end without one.
    let tried = if file.exists() {
        OpenOptions::new().append(true).open(file).map(drop)
    } else {
        tempfile::tempfile_in(parent).map(drop)
    };
    tried.map_err(|e| Failure::usage(format!("writing {}: {e}", file.display())).into())
}
