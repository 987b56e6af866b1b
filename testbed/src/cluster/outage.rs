//! Takes one component away for a while, as a crash would: killed without a goodbye, started again later. It never touches its data.

use std::time::Duration;

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::components::COMPONENTS;
use super::{process, up};
use crate::failure::Failure;
use crate::paths::Cache;
use crate::say;

/// Kills the component, waits, and starts it again.
pub fn run(cache: &Cache, name: &str, seconds: u64) -> Result<()> {
    let Some(component) = COMPONENTS.iter().find(|component| component.name == name) else {
        let known: Vec<&str> = COMPONENTS.iter().map(|component| component.name).collect();
        bail!(Failure::new(format!("no component is called {name}; there are {}", known.join(", ")), "testbed status"));
    };
    let Some(identity) = process::running(name) else {
        bail!(Failure::new(format!("{name} does not run"), "testbed up"));
    };
    if let Some(pid) = Pid::from_raw(identity.pid) {
        kill_process(pid, Signal::KILL)?;
    }
    say::step(&format!("{name} is away for {seconds} s"));
    std::thread::sleep(Duration::from_secs(seconds));
    up::start(cache, component)?;
    say::step(&format!("{name} is back"));
    Ok(())
}
