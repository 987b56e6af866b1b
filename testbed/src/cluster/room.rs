//! Whether this machine has room for the cluster: ports, addresses, disk. It never takes any of it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::nodes::NODES;
use super::{BRIDGE, POD_RANGE, SERVICE_RANGE, ports};
use crate::call::Call;
use crate::failure::Failure;
use crate::paths::{self, Cache};

const GIB: u64 = 1 << 30;
/// Room for what a running cluster with the whole suite writes, rounded up (docs/measured.md).
const CLUSTER: u64 = 7 * GIB;
/// Room for everything that is built, with what it is built of, Go's caches too, rounded up (docs/measured.md).
const BUILT: u64 = 12 * GIB;

/// How long a port may take to be free. Chosen: the kernel needs some seconds where a peer is gone.
const FREED: Duration = Duration::from_secs(15);

/// Refuses, with words, where a daemon would fail later with words that nobody finds. The cluster itself must not be here.
pub fn check() -> Result<()> {
    let taken = || -> Vec<String> {
        let ports = NODES.iter().flat_map(|node| [node.port, node.health_port]).chain(ports::ALL);
        ports.filter(|port| is_taken(*port)).map(|port| port.to_string()).collect()
    };
    // A daemon that was ended a moment ago may hold its port until its last connection is gone.
    let until = Instant::now() + FREED;
    while !taken().is_empty() && Instant::now() < until {
        thread::sleep(Duration::from_millis(200));
    }
    let taken = taken();
    if !taken.is_empty() {
        bail!(Failure::new(
            format!("the cluster's daemons listen on ports that another program has: {}", taken.join(", ")),
            format!("ss -ltnp 'sport = :{}'", taken[0]),
        ));
    }
    let routes = Call::new("ip", "looking at the machine's routes").args(["-o", "-4", "route", "show"]).text()?;
    if let Some(route) = overlapping(&routes) {
        bail!(Failure::new(
            format!(
                "pods live in {POD_RANGE} and Services in {SERVICE_RANGE}, and this machine uses some of that: {route}"
            ),
            "ip route (another cluster or a container network may have made it; remove that first)",
        ));
    }
    enough(Path::new(paths::STATE), CLUSTER, "the cluster's folder")
}

/// Refuses where what is not built yet would not fit.
pub fn check_for_building(cache: &Cache) -> Result<()> {
    enough(cache.root(), BUILT, "building Kubernetes, images and databases")
}

/// Also where it is bound to one address only.
fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_err()
}

fn enough(folder: &Path, wanted: u64, what: &str) -> Result<()> {
    // The nearest folder that is there lies on the same disk.
    let there = folder.ancestors().find(|folder| fs::exists(folder).unwrap_or(false)).unwrap_or(Path::new("/"));
    let disk = rustix::fs::statvfs(there).with_context(|| format!("cannot look at the disk of {}", there.display()))?;
    let free = disk.f_bavail * disk.f_frsize;
    if free >= wanted {
        return Ok(());
    }
    bail!(Failure::new(
        format!("{what} needs {} GiB of disk, and {} has {} GiB left", wanted / GIB, there.display(), free / GIB),
        "df -h (OMUPGRADE_TESTBED_CACHE names another folder for what is built)",
    ))
}

/// The first route of others into the cluster's ranges.
fn overlapping(routes: &str) -> Option<&str> {
    let ours: Vec<Range> = [POD_RANGE, SERVICE_RANGE].into_iter().filter_map(Range::parse).collect();
    let own = format!(" dev {BRIDGE} ");
    routes.lines().map(str::trim).find(|route| {
        let to = route.split_whitespace().next().and_then(Range::parse);
        !format!("{route} ").contains(&own) && to.is_some_and(|to| ours.iter().any(|ours| ours.meets(to)))
    })
}

/// Addresses that begin alike.
#[derive(Debug, Clone, Copy)]
struct Range {
    first: u32,
    length: u32,
}

impl Range {
    /// `10.0.0.0/8`, or one address. The default route is none: everybody's is narrower.
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = text.split_once('/').unwrap_or((text, "32"));
        let length = length.parse().ok().filter(|length| (1..=32).contains(length))?;
        Some(Self { first: address.parse::<Ipv4Addr>().ok()?.into(), length })
    }

    fn meets(self, other: Self) -> bool {
        let shift = 32 - self.length.min(other.length);
        self.first >> shift == other.first >> shift
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_others_into_our_ranges_are_found() {
        let quiet = "default via 192.0.2.1 dev eth0 \n192.0.2.0/24 dev eth0 proto kernel scope link src 192.0.2.2 \n\
                     10.244.0.0/16 dev omtb0 proto kernel scope link src 10.244.0.1 \n10.245.0.0/16 dev x \n";
        assert_eq!(overlapping(quiet), None);
        for other in ["10.244.3.0/24 via 10.244.3.0 dev flannel.1 onlink", "10.0.0.0/8 dev tun0", "10.96.0.1 dev kube"]
        {
            assert_eq!(overlapping(&format!("{quiet}{other}\n")), Some(other));
        }
    }

    #[test]
    fn a_port_that_listens_on_loopback_only_is_taken() {
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = other.local_addr().unwrap().port();
        assert!(is_taken(port));
        drop(other);
        assert!(!is_taken(port));
    }

    #[test]
    fn a_folder_that_is_not_there_yet_is_asked_by_the_one_above() {
        let folder = tempfile::tempdir().unwrap();
        assert!(enough(&folder.path().join("a/b"), 1, "a test").is_ok());
        let refused = enough(&folder.path().join("a/b"), u64::MAX, "a test").unwrap_err().to_string();
        assert!(refused.starts_with("a test needs "), "{refused}");
        assert!(refused.contains(&folder.path().display().to_string()), "{refused}");
    }
}
