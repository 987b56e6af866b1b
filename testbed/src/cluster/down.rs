//! Stops the cluster and removes what it put on the machine, whatever state it is in. It never needs the cluster to answer.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};

use super::process::Identity;
use super::{disk, leftovers, mounts, network, process};
use crate::failure::Failure;
use crate::{say, tools};

/// Stops and removes everything, after whoever starts or removes it now.
pub fn run() -> Result<()> {
    tools::machine::check()?;
    let _turn = super::turn()?;
    if !remove()? {
        say::step("no cluster is here");
    }
    Ok(())
}

/// Stops and removes what is there of a cluster, if anything is; the caller has the turn.
pub fn remove() -> Result<bool> {
    if !disk::exists() && process::marked().is_empty() && !network::exists() {
        return Ok(false);
    }
    say::step("stopping processes");
    end_processes()?;
    say::step("removing mounts");
    mounts::remove()?;
    say::step("removing links and packet rules");
    network::remove()?;
    say::step("removing files");
    leftovers::remove();
    disk::remove()?;
    say::step("the cluster is gone");
    Ok(true)
}

/// Ends every marked process, each by its own id: politely first, then not. New ones may appear while old ones end.
fn end_processes() -> Result<()> {
    let start = Instant::now();
    loop {
        let left = process::marked();
        if left.is_empty() {
            return Ok(());
        }
        let waited = start.elapsed();
        if waited > Duration::from_secs(30) {
            let ids: Vec<String> = left.iter().map(|identity| identity.pid.to_string()).collect();
            let what = format!("{} processes do not end: {}", left.len(), ids.join(" "));
            return Err(Failure::late(what, format!("ps -fp {}", ids.join(","))).into());
        }
        // Nothing here holds data worth a slow goodbye; two seconds let daemons write their last log lines.
        let signal = if waited < Duration::from_secs(2) { Signal::TERM } else { Signal::KILL };
        for identity in left {
            send(identity, signal);
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn send(identity: Identity, signal: Signal) {
    // Between reading and sending the process may end; its id is not given anew that fast, and we look again anyway.
    if let Some(pid) = Pid::from_raw(identity.pid).filter(|_| identity.runs()) {
        let _ = kill_process(pid, signal);
    }
}
