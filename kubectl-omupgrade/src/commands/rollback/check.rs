//! The check of a backup before the first write of its restore: how long it may read, what its failure means, and what the
//! cluster tells of the database's volume beside it.

use super::Args;
use super::again::again;
use crate::adapters::cluster::Cluster;
use crate::adapters::{restore, volume};
use crate::beside::Beside;
use crate::exit::Exit;
use crate::facts::Release;
use crate::failure::Failure;
use crate::preview::{objects, servers, settings};
use crate::wayback::found::Found;
use crate::wayback::restore::Wanted;
use crate::wayback::{Decision, Look};
use shared::backup::Record;
use std::time::Duration;

/// How long the check of any backup may read. Chosen.
pub(super) const CHECKING: Duration = Duration::from_hours(1);

/// Bytes a second of a slow volume, read once. Chosen.
const SLOW: u64 = 16 << 20;

/// The longest that a size alone asks for, whatever a record says. Chosen.
const LONGEST: Duration = Duration::from_hours(7 * 24);

/// What is checked, and where.
pub(super) struct At<'a> {
    /// The server to stand beside.
    pub(super) beside: &'a Beside,
    /// Where it goes.
    pub(super) decision: &'a Decision,
    /// The backup.
    pub(super) backup: &'a str,
}

/// Checks. `said` is the command as it was typed, for what is typed next.
pub(super) async fn check(
    cluster: &Cluster,
    look: &Look,
    wanted: &Wanted,
    said: &Args,
    at: At<'_>,
) -> Result<Found, Failure> {
    let within = checking(&look.backups, at.backup, said.timeout);
    let found = restore::check(cluster, at.beside, wanted, at.backup, within.as_secs()).await;
    let mut found = found.map_err(|failed| unproven(failed, within, said, &at))?;
    if let Some(host) = database_host(&look.current) {
        found.database_volume = volume::of_database(cluster, &host).await;
    }
    Ok(found)
}

fn unproven(failed: Failure, within: Duration, said: &Args, at: &At) -> Failure {
    let (release, namespace, backup) = (&at.decision.release, &at.decision.namespace, at.backup);
    let command = |said: &Args, backup: &str| again(said, release, namespace, at.decision.to, backup);
    if failed.exit != Exit::No {
        // Nobody said no: a right or a node is missing, the API server did not answer, or its time was over.
        let message = format!("whether {backup} can be restored is not known: {}", failed.message);
        let failure = Failure { message, ..failed };
        if failure.exit != Exit::OutOfTime {
            return failure;
        }
        let longer = Args { timeout: within * 2, ..said.clone() };
        return failure.hint(format!("{}    # it reads the whole dump", command(&longer, backup)));
    }
    let why = failed.message;
    let failure = Failure::refused(format!("{backup} cannot be restored: {why}"));
    // The script names it: `'lost/om', not 'data/om'`; also where only the address is another one.
    let of = why.split_once("of another release: '").and_then(|(_, rest)| Some(rest.split_once('\'')?.0));
    let elsewhere = why.contains("is of another host") || why.contains("is of another database");
    match of.map(str::to_owned).or_else(|| elsewhere.then(|| format!("{namespace}/{release}"))) {
        Some(of) => {
            let meant = Args { backup_of: Some(of), ..said.clone() };
            failure.hint(format!("{}    # if that is the one you mean", command(&meant, backup)))
        }
        None => failure.hint(format!("{}    # another one", command(said, "NAME"))),
    }
}

/// How long it may read: an hour, longer where the dump is large, and longer still where somebody says so.
fn checking(backups: &Result<Vec<(String, Record)>, String>, backup: &str, asked: Duration) -> Duration {
    let named = backups.iter().flatten().find(|(name, _)| name == backup);
    let bytes = named.map_or(0, |(_, record)| record.files.iter().map(|f| f.bytes).fold(0, u64::saturating_add));
    CHECKING.max(Duration::from_secs(bytes / SLOW).min(LONGEST)).max(asked)
}

/// The address of the database, where the release tells it.
fn database_host(current: &Release) -> Option<String> {
    let all = objects(current.manifest.expose()?, &current.namespace).ok()?;
    let server = servers(&all).into_iter().next()?;
    let server = all.iter().find(|o| o.label() == server.label)?;
    settings(&all, server).remove("DB_HOST")??.expose().cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_dump_is_read_for_longer_than_an_hour() {
        let record = |bytes: u64| -> Record {
            serde_json::from_str(&format!(
                r#"{{"v":1,"origin":"omupgrade","release":"om","namespace":"d","target":"","engine":"mysql","server_version":"9","client_version":"9","database":"d","host":"h","started":"","finished":"","files":[{{"name":"a","bytes":{bytes},"sha256":""}},{{"name":"b","bytes":{bytes},"sha256":""}}],"fingerprint":{{}},"schema_head":""}}"#
            ))
            .unwrap()
        };
        let hours = |bytes: u64, asked: u64| {
            let backups = Ok(vec![("a".to_owned(), record(1)), ("b".to_owned(), record(bytes))]);
            checking(&backups, "b", Duration::from_hours(asked)).as_secs() / 3600
        };
        assert_eq!((hours(1 << 20, 0), hours(1 << 40, 0)), (1, 36));
        assert_eq!(hours(1 << 40, 48), 48);
        assert_eq!(hours(u64::MAX, 0), 7 * 24);
        assert_eq!(checking(&Err("not asked".to_owned()), "b", Duration::ZERO), CHECKING);
    }
}
