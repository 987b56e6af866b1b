//! Takes one component away for a while, as a crash would: killed without a goodbye, started again later. It never touches its data.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::components::{COMPONENTS, Component};
use super::{process, up};
use crate::failure::Failure;
use crate::paths::Cache;
use crate::{interrupt, say};

/// Kills the component, waits, and starts it again.
pub fn run(cache: &Cache, name: &str, seconds: u64) -> Result<()> {
    let Some(component) = COMPONENTS.iter().find(|component| component.name == name) else {
        let known: Vec<&str> = COMPONENTS.iter().map(|component| component.name).collect();
        bail!(Failure::words(
            format!("no component is called {name}; there are {}", known.join(", ")),
            "testbed status"
        ));
    };
    let Some(identity) = process::running(name) else {
        bail!(Failure::new(format!("{name} does not run"), "testbed up"));
    };
    startable(cache, component)?;
    // Whoever loses patience gets the component back too.
    interrupt::note()?;
    if let Some(pid) = Pid::from_raw(identity.pid) {
        kill_process(pid, Signal::KILL)?;
    }
    say::step(&format!("{name} is away for {seconds} s"));
    let waited = interrupt::sleep(Duration::from_secs(seconds));
    let identity = up::start(cache, component)?;
    // Most that cannot start say so in their first moments.
    std::thread::sleep(Duration::from_secs(1));
    if !identity.runs() {
        bail!(Failure::new(format!("{name} was started again and ended at once"), format!("testbed logs {name}")));
    }
    say::step(&format!("{name} is back"));
    if !waited {
        bail!(Failure::interrupted(format!("interrupted; {name} is back already"), "testbed status"));
    }
    Ok(())
}

/// What could not be started again is not killed.
fn startable(cache: &Cache, component: &Component) -> Result<()> {
    let program = component.program.path(cache).context("cannot find this program's own file")?;
    if program.exists() {
        return Ok(());
    }
    let what =
        format!("{} is not killed: it could not be started again, {} is gone", component.name, program.display());
    bail!(Failure::new(what, "testbed tools"))
}
