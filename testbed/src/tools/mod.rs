//! Everything the testbed needs on the machine: checks first, then installs or builds what is missing. It never replaces what is right.

pub mod golang;
pub mod machine;
pub mod packages;

use std::path::PathBuf;

use anyhow::Result;

use crate::paths::Cache;
use crate::versions;

/// The two Helms; the folder that holds them.
pub fn helm(cache: &Cache) -> Result<PathBuf> {
    golang::ensure(cache, versions::HELM)?;
    Ok(cache.bin())
}

/// Everything: Debian packages, the cluster's binaries, both Helms.
pub fn all(cache: &Cache) -> Result<PathBuf> {
    packages::ensure(versions::PACKAGES)?;
    golang::ensure(cache, versions::CLUSTER)?;
    helm(cache)
}
