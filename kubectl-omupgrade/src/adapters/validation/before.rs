//! Finds the counts that a validation compares with: those of backups, and those that the journal remembers.

use super::{Asking, COUNTS};
use crate::adapters::cluster::Cluster;
use crate::adapters::{claim, journal};
use crate::backup::Entry;
use crate::beside::Beside;
use crate::checks::validate::Before;
use crate::facts::{Fact, Release};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Counts from before the rollout: of the newest backup, or of the newest run of the journal that remembers any.
pub async fn recorded(cluster: &Cluster, name: &str, release: Option<&Release>, asking: &Asking) -> Fact<Before> {
    let source = "backups and journal";
    if !asking.since_backup {
        return Fact::unknown("nothing to compare with (--before FILE, --since-backup)", source, Timestamp::now());
    }
    let (backed, remembered) = tokio::join!(backed_up(cluster, release, asking), remembered(cluster, name));
    let mut reasons = Vec::new();
    let mut all = Vec::new();
    for found in [backed, remembered] {
        match found {
            Ok(found) => all.extend(found),
            Err(why) => reasons.push(why),
        }
    }
    let rolled_out = release.and_then(|r| r.revision.updated);
    match Before::choose(all, rolled_out) {
        Some(before) => Fact::known(before, source, Timestamp::now()),
        None if reasons.is_empty() => {
            let why = "no backup holds counts (kubectl omupgrade backup), and no run of the journal remembers any";
            Fact::unknown(why, source, Timestamp::now())
        }
        None => Fact::unknown(reasons.join("; "), source, Timestamp::now()),
    }
}

async fn remembered(cluster: &Cluster, name: &str) -> Result<Vec<Before>, String> {
    let (runs, _) = journal::runs(cluster, name).await.map_err(|e| format!("{e:#}"))?;
    let counts = |run: &crate::journal::Run| {
        let rows: BTreeMap<String, u64> = serde_json::from_str(run.remembered.get(COUNTS)?).ok()?;
        Some(Before { source: format!("run {} of the journal", run.id), at: run.began, rows, metrics: None })
    };
    Ok(runs.iter().filter_map(|s| counts(&s.run)).collect())
}

/// The counts that the records on the claim hold. A Pod reads them.
async fn backed_up(cluster: &Cluster, release: Option<&Release>, asking: &Asking) -> Result<Vec<Before>, String> {
    let release = release.ok_or("the release's content could not be read")?;
    if !asking.probe {
        return Err("the backups were not listed (--no-probe)".to_owned());
    }
    let manifest = release.manifest.expose().map_or("", String::as_str);
    let image = asking.probe_image.as_deref();
    let beside = Beside::of_manifest(&release.name, &release.namespace, manifest, image)?;
    let name = claim::name_of(&release.name, None, std::slice::from_ref(release));
    let listing = claim::listing(cluster, &beside, &name).await.map_err(|e| format!("listing the backups: {e}"))?;
    let own = |e: &&Entry| e.record.release == release.name && e.record.namespace == release.namespace;
    let counts = |entry: &Entry| {
        let (rows, at) = (entry.record.rows.clone()?, entry.record.started.parse().ok()?);
        Some(Before { source: format!("backup {}", entry.name), at, rows, metrics: None })
    };
    Ok(listing.backups.iter().filter(own).filter_map(counts).collect())
}
