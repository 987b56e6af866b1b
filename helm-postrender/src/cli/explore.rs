//! The subcommands that need no stream: `rules`, `explain`, `schema`, `plugin-dir`.

use super::args::Command;
use super::say;
use crate::failure::{Failure, io};
use crate::{explain, plugin_dir, policy};
use std::io::{IsTerminal, Write};

/// Runs one.
pub fn run(command: &Command) -> Result<(), Failure> {
    let text = match command {
        Command::Rules | Command::Explain { rule: None } => explain::table(say::width()),
        Command::Explain { rule: Some(rule) } => explain::page(explain::find(rule)?, say::width()),
        Command::Schema => serde_json::to_string_pretty(&policy::schema()).unwrap_or_default() + "\n",
        Command::PluginDir { dir } => {
            let binary = std::env::current_exe()
                .map_err(|e| Failure::unknown(format!("finding out where this program stands: {}", io(&e))))?;
            let folder = plugin_dir::folder(dir.as_deref(), &binary, |name| std::env::var_os(name))?;
            if std::io::stdout().is_terminal() {
                let _ = write!(
                    anstream::stderr(),
                    "use it with helm 4 only (helm 3 finds the binary on PATH and cannot read this folder):\n  \
                     HELM_PLUGINS=\"$(helm-postrender plugin-dir)\" helm upgrade … --post-renderer helm-postrender\n\
                     and to keep the plugins that you have:\n  \
                     HELM_PLUGINS=\"$(helm-postrender plugin-dir):$(helm env HELM_PLUGINS)\" helm upgrade …\n"
                );
            }
            format!("{}\n", folder.display())
        }
    };
    say::output(&text)
}
