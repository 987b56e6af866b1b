//! Faults on demand, as one table: those that the stand-ins play when they ask, and those that are done to the cluster. It never strikes by itself.

mod database;
mod helm;
mod image;
mod node;
mod objects;
mod server;
pub mod values;

use anyhow::{Result, bail};

use crate::cluster::{self, kubectl::kubectl};
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

    /// What tells the namespace from an earlier one of the same name.
    fn uid(&self) -> Result<String> {
        cluster::kubeconfig()?;
        let words = ["get", "namespace", self.namespace, "--ignore-not-found", "-o", "jsonpath={.metadata.uid}"];
        let uid = kubectl(self.cache, "looking for the namespace").args(words).text()?;
        if uid.is_empty() {
            let hint = format!("testbed database postgres -n {}", self.namespace);
            bail!(Failure::new(format!("the cluster has no namespace {}", self.namespace), hint));
        }
        Ok(uid)
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
    /// The stand-ins of the namespace play it, if its value is one that they understand.
    Played { fits: fn(&str) -> bool },
    /// It is done, and can be undone.
    Done { fits: fn(&str) -> bool, strike: fn(&Scene, &str) -> Result<()>, heal: fn(&Scene) -> Result<()> },
    /// It is done once, as soon as its moment comes, and leaves nothing to undo. To look comes first: what is there already
    /// is not the moment.
    Once { fits: fn(&str) -> bool, look: fn(&Scene, &str) -> Result<Waiter> },
}

/// What waits for a fault's moment and strikes.
pub type Waiter = Box<dyn FnOnce(&Scene) -> Result<()> + Send>;

const fn played(name: &'static str, value: &'static str, fits: fn(&str) -> bool) -> Fault {
    Fault { name, value, way: Way::Played { fits } }
}

/// All of them.
const FAULTS: &[Fault] = &[
    played("migrate-fails", "VERSION:before|middle|after", values::moment),
    played("migrate-hangs", "VERSION:before|middle|after", values::moment),
    played("migrate-slow", "SECONDS before every statement", values::seconds),
    played("suffixed-row", "collate|baseline: migrate also writes a row of another distribution", |value| {
        matches!(value, "collate" | "baseline")
    }),
    played("slow-start", "SECONDS before the server starts", values::seconds),
    played("crash-loop", "yes: the server ends at its start", values::yes),
    played("answers-500", "yes: every request fails", values::yes),
    played("loses-database", "yes: the server's questions to its database fail", values::yes),
    played("loses-search", "yes: the server's questions to search fail", values::yes),
    played("search-down", "yes: search answers 503", values::yes),
    played("search-health", "green|yellow|red: what search says of itself", |value| {
        matches!(value, "green" | "yellow" | "red")
    }),
    played("search-drift", "INDEX whose mapping is not what the server wrote", values::name),
    Fault {
        name: "database-away",
        value: "yes: the namespace's own database stops",
        way: Way::Done { fits: values::yes, strike: database::stop, heal: database::start },
    },
    Fault {
        name: "dump-cut",
        value: "SECONDS to wait for a dump that reads rows, whose connection is then cut (the database looks for one until they are over)",
        way: Way::Once { fits: values::dump, look: database::cut },
    },
    Fault {
        name: "image-missing",
        value: "yes: the Deployment names an image that no registry has",
        way: Way::Done { fits: values::yes, strike: image::miss, heal: image::find },
    },
    Fault {
        name: "wrong-fernet-key",
        value: "yes: pods that start from now on have another key",
        way: Way::Done { fits: values::yes, strike: objects::change_key, heal: objects::change_key_back },
    },
    Fault {
        name: "quota",
        value: "PODS that the namespace may have",
        way: Way::Done { fits: values::number, strike: objects::limit, heal: objects::lift_limit },
    },
    Fault {
        name: "stuck-job",
        value: "JOB that gets a finalizer which nobody removes; waited for",
        way: Way::Done { fits: values::object, strike: objects::hold_job, heal: objects::release_jobs },
    },
    Fault {
        name: "disk-full",
        value: "CLAIM of the class testbed-sized",
        way: Way::Done { fits: values::object, strike: objects::fill_claim, heal: objects::empty_claims },
    },
    Fault {
        name: "node-cordoned",
        value: "NODE; testbed-2 carries only what tolerates it",
        way: Way::Done { fits: node::exists, strike: node::cordon, heal: node::open },
    },
    Fault {
        name: "node-drained",
        value: "NODE",
        way: Way::Done { fits: node::exists, strike: node::drain, heal: node::open },
    },
    Fault {
        name: "node-full",
        value: "NODE on which nothing that asks for processor time has room",
        way: Way::Done { fits: node::exists, strike: node::fill, heal: node::make_room },
    },
    Fault {
        name: "helm-killed",
        value: "pending|hook|applied: the moment",
        way: Way::Once { fits: helm::is_moment, look: helm::look },
    },
];

