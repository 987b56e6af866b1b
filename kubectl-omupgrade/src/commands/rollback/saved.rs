//! `rollback --facts` and `--from-facts`: a look as a file, and the preview and the verdict of one, without a cluster and
//! without doing anything.

use super::next::Next;
use super::say::Answer;
use super::{Args, Past, decision, perform};
use crate::adapters::cluster::Cluster;
use crate::adapters::evidence::{names, redactor};
use crate::adapters::lock::{Holder, holder_of};
use crate::cli::flags::Output;
use crate::cli::say as to;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::wayback::saved::{SCHEMA, Saved};
use crate::wayback::{Contents, Look};
use anyhow::Context;
use jiff::Timestamp;
use std::path::Path;

/// Saves a look. `command` is helm's.
pub(super) async fn save(
    cluster: &Cluster,
    file: &Path,
    look: &Look,
    contents: &Contents,
    past: &Past,
    command: String,
) -> anyhow::Result<()> {
    let holder = holder_of(cluster, &look.current.name).await.ok().flatten();
    let mut saved = Saved {
        schema: SCHEMA.to_owned(),
        made: Timestamp::now(),
        command,
        lock: holder.as_ref().map(Holder::words),
        given_up: past.given_up.clone(),
        notes: past.notes.clone(),
        contents: contents.clone(),
        look: look.clone(),
    };
    let (redactor, unread) = redactor(cluster, &look.history, &names(&look.current)).await?;
    if let Some(why) = unread {
        to::note(&why);
    }
    for text in saved.texts() {
        *text = redactor.text(text);
    }
    std::fs::write(file, saved.to_text()?).with_context(|| format!("writing {}", file.display()))
}

/// Reads a saved look.
pub fn read(file: &Path) -> anyhow::Result<Saved> {
    let doing = || format!("reading {}", file.display());
    let text = std::fs::read_to_string(file).map_err(|e| Failure::usage(format!("{}: {e}", doing())))?;
    Saved::from_text(&text).with_context(doing)
}

/// The preview of a saved look: what `--dry-run` would have said then.
pub(super) fn preview(file: &Path, args: &Args, output: Output, width: Option<usize>) -> anyhow::Result<Exit> {
    let saved = read(file)?;
    let past = Past::with(&saved.look, saved.given_up.clone(), saved.notes.clone())?;
    let decision = decision(&saved.look, &saved.contents, args, &past);
    let steps = perform::steps(&decision, past.begun.as_ref(), &saved.command);
    let answer = Answer::new(&decision, &steps, None, output, width);
    answer.text(true)?;
    to::note(&format!("of {:.0}, from {}; nothing is done", saved.made, file.display()));
    let next = Next::of(&decision, past.left_open, true, args.exit_verdict);
    Ok(answer.end(&next, true)?.unwrap_or(Exit::Done))
}
