//! What is known of `OpenMetadata`'s releases, as tables: which there are, which migrate, what they need, where a way
//! must stop. Data that a user can replace; nothing here reads a file.

use super::{Dotted, Version};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::fmt;

/// The tables by the names of their files, with what is built in.
pub const FILES: &[(&str, &str)] = &[
    ("releases.csv", include_str!("tables/releases.csv")),
    ("migrations.csv", include_str!("tables/migrations.csv")),
    ("charts.csv", include_str!("tables/charts.csv")),
    ("requirements.csv", include_str!("tables/requirements.csv")),
    ("hops.csv", include_str!("tables/hops.csv")),
];

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tables {
    /// Releases by minor version.
    pub releases: Vec<Release>,
    /// Versions with migrations of their own.
    pub migrations: Vec<Migration>,
    /// Tags of the charts.
    pub charts: Vec<ChartTag>,
    /// What minor versions need.
    pub requirements: Vec<Requirement>,
    /// Where a way must stop.
    pub hops: Vec<Hop>,
}

/// A minor version's releases.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Release {
    /// `1.13`.
    pub minor: String,
    /// The first.
    pub first: Version,
    /// The newest.
    pub newest: Version,
    /// When that one came out.
    pub newest_date: String,
}

/// A version that carries migrations.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Migration {
    /// Which.
    pub version: Version,
    /// `sql`, `java`, or both.
    pub kinds: String,
}

/// A tag of the chart repository.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ChartTag {
    /// The charts' version.
    pub chart: Version,
    /// The server's.
    pub app: String,
    /// The image tag of the `MySQL` that the dependencies chart brings.
    pub deps_mysql: Option<Dotted>,
    /// The version of its search chart.
    pub deps_opensearch: Option<Dotted>,
    /// The version of its Airflow chart.
    pub deps_airflow: Option<Dotted>,
}

/// What a minor version and those after it need.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Requirement {
    /// From which minor version on.
    pub from: Dotted,
    /// `no` where the documentation contradicts itself.
    pub strict: String,
    /// `MySQL`, at least.
    pub mysql_min: Dotted,
    /// `PostgreSQL`, at least.
    pub postgresql_min: Dotted,
    /// Elasticsearch, at least.
    pub elasticsearch_min: Dotted,
    /// Elasticsearch, below.
    pub elasticsearch_below: Dotted,
    /// `OpenSearch`, at least.
    pub opensearch_min: Dotted,
    /// `OpenSearch`, below.
    pub opensearch_below: Dotted,
    /// Airflow's major version.
    pub airflow: u64,
    /// Where it stands.
    pub source: String,
}

impl Requirement {
    /// Whether the documentation is of one mind.
    pub fn is_strict(&self) -> bool {
        self.strict != "no"
    }
}

/// A stop on a way.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Hop {
    /// Targets from here on refuse …
    pub target_from: Version,
    /// … databases below this.
    pub database_below: Version,
    /// The way is through the newest of this minor version.
    pub via: String,
    /// Where it stands.
    pub source: String,
}

/// A table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Its file.
    pub file: String,
    /// The line, where it is known.
    pub line: Option<u64>,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line.map(|l| format!(", line {l}")).unwrap_or_default();
        write!(f, "the table {}{line}: {}", self.file, self.problem)
    }
}

impl std::error::Error for Wrong {}

/// Reads the rows of a table; lines that begin with `#` are remarks.
///
/// # Errors
/// With the line, where a row does not fit its head.
pub fn rows<T: DeserializeOwned>(file: &str, text: &str) -> Result<Vec<T>, Wrong> {
    let mut reader = csv::ReaderBuilder::new().comment(Some(b'#')).trim(csv::Trim::All).from_reader(text.as_bytes());
    let rows: Result<Vec<T>, csv::Error> = reader.deserialize().collect();
    let rows = rows.map_err(|error| {
        let problem = match error.kind() {
            csv::ErrorKind::Deserialize { err, .. } => err.to_string(),
            _ => error.to_string(),
        };
        Wrong { file: file.to_owned(), line: error.position().map(csv::Position::line), problem }
    })?;
    if rows.is_empty() {
        return Err(Wrong { file: file.to_owned(), line: None, problem: "it holds no rows".to_owned() });
    }
    Ok(rows)
}

impl Tables {
    /// Reads all tables: `replaced` gives the text of a file that somebody put in place of a built-in one.
    ///
    /// # Errors
    /// With file and line of what cannot be read.
    pub fn read(replaced: impl Fn(&str) -> Option<String>) -> Result<Self, Wrong> {
        let text = |name: &str| {
            let built_in = FILES.iter().find(|(file, _)| *file == name).map_or("", |(_, text)| *text);
            replaced(name).unwrap_or_else(|| built_in.to_owned())
        };
        let mut tables = Self {
            releases: rows("releases.csv", &text("releases.csv"))?,
            migrations: rows("migrations.csv", &text("migrations.csv"))?,
            charts: rows("charts.csv", &text("charts.csv"))?,
            requirements: rows("requirements.csv", &text("requirements.csv"))?,
            hops: rows("hops.csv", &text("hops.csv"))?,
        };
        tables.migrations.sort_by_key(|m| m.version);
        tables.requirements.sort_by(|a, b| a.from.cmp(&b.from));
        tables.hops.sort_by_key(|h| h.target_from);
        Ok(tables)
    }

