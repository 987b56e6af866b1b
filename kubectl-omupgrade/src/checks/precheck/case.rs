//! One precheck's facts and tables together, and what several checks read off them: where the release is, what is
//! pending, where the way must stop.

use super::facts::Facts;
use super::tables::Tables;
use crate::checks::why::{ENDS, HOLD_NO};
use crate::checks::{Answer, Outcome, unknown};
use crate::facts::Database;
use shared::component::image_tag;
use shared::versions::Version;
use std::collections::BTreeSet;

/// Releases from here on run every folder that never ran, not only those above the newest (OpenMetadata PR#26592).
const RUNS_GAPS: Version = Version { major: 1, minor: 12, patch: 8 };

/// Folders that releases carried for a while and that were taken away again: databases rightly lack them.
const TAKEN_AWAY: &[Version] = &[Version { major: 1, minor: 8, patch: 5 }, Version { major: 1, minor: 10, patch: 2 }];

/// How it is said that the target's image was not looked into.
pub const OF_IMAGE: &str = "what the image of";

/// Facts and tables.
#[derive(Debug, Clone)]
pub struct Case {
    /// What was seen.
    pub facts: Facts,
    /// What is known.
    pub tables: Tables,
}

/// What the target would run on this database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pending {
    /// Nothing, and what that rests on.
    Nothing(String),
    /// These, and what that rests on.
    Versions(Vec<Version>, String),
    /// It is not known, and why: counts as migrating.
    Unknown(String),
}

impl Case {
    /// The target.
    pub fn to(&self) -> Version {
        self.facts.asked.to
    }

    /// The server's workload as kubectl takes it; empty where it was not seen.
    pub fn workload(&self) -> String {
        self.facts.server.value().map(|s| s.workload.to_lowercase()).unwrap_or_default()
    }

    /// Why it is not known which version serves.
    pub fn unnamed(&self) -> String {
        match self.facts.server.value().filter(|s| !s.settled) {
            Some(server) => format!(
                "the Deployment asks for {}, and its rollout is not finished: what serves is not known",
                image_tag(&server.image).unwrap_or(&server.image)
            ),
            None => "what serves now names no version: neither the image's tag nor the chart".to_owned(),
        }
    }

    /// The version that serves: the image's tag, else what the chart says it installs. Before a rollout is finished only a
    /// pod tells.
    pub fn from(&self) -> Option<Version> {
        let server = self.facts.server.value();
        if let Some(server) = server.filter(|s| !s.settled) {
            return image_tag(server.serving.as_deref()?).and_then(Version::parse);
        }
        let tag = server.and_then(|s| image_tag(&s.image)).and_then(Version::parse);
        tag.or_else(|| self.facts.helm.value().and_then(|h| Version::parse(&h.app)))
    }

    /// The version of the chart that is installed.
    pub fn chart_from(&self) -> Option<Version> {
        self.facts.helm.value().and_then(|h| Version::parse(&h.chart))
    }

    /// The version of the chart that installs the target.
    pub fn chart_to(&self) -> Version {
        let to = self.to();
        let tags = self.tables.versions.charts.iter().filter(|c| Version::parse(&c.app) == Some(to));
        tags.map(|c| c.chart).max().unwrap_or(to)
    }

    /// That the tables end before the target, in words.
    fn ends(&self) -> Option<String> {
        let (to, tables) = (self.to(), &self.tables.versions);
        let newest = tables.newest();
        let shown = newest.map(|v| v.to_string()).unwrap_or_default();
        (!tables.knows(to)).then(|| match newest {
            Some(newest) if to < newest => format!("{HOLD_NO} {to} (their newest is {shown}): is it a release?"),
            _ => format!("{ENDS} {shown} and do not hold {to}"),
        })
    }

    /// The answer that nothing is known of the target, where the tables end before it.
    pub fn beyond(&self) -> Option<Answer> {
        self.ends().map(unknown)
    }

    /// An answer that rests on what the tables know of releases: that nothing there speaks against a target is worth
    /// nothing where they end before it.
    pub fn of_releases(&self, answer: Answer) -> Answer {
        match self.beyond() {
            Some(beyond) if answer.outcome == Outcome::Pass => beyond,
            _ => answer,
        }
    }

    /// The same of what they know of charts, which can end earlier.
    pub fn of_charts(&self, answer: Answer) -> Answer {
        let (chart, newest) = (self.chart_to(), self.tables.versions.charts.iter().map(|c| c.chart).max());
        let answer = self.of_releases(answer);
        match newest.filter(|newest| chart > *newest && answer.outcome == Outcome::Pass) {
            Some(newest) => unknown(format!("{ENDS} the chart {newest}: what {chart} does with values is not in them")),
            None => answer,
        }
    }

    /// Whether the database knows only Flyway's history.
    pub fn is_flyway_only(&self) -> Option<bool> {
        let database = self.facts.database.value()?;
        Some(has_flyway(database) && database.migrations.is_empty())
    }

