//! The list of a precheck and what follows from it. Pure: facts and tables in, a report out. The list is made of the
//! lists of its groups; their order is the order in which they are read.

mod backup;
mod case;
mod database;
mod decide;
mod dependencies;
mod estimate;
mod facts;
mod images;
mod keys;
mod kinds;
mod ownership;
mod path;
mod platform;
mod pods;
pub mod read;
mod release_notes;
mod search;
mod steps;
mod tables;
mod values;
mod window;

pub use case::{Case, Pending};
pub use decide::{REFUSED, Way, decide};
pub use facts::{
    Asked, BackupPlace, Budget, Facts, IN_KUBERNETES, Ingestion, Key, Keys, Neighbour, Pull, Room,
    SCHEMA as FACTS_SCHEMA, Scaler, Search, Server, Stored, in_place,
};
pub use images::target as target_image;
pub use kinds::Kinds;
pub use tables::{Tables, files};
pub use values::{MASK, Values};

use super::report::{Counts, Report, SCHEMA};
use super::row::{Check, Names, run};

/// Every check, in the order in which it is read.
pub fn checks() -> impl Iterator<Item = &'static Check<Case>> {
    [
        path::CHECKS,
        release_notes::CHECKS,
        database::CHECKS,
        search::CHECKS,
        platform::CHECKS,
        backup::CHECKS,
        keys::CHECKS,
        pods::CHECKS,
        ownership::CHECKS,
        window::CHECKS,
    ]
    .into_iter()
    .flatten()
}

/// The names of the checks.
pub fn ids() -> Vec<&'static str> {
    checks().map(|c| c.row.id).collect()
}

/// Asks all checks. The verdict comes after waivers: see [`decide`].
pub fn report(case: &Case) -> Report {
    let facts = &case.facts;
    let names = Names {
        verb: "precheck".to_owned(),
        release: facts.release.clone(),
        namespace: facts.namespace.clone(),
        to: case.to().to_string(),
        workload: case.workload(),
        revision: facts.helm.value().and_then(|helm| helm.taken),
    };
    let mut report = Report {
        schema: SCHEMA.to_owned(),
        verb: "precheck".to_owned(),
        release: facts.release.clone(),
        namespace: facts.namespace.clone(),
        from: case.from().map(|v| v.to_string()),
        to: Some(case.to().to_string()),
        made: facts.made,
        counts: Counts::default(),
        checks: run(checks(), case, &names),
        verdict: None,
        steps: Vec::new(),
        notes: Vec::new(),
    };
    report.count();
    report
}
