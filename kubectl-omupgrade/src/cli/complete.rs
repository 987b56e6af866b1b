//! Completion: the binary completes itself when it is called as `kubectl_complete-omupgrade`, as kubectl asks plugins
//! to. Releases come from the cluster; what cannot be asked quickly is not offered.

use super::flags::Flags;
use crate::adapters::cluster;
use crate::adapters::release;
use clap_complete::CompletionCandidate;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::time::Duration;

/// How long a completion may take: someone has pressed a key.
const PATIENCE: Duration = Duration::from_secs(2);

/// The name under which kubectl calls for completion.
const NAME: &str = "kubectl_complete-omupgrade";

/// Whether the process was called to complete.
pub fn is_called() -> bool {
    std::env::args_os()
        .next()
        .is_some_and(|name| std::path::Path::new(&name).file_stem().is_some_and(|stem| stem == OsStr::new(NAME)))
}

/// Completes the words that kubectl gives, of which the last may be empty, and writes its format.
pub fn run() {
    let mut words: Vec<OsString> = vec![OsString::from("kubectl-omupgrade")];
    words.extend(std::env::args_os().skip(1));
    let index = words.len().saturating_sub(1);
    let mut command = super::command();
    let found = clap_complete::engine::complete(&mut command, words, index, None).unwrap_or_default();
    let mut out = std::io::stdout().lock();
    for candidate in found.iter().filter(|c| !c.is_hide_set()) {
        let help = candidate.get_help().map(|h| format!("\t{}", h.to_string().lines().next().unwrap_or_default()));
        let _ = writeln!(out, "{}{}", candidate.get_value().to_string_lossy(), help.unwrap_or_default());
    }
    // 4: do not fall back to file names.
    let _ = writeln!(out, ":4");
}

/// The releases of the namespace, as the words typed so far name it.
pub fn releases(current: &OsStr) -> Vec<CompletionCandidate> {
    let prefix = current.to_string_lossy().into_owned();
    let asked = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE, async {
                let cluster = cluster::connect(&typed()).await.ok()?;
                Some(release::candidates(&cluster).await)
            })
            .await
            .ok()?
        })
    });
    let names = asked.join().ok().flatten().unwrap_or_default();
    names.into_iter().filter(|n| n.starts_with(&prefix)).map(CompletionCandidate::new).collect()
}

/// The flags among the words typed so far that say where to look.
fn typed() -> Flags {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let value = |names: &[&str]| {
        words.iter().enumerate().find_map(|(i, word)| {
            names.iter().find_map(|name| match word.strip_prefix(name)? {
                "" => words.get(i + 1).cloned(),
                rest => rest.strip_prefix('=').map(str::to_owned),
            })
        })
    };
    Flags {
        kubeconfig: value(&["--kubeconfig"]).map(Into::into),
        context: value(&["--context"]),
        cluster: value(&["--cluster"]),
        user: value(&["--user"]),
        namespace: value(&["--namespace", "-n"]),
        as_user: value(&["--as"]),
        request_timeout: PATIENCE,
        ..Flags::default()
    }
}
