//! Puts a verdict into words: reasons with evidence, cautions, what a bare `helm rollback` would do, the next steps.

use super::facts::{Facts, Source};
use super::{Reason, Step, Verdict, Way};
use shared::versions::Version;

/// A reason before it has words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Both fingerprints were read and are equal.
    Equal,
    /// They differ, in these parts.
    Unequal(Vec<String>),
    /// They cannot be compared.
    Incomparable(String),
    /// The state now could not be read.
    NowUnread(String),
    /// No state from before is recorded.
    NothingFromBefore,
    /// The head is above what the image reaches.
    Above { head: Version, reach: Version },
    /// It is not.
    NotAbove { head: Version, reach: Version },
    /// The database holds no version.
    NoVersions,
    /// The head could not be read.
    HeadUnread(String),
    /// The image's version is not known.
    ReachUnknown,
    /// The revision uses another database.
    Elsewhere,
    /// A backup from before is listed.
    BackupListed(String),
    /// None is.
    NoBackup,
    /// The backups could not be listed.
    BackupsUnread(String),
}

/// The verdict in words.
pub fn verdict(way: Way, why: &[Why], facts: &Facts) -> Verdict {
    Verdict {
        way,
        reasons: why.iter().map(|w| reason(w, facts)).collect(),
        cautions: cautions(facts),
        bare: bare(way, facts),
        next: next(way, why, facts),
        backup: why.iter().find_map(|w| if let Why::BackupListed(name) = w { Some(name.clone()) } else { None }),
    }
}

fn reason(why: &Why, facts: &Facts) -> Reason {
    let revision = facts.revision;
    let both = "fingerprints of change log, SQL logs, schema and workflow engine";
    let recorded = || match facts.before.as_ref().map(|b| (&b.source, &b.at)) {
        Some((Source::Journal(run), at)) => format!("recorded at {at} in the journal's run {run}"),
        Some((Source::Backup(name), at)) => format!("recorded at {at} with the backup {name}"),
        None => "nothing recorded".to_owned(),
    };
    let (text, evidence) = match why {
        Why::Equal => (
            format!("the database is as it was when revision {revision} served"),
            format!("{both}: equal; {}", recorded()),
        ),
        Why::Unequal(parts) => (
            format!("the database moved since revision {revision} served: {}", parts.join("; ")),
            format!("{both}; {}", recorded()),
        ),
        Why::Incomparable(reason) => (format!("the state from before says nothing about now: {reason}"), recorded()),
        Why::NowUnread(reason) => ("the database's state now is not known".to_owned(), reason.clone()),
        Why::NothingFromBefore => (
            format!("nothing tells the database's state when revision {revision} served"),
            "journal and backups: no fingerprint from before".to_owned(),
        ),
        Why::Above { head, reach } => (
            format!("the database is at {head}, newer than what revision {revision} reaches ({reach})"),
            format!("highest version of SERVER_CHANGE_LOG and SERVER_MIGRATION_SQL_LOGS; {}", carried(facts)),
        ),
        Why::NotAbove { head, reach } => (
            format!(
                "the database is at {head}, not above {reach}; but a failed migration writes no version and a version may run again, so this proves nothing"
            ),
            format!("highest version of SERVER_CHANGE_LOG and SERVER_MIGRATION_SQL_LOGS; {}", carried(facts)),
        ),
        Why::NoVersions => {
            ("the database holds no version".to_owned(), "SERVER_CHANGE_LOG and SERVER_MIGRATION_SQL_LOGS".to_owned())
        }
        Why::HeadUnread(reason) => ("the database's version is not known".to_owned(), reason.clone()),
        Why::ReachUnknown => (format!("how far the image of revision {revision} reaches is not known"), carried(facts)),
        Why::Elsewhere => (
            format!("revision {revision} uses another database: {} differ", facts.elsewhere.join(", ")),
            "the settings in the manifests of both revisions; the fingerprint is of the one that serves now".to_owned(),
        ),
        Why::BackupListed(name) => {
            (format!("the backup {name} is from before"), format!("its record; release {}", facts.release))
        }
        Why::NoBackup if facts.no_claim => (
            "no backup from before is listed: there is no claim to keep one on".to_owned(),
            format!(
                "claim {}: not there (--claim names one of your own), and no snapshot from before is recorded",
                facts.claim
            ),
        ),
        Why::NoBackup => ("no backup from before is listed".to_owned(), format!("claim {}", facts.claim)),
        Why::BackupsUnread(reason) => ("whether a backup from before is there is not known".to_owned(), reason.clone()),
    };
    Reason { text, evidence }
}

