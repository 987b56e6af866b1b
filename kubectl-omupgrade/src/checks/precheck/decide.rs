//! The verdict: rolling, quiesce, hop, search window or refused; with its reasons, the downtime that it means and what
//! that rests on.

use super::case::{Case, Pending, named};
use super::estimate::{Part, REINDEX_MINUTES, minutes, quiesced, recreates, rolled, span};
use super::{dependencies, search, steps};
use crate::checks::Outcome;
use crate::checks::report::{Decision, Finding, Report};
use shared::versions::Version;

/// How the target can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Nothing migrates: pod by pod.
    Rolling,
    /// The server stops, one migration runs, the server starts.
    Quiesce,
    /// Through these versions first.
    Hop(Vec<Version>),
    /// The search engine changes with OpenMetadata: no version of it serves both.
    SearchWindow(String),
    /// Not as it is.
    Refused(Vec<String>),
}

/// The number of [`Way::Refused`].
pub const REFUSED: u8 = 24;

impl Way {
    /// The number that `--exit-verdict` ends with.
    pub fn code(&self) -> u8 {
        match self {
            Self::Rolling => 20,
            Self::Quiesce => 21,
            Self::Hop(_) => 22,
            Self::SearchWindow(_) => 23,
            Self::Refused(_) => REFUSED,
        }
    }

    /// Whether the verdict itself speaks of what this check found.
    fn speaks_of(&self, finding: &Finding) -> bool {
        match self {
            Self::Refused(ids) => ids.contains(&finding.id),
            Self::Hop(_) => finding.id == "hops",
            Self::SearchWindow(_) => finding.id == "search-version",
            Self::Rolling | Self::Quiesce => false,
        }
    }

    /// What fails besides, and is to be mended before anything.
    pub fn failing<'a>(&'a self, report: &'a Report) -> impl Iterator<Item = &'a Finding> {
        let failing = report.checks.iter().filter(|f| f.is_open() && f.outcome == Outcome::Fail);
        failing.filter(|f| !self.speaks_of(f))
    }
}

/// Checks whose failure refuses, though without their answer the rest can be decided: an old helm mangles what a
/// post-renderer gives it, or knows no such thing, and would be found out with the server at zero. Where none is seen here
/// it may be Flux or somebody else who brings one.
const REFUSES_TOO: &[&str] = &["helm-version"];

/// Checks whose failure nobody can answer for: whatever else the verdict would say were not true.
const STANDS: &[&str] = &["direction"];

/// Takes back the waivers that nobody can give.
fn stand(report: &mut Report) {
    for finding in report.checks.iter_mut().filter(|f| f.outcome == Outcome::Fail && STANDS.contains(&f.id.as_str())) {
        if finding.waived.take().is_some() {
            report
                .notes
                .push(format!("the waiver of {} does not count where it fails: it cannot be waived", finding.id));
        }
    }
    report.count();
}

/// Puts verdict and steps into a report whose waivers were applied.
pub fn decide(case: &Case, report: &mut Report) {
    stand(report);
    let way = way(case, report);
    report.verdict = Some(Decision {
        word: word(&way),
        code: way.code(),
        sentence: sentence(case, &way),
        because: because(case, &way, report),
        downtime: downtime(case, &way),
    });
    report.steps = steps::of(case, &way, report);
}

fn way(case: &Case, report: &Report) -> Way {
    let stops = case.stops();
    // What a verdict of its own speaks of does not refuse.
    let spoken = |f: &Finding| f.id == "search-version" && search::without_overlap(case).is_some();
    let counts = |f: &Finding| f.needed || REFUSES_TOO.contains(&f.id.as_str());
    let refusing = |f: &&Finding| f.is_open() && counts(f) && f.outcome == Outcome::Fail && !spoken(f);
    let refused: Vec<String> = report.checks.iter().filter(refusing).map(|f| f.id.clone()).collect();
    if !refused.is_empty() {
        return Way::Refused(refused);
    }
    if !stops.is_empty() {
        return Way::Hop(stops);
    }
    if let Some(words) = search::window(case) {
        return Way::SearchWindow(words);
    }
    match case.pending() {
        Pending::Nothing(_) => Way::Rolling,
        Pending::Versions(..) | Pending::Unknown(_) => Way::Quiesce,
    }
}