    /// Whether the way must stop somewhere, and where.
    pub fn stops(&self) -> Vec<Version> {
        let known = self.facts.database.value().is_some() || self.from().is_some();
        if !known {
            return Vec::new();
        }
        let head = match self.facts.database.value() {
            Some(_) if self.is_flyway_only() == Some(true) => None,
            Some(database) => database.head().or(self.from()),
            None => self.from(),
        };
        // A stop that was announced for a line to come holds for that line, and not for those behind it.
        let (beyond, line) = (self.ends().is_some(), self.to().line());
        let stops = self.tables.versions.stops(head, self.to()).into_iter();
        stops.filter(|(_, hop)| !beyond || hop.target_from.line() == line).map(|(via, _)| via).collect()
    }

    /// What the target would run. That nothing is pending needs the target's own list: the tables name what was seen in
    /// the history of a repository.
    pub fn pending(&self) -> Pending {
        match (self.by_tables(), self.facts.database.value()) {
            // A step back is refused anyway.
            (Pending::Nothing(why), Some(database)) if self.goes_up(database) => self.by_image(database, &why),
            (pending, _) => pending,
        }
    }

    /// Whether the target is newer than what serves, and not older than the database.
    fn goes_up(&self, database: &Database) -> bool {
        let to = self.to();
        self.from().is_none_or(|from| from < to) && database.head().is_none_or(|head| head <= to)
    }

    /// What the target's image carries and this database never ran.
    fn by_image(&self, database: &Database, tables: &str) -> Pending {
        let to = self.to();
        let folders = match self.facts.folders.known() {
            Ok(folders) => folders,
            Err(why) => {
                return Pending::Unknown(format!(
                    "{tables} by the tables; {OF_IMAGE} {to} carries was not seen, so it counts as migrating: {why}"
                ));
            }
        };
        let head = database.head();
        // Older releases run only what is above the newest that ran.
        let runs = |v: &Version| to >= RUNS_GAPS || head.is_none_or(|head| *v > head);
        let never = database.pending(folders).into_iter().filter(|f| !f.starts_with("0.0.")).filter_map(Version::parse);
        let mut never: Vec<Version> = never.filter(runs).collect();
        never.sort();
        if never.is_empty() {
            return Pending::Nothing(format!(
                "{tables}; the image of {to} carries no folder that did not run ({} are there); statements that were added to one that ran cannot be seen from outside",
                folders.len()
            ));
        }
        Pending::Versions(never, format!("the image of {to} carries them, and they never ran on this database"))
    }

    /// What the target would run, as far as the tables know.
    pub fn by_tables(&self) -> Pending {
        let (to, tables) = (self.to(), &self.tables.versions);
        if let Some(ends) = self.ends() {
            return Pending::Unknown(format!("it counts as migrating: {ends}"));
        }
        let database = match self.facts.database.known() {
            Ok(database) => database,
            Err(reason) => {
                let listed = self.from().map(|from| tables.migrating(from, to)).unwrap_or_default();
                if listed.is_empty() {
                    return Pending::Unknown(format!("the database was not read, so it counts as migrating: {reason}"));
                }
                return Pending::Versions(listed, format!("by the tables alone: the database was not read: {reason}"));
            }
        };
        let Some(head) = database.head() else {
            return Pending::Unknown("the database names no version that it is at".to_owned());
        };
        let mut versions = tables.migrating(head, to);
        let mut why = format!("the database is at {head}; the tables know what is above");
        // What runs such folders itself starts only on a database that lacks none of its own.
        let first = to >= RUNS_GAPS && self.from().is_none_or(|from| from < RUNS_GAPS);
        let gaps = if first { self.gaps(database, head) } else { Vec::new() };
        if !gaps.is_empty() {
            let never =
                format!("never ran on this database, and releases from {RUNS_GAPS} on run such folders as well");
            why =
                if versions.is_empty() { format!("they {never}") } else { format!("{why}; {} {never}", named(&gaps)) };
            versions.splice(..0, gaps);
        }
        if versions.is_empty() {
            return Pending::Nothing(format!("the database is at {head}, and no version up to {to} has migrations"));
        }
        Pending::Versions(versions, why)
    }

    /// Folders of the tables with SQL below the head that the change log lacks, from its oldest row on.
    fn gaps(&self, database: &Database, head: Version) -> Vec<Version> {
        let ran: BTreeSet<Version> = database
            .migrations
            .iter()
            .filter(|m| !m.version.starts_with("0.0."))
            .filter_map(|m| Version::parse(&m.version))
            .collect();
        let Some(oldest) = ran.first().copied() else { return Vec::new() };
        let missing = |v: &Version| *v > oldest && *v < head && !ran.contains(v) && !TAKEN_AWAY.contains(v);
        let sql = self.tables.versions.migrations.iter().filter(|m| m.kinds.contains("sql"));
        // Only the lines of head and target: what older lines shipped is not in every image.
        let near = |v: &Version| v.line() == head.line() || v.line() == self.to().line();
        sql.map(|m| m.version).filter(|v| missing(v) && near(v)).collect()
    }
}

/// Whether Flyway's table is there.
pub fn has_flyway(database: &Database) -> bool {
    database.tables.keys().any(|name| name.eq_ignore_ascii_case("DATABASE_CHANGE_LOG"))
}

/// Versions as a sentence names them: all of a few, else the ends and a count.
pub fn named(versions: &[Version]) -> String {
    match versions {
        [] => "none".to_owned(),
        [first, .., last] if versions.len() > 4 => format!("{first} to {last} ({} versions)", versions.len()),
        _ => versions.iter().map(Version::to_string).collect::<Vec<_>>().join(", "),
    }
}