fn carried(facts: &Facts) -> String {
    let tag = facts.reach.tag.as_deref().map_or_else(|| "no tag".to_owned(), |t| format!("tag `{t}`"));
    if facts.reach.folders.is_empty() {
        format!("the image's {tag}, its migration folders were not listed")
    } else {
        format!("the image's {} migration folders and {tag}", facts.reach.folders.len())
    }
}

fn cautions(facts: &Facts) -> Vec<String> {
    let mut out = Vec::new();
    if let Ok(Some(head)) = facts.head {
        for running in &facts.running {
            if let Some(reach) = running.reach.highest().filter(|r| *r < head) {
                let pods =
                    if running.pods == 1 { "1 pod runs".to_owned() } else { format!("{} pods run", running.pods) };
                out.push(format!(
                    "{pods} {} ({reach}), older than the database ({head}): an older server on a newer schema",
                    running.image
                ));
            }
        }
    }
    if !facts.guarded {
        out.push(format!(
            "revision {} carries no schema guard: nothing in it stops a pod on a newer database",
            facts.revision
        ));
    }
    out
}

fn bare(way: Way, facts: &Facts) -> String {
    let command = format!("`helm rollback {} {}`", facts.release, facts.revision);
    match (way, facts.guarded) {
        (Way::CodeOnly, _) => format!("{command} would do the same, without lock, journal and watching"),
        (Way::Restore | Way::Impossible, true) => {
            format!(
                "{command} would stop its new pods at the schema guard where the database is newer, and report failure after helm's timeout; the database would stay as it is"
            )
        }
        (Way::Restore | Way::Impossible, false) => {
            format!(
                "{command} would say success and start the older server quietly on the newer schema: it writes rows that the newer one cannot read back, and nothing undoes that"
            )
        }
        (Way::Unproven, _) => format!("{command} would not look at the database at all"),
    }
}

fn next(way: Way, why: &[Why], facts: &Facts) -> Vec<Step> {
    let (release, revision) = (&facts.release, facts.revision);
    let on = format!("{release} -n {}", facts.namespace);
    let of = |verb: &str, rest: &str| format!("kubectl omupgrade {verb} {on}{rest}");
    let rollback = |rest: &str| format!("kubectl omupgrade rollback {release} {revision} -n {}{rest}", facts.namespace);
    let step = |what: &str, command: String| Step { what: what.to_owned(), command };
    let unread = why.iter().any(|w| matches!(w, Why::NowUnread(_) | Why::HeadUnread(_)));
    // The same command again would end in the same refusal.
    let forbidden = why.iter().any(|w| match w {
        Why::NowUnread(reason) | Why::HeadUnread(reason) => reason.contains("forbidden"),
        _ => false,
    });
    match way {
        Way::CodeOnly => vec![step("go back", rollback(""))],
        Way::Restore => {
            let mut out = vec![step("see the backups", of("backup list", ""))];
            if let Some(Why::BackupListed(name)) = why.iter().find(|w| matches!(w, Why::BackupListed(_))) {
                out.push(step("prove the one from before", of("backup verify", &format!(" {name}"))));
            }
            out.push(step("keep what was written since: back up the database as it is", of("backup", "")));
            let backup = if out.len() > 2 { "" } else { " --backup NAME" };
            out.push(step(
                "restore the database and the code together, or stay on the version that serves and repair forward",
                rollback(&format!(" --restore{backup} --dry-run")),
            ));
            out
        }
        Way::Impossible => {
            let mut out = Vec::new();
            if facts.no_claim {
                out.push(step("make the claim that backups are kept on", of("backup init", "")));
            }
            out.extend([
                step("back up the database as it is, before anything else", of("backup", "")),
                step("the way is forward: see what is wrong with the version that serves", of("status", "")),
                step(
                    "or, with a backup from before that is kept elsewhere (`backup export`): put it on the claim, and look again",
                    of("backup import", " --from FOLDER"),
                ),
                step(
                    "or, with a snapshot of the database's provider from before: bring it back there, and the chart and values of before with its host; the preview shows what differs",
                    rollback(" --dry-run"),
                ),
            ]);
            out
        }
        Way::Unproven => {
            let mut out = Vec::new();
            if forbidden {
                let rights = "kubectl omupgrade rbac rollback".to_owned();
                out.push(step("the rights without which the database cannot be read", rights));
            } else if unread {
                out.push(step("let the database be read", rollback(" --dry-run")));
            }
            out.push(step("back up the database as it is", of("backup", "")));
            out.push(step("go back all the same, knowing the risk", rollback(" --accept-unproven")));
            out
        }
    }
}
