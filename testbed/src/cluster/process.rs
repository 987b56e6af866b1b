//! Starts the cluster's daemons and knows them again: by id and start time, never by name. It never ends one.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};

use crate::failure::Failure;
use crate::{paths, surroundings};

/// Marks every process of the cluster in its environment; what a daemon starts inherits it.
pub const MARK: &str = "OMUPGRADE_TESTBED_DAEMON";

/// Where the machine's start is noted: in a file of its own, so that an older testbed still reads the records.
const BOOT: &str = "boot";

/// A process that cannot be mistaken for a later one with the same id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// The process id.
    pub pid: i32,
    started: u64,
}

impl Identity {
    /// Looks a running process up.
    pub fn of(pid: i32) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let (state, started) = state_and_start(&text)?;
        // A zombie has ended; only its parent has not noticed.
        (state != 'Z').then_some(Self { pid, started })
    }

    /// Whether it still runs.
    pub fn runs(self) -> bool {
        Self::of(self.pid) == Some(self)
    }
}

/// State and start time from a line of `/proc/PID/stat`; the name in it may hold spaces and parentheses.
fn state_and_start(stat: &str) -> Option<(char, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((state, fields.nth(18)?.parse().ok()?))
}

/// The log of a component.
pub fn log(name: &str) -> PathBuf {
    paths::state(&format!("logs/{name}.log"))
}

/// Starts a daemon apart from the terminal, so that closing it does not end the daemon.
pub fn start(name: &str, program: &Path, arguments: &[String], environment: &[(String, String)]) -> Result<Identity> {
    let path = log(name);
    let file = File::options().create(true).append(true).open(&path);
    let file = file.with_context(|| format!("cannot write {}", path.display()))?;
    let errors = file.try_clone().with_context(|| format!("cannot write {}", path.display()))?;
    // nice and setsid replace themselves by the program, so the child's id is the daemon's. Before others, because the
    // daemons hold leases and answer probes that have deadlines.
    let child = surroundings::program("nice")
        .args(["-n", "-5", "setsid"])
        .arg(program)
        .args(arguments)
        .env(MARK, paths::STATE)
        .envs(environment.iter().map(|(key, value)| (key, value)))
        .current_dir(paths::STATE)
        .stdin(Stdio::null())
        .stdout(file)
        .stderr(errors)
        .spawn()
        .map_err(|error| Failure::new(format!("cannot start {name}: {error}"), "testbed tools"))?;
    let pid = i32::try_from(child.id()).context("a process id out of range")?;
    let identity = Identity::of(pid)
        .ok_or_else(|| Failure::new(format!("{name} ended at once"), format!("testbed logs {name}")))?;
    let record = paths::state(&format!("run/{name}"));
    fs::write(&record, format!("{} {}", identity.pid, identity.started))
        .with_context(|| format!("cannot write {}", record.display()))?;
    Ok(identity)
}

/// The daemon that `start` recorded, if it still runs.
pub fn running(name: &str) -> Option<Identity> {
    let text = fs::read_to_string(paths::state(&format!("run/{name}"))).ok()?;
    let of = fs::read_to_string(paths::state(BOOT)).ok();
    recorded(&text, of.as_deref(), &boot()).filter(|identity| identity.runs())
}

/// What a record says, unless the cluster was started before this machine was: ids and start times begin anew there.
fn recorded(text: &str, of: Option<&str>, now: &str) -> Option<Identity> {
    let (pid, started) = text.split_once(' ')?;
    let identity = Identity { pid: pid.parse().ok()?, started: started.parse().ok()? };
    of.is_none_or(|of| of == now).then_some(identity)
}

/// Notes in which start of the machine the cluster is started.
pub fn remember_boot() -> Result<()> {
    let file = paths::state(BOOT);
    fs::write(&file, boot()).with_context(|| format!("cannot write {}", file.display()))
}

/// This start of the machine.
fn boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

/// Every process that bears the cluster's mark: daemons by their environment, containers by their cgroup.
pub fn marked() -> Vec<Identity> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| *pid != own && is_marked(*pid))
        .filter_map(Identity::of)
        .collect()
}

fn is_marked(pid: i32) -> bool {
    let mark = format!("{MARK}={}", paths::STATE);
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    if environment.split(|byte| *byte == 0).any(|variable| variable == mark.as_bytes()) {
        return true;
    }
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    groups.lines().any(|line| line.contains(&format!(":/{}/", super::CGROUP)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_is_read_right() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1000 5";
        assert_eq!(state_and_start(stat), Some(('S', 4242)));
    }

    #[test]
    fn this_process_runs_and_is_not_mistaken_for_another() {
        let own = Identity::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        assert!(own.runs());
        assert!(!Identity { started: own.started + 1, ..own }.runs());
    }

    #[test]
    fn a_record_from_before_the_machines_last_start_is_of_nobody() {
        let known = Identity { pid: 7, started: 4242 };
        assert_eq!(recorded("7 4242", Some("this"), "this"), Some(known));
        assert_eq!(recorded("7 4242", Some("earlier"), "this"), None);
        assert_eq!(recorded("7 4242", None, "this"), Some(known), "a cluster of an older testbed");
        assert_eq!(recorded("7", Some("this"), "this"), None);
        assert!(!boot().is_empty());
    }
}