    /// The releases of a version's minor version.
    pub fn line(&self, version: Version) -> Option<&Release> {
        self.releases.iter().find(|r| r.first.line() == version.line())
    }

    /// Whether the tables know a release: it is not above the newest of its minor version.
    pub fn knows(&self, version: Version) -> bool {
        self.line(version).is_some_and(|line| version <= line.newest)
    }

    /// The newest release of all.
    pub fn newest(&self) -> Option<Version> {
        self.releases.iter().map(|r| r.newest).max()
    }

    /// The versions with migrations above `head`, up to `to`.
    pub fn migrating(&self, head: Version, to: Version) -> Vec<Version> {
        let between = |v: &Version| *v > head && *v <= to;
        self.migrations.iter().map(|m| m.version).filter(between).collect()
    }

    /// The minor versions that a step from `head` to `to` enters, `to`'s own included.
    pub fn lines_between(&self, head: Version, to: Version) -> Vec<(u64, u64)> {
        let mut lines: Vec<(u64, u64)> = self.releases.iter().map(|r| r.first.line()).collect();
        lines.push(to.line());
        lines.sort_unstable();
        lines.dedup();
        lines.retain(|line| *line > head.line() && *line <= to.line());
        lines
    }

    /// What a version needs; nothing for one below all rows.
    pub fn requirement(&self, version: Version) -> Option<&Requirement> {
        let (major, minor) = version.line();
        self.requirements.iter().rev().find(|r| (r.from.number(0), r.from.number(1)) <= (major, minor))
    }

    /// The stops on the way of a database at `head` to `to`, in order. A database with Flyway's history alone has no
    /// head: it is below every one.
    pub fn stops(&self, head: Option<Version>, to: Version) -> Vec<(Version, &Hop)> {
        let mut at = head;
        let mut out = Vec::new();
        for hop in self.hops.iter().filter(|h| to >= h.target_from) {
            if at.is_none_or(|at| at < hop.database_below) {
                let newest = self.releases.iter().find(|r| r.minor == hop.via).map(|r| r.newest);
                if let Some(via) = newest {
                    out.push((via, hop));
                    at = Some(via);
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    fn built_in() -> Tables {
        Tables::read(|_| None).unwrap()
    }

    #[test]
    fn the_built_in_tables_are_read() {
        let tables = built_in();
        assert_eq!(tables.newest(), Some(version("2.0.7")));
        assert!(
            tables.knows(version("1.12.14")) && !tables.knows(version("1.12.15")) && !tables.knows(version("2.1.0"))
        );
        assert!(
            tables
                .releases
                .iter()
                .all(|r| r.first <= r.newest && r.minor == format!("{}.{}", r.first.major, r.first.minor))
        );
        let steps = tables.migrating(version("1.12.12"), version("1.13.1"));
        assert_eq!(steps, [version("1.12.13"), version("1.13.0"), version("1.13.1")]);
        assert_eq!(tables.lines_between(version("1.11.3"), version("1.13.0")), [(1, 12), (1, 13)]);
    }

    #[test]
    fn requirements_are_those_of_the_line_or_the_last_before_it() {
        let tables = built_in();
        let needs = |v| tables.requirement(version(v)).unwrap();
        assert_eq!(needs("1.10.2").elasticsearch_below.to_string(), "9");
        assert!(needs("1.11.0").is_strict() && !needs("1.12.3").is_strict() && needs("1.13.0").is_strict());
        assert_eq!(needs("2.1.0").mysql_min.to_string(), "8.0.42");
        assert_eq!(tables.requirement(version("0.13.2")), None);
    }

    #[test]
    fn the_way_to_2_1_stops_at_the_newest_2_0() {
        let tables = built_in();
        let stops = |head: Option<&str>, to| {
            let head = head.map(version);
            tables.stops(head, version(to)).into_iter().map(|(v, _)| v.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(stops(Some("1.13.1"), "2.1.0"), ["2.0.7"]);
        assert_eq!(stops(None, "2.2.0"), ["2.0.7"]);
        assert!(stops(Some("2.0.1"), "2.1.0").is_empty() && stops(Some("1.2.0"), "2.0.7").is_empty());
    }

    #[test]
    fn a_wrong_table_is_named_with_its_line() {
        let with = |name: &'static str, text: &'static str| {
            Tables::read(move |file| (file == name).then(|| text.to_owned())).unwrap_err().to_string()
        };
        let wrong = with("migrations.csv", "# a remark\nversion,kinds\n1.1.0,sql\n1.x,sql\n");
        assert!(wrong.contains("migrations.csv, line 4") && wrong.contains("`1.x` is no version"), "{wrong}");
        assert!(with("hops.csv", "target_from,via\n2.1.0,2.0\n").contains("database_below"));
        assert!(with("releases.csv", "minor,first,newest,newest_date\n").contains("no rows"));
        assert!(
            with("charts.csv", "chart,app,deps_mysql,deps_opensearch,deps_airflow\n1.0.0,a,,,,,,\n").contains("line 2")
        );
    }
}
