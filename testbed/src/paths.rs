//! Where the testbed keeps things: a cache that outlives clusters, and one fixed folder for the running cluster. It never creates or deletes anything.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::failure::Failure;

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
    pub fn from_environment() -> Result<Self> {
        Self::from(|name| env::var_os(name))
    }

    /// Empty is unset; a relative path would be another folder in every shell.
    fn from(variable: impl Fn(&str) -> Option<OsString>) -> Result<Self> {
        let folder = |name: &str| -> Result<Option<PathBuf>> {
            let Some(path) = variable(name).filter(|value| !value.is_empty()).map(PathBuf::from) else {
                return Ok(None);
            };
            if path.is_relative() {
                let what = format!("{name} is {}, which is no absolute path", path.display());
                bail!(Failure::words(what, format!("export {name}=\"$PWD/{}\"", path.display())));
            }
            Ok(Some(path))
        };
        if let Some(root) = folder("OMUPGRADE_TESTBED_CACHE")? {
            return Ok(Self { root });
        }
        let base = match folder("XDG_CACHE_HOME")? {
            Some(base) => base,
            None => folder("HOME")?.unwrap_or_else(|| PathBuf::from("/root")).join(".cache"),
        };
        Ok(Self { root: base.join("omupgrade-testbed") })
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

#[cfg(test)]
mod tests {
    use super::Cache;

    #[test]
    fn empty_is_unset_and_relative_is_refused() {
        let root = |set: &'static [(&str, &str)]| {
            let found = Cache::from(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into()));
            found.map(|cache| cache.root().display().to_string()).map_err(|error| error.to_string())
        };
        assert_eq!(root(&[("OMUPGRADE_TESTBED_CACHE", "/a")]).unwrap(), "/a");
        assert_eq!(
            root(&[("OMUPGRADE_TESTBED_CACHE", ""), ("XDG_CACHE_HOME", ""), ("HOME", "/h")]).unwrap(),
            "/h/.cache/omupgrade-testbed"
        );
        assert_eq!(root(&[("XDG_CACHE_HOME", "/c"), ("HOME", "")]).unwrap(), "/c/omupgrade-testbed");
        assert_eq!(root(&[("HOME", "")]).unwrap(), "/root/.cache/omupgrade-testbed");
        assert_eq!(
            root(&[("XDG_CACHE_HOME", "here")]).unwrap_err(),
            "XDG_CACHE_HOME is here, which is no absolute path"
        );
    }
}
