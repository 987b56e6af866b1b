//! Whether this machine can carry the testbed at all. It never changes the machine.

use anyhow::{Result, bail};

use crate::failure::Failure;

/// Refuses, with words, where a cluster cannot run.
pub fn check() -> Result<()> {
    if !cfg!(target_os = "linux") {
        bail!(Failure::new("the testbed needs Linux: it runs a real kubelet", "testbed up (on a Linux machine)"));
    }
    if !rustix::process::geteuid().is_root() {
        bail!(Failure::new(
            "the testbed needs root: it starts containers, mounts and network links",
            "sudo -E cargo run -p testbed -- up",
        ));
    }
    Ok(())
}
