//! Whether this machine can carry the testbed at all. It never changes the machine.

use std::fs;
use std::path::Path;

use anyhow::{Result, bail};

use crate::failure::Failure;
use crate::versions::{PACKAGES, Package};

/// What a root that may start containers has, by number and name: mounts, links and packet rules need them.
const CAPABILITIES: [(u32, &str); 2] = [(21, "CAP_SYS_ADMIN"), (12, "CAP_NET_ADMIN")];

/// Refuses, with words, where a cluster cannot run.
pub fn check() -> Result<()> {
    let facts = Facts {
        linux: cfg!(target_os = "linux"),
        root: rustix::process::geteuid().is_root(),
        status: fs::read_to_string("/proc/self/status").unwrap_or_default(),
        mounts: fs::read_to_string("/proc/self/mountinfo").unwrap_or_default(),
        debian: Path::new("/usr/bin/apt-get").exists(),
        missing: missing(PACKAGES),
    };
    facts.judge()
}

/// Refuses, with the same words, where everything else is known to be right.
pub fn must_be_root() -> Result<()> {
    if rustix::process::geteuid().is_root() { Ok(()) } else { Err(rootless().into()) }
}

fn rootless() -> Failure {
    Failure::new(
        "the testbed needs root: it starts containers, mounts and network links",
        "sudo -E cargo run -p testbed -- up",
    )
}

/// What to know where it was never tried: every other system than the one that brings the packages.
pub fn remark() -> Option<String> {
    untried(&fs::read_to_string("/etc/os-release").unwrap_or_default())
}

fn untried(release: &str) -> Option<String> {
    let field = |name: &str| {
        let line = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map_or("", |value| value.trim_matches('"'))
    };
    let (system, version) = (field("ID"), field("VERSION_ID"));
    let name = if field("PRETTY_NAME").is_empty() { "an unknown system" } else { field("PRETTY_NAME") };
    (system != "debian" || version != "12").then(|| format!("tried on Debian 12 only, and this is {name}"))
}

/// The packages whose program is not on the machine.
pub fn missing(packages: &[Package]) -> Vec<&'static str> {
    packages.iter().filter(|package| !Path::new(package.program).exists()).map(|package| package.name).collect()
}

/// What decides.
struct Facts {
    linux: bool,
    root: bool,
    /// `/proc/self/status`
    status: String,
    /// `/proc/self/mountinfo`
    mounts: String,
    /// Whether missing packages can be installed.
    debian: bool,
    missing: Vec<&'static str>,
}

impl Facts {
    fn judge(&self) -> Result<()> {
        if !self.linux {
            bail!(Failure::new("the testbed needs Linux: it runs a real kubelet", "testbed up (on a Linux machine)"));
        }
        if !self.root {
            bail!(rootless());
        }
        let held = self.status.lines().find_map(|line| line.strip_prefix("CapEff:"));
        let held = held.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(u64::MAX);
        if let Some((_, name)) = CAPABILITIES.iter().find(|(bit, _)| held >> bit & 1 == 0) {
            bail!(Failure::new(
                format!(
                    "the testbed needs {name}, which root lacks here: it starts containers, mounts and network links"
                ),
                "testbed up (outside a container, or in a privileged one)",
            ));
        }
        if !self.mounts.lines().any(|line| line.contains(" - cgroup ") || line.contains(" - cgroup2 ")) {
            bail!(Failure::new(
                "the testbed needs control groups, and none are mounted here",
                "mount -t cgroup2 none /sys/fs/cgroup"
            ));
        }
        if !self.debian && !self.missing.is_empty() {
            bail!(Failure::new(
                format!(
                    "these programs are missing, and this is no Debian to install them on: {}",
                    self.missing.join(" ")
                ),
                "testbed up (on Debian 12)",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit() -> Facts {
        Facts {
            linux: true,
            root: true,
            status: "Name:\ttestbed\nCapEff:\t000001ffffffffff\n".to_owned(),
            mounts: "25 1 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n".to_owned(),
            debian: true,
            missing: vec!["containerd"],
        }
    }

    fn refused(facts: &Facts) -> String {
        facts.judge().unwrap_err().to_string()
    }

    #[test]
    fn a_fit_machine_is_taken_with_either_version_of_control_groups() {
        assert!(fit().judge().is_ok());
        let first = "30 1 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n".to_owned();
        assert!(Facts { mounts: first, ..fit() }.judge().is_ok());
    }

    #[test]
    fn another_system_is_named() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n";
        assert_eq!(untried(debian), None);
        let newer = debian.replace("12", "13");
        assert_eq!(untried(&newer).unwrap(), "tried on Debian 12 only, and this is Debian GNU/Linux 13 (bookworm)");
        assert_eq!(untried("").unwrap(), "tried on Debian 12 only, and this is an unknown system");
    }

    #[test]
    fn each_lack_is_named() {
        assert!(refused(&Facts { linux: false, ..fit() }).contains("needs Linux"));
        assert!(refused(&Facts { root: false, ..fit() }).contains("needs root"));
        let container = "CapEff:\t00000000a80425fb\n".to_owned();
        assert!(refused(&Facts { status: container, ..fit() }).contains("CAP_SYS_ADMIN"));
        assert!(refused(&Facts { mounts: String::new(), ..fit() }).contains("control groups"));
        assert!(refused(&Facts { debian: false, ..fit() }).contains("no Debian to install them on: containerd"));
        assert!(Facts { debian: false, missing: Vec::new(), ..fit() }.judge().is_ok());
    }
}
