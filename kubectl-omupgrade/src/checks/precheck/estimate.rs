//! How long nothing is served, from the least to the most, and what each part rests on. Chosen figures are called so:
//! nobody has published any.

use super::case::{Case, Pending};
use super::dependencies;
use super::facts::Server;

/// Bytes a second at which a dump is written, at worst and at best. Chosen.
const DUMP: (f64, f64) = (10e6, 50e6);

/// Seconds of one version's migration, at best and at worst. Chosen: upstream names none; large tables take longer.
const VERSION: (f64, f64) = (2.0, 45.0);

/// Bytes a second at which a migration goes over a table that it changes, at worst. Chosen.
const REWRITE: f64 = 20e6;

/// Seconds from a container's start to a server that answers, at best. Chosen; the most is what the startup probe
/// waits.
const START: f64 = 45.0;

/// Seconds for which a startup probe waits where the release was not seen: the chart's 5 × 60.
const STARTUP: i64 = 300;

/// Seconds for which the dependencies' release takes the database and the search engine away, at best and at worst. Chosen.
const RESTART: (f64, f64) = (30.0, 600.0);

/// Minutes of a full reindex: "can last almost an hr" (OpenMetadata#23514).
pub const REINDEX_MINUTES: (f64, f64) = (5.0, 60.0);

/// A span and what it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Seconds at best.
    pub least: f64,
    /// Seconds at worst.
    pub most: f64,
    /// What it is, and what it rests on.
    pub words: String,
}

/// The downtime of a step that stops the server, part by part.
pub fn quiesced(case: &Case) -> Vec<Part> {
    let server = case.facts.server.value();
    let mut parts = vec![stop(server)];
    let bytes = case.facts.database.value().map(|d| precise(i64::try_from(d.bytes).unwrap_or(i64::MAX)));
    match bytes {
        Some(bytes) => parts.push(Part {
            least: 5.0 + bytes / DUMP.1,
            most: 20.0 + bytes / DUMP.0,
            words: format!("the backup of {}, at 10 to 50 MB/s (chosen)", size(bytes)),
        }),
        None => parts.push(Part {
            least: 10.0,
            most: 600.0,
            words: "the backup: the database's size is not known".to_owned(),
        }),
    }
    parts.extend(restart(case));
    let (count, words) = match case.pending() {
        Pending::Nothing(_) => (0.0, "no migration".to_owned()),
        Pending::Versions(versions, _) => {
            let count = f64::from(u32::try_from(versions.len()).unwrap_or(u32::MAX));
            (
                count,
                format!("{} with migrations, 2 to 45 s each and a pass over the data (chosen)", versions_word(count)),
            )
        }
        Pending::Unknown(_) => (10.0, "migrations that nobody counted, taken as 10 versions".to_owned()),
    };
    let rewrite = if count > 0.0 { bytes.unwrap_or(10e9) / REWRITE } else { 0.0 };
    parts.push(Part { least: count * VERSION.0, most: count * VERSION.1 + rewrite, words });
    parts.push(start(server));
    parts
}

/// What of an upgrade pod by pod stops the service all the same, part by part; empty where nothing does.
pub fn rolled(case: &Case) -> Vec<Part> {
    let server = case.facts.server.value();
    let mut parts: Vec<Part> = restart(case).into_iter().collect();
    if recreates(case) {
        parts.extend([stop(server), start(server)]);
    }
    parts
}

/// Whether all pods stop before the next ones start.
pub fn recreates(case: &Case) -> bool {
    case.facts.server.value().is_some_and(|server| server.strategy == "Recreate")
}

fn stop(server: Option<&Server>) -> Part {
    let grace = server.map_or(30, |s| s.grace_seconds.max(1));
    Part {
        least: 5.0,
        most: precise(grace) + 5.0,
        words: format!("stopping the pods: at most their grace period of {grace} s"),
    }
}

fn start(server: Option<&Server>) -> Part {
    let startup = server.map_or(Some(STARTUP), |s| s.startup_seconds).unwrap_or(STARTUP);
    Part {
        least: START,
        most: precise(startup).max(START) + 60.0,
        words: format!("the start of the first new pod: at most its startup probe's {startup} s and a probe's period"),
    }
}

/// The dependencies' release where it goes first.
fn restart(case: &Case) -> Option<Part> {
    let (release, _) = dependencies::behind(case)?;
    let words = format!("{} restarts {} that it brings (chosen)", release.name, dependencies::restarts(case)?);
    Some(Part { least: RESTART.0, most: RESTART.1, words })
}

/// Least and most minutes of parts together.
pub fn minutes(parts: &[Part]) -> (f64, f64) {
    let sum = |of: fn(&Part) -> f64| parts.iter().map(of).sum::<f64>() / 60.0;
    (sum(|p| p.least), sum(|p| p.most))
}

/// A span of minutes in words: `2 to 9 min`, below two minutes in seconds.
pub fn span(least: f64, most: f64) -> String {
    if most < 2.0 {
        let (least, most) = ((least * 60.0).floor(), (most * 60.0).ceil());
        return if most - least < 1.5 { format!("{most:.0} s") } else { format!("{least:.0} to {most:.0} s") };
    }
    let (least, most) = (least.floor().max(1.0), most.ceil().max(1.0));
    if most >= 180.0 {
        return format!("{:.0} min to {:.1} h", least, most / 60.0);
    }
    if (most - least).abs() < 0.5 { format!("about {most:.0} min") } else { format!("{least:.0} to {most:.0} min") }
}

/// Bytes in words.
pub fn size(bytes: f64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut value, mut unit) = (bytes, 0);
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let unit = UNITS.get(unit).copied().unwrap_or_default();
    if value >= 10.0 || unit == "B" { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

fn versions_word(count: f64) -> String {
    if count < 1.5 { "1 version".to_owned() } else { format!("{count:.0} versions") }
}

/// Seconds and bytes are far below where a float loses one.
#[allow(clippy::cast_precision_loss)]
fn precise(number: i64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(span(1.2, 8.3), "1 to 9 min");
        assert_eq!(span(0.2, 0.9), "12 to 54 s");
        assert_eq!(span(20.0, 200.0), "20 min to 3.3 h");
        assert_eq!((size(0.0).as_str(), size(1234.0).as_str(), size(5.2e10).as_str()), ("0 B", "1.2 kB", "52 GB"));
    }
}
