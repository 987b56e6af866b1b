//! Faults on demand, as one table: those that the stand-ins play when they ask, and those that are done to the cluster. It never strikes by itself.

mod database;
mod helm;
mod node;
mod objects;
mod server;

use anyhow::{Result, bail};

use crate::cluster::kubectl::kubectl;
use crate::failure::Failure;
use crate::paths::Cache;
use crate::say;

pub use server::{clear, serve};

/// Where a fault strikes.
pub struct Scene<'a> {
    /// Where built things are.
    pub cache: &'a Cache,
    /// The namespace.
    pub namespace: &'a str,
}

impl Scene<'_> {
    fn kubectl(&self, doing: &str) -> crate::call::Call {
        kubectl(self.cache, doing).args(["-n", self.namespace])
    }
}

/// One fault.
struct Fault {
    name: &'static str,
    /// What its value means.
    value: &'static str,
    way: Way,
}

/// How it comes about.
enum Way {
    /// The stand-ins of the namespace play it.
    Played,
    /// It is done, and can be undone.
    Done { strike: fn(&Scene, &str) -> Result<()>, heal: fn(&Scene) -> Result<()> },
    /// It is done once, as soon as its moment comes, and leaves nothing to undo.
    Once { strike: fn(&Scene, &str) -> Result<()> },
}

/// All of them.
const FAULTS: &[Fault] = &[
    Fault { name: "migrate-fails", value: "VERSION:before|middle|after", way: Way::Played },
    Fault { name: "migrate-hangs", value: "VERSION:before|middle|after", way: Way::Played },
    Fault { name: "migrate-slow", value: "SECONDS before every statement", way: Way::Played },
    Fault { name: "slow-start", value: "SECONDS before the server starts", way: Way::Played },
    Fault { name: "crash-loop", value: "yes: the server ends at its start", way: Way::Played },
    Fault { name: "answers-500", value: "yes: every request fails", way: Way::Played },
    Fault { name: "loses-database", value: "yes: the server's questions to its database fail", way: Way::Played },
    Fault { name: "loses-search", value: "yes: the server's questions to search fail", way: Way::Played },
    Fault { name: "search-down", value: "yes: search answers 503", way: Way::Played },
    Fault { name: "search-health", value: "green|yellow|red: what search says of itself", way: Way::Played },
    Fault { name: "search-drift", value: "INDEX whose mapping is not what the server wrote", way: Way::Played },
    Fault {
        name: "database-away",
        value: "yes: the namespace's own database stops",
        way: Way::Done { strike: database::stop, heal: database::start },
    },
    Fault {
        name: "dump-cut",
        value: "SECONDS to wait for a dump, whose connection is then cut",
        way: Way::Once { strike: database::cut },
    },
    Fault {
        name: "wrong-fernet-key",
        value: "yes: pods that start from now on have another key",
        way: Way::Done { strike: objects::change_key, heal: objects::change_key_back },
    },
    Fault {
        name: "quota",
        value: "PODS that the namespace may have",
        way: Way::Done { strike: objects::limit, heal: objects::lift_limit },
    },
    Fault {
        name: "stuck-job",
        value: "JOB that gets a finalizer which nobody removes; waited for",
        way: Way::Done { strike: objects::hold_job, heal: objects::release_jobs },
    },
    Fault {
        name: "disk-full",
        value: "CLAIM of the class testbed-sized",
        way: Way::Done { strike: objects::fill_claim, heal: objects::empty_claims },
    },
    Fault {
        name: "node-cordoned",
        value: "NODE; testbed-2 carries only what tolerates it",
        way: Way::Done { strike: node::cordon, heal: node::open },
    },
    Fault { name: "node-drained", value: "NODE", way: Way::Done { strike: node::drain, heal: node::open } },
    Fault {
        name: "node-full",
        value: "NODE on which nothing more has room",
        way: Way::Done { strike: node::fill, heal: node::make_room },
    },
    Fault { name: "helm-killed", value: "pending|hook|applied: the moment", way: Way::Once { strike: helm::kill } },
];

/// Brings a fault about, or with no value takes it back; with no name lists what is ordered of the stand-ins.
pub fn order(cache: &Cache, namespace: &str, name: Option<&str>, value: Option<&str>) -> Result<()> {
    let Some(name) = name else {
        say::answer(server::ordered(namespace).trim_end());
        return Ok(());
    };
    let Some(fault) = FAULTS.iter().find(|fault| fault.name == name) else {
        bail!(Failure::new(format!("no fault is called {name}; there are:\n{}", known()), "testbed fault --help"));
    };
    let scene = Scene { cache, namespace };
    match (&fault.way, value) {
        (Way::Played, Some(value)) => server::write(namespace, name, value),
        (Way::Played, None) => server::remove(namespace, name),
        (Way::Done { strike, .. } | Way::Once { strike }, Some(value)) => strike(&scene, value),
        (Way::Done { heal, .. }, None) => heal(&scene),
        (Way::Once { .. }, None) => bail!(Failure::new(
            format!("{name} strikes once and leaves nothing to take back"),
            format!("testbed fault {name} {:?}", fault.value),
        )),
    }
}

/// The table, for people.
pub fn known() -> String {
    let lines: Vec<String> = FAULTS.iter().map(|fault| format!("  {:<17} {}", fault.name, fault.value)).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_has_its_own_name() {
        for (at, fault) in FAULTS.iter().enumerate() {
            assert!(FAULTS[at + 1..].iter().all(|other| other.name != fault.name), "{}", fault.name);
        }
    }

    #[test]
    fn every_fault_is_struck_in_a_scenario() {
        let folder = crate::paths::source("src/scenarios");
        let files =
            std::fs::read_dir(folder).unwrap().map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        let scenarios: String = files.collect();
        for Fault { name, .. } in FAULTS {
            // By itself, or as a line of a scenario's table of faults and values.
            let struck = [format!("fault(\"{name}\", "), format!("    (\"{name}\", \"")];
            assert!(struck.iter().any(|words| scenarios.contains(words)), "no scenario strikes {name}");
        }
    }
}
