//! Debian packages that the node needs. It never upgrades or removes a package.

use std::path::Path;

use anyhow::{Result, bail};

use super::machine;
use crate::call::Call;
use crate::failure::Failure;
use crate::say;
use crate::versions::Package;

/// Installs the packages whose program is missing.
pub fn ensure(packages: &[Package]) -> Result<()> {
    let missing = machine::missing(packages);
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.join(" ");
    if !Path::new("/usr/bin/apt-get").exists() {
        bail!(Failure::new(
            format!("these programs are missing, and this is no Debian to install them on: {names}"),
            "testbed up (on Debian 12)",
        ));
    }
    say::step(&format!("installing Debian packages: {names}"));
    // A new machine has no package lists yet, and another apt may be at work.
    let options = ["-q", "-o", "DPkg::Lock::Timeout=600"];
    let hint = format!("apt-get install {names}");
    Call::new("apt-get", "reading Debian's package lists").args(options).args(["update"]).hint(&hint).run()?;
    Call::new("apt-get", format!("installing {names}"))
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(options)
        .args(["install", "-y", "--no-install-recommends"])
        .args(&missing)
        .hint(hint)
        .run()?;
    quiet(&missing);
    Ok(())
}

/// Debian starts a service as soon as it is installed, and at every start of the machine: the cluster has a containerd of
/// its own, and nobody asked for another.
fn quiet(installed: &[&str]) {
    const SERVICE: &str = "containerd";
    if !installed.contains(&SERVICE) || !Path::new("/run/systemd/system").exists() {
        return;
    }
    let call = Call::new("systemctl", "stopping the service that came with containerd");
    if !call.args(["disable", "--now", SERVICE]).succeeds() {
        say::line("the service that came with containerd runs on: systemctl disable --now containerd");
    }
}