fn word(way: &Way) -> String {
    match way {
        Way::Rolling => "rolling".to_owned(),
        Way::Quiesce => "quiesce".to_owned(),
        Way::Hop(via) => format!("hop via {}", named(via)),
        Way::SearchWindow(_) => "search window".to_owned(),
        Way::Refused(_) => "refused".to_owned(),
    }
}

fn sentence(case: &Case, way: &Way) -> String {
    let to = case.to();
    match way {
        Way::Rolling => {
            let how = if recreates(case) {
                "the strategy Recreate stops all pods before the next ones start"
            } else {
                "pods can go over one by one while others serve"
            };
            let first = dependencies::behind(case)
                .zip(dependencies::restarts(case))
                .map(|((release, _), what)| format!("; before that {} restarts {what} that it brings", release.name));
            format!("{to} changes nothing in the database: {how}{}", first.unwrap_or_default())
        }
        Way::Quiesce if matches!(case.pending(), Pending::Unknown(_)) => format!(
            "{to} may migrate the database and counts as migrating: stop the server, back up, let ONE pod migrate, then start the others; never several at once"
        ),
        Way::Quiesce => format!(
            "{to} migrates the database: stop the server, back up, let ONE pod migrate, then start the others; never several at once"
        ),
        Way::Hop(via) => {
            format!("{to} cannot be reached from here in one step: go to {} first, with a backup each", named(via))
        }
        Way::SearchWindow(words) => {
            format!("{words}: search and OpenMetadata change in one window, and a reindex follows")
        }
        Way::Refused(ids) => format!("not as it is now: {}", ids.join(", ")),
    }
}

fn because(case: &Case, way: &Way, report: &Report) -> Vec<String> {
    let mut out = Vec::new();
    match case.pending() {
        Pending::Nothing(why) | Pending::Unknown(why) => out.push(why),
        Pending::Versions(versions, why) => {
            let have = if versions.len() == 1 { "has migrations" } else { "have migrations" };
            out.push(format!("{} {have}: {why}", named(&versions)));
        }
    }
    if let Way::Refused(ids) = way {
        let evidence =
            |id: &String| report.checks.iter().find(|f| f.id == *id).map(|f| format!("{id}: {}", f.evidence));
        out = ids.iter().filter_map(evidence).collect();
    }
    let others: Vec<&str> = way.failing(report).map(|f| f.id.as_str()).collect();
    if !others.is_empty() {
        out.push(format!("before anything: {} (see below)", others.join(", ")));
    }
    let missing: Vec<&str> = report.missing().map(|f| f.id.as_str()).collect();
    if !missing.is_empty() {
        out.push(match way {
            Way::Refused(_) => format!("not known as well: {}", missing.join(", ")),
            _ => format!("not decided: find these out first: {}", missing.join(", ")),
        });
    }
    out
}

/// How long it takes, and what else one has to know of that, as one sentence; then what each part of it rests on.
fn downtime(case: &Case, way: &Way) -> Vec<String> {
    match way {
        Way::Refused(_) => Vec::new(),
        Way::Rolling => {
            let one = case.facts.server.value().is_some_and(|s| s.replicas <= 1) && !recreates(case);
            let more = "; one pod serves: the next one is started before it goes, if the Deployment's strategy says so";
            reckoned("", &rolled(case), if one { more } else { "" })
        }
        Way::Quiesce => reckoned("", &quiesced(case), ""),
        Way::Hop(_) => reckoned(" for each step", &quiesced(case), ""),
        Way::SearchWindow(_) => {
            let (least, most) = REINDEX_MINUTES;
            let more = format!(
                "; search answers nothing for {} more, the reindex (OpenMetadata#23514), and for the engine's own upgrade, which is not estimated",
                span(least, most)
            );
            reckoned("", &quiesced(case), &more)
        }
    }
}

fn reckoned(each: &str, parts: &[Part], more: &str) -> Vec<String> {
    if parts.is_empty() {
        return vec![format!("downtime: none is planned{more}")];
    }
    let (least, most) = minutes(parts);
    let first = format!("downtime{each}: {}, an estimate{more}", span(least, most));
    let of = |p: &Part| format!("{}: {}", span(p.least / 60.0, p.most / 60.0), p.words);
    std::iter::once(first).chain(parts.iter().map(of)).collect()
}
