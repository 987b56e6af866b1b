//! Where the testbed keeps things: a cache that outlives clusters, and one fixed folder for the running cluster. It never creates or deletes anything.

use std::env;
use std::path::{Path, PathBuf};

/// The folder of the one cluster that a machine can have: fixed, so that `down` finds it from any shell,
/// and short, because socket addresses have a length limit.
pub const STATE: &str = "/var/lib/omupgrade-testbed";

/// What is built once and kept: binaries, images, root filesystems.
#[derive(Debug, Clone)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The folder that the environment names, or the user's cache.
    pub fn from_environment() -> Self {
        let root = env::var_os("OMUPGRADE_TESTBED_CACHE").map_or_else(
            || {
                let home = env::var_os("HOME").map_or_else(|| PathBuf::from("/root"), PathBuf::from);
                let base = env::var_os("XDG_CACHE_HOME").map_or_else(|| home.join(".cache"), PathBuf::from);
                base.join("omupgrade-testbed")
            },
            PathBuf::from,
        );
        Self { root }
    }

    /// A folder as a cache.
    #[cfg(test)]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The whole cache.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where binaries stand.
    pub fn bin(&self) -> PathBuf {
        self.root.join("bin")
    }

    /// One binary.
    pub fn binary(&self, name: &str) -> PathBuf {
        self.bin().join(name)
    }

    /// Where images wait to be served.
    pub fn images(&self) -> PathBuf {
        self.root.join("images")
    }

    /// Root filesystems and other things on the way to an image.
    pub fn work(&self) -> PathBuf {
        self.root.join("work")
    }
}

/// A path below the running cluster's folder.
pub fn state(relative: &str) -> PathBuf {
    Path::new(STATE).join(relative)
}

/// The kubeconfig of the cluster's administrator.
pub fn kubeconfig() -> PathBuf {
    state("admin.kubeconfig")
}

/// A path below this crate's own sources (Go mains, manifests, image scripts).
pub fn source(relative: &str) -> PathBuf {
    let root = env::var_os("OMUPGRADE_TESTBED_SOURCE")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    root.join(relative)
}
