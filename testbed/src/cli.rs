//! The command line: names, arguments and their help. It never does the work of a verb.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};

use crate::cluster::databases::{self, Engine, MYSQL_WORDS};
use crate::faults::values;
use crate::paths::Cache;
use crate::{chart, cluster, demo, failure, faults, images, load, say, suite, tools};

/// A real Kubernetes, real databases and a stand-in `OpenMetadata` server on one Linux machine.
///
/// Nothing is pulled from an image registry. Built things stay in `$OMUPGRADE_TESTBED_CACHE`
/// (default: `omupgrade-testbed` in the user's cache folder).
#[derive(Debug, Parser)]
#[command(name = "testbed", version)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Install and build what is missing, and print the folder with the binaries
    Tools {
        /// What to build
        #[arg(value_enum, default_value_t = Set::All)]
        set: Set,
    },
    /// Build images into the cache, from where the cluster pulls them
    Images {
        /// Which ones (default: all)
        names: Vec<String>,
    },
    /// Say whether this machine can run the cluster: exit code 3 if it never can, 1 if something is in the way
    Machine,
    /// Start the cluster and print its kubeconfig
    Up,
    /// Stop the cluster and remove everything it left on the machine
    Down,
    /// Say what runs; exit code 1 if the cluster is not whole
    Status,
    /// Print the last lines of a component's log
    Logs {
        /// A component, as `testbed status` names it
        component: String,
        /// How many lines
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        tail: u32,
    },
    /// Print the path of the kubeconfig
    Kubeconfig,
    /// Run a database and a search in a namespace, with volumes and the Secrets that the chart expects
    Database {
        /// Which one
        #[arg(value_enum)]
        engine: Engine,
        /// The namespace; made if it is missing
        #[arg(short, long, default_value = "default", value_parser = namespace)]
        namespace: String,
    },
    /// Play the story: a failed backup stops an upgrade, the next one succeeds under load, a bare rollback is stopped, the
    /// database comes back
    Demo,
    /// Send steady requests to a release and say how many failed; exit code 1 if any did, 130 if it was interrupted
    Load(load::Plan),
    /// Run the end-to-end suite on the running cluster; exit code 1 if a scenario failed
    Test(suite::Options),
    /// Kill a component of the cluster, and start it again after a while
    Outage {
        /// A component, as `testbed status` names it
        component: String,
        /// How long it is away
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(0..=3600))]
        seconds: u64,
    },
    /// Bring a fault about in a namespace, take it back (no value), or list what the stand-ins play (no name)
    #[command(after_help = format!("Faults and their values:\n{}", faults::known()))]
    Fault {
        /// Its name, for example `migrate-fails`
        name: Option<String>,
        /// Its value, for example `1.13.0:middle`
        value: Option<String>,
        /// The namespace that it strikes
        #[arg(short, long, default_value = "default", value_parser = namespace)]
        namespace: String,
    },
    /// Wrap a recorded post-renderer stream as a chart that helm can install
    Chart {
        /// The recorded stream
        #[arg(long)]
        from: PathBuf,
        /// The folder to make; it must not exist
        #[arg(long)]
        out: PathBuf,
    },
    #[command(hide = true)]
    Scenario {
        name: String,
        #[arg(value_enum)]
        engine: Engine,
    },
    #[command(hide = true)]
    ServeImages,
    #[command(hide = true)]
    ServeFaults,
    #[command(hide = true)]
    ProvisionVolumes,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Set {
    /// Everything
    All,
    /// Helm 3 and Helm 4 only
    Helm,
}

impl Verb {
    /// Whether it reads or writes what only root may.
    fn needs_root(&self) -> bool {
        matches!(self, Self::Database { .. } | Self::Demo | Self::Outage { .. } | Self::Fault { name: Some(_), .. })
    }
}

/// A namespace's name: what Kubernetes takes as a label of DNS.
fn namespace(text: &str) -> Result<String, String> {
    if values::label(text) {
        return Ok(text.to_owned());
    }
    Err("small letters, digits and dashes, at most 63, with no dash at either end".to_owned())
}

impl Cli {
    /// Does what the command line says.
    pub fn run(self) -> Result<ExitCode> {
        let cache = Cache::from_environment()?;
        if self.verb.needs_root() {
            tools::machine::must_be_root()?;
        }
        match self.verb {
            Verb::Tools { set: Set::All } => say::answer(&tools::all(&cache)?.display().to_string()),
            Verb::Tools { set: Set::Helm } => say::answer(&tools::helm(&cache)?.display().to_string()),
            Verb::Images { names } => images::build(&cache, &names)?,
            Verb::Machine => {
                tools::machine::check()?;
                if let Err(error) = tools::nothing_in_the_way(&cache) {
                    failure::report(&error);
                    return Ok(ExitCode::FAILURE);
                }
                say::answer("this machine can run the cluster");
            }
            Verb::Up => cluster::up::run(&cache)?,
            Verb::Down => cluster::down::run()?,
            Verb::Status => return cluster::status::run(&cache),
            Verb::Logs { component, tail } => cluster::status::logs(&cache, &component, usize::try_from(tail)?)?,
            Verb::Kubeconfig => say::answer(&cluster::kubeconfig()?.display().to_string()),
            Verb::Database { engine, namespace } => {
                databases::run(&cache, engine, &namespace)?;
                if engine == Engine::Mysql {
                    say::answer(&format!("helm needs, beside --post-renderer: {MYSQL_WORDS}"));
                }
            }
            Verb::Demo => demo::run(&cache)?,
            Verb::Load(plan) => return load::run(&cache, &plan),
            Verb::Test(options) => {
                return Ok(if suite::run(&cache, &options)? { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Verb::Scenario { name, engine } => suite::play(&cache, &name, engine)?,
            Verb::Outage { component, seconds } => cluster::outage::run(&cache, &component, seconds)?,
            Verb::Fault { name, value, namespace } => {
                faults::order(&cache, &namespace, name.as_deref(), value.as_deref())?;
            }
            Verb::Chart { from, out } => chart::write(&from, &out)?,
            Verb::ServeImages => images::registry::serve(&cache)?,
            Verb::ServeFaults => faults::serve()?,
            Verb::ProvisionVolumes => cluster::volumes::run(&cache),
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_a_label() {
        for right in ["om", "om-1", "7"] {
            assert!(namespace(right).is_ok(), "{right}");
        }
        for wrong in ["", "../etc", "a/b", "-n", "om-", "Om", "a".repeat(64).as_str()] {
            assert!(namespace(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_have_their_ranges() {
        let fits = |words: &[&str]| Cli::try_parse_from([&["testbed"][..], words].concat()).is_ok();
        assert!(fits(&["outage", "etcd", "--seconds", "3600"]));
        assert!(!fits(&["outage", "etcd", "--seconds", "3601"]));
        assert!(fits(&["logs", "etcd", "--tail", "1000"]));
        assert!(!fits(&["logs", "etcd", "--tail", "99999999999999999999"]));
    }
}
