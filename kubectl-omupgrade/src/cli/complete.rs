//! Completion: the binary completes itself when it is called as `kubectl_complete-omupgrade`, as kubectl asks plugins
//! to. Releases come from the cluster; what cannot be asked quickly is not offered.

use super::flags::Flags;
use crate::adapters::cluster::{self, Cluster};
use crate::adapters::release;
use clap::FromArgMatches;
use clap_complete::CompletionCandidate;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::time::Duration;

/// How long a completion may take: someone has pressed a key.
const PATIENCE: Duration = Duration::from_secs(2);

/// The name under which kubectl calls for completion.
pub const NAME: &str = "kubectl_complete-omupgrade";

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
    let names = asked(|cluster, _| async move { Some(release::candidates(&cluster).await) }).unwrap_or_default();
    let prefix = current.to_string_lossy();
    names.into_iter().filter(|n| n.starts_with(&*prefix)).map(CompletionCandidate::new).collect()
}

/// The revisions of the release that is typed already, newest first, each with its status.
pub fn revisions(current: &OsStr) -> Vec<CompletionCandidate> {
    let stored = asked(|cluster, release| async move { release::stored(&cluster, Some(&release?)).await.ok() });
    let prefix = current.to_string_lossy();
    let stored = stored.unwrap_or_default().into_iter().rev().filter(|s| s.number.to_string().starts_with(&*prefix));
    stored.map(|s| CompletionCandidate::new(s.number.to_string()).help(Some(s.status.word().into()))).collect()
}

/// Asks the cluster that the words typed so far name, within the patience of someone who pressed a key. The release is
/// the first of the words that is no flag, after the verb.
fn asked<T, F>(question: impl FnOnce(Cluster, Option<String>) -> F + Send + 'static) -> Option<T>
where
    T: Send + 'static,
    F: Future<Output = Option<T>>,
{
    // Whoever completes runs no runtime, and whoever is tested may.
    let asked = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let (flags, release) = typed(std::env::args_os().skip(1));
        runtime.block_on(async {
            let answer = async { question(cluster::connect(&flags).await.ok()?, release).await };
            tokio::time::timeout(PATIENCE, answer).await.ok()?
        })
    });
    asked.join().ok().flatten()
}

/// What the words typed so far say of where to look, by the command line's own definition; the last word is not whole.
fn typed(words: impl Iterator<Item = OsString>) -> (Flags, Option<String>) {
    let mut words: Vec<OsString> = std::iter::once(OsString::from("kubectl-omupgrade")).chain(words).collect();
    words.pop();
    let Ok(matches) = super::command().ignore_errors(true).try_get_matches_from(words) else {
        return (Flags::default(), None);
    };
    let mut flags = Flags::from_arg_matches(&matches).unwrap_or_default();
    flags.request_timeout = PATIENCE;
    let release =
        matches.subcommand().and_then(|(_, verb)| verb.try_get_one::<String>("release").ok().flatten().cloned());
    (flags, release)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_typed_so_far_say_where_to_look() {
        let words = |text: &str| text.split(' ').map(OsString::from).collect::<Vec<_>>().into_iter();
        let (flags, release) = typed(words("rollback -n data --context=far om "));
        assert_eq!((flags.namespace.as_deref(), flags.context.as_deref()), (Some("data"), Some("far")));
        assert_eq!(release.as_deref(), Some("om"));
        let (flags, release) = typed(words("--as anna status --watch --kubeconfig /x/y "));
        assert_eq!((flags.as_user.as_deref(), release), (Some("anna"), None));
        assert_eq!(flags.kubeconfig.unwrap().to_str(), Some("/x/y"));
        // A word that is still typed is none, and a line that cannot be read says nothing.
        assert_eq!(typed(words("rollback o")).1, None);
        assert_eq!(typed(words("no-such-verb om -n x ")).1, None);
    }
}
