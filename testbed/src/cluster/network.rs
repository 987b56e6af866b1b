//! The cluster's bridge, kernel settings and packet rules, and their removal. It never changes a policy or a rule of others.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};

use super::{BRIDGE, NODE_ADDRESS, POD_RANGE, SERVICE_RANGE};
use crate::call::Call;
use crate::paths;

/// Kernel settings that the cluster or its kubelet changes; what they were before is kept for `down`.
const SETTINGS: &[&str] = &[
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
];
const REMEMBERED: &str = "kernel-settings";
const ACCEPT: [[&str; 3]; 2] = [["FORWARD", "-i", BRIDGE], ["FORWARD", "-o", BRIDGE]];
/// What is sent to a Service that kube-proxy has no rule for, which is so for moments, never leaves the machine: whoever
/// answers out there is no server of ours.
const SERVICES_STAY: [&str; 2] = ["OUTPUT", "FORWARD"];

/// Makes the bridge and lets packets through it.
pub fn prepare() -> Result<()> {
    let mut before = String::new();
    for name in SETTINGS {
        if let Ok(value) = fs::read_to_string(format!("/proc/sys/{name}")) {
            // Writing to a string cannot fail.
            let _ = writeln!(before, "{name} {}", value.trim());
        }
    }
    let file = paths::state(REMEMBERED);
    fs::write(&file, before).with_context(|| format!("cannot write {}", file.display()))?;
    fs::write("/proc/sys/net/ipv4/ip_forward", "1").context("cannot switch forwarding of packets on")?;

    // The bridge exists before any pod, because its address is the node's.
    let ip = |words: &[&str]| Call::new("ip", "making the pods' bridge").args(words.iter().copied()).run();
    if !exists() {
        ip(&["link", "add", BRIDGE, "type", "bridge"])?;
    }
    ip(&["address", "replace", &format!("{NODE_ADDRESS}/16"), "dev", BRIDGE])?;
    ip(&["link", "set", BRIDGE, "up"])?;
    for rule in ACCEPT {
        Call::new("iptables", "letting pods' packets through")
            .args(["-w", "-I"])
            .args(rule)
            .args(["-j", "ACCEPT"])
            .run()?;
    }
    for chain in SERVICES_STAY {
        // The comment tells `remove` that the rule is ours.
        Call::new("iptables", "keeping packets to Services on this machine")
            .args(["-w", "-I", chain, "-d", SERVICE_RANGE, "-m", "comment", "--comment", BRIDGE, "-j", "REJECT"])
            .run()?;
    }
    // One rule for all pods; the plugin would make and remove rules for each, which costs more than its network.
    Call::new("iptables", "letting pods reach other machines")
        .args(["-w", "-t", "nat", "-I", "POSTROUTING", "-s", POD_RANGE, "!", "-d", POD_RANGE])
        .args(["-m", "comment", "--comment", BRIDGE, "-j", "MASQUERADE"])
        .run()
}

/// Whether the bridge is there.
pub fn exists() -> bool {
    fs::exists(format!("/sys/class/net/{BRIDGE}")).unwrap_or(false)
}

/// Removes bridge, links, rules, and puts kernel settings back.
pub fn remove() -> Result<()> {
    // Every pod's link hangs on the bridge; with the pod's namespace gone most went already.
    let links = fs::read_dir(format!("/sys/class/net/{BRIDGE}/brif")).map(|entries| {
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    });
    let ip = |link: &str| Call::new("ip", "removing the pods' links").args(["link", "delete", link]);
    for link in links.unwrap_or_default() {
        ip(&link).succeeds();
    }
    if exists() {
        ip(BRIDGE).run()?;
    }
    for family in ["iptables", "ip6tables"] {
        for table in ["filter", "nat", "mangle", "raw"] {
            forget_rules(family, table)?;
        }
    }
    for line in fs::read_to_string(paths::state(REMEMBERED)).unwrap_or_default().lines() {
        if let Some((name, value)) = line.split_once(' ') {
            let _ = fs::write(format!("/proc/sys/{name}"), value);
        }
    }
    Ok(())
}

/// How often a table is read anew: a rule of ours that is gone in between makes its removal fail as a whole.
const TRIES: usize = 3;

fn forget_rules(family: &str, table: &str) -> Result<()> {
    let doing = "removing the cluster's packet rules";
    let mut last = Ok(());
    for _ in 0..TRIES {
        // A table that the kernel lacks has no rules of ours.
        let Ok(saved) = Call::new(format!("{family}-save"), doing).args(["-t", table]).text() else { return Ok(()) };
        let Some(orders) = removal(table, &saved) else { return Ok(()) };
        let words = ["-w", "--noflush", "-T", table];
        last = Call::new(format!("{family}-restore"), doing).args(words).feed(orders.as_bytes());
    }
    last
}

/// What removes the chains and rules of kube-proxy, kubelet, CNI and ourselves from a saved table, and nothing else: what
/// another program adds meanwhile stays. Nothing if there is none of ours.
fn removal(table: &str, saved: &str) -> Option<String> {
    let ours = |word: &str| word.starts_with("KUBE-") || word.starts_with("CNI-") || word == BRIDGE;
    let chains =
        || saved.lines().filter_map(|line| line.strip_prefix(':')?.split_whitespace().next()).filter(|name| ours(name));
    let rules = saved.lines().filter_map(|line| line.strip_prefix("-A ")).filter(|rule| {
        // What stands in a chain of ours goes with it.
        !rule.split_whitespace().next().is_some_and(ours) && rule.split_whitespace().any(ours)
    });
    let emptied = chains().map(|chain| format!("-F {chain}\n"));
    let lines: String = emptied
        .chain(rules.map(|rule| format!("-D {rule}\n")))
        .chain(chains().map(|chain| format!("-X {chain}\n")))
        .collect();
    (!lines.is_empty()).then(|| format!("*{table}\n{lines}COMMIT\n"))
}

#[cfg(test)]
mod tests {
    use super::removal;

    #[test]
    fn only_what_is_ours_is_removed_and_chains_go_when_nothing_leads_to_them() {
        let saved = "# Generated\n*nat\n:PREROUTING ACCEPT [0:0]\n:KUBE-SERVICES - [0:0]\n:DOCKER - [0:0]\n:KUBE-SEP - [0:0]\n\
                     -A PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
                     -A KUBE-SERVICES -j KUBE-SEP\n-A FORWARD -i omtb0 -j ACCEPT\n-A PREROUTING -j DOCKER\nCOMMIT\n";
        assert_eq!(
            removal("nat", saved).unwrap(),
            "*nat\n-F KUBE-SERVICES\n-F KUBE-SEP\n\
             -D PREROUTING -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES\n\
             -D FORWARD -i omtb0 -j ACCEPT\n-X KUBE-SERVICES\n-X KUBE-SEP\nCOMMIT\n"
        );
        assert_eq!(removal("nat", "*nat\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j DOCKER\nCOMMIT\n"), None);
    }
}
