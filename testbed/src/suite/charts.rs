//! Our own chart, packed as the releases that the stand-in plays. It never changes the chart.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::call::Call;
use crate::paths::{self, Cache};

/// The chart of a release, packed into `folder` when it is first asked for.
pub fn packed(cache: &Cache, folder: &Path, version: &str) -> Result<PathBuf> {
    let chart = folder.join(format!("openmetadata-{version}.tgz"));
    if !chart.exists() {
        Call::new(cache.binary("helm4"), "packing the chart")
            .args(["package", "--version", version, "--app-version", version, "--destination"])
            .args([folder, paths::source("../testdata/charts/openmetadata").as_path()])
            .run()?;
    }
    Ok(chart)
}
