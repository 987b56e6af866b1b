//! The list of a validation: whether a release does what it is there for. Pure: facts in, a report out. The list is made
//! of the lists of its groups; their order is the order in which they are read.

mod access;
mod background;
mod data;
mod facts;
mod load;
mod search;
mod serving;
mod watch;

pub use facts::{Before, Facts, Sample};
pub use serving::is_rolled_out;

use super::report::{Counts, Report, SCHEMA};
use super::row::{Check, Names, Row, run};
use super::{Answer, Why, fail, unknown};
use crate::facts::no_answer::FAILED;
use crate::facts::{Component, Fact, Server, Workload};
use jiff::Timestamp;
use shared::component;

/// Where the guide's list of what to look at after an upgrade stands.
const DOCS: &str = "https://docs.open-metadata.org/deployment/upgrade/kubernetes";

const fn row(
    id: &'static str,
    group: &'static str,
    fact: &'static str,
    guide: &'static str,
    hint: &'static str,
) -> Row {
    Row { id, group, fact, guide, hint, docs: DOCS, needed: false }
}

/// The same, without which nothing can be said.
const fn needed(row: Row) -> Row {
    Row { needed: true, ..row }
}

/// Every check, in the order in which it is read.
pub fn checks() -> impl Iterator<Item = &'static Check<Facts>> {
    [serving::CHECKS, data::CHECKS, search::CHECKS, access::CHECKS, background::CHECKS, load::CHECKS, watch::CHECKS]
        .into_iter()
        .flatten()
}

/// The names of the checks.
pub fn ids() -> Vec<&'static str> {
    checks().map(|c| c.row.id).collect()
}

/// Asks all checks.
pub fn report(facts: &Facts) -> Report {
    let (release, namespace) = (facts.look.name.clone(), facts.look.namespace.clone());
    let workload =
        server_workload(facts).map(|w| format!("{}/{}", w.kind.name().to_lowercase(), w.meta.name)).unwrap_or_default();
    let names = Names {
        verb: "validate".to_owned(),
        release: release.clone(),
        namespace: namespace.clone(),
        to: String::new(),
        workload,
        revision: None,
    };
    let findings = checks().flat_map(|check| run(std::slice::from_ref(check), facts, &names)).collect();
    let server = facts.server.value();
    let mut report = Report {
        schema: SCHEMA.to_owned(),
        verb: "validate".to_owned(),
        release,
        namespace,
        from: server.and_then(|s| s.version.value().cloned()).or_else(|| tag(facts).map(str::to_owned)),
        to: None,
        made: facts.look.made,
        counts: Counts::default(),
        checks: findings,
        verdict: None,
        steps: Vec::new(),
        notes: Vec::new(),
    };
    report.count();
    report
}

/// The tag of the image that the server's workload asks for.
fn tag(facts: &Facts) -> Option<&str> {
    component::image_tag(&server_workload(facts)?.image)
}

fn server_workload(facts: &Facts) -> Option<&Workload> {
    facts.look.workloads.items().iter().find(|w| w.component == Component::Server)
}

/// When the present version came.
fn rolled_out(facts: &Facts) -> Option<Timestamp> {
    facts.look.rolled_out()
}

/// A fact of the server, or the answer that it is not known.
fn of<'a, T>(facts: &'a Facts, pick: impl FnOnce(&'a Server) -> &'a Fact<T>) -> Result<&'a T, Answer> {
    let server = known(&facts.server)?;
    let fact = pick(server);
    // What is missing for want of a token is said once, in full, by the check of the login.
    match (fact.reason(), server.who.reason()) {
        (Some(why), Some(login)) if why == login && !std::ptr::addr_eq(fact, &raw const server.who) => {
            let kind = || Why::of(login).and_then(Why::next).unwrap_or(serving::TOKEN);
            let next = serving::server_next(&server.who).unwrap_or_else(kind);
            Err(unknown("nobody is logged in: see the login above").next(next))
        }
        _ => known(fact),
    }
}

/// The same of what every user asks for: a token that was taken lets it be asked, whatever became of the question who we
/// are.
fn asked<T>(facts: &Facts, pick: fn(&Server) -> &Fact<T>) -> Result<&T, Answer> {
    let fact = pick(known(&facts.server)?);
    let at_login = fact.reason().is_some_and(|why| why.starts_with("logging in"));
    if fact.status() == Some(FAILED) && !at_login { Err(missing(fact)) } else { of(facts, pick) }
}

fn known<T>(fact: &Fact<T>) -> Result<&T, Answer> {
    fact.value().ok_or_else(|| missing(fact))
}

/// What becomes of a question without an answer: a server that failed at it fails.
fn missing<T>(fact: &Fact<T>) -> Answer {
    let why = fact.reason().unwrap_or_default();
    let answer = if fact.status() == Some(FAILED) { fail(why) } else { unknown(why) };
    serving::server_next(fact).into_iter().fold(answer, Answer::next)
}

/// An answer either way: what is missing is an answer, too.
fn either(answer: Result<Answer, Answer>) -> Answer {
    answer.unwrap_or_else(|missing| missing)
}
