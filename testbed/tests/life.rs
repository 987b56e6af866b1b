//! `up` and `down` on this machine, without a cluster before: whatever is killed at whatever moment, `down` leaves nothing.
//! Run by `./check` just before its own `up`; needs what `up` needs, and nobody else who starts containers meanwhile.

#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the cluster's processes bear in their environment, and the group that its pods are in.
const MARK: &str = "OMUPGRADE_TESTBED_DAEMON=";
const GROUP: &str = "/omupgrade-testbed";
const FOLDERS: &[&str] =
    &["/var/lib", "/run", "/run/containerd", "/var/log/containers", "/var/log/pods", "/var/lib/cni"];
const SETTINGS: &[&str] =
    &["net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet", "vm/overcommit_memory", "kernel/panic"];

#[test]
#[ignore = "starts and removes the machine's only cluster: ./check calls it"]
fn down_leaves_nothing_whatever_was_killed() {
    assert!(!testbed("status").status().unwrap().success(), "a cluster is here: testbed down");
    assert!(marked().is_empty(), "processes of a cluster are here: testbed down");
    let before = machine();

    // In the middle of `up`, when some daemons run and some do not.
    let mut half_way = begin_up();
    read_until(&mut half_way, "starting kube-scheduler");
    half_way.kill().unwrap();
    half_way.wait().unwrap();
    assert!(!marked().is_empty(), "nothing had been started");
    down_to(&before);

    // Two at once make one cluster; then everything of it dies.
    let both = [begin_up(), begin_up()];
    for mut up in both {
        read_until(&mut up, "nothing says this");
        assert!(up.wait().unwrap().success(), "of two at once one failed");
    }
    assert!(testbed("status").status().unwrap().success(), "the cluster is not whole");
    await_pod();
    for pid in marked() {
        // Containers may go with their shims.
        let _ = Command::new("kill").args(["-KILL", &pid]).stderr(Stdio::null()).status();
    }
    down_to(&before);
    assert!(testbed("down").status().unwrap().success(), "a second `down` fails");
}

/// A pod has mounts, a link, addresses and rules of its own.
fn await_pod() {
    let has_link = || fs::read_dir("/sys/class/net/omtb0/brif").is_ok_and(|mut links| links.next().is_some());
    for _ in 0..120 {
        if has_link() {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    panic!("no pod came");
}

fn testbed(verb: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_testbed"));
    command.arg(verb).stdout(Stdio::null());
    command
}

fn begin_up() -> Child {
    testbed("up").stderr(Stdio::piped()).spawn().unwrap()
}

/// Shows what it says, until it says this or ends.
fn read_until(up: &mut Child, words: &str) {
    let said = BufReader::new(up.stderr.take().unwrap()).lines();
    for line in said.map_while(Result::ok) {
        println!("{line}");
        if line.contains(words) {
            return;
        }
    }
}

fn down_to(before: &BTreeSet<String>) {
    assert!(testbed("down").status().unwrap().success(), "`down` failed");
    // What was killed goes when its last thread does, a network namespace when its last process does: the kernel takes its
    // time.
    for _ in 0..20 {
        if marked().is_empty() && machine() == *before {
            return;
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(marked(), Vec::<String>::new(), "processes are left");
    let after = machine();
    let (left, gone): (Vec<_>, Vec<_>) = (after.difference(before).collect(), before.difference(&after).collect());
    panic!("left: {left:#?}\ngone: {gone:#?}");
}

/// Everything that `up` changes, one line each.
fn machine() -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    lines
        .extend(mounts.lines().filter_map(|line| line.split_whitespace().nth(4)).map(|point| format!("mount {point}")));
    for folder in
        FOLDERS.iter().chain(&["/sys/class/net", "/sys/fs/cgroup", "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/memory"])
    {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        lines.extend(entries.map(|entry| format!("file {}", entry.path().display())));
    }
    for setting in SETTINGS {
        let value = fs::read_to_string(format!("/proc/sys/{setting}")).unwrap_or_default();
        lines.insert(format!("setting {setting} {}", value.trim()));
    }
    for save in ["iptables-save", "ip6tables-save"] {
        let said = Command::new(save).stderr(Stdio::null()).output().map(|said| said.stdout).unwrap_or_default();
        let said = String::from_utf8_lossy(&said).into_owned();
        // Not the counters of chains, and not the empty tables that a look makes.
        let rules =
            said.lines().filter(|line| line.starts_with("-A") || line.starts_with(':') && line.contains(" - ["));
        lines.extend(rules.map(|line| format!("{save} {}", line.split('[').next().unwrap_or(line))));
    }
    lines
}

/// The ids of the cluster's processes.
fn marked() -> Vec<String> {
    let own = std::process::id().to_string();
    let ids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().into_string().ok());
    ids.filter(|pid| pid.parse::<u32>().is_ok() && *pid != own)
        .filter(|pid| {
            // One that ended and was not noticed by its parent is none any more.
            let state = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            if state.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')) {
                return false;
            }
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(MARK.as_bytes()))
                || groups.lines().any(|line| line.contains(&format!(":{GROUP}/")))
        })
        .collect()
}
