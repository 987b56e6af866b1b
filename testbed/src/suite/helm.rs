//! The user's helm: version 3 or 4, with the post-renderer where each of them finds it, in a home of its own. It never reads the user's settings.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::call::Call;
use crate::failure::Failure;
use crate::paths::{self, Cache};

/// The two Helms that users have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// Hooks of a post-renderer do not exist.
    Three,
    /// Hooks of a post-renderer run.
    Four,
}

/// Our programs.
const RENDERER: &str = "helm-postrender";
const PLUGIN: &str = "kubectl-omupgrade";

/// What makes both.
const BUILD: &str = "cargo build --locked --workspace --bins";

/// The folder with our programs, all of which lie beside this one; whoever needs them asks before it writes anything.
pub fn programs() -> Result<PathBuf> {
    let folder = std::env::current_exe()?.parent().map(Path::to_owned).context("this program has no folder")?;
    for program in [RENDERER, PLUGIN] {
        let what = || format!("{program} is not beside this program, in {}", folder.display());
        ensure!(folder.join(program).exists(), Failure::new(what(), BUILD));
    }
    Ok(folder)
}

/// Both Helms and our programs.
#[derive(Debug)]
pub struct Helm<'a> {
    cache: &'a Cache,
    home: PathBuf,
    /// Where our programs are.
    programs: PathBuf,
    plugins: String,
    path: OsString,
    /// Where releases are kept; Helm's own default is a Secret each.
    pub driver: Option<&'static str>,
}

impl<'a> Helm<'a> {
    /// Looks for our programs beside this one; `home` takes what helm and the post-renderer keep.
    pub fn find(cache: &'a Cache, home: &Path) -> Result<Self> {
        let programs = programs()?;
        let renderer = programs.join(RENDERER);
        let said = Call::new(&renderer, "looking for the post-renderer").args(["plugin-dir"]);
        let said = said.env("XDG_DATA_HOME", home).hint(BUILD);
        let plugins = said.text()?.trim().to_owned();
        // Our programs first, then the testbed's tools.
        let before = std::env::var_os("PATH").unwrap_or_default();
        let folders = [programs.clone(), cache.bin()].into_iter().chain(std::env::split_paths(&before));
        let path = std::env::join_paths(folders).context("a folder of the PATH has a colon in its name")?;
        Ok(Self { cache, home: home.to_owned(), programs, plugins, path, driver: None })
    }

    /// A call of helm in a namespace, against the testbed.
    pub fn call(&self, version: Version, namespace: &str, doing: &str) -> Call {
        // Helm 3 complains of every plugin when one of them is Helm 4's.
        let (name, plugins) = match version {
            Version::Three => ("helm3", self.home.join("no-plugins").into_os_string()),
            Version::Four => ("helm4", self.plugins.clone().into()),
        };
        let mut call = Call::new(self.cache.binary(name), doing).env("HELM_PLUGINS", plugins);
        if let Some(driver) = self.driver {
            call = call.env("HELM_DRIVER", driver);
        }
        self.prepared(call, namespace).args(["--namespace", namespace])
    }

    /// A call of our plugin in a namespace, with the helm that it finds on the PATH.
    pub fn plugin(&self, namespace: &str, doing: &str) -> Call {
        self.prepared(Call::new(self.programs.join(PLUGIN), doing), namespace)
    }

    /// A line that a user types, with helm, kubectl and our programs on the PATH.
    pub fn shell(&self, line: &str, namespace: &str, doing: &str) -> Call {
        self.prepared(Call::new("sh", doing), namespace).args(["-c", line])
    }

    fn prepared(&self, call: Call, namespace: &str) -> Call {
        let hint = format!("kubectl --kubeconfig {} get pods,events -n {namespace}", paths::kubeconfig().display());
        call.env("KUBECONFIG", paths::kubeconfig())
            .env("XDG_DATA_HOME", &self.home)
            .env("XDG_CONFIG_HOME", &self.home)
            .env("PATH", &self.path)
            .env("OMUPGRADE_NO_TTY", "1")
            .hint(hint)
    }
}
