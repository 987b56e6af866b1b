//! Finds the counts that a validation compares with: those of backups, and those that the journal remembers.

use super::{Asking, COUNTS, NUMBERS};
use crate::adapters::cluster::Cluster;
use crate::adapters::{claim, journal};
use crate::backup::Entry;
use crate::beside::Beside;
use crate::checks::validate::Before;
use crate::facts::{Fact, Release, Revision, rollout_of};
use crate::verdict::{Moment, from_before};
use jiff::Timestamp;
use shared::backup::Record;
use shared::versions::Version;
use std::collections::BTreeMap;

/// Counts from before the rollout: of the newest backup, or of the newest run of the journal that remembers any.
pub async fn recorded(
    cluster: &Cluster,
    name: &str,
    release: Option<&Release>,
    history: &[Revision],
    asking: &Asking,
) -> Fact<Before> {
    let source = "backups and journal";
    if !asking.since_backup {
        return Fact::unknown("nothing to compare with (--before FILE, --since-backup)", source, Timestamp::now());
    }
    let (backed, remembered) = tokio::join!(backed_up(cluster, release, history, asking), remembered(cluster, name));
    let mut reasons = Vec::new();
    let mut all = Vec::new();
    for found in [backed, remembered] {
        match found {
            Ok(found) => all.extend(found),
            Err(why) => reasons.push(why),
        }
    }
    let rolled_out = rollout_of(history).or(release.map(|r| &r.revision)).and_then(|r| r.updated);
    let newest = all.iter().map(|b| b.at).max();
    match Before::choose(all, rolled_out) {
        Some(before) => Fact::known(before, source, Timestamp::now()),
        None if let (Some(newest), Some(rolled)) = (newest, rolled_out) => {
            let at = |t: Timestamp| t.strftime("%Y-%m-%d %H:%MZ").to_string();
            let why = format!(
                "nothing was recorded before this version came ({}); the newest is of {}",
                at(rolled),
                at(newest)
            );
            Fact::unknown(why, source, Timestamp::now())
        }
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
        let metrics = run.remembered.get(NUMBERS).and_then(|text| serde_json::from_str(text).ok());
        Some(Before {
            source: format!("run {} of the journal", run.id),
            at: run.began,
            rows,
            metrics,
            metrics_source: None,
        })
    };
    Ok(runs.iter().filter_map(|s| counts(&s.run)).collect())
}

/// The counts that the records on the claim hold. A Pod reads them.
async fn backed_up(
    cluster: &Cluster,
    release: Option<&Release>,
    history: &[Revision],
    asking: &Asking,
) -> Result<Vec<Before>, String> {
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
        let (rows, started) = (entry.record.rows.clone()?, entry.record.started.parse().ok()?);
        // The hook's backup is the rollout's own first step: it starts after that began, and holds what was before.
        let at = first_step(&entry.record, history).unwrap_or(started);
        Some(Before { source: format!("backup {}", entry.name), at, rows, metrics: None, metrics_source: None })
    };
    Ok(listing.backups.iter().filter(own).filter_map(counts).collect())
}

/// When the rollout began, for a backup that the hook made as its first step.
fn first_step(record: &Record, history: &[Revision]) -> Option<Timestamp> {
    let rollout = rollout_of(history).filter(|_| record.origin == "hook")?;
    let served = history.iter().filter(|r| !r.stopped_at_its_hook() && r.number < rollout.number);
    let before = served.map(|r| r.number).max()?;
    let moment = |r: &Revision| Moment {
        revision: r.number,
        began: r.updated,
        version: Version::parse(&r.chart.app_version),
        served: !r.stopped_at_its_hook(),
    };
    let moments: Vec<Moment> = history.iter().map(moment).collect();
    from_before(record, before, &moments).then_some(rollout.updated)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Chart, Driver, Status};

    fn revision(number: u64, version: &str, hour: u32) -> Revision {
        let chart = Chart { name: "openmetadata".into(), version: version.into(), app_version: version.into() };
        Revision {
            number,
            status: Status::Superseded,
            chart,
            updated: format!("2026-11-22T{hour:02}:00:00Z").parse().ok(),
            description: String::new(),
            object: String::new(),
            driver: Driver::Secrets,
            apply_method: None,
        }
    }

    #[test]
    fn the_second_upgrade_of_a_quiesce_begins_no_rollout() {
        let history = [revision(1, "1.12.14", 8), revision(2, "1.13.1", 10), revision(3, "1.13.1", 11)];
        assert_eq!(rollout_of(&history).map(|r| r.number), Some(2));
        // Of one version only: what helm did last.
        assert_eq!(rollout_of(&history[1..]).map(|r| r.number), Some(3));
        assert_eq!(rollout_of(&[]), None);
    }

    #[test]
    fn a_try_that_its_hook_stopped_is_no_rollout() {
        let stopped = |number, version, hour| Revision {
            status: Status::Failed,
            description: "Upgrade \"om\" failed: pre-upgrade hooks failed: timed out".into(),
            ..revision(number, version, hour)
        };
        let number = |history: &[Revision]| rollout_of(history).map(|r| r.number);
        let (old, new) = (revision(1, "1.12.13", 8), revision(2, "1.12.14", 9));
        // Of the chart to come: what serves is still what came before.
        let tries = [old.clone(), new.clone(), stopped(3, "1.13.1", 10), stopped(4, "1.13.1", 11)];
        assert_eq!(number(&tries), Some(2));
        // Between the two: the version came with what went through.
        assert_eq!(number(&[old, stopped(2, "1.12.14", 9), revision(3, "1.12.14", 10)]), Some(3));
        assert_eq!(number(&tries[2..]), Some(4));
    }
}