/// Brings a fault about, or with no value takes it back; with no name lists what was brought about and not taken back.
pub fn order(cache: &Cache, namespace: &str, name: Option<&str>, value: Option<&str>) -> Result<()> {
    let Some(name) = name else {
        let all = server::ordered(namespace) + &server::done(namespace);
        say::answer(all.trim_end());
        if all.is_empty() {
            say::line(&format!("no fault is at work in {namespace}"));
        }
        return Ok(());
    };
    let (fault, scene) = (named(name)?, Scene { cache, namespace });
    if let Some(value) = value {
        fault.refuse_unless_fit(value)?;
    }
    // What is left of a namespace that is gone can be taken back.
    if let (Way::Played { .. }, None) = (&fault.way, value) {
        return server::remove(namespace, name);
    }
    server::belongs_to(namespace, &scene.uid()?)?;
    match (&fault.way, value) {
        (Way::Played { .. }, Some(value)) => server::write(namespace, name, value),
        (Way::Played { .. }, None) => server::remove(namespace, name),
        (Way::Done { strike, .. }, Some(value)) => {
            server::note(namespace, name, value)?;
            strike(&scene, value)
        }
        (Way::Done { heal, .. }, None) => {
            heal(&scene)?;
            FAULTS
                .iter()
                .filter(|other| other.is_healed_by(*heal))
                .try_for_each(|other| server::forget(namespace, other.name))
        }
        (Way::Once { look, .. }, Some(value)) => look(&scene, value)?(&scene),
        (Way::Once { .. }, None) => bail!(Failure::words(
            format!("{name} strikes once and leaves nothing to take back"),
            format!("testbed fault {name} {:?}", fault.value),
        )),
    }
}

/// Drops what was ordered of a namespace of this name that is gone.
pub fn forget_earlier(cache: &Cache, namespace: &str) -> Result<()> {
    server::belongs_to(namespace, &Scene { cache, namespace }.uid()?)
}

/// Looks for a fault that waits for its moment, and returns what waits: whoever brings the moment about begins after this.
pub fn look(scene: &Scene, name: &str, value: &str) -> Result<Waiter> {
    let fault = named(name)?;
    fault.refuse_unless_fit(value)?;
    match fault.way {
        Way::Once { look, .. } => look(scene, value),
        _ => bail!("{name} waits for no moment"),
    }
}

fn named(name: &str) -> Result<&'static Fault> {
    match FAULTS.iter().find(|fault| fault.name == name) {
        Some(fault) => Ok(fault),
        None => {
            bail!(Failure::words(format!("no fault is called {name}; there are:\n{}", known()), "testbed fault --help"))
        }
    }
}

impl Fault {
    /// Whether this takes it back, with whatever else: a node that is open again is neither cordoned nor drained.
    fn is_healed_by(&self, with: fn(&Scene) -> Result<()>) -> bool {
        matches!(self.way, Way::Done { heal, .. } if std::ptr::fn_addr_eq(heal, with))
    }

    /// A value with which nothing would happen, or something else, is refused in the table's own words.
    fn refuse_unless_fit(&self, value: &str) -> Result<()> {
        let Self { name, value: wanted, way } = self;
        let (Way::Played { fits } | Way::Done { fits, .. } | Way::Once { fits, .. }) = way;
        if fits(value) {
            return Ok(());
        }
        bail!(Failure::words(format!("{value:?} is no value of {name}, which takes {wanted}"), "testbed fault --help"))
    }
}

/// Their names.
#[cfg(test)]
pub fn names() -> impl Iterator<Item = &'static str> {
    FAULTS.iter().map(|fault| fault.name)
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
    fn opening_a_node_takes_back_what_closed_it_and_no_more() {
        let healed: Vec<_> =
            FAULTS.iter().filter(|fault| fault.is_healed_by(node::open)).map(|fault| fault.name).collect();
        assert_eq!(healed, ["node-cordoned", "node-drained"]);
    }

    #[test]
    fn a_value_that_nobody_understands_is_refused_in_the_tables_words() {
        let refused = |name: &str, value: &str| named(name).unwrap().refuse_unless_fit(value).unwrap_err().to_string();
        for (name, value) in [
            ("slow-start", "abc"),
            ("slow-start", "-1"),
            ("migrate-slow", "0"),
            ("slow-start", "1e19"),
            ("migrate-slow", "inf"),
            ("migrate-fails", "1.13.0"),
            ("migrate-fails", "1.12.14:middle"),
            ("migrate-fails", "01.13.0:middle"),
            ("migrate-hangs", "+1.13.0:before"),
            ("migrate-hangs", "1.13.0:soon"),
            ("crash-loop", "1"),
            ("search-health", "blue"),
            ("search-drift", ""),
            ("suffixed-row", "other"),
            ("database-away", "no"),
            ("image-missing", "off"),
            ("wrong-fernet-key", "no"),
            ("quota", "many"),
            ("stuck-job", "--all"),
            ("disk-full", "-o"),
            ("node-cordoned", "--help"),
            ("node-full", "another"),
            ("dump-cut", "601"),
            ("helm-killed", "later"),
        ] {
            assert!(refused(name, value).contains(&format!("is no value of {name}, which takes ")), "{name} {value}");
        }
        for (name, value) in [
            ("slow-start", "0.5"),
            ("migrate-fails", "1.13.0:middle"),
            ("crash-loop", "yes"),
            ("database-away", "yes"),
            ("quota", "0"),
            ("disk-full", "om-omupgrade-backup"),
            ("node-drained", "testbed-2"),
            ("helm-killed", "hook"),
        ] {
            assert!(named(name).unwrap().refuse_unless_fit(value).is_ok(), "{name} {value}");
        }
    }

    #[test]
    fn every_fault_is_struck_in_a_scenario() {
        let scenarios: String = std::fs::read_dir(crate::paths::source("src/scenarios"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| std::fs::read_to_string(path).unwrap())
            .collect();
        for Fault { name, .. } in FAULTS {
            // By itself, while something else is done, or as a line of a scenario's table of faults and values.
            let struck = ["fault(", "fault_during(", "    ("].map(|call| format!("{call}\"{name}\", "));
            let shown = scenarios.contains(&format!("(stage, \"{name}\", "));
            assert!(shown || struck.iter().any(|words| scenarios.contains(words)), "no scenario strikes {name}");
        }
        for moment in ["before", "middle", "after"] {
            assert!(scenarios.contains(&format!("fault(\"migrate-fails\", \"1.13.0:{moment}\")")), "{moment}");
        }
    }
}
