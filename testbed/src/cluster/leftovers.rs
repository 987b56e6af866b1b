//! What daemons and containers leave outside the cluster's folder: sockets, links to logs, cgroups. It never removes what another program still uses.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use super::CGROUP;
use super::nodes::NODES;
use crate::paths::{self, STATE};

/// Folders that containerd, CNI and the kubelet make wherever they are told to keep their data.
const FIXED: &[&str] = &[
    "/run/containerd",
    "/var/lib/cni",
    "/var/lib/kubelet",
    "/var/log/containers",
    "/var/log/pods",
    "/usr/libexec/kubernetes",
];
const ABSENT: &str = "absent-before";

/// Notes which of the fixed folders are not there yet: those are ours to remove whole.
pub fn remember() -> Result<()> {
    let absent: Vec<&str> = FIXED.iter().copied().filter(|folder| !Path::new(folder).exists()).collect();
    let file = paths::state(ABSENT);
    fs::write(&file, absent.join("\n")).with_context(|| format!("cannot write {}", file.display()))
}

/// Removes all of it; a thing that stays is a thing that is in use.
pub fn remove() {
    sockets();
    log_links();
    for root in cgroup_roots() {
        remove_groups(&Path::new(&root).join(CGROUP));
    }
    for file in ["/var/lib/cni/results", "/var/lib/cni/cache/results"] {
        remove_matching(Path::new(file), |name| name.starts_with("omupgrade-testbed-"));
    }
    let absent = fs::read_to_string(paths::state(ABSENT)).unwrap_or_default();
    for folder in FIXED.iter().filter(|folder| absent.lines().any(|line| line == **folder)) {
        let _ = fs::remove_dir_all(folder);
    }
}

/// What pods get of a busy machine's processors, in both versions' words. Probes have deadlines: beside a compiler with
/// the usual share, servers that do nothing wrong would be called dead.
const SHARES: [(&str, &str); 2] = [("cpu.shares", "102400"), ("cpu.weight", "10000")];

/// Makes the cgroups that the kubelets put pods below.
pub fn make_groups() {
    for root in cgroup_roots() {
        // The second node's group lies in the first one's.
        for node in NODES {
            let group = Path::new(&root).join(node.group);
            let _ = fs::create_dir_all(&group);
            // A new group of the first hierarchy version has no processors and no memory until it is told.
            for setting in ["cpuset.cpus", "cpuset.mems"] {
                if let Ok(value) = fs::read_to_string(Path::new(&root).join(setting)) {
                    let _ = fs::write(group.join(setting), value.trim());
                }
            }
        }
        let group = Path::new(&root).join(CGROUP);
        for (setting, value) in SHARES {
            // A hierarchy without this controller has no such file.
            let _ = fs::write(group.join(setting), value);
        }
    }
}

/// The mounted hierarchies: one per controller, or a single one.
fn cgroup_roots() -> Vec<String> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let is_cgroup = |line: &&str| line.contains(" - cgroup ") || line.contains(" - cgroup2 ");
    table.lines().filter(is_cgroup).filter_map(|line| line.split_whitespace().nth(4)).map(str::to_owned).collect()
}

/// Removes a group and all below it, the innermost first.
fn remove_groups(group: &Path) {
    if let Ok(entries) = fs::read_dir(group) {
        for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
            remove_groups(&entry.path());
        }
    }
    let _ = fs::remove_dir(group);
}

/// containerd's shims listen in a fixed folder whatever containerd's own address is; theirs are the ones nobody listens on.
fn sockets() {
    let listening = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    remove_matching(Path::new("/run/containerd/s"), |name| !listening.contains(&format!("/run/containerd/s/{name}")));
}

/// The kubelet links logs into a fixed folder too; ours point below our own.
fn log_links() {
    let folder = Path::new("/var/log/containers");
    remove_matching(folder, |name| fs::read_link(folder.join(name)).is_ok_and(|target| target.starts_with(STATE)));
}

fn remove_matching(folder: &Path, ours: impl Fn(&str) -> bool) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(&ours) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
