//! `backup list` and `backup show`: what lies on the claim. Hidden and half-written directories are no backups.

use super::{Of, Place, answer};
use crate::adapters::cluster::Cluster;
use crate::backup::answers::{Listed, Shown};
use crate::backup::{Entry, Listing, bytes};
use crate::cli::flags::Output;
use crate::exit::Exit;
use crate::failure::Failure;
use std::fmt::Write;

/// The backups of a release, oldest first, and how far each is proven.
///
/// A short-lived Pod reads the claim: the records on it are the only truth, also of what helm-postrender's hook made.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ListArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
}

/// All of one backup's record.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ShowArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// The backup; without it the newest.
    pub name: Option<String>,
}

/// Lists.
pub async fn list(cluster: &Cluster, args: &ListArgs, output: Output) -> anyhow::Result<Exit> {
    let place = Place::find(cluster, &args.of).await?;
    let data = Listed {
        schema: "omupgrade.io/backups/v1",
        release: place.release.name.clone(),
        namespace: cluster.namespace.clone(),
        claim: place.claim.clone(),
        listing: place.listing(cluster).await?,
    };
    let listing = &data.listing;
    answer(output, &data, || {
        let mut out = format!("{} on the claim {}\n", place.on(cluster), place.claim);
        for entry in &listing.backups {
            let record = &entry.record;
            let other = (record.release != place.release.name).then(|| format!(", of the release {}", record.release));
            let _ = writeln!(
                out,
                "  {}  {}  {} {}  schema {}  by {}{}: {}",
                entry.name,
                record.started,
                if record.external.is_some() { "elsewhere".to_owned() } else { bytes(record.size()) },
                record.engine.name(),
                if record.schema_head.is_empty() { "none" } else { &record.schema_head },
                record.origin,
                other.unwrap_or_default(),
                entry.words()
            );
        }
        for (name, why) in &listing.unreadable {
            let _ = writeln!(out, "  {name}: {why}");
        }
        for (name, seconds) in &listing.half {
            let _ = writeln!(out, "  {name}: half-written, for {} h nothing was written to it", seconds / 3600);
        }
        if listing.backups.is_empty() {
            out.push_str("  no backup\n");
        }
        if let Some((size, free)) = listing.room {
            let _ = writeln!(out, "  {} of {} are free", bytes(free), bytes(size));
        }
        out
    })?;
    Ok(Exit::Done)
}

/// The entry of this name, else the newest of the release.
pub(super) fn pick<'a>(listing: &'a Listing, place: &Place, name: Option<&str>, on: &str) -> anyhow::Result<&'a Entry> {
    let own = |e: &&Entry| e.record.release == place.release.name && e.record.namespace == place.release.namespace;
    let found = match name {
        Some(name) => listing.backups.iter().find(|e| e.name == name),
        None => listing.backups.iter().rfind(own),
    };
    found.ok_or_else(|| {
        let what = name.map_or_else(|| "no backup of this release".to_owned(), |n| format!("no backup {n}"));
        Failure::no(format!("there is {what} on the claim {}", place.claim))
            .hint(format!("kubectl omupgrade backup list {on}"))
            .into()
    })
}

/// A backup whose files lie on the claim; a snapshot has none.
pub(super) fn pick_files<'a>(
    listing: &'a Listing,
    place: &Place,
    name: Option<&str>,
    on: &str,
    what: &str,
) -> anyhow::Result<&'a Entry> {
    let entry = pick(listing, place, name, on)?;
    let Some(external) = &entry.record.external else { return Ok(entry) };
    let (name, keeper) = (&entry.name, &external.provider);
    Err(Failure::unknown(format!("{name} is a snapshot that {keeper} keeps: {what}"))
        .hint(format!("kubectl omupgrade backup bring-back {on} {name} --commands FILE    # makes a server of it and compares that"))
        .into())
}

/// Shows one.
pub async fn show(cluster: &Cluster, args: &ShowArgs, output: Output) -> anyhow::Result<Exit> {
    let place = Place::find(cluster, &args.of).await?;
    let listing = place.listing(cluster).await?;
    let entry = pick(&listing, &place, args.name.as_deref(), &place.on(cluster))?;
    let data = Shown { schema: "omupgrade.io/backup-entry/v1", entry: entry.clone() };
    answer(output, &data, || words(entry))?;
    Ok(Exit::Done)
}

fn words(entry: &Entry) -> String {
    let record = &entry.record;
    let mut out = format!("{}: {}\n", entry.name, entry.words());
    let mut line = |what: &str, value: String| {
        let _ = writeln!(out, "  {what:<12} {value}");
    };
    line("release", format!("{} -n {}", record.release, record.namespace));
    if let Some(of) = &record.of {
        line("revision", format!("{}: {} {} (version {})", of.revision, of.chart, of.chart_version, of.app_version));
        for (image, pulled) in &of.images {
            line("image", format!("{image} {}", pulled.join(" ")));
        }
    }
    line("made", format!("{} to {}, by {}", record.started, record.finished, record.origin));
    if !record.target.is_empty() {
        line("before", format!("an upgrade to {}", record.target));
    }
    let at = if record.host.is_empty() { String::new() } else { format!(" of {}", record.host) };
    line("database", format!("{}{}, {} {}", record.database, at, record.engine.name(), record.server_version));
    if record.external.is_none() {
        line("dumped by", format!("client {}", record.client_version));
    }
    line("schema", if record.schema_head.is_empty() { "no version".to_owned() } else { record.schema_head.clone() });
    for file in &record.files {
        line("file", format!("{} {} sha256:{}", file.name, bytes(file.bytes), file.sha256));
    }
    match record.rows.as_ref().zip(record.all_rows()) {
        Some((tables, rows)) => {
            line("rows", format!("{rows} in {} tables (-o json names each)", tables.len()));
        }
        None => line("rows", "not counted (the hook counts none)".to_owned()),
    }
    if let Some(external) = &record.external {
        line("kept by", format!("{}, as {}", external.provider, external.snapshot));
        line(
            "proves",
            "the schema was the same before and after; rows lie between those of before and of after".to_owned(),
        );
        line("way back", "a new instance: old chart, old values, its host (backup bring-back)".to_owned());
    }
    for (what, mark) in [("verified", &entry.verified), ("drilled", &entry.drilled)] {
        line(what, mark.as_ref().map_or_else(|| "not since it was made".to_owned(), |m| m.at.clone()));
    }
    line("secrets", entry.held());
    out
}
