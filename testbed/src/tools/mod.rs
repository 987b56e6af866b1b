//! Everything the testbed needs on the machine: checks first, then installs or builds what is missing. It never replaces what is right.

pub mod golang;
pub mod machine;
pub mod packages;

use std::path::PathBuf;

use anyhow::Result;

use crate::cluster::{disk, room};
use crate::paths::Cache;
use crate::{say, versions};

/// The two Helms; the folder that holds them.
pub fn helm(cache: &Cache) -> Result<PathBuf> {
    golang::ensure(cache, versions::HELM)?;
    Ok(cache.bin())
}

/// Refuses where something that can be changed is in the way: an old Go, a port, a route, a full disk. Nothing is done.
pub fn nothing_in_the_way(cache: &Cache) -> Result<()> {
    if let Some(remark) = machine::remark() {
        say::line(&remark);
    }
    for wanted in [versions::CLUSTER, versions::HELM] {
        golang::check(cache, wanted)?;
    }
    // A cluster that is here has its ports.
    if disk::exists() { Ok(()) } else { room::check() }
}

/// Everything: Debian packages, the cluster's binaries, both Helms.
pub fn all(cache: &Cache) -> Result<PathBuf> {
    packages::ensure(versions::PACKAGES)?;
    golang::ensure(cache, versions::CLUSTER)?;
    helm(cache)
}
