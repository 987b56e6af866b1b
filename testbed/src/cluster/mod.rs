//! The cluster: two nodes on one machine, one control plane, all real. It never builds anything; `tools` and `images` do.

pub mod certificates;
pub mod components;
pub mod databases;
pub mod disk;
pub mod down;
pub mod kubectl;
pub mod leftovers;
pub mod manifests;
pub mod mounts;
pub mod network;
pub mod nodes;
pub mod outage;
pub mod ports;
pub mod process;
pub mod room;
pub mod search;
pub mod settings;
pub mod status;
pub mod up;
pub mod volumes;

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::failure::Failure;
use crate::{paths, turn};

/// The turn to start or remove the machine's only cluster. Not a file of the cluster's own: `down` leaves nothing.
fn turn() -> Result<File> {
    let above = Path::new(paths::STATE).parent().context("the cluster's folder lies in no folder")?;
    turn::take(above, "another testbed starts or removes the cluster")
}

/// The kubeconfig of the cluster that is here.
pub fn kubeconfig() -> Result<PathBuf> {
    let file = paths::kubeconfig();
    if !file.exists() {
        bail!(Failure::new("no cluster is here", "testbed up"));
    }
    Ok(file)
}

/// The first node's name.
pub const NODE: &str = "testbed";
/// The cgroup below which all pods live, so that their processes can be told from everyone else's.
pub const CGROUP: &str = "omupgrade-testbed";
/// The bridge that pods hang on.
pub const BRIDGE: &str = "omtb0";
/// The nodes' address: the bridge's, because the `kubernetes` Service may not point at loopback.
pub const NODE_ADDRESS: &str = "10.244.0.1";
/// Addresses of pods.
pub const POD_RANGE: &str = "10.244.0.0/16";
/// Addresses of Services.
pub const SERVICE_RANGE: &str = "10.96.0.0/16";
/// The address of the cluster's DNS.
pub const DNS_ADDRESS: &str = "10.96.0.10";
