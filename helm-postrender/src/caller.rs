//! Decides which Helm is calling: the fixed argument in our plugin.yaml, cross-checked by the marks in the stream.
//! Never by the environment, which is inherited and proves nothing.

use crate::failure::Failure;
use shared::manifest::{Dialect, FILENAME_ANNOTATION, Stream, detect};

/// What the command line says about the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    /// The fixed argument of our Helm 4 plugin stands there.
    pub helm4_plugin: bool,
    /// `--dialect`, unless it is `auto`.
    pub asked: Option<Dialect>,
    /// The output goes back to a caller. What only shows (`--diff`, `--check`) takes a recorded stream for what it is.
    pub filter: bool,
}

/// The dialect, and how it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The dialect.
    pub dialect: Dialect,
    /// How it was told, as a clause.
    pub by: &'static str,
}

/// The dialect of a stream.
///
/// # Errors
/// When argument and marks contradict each other, or the marks are mixed.
pub fn dialect(stream: &Stream<'_>, caller: Caller) -> Result<Told, Failure> {
    let told = |dialect, by| Ok(Told { dialect, by });
    let marks = detect(stream);
    if caller.helm4_plugin {
        return match (marks, caller.asked) {
            (Some(Dialect::Helm4), None | Some(Dialect::Helm4)) => {
                told(Dialect::Helm4, "called as its plugin, and every document carries its annotation")
            }
            (Some(Dialect::Helm4), Some(asked)) => Err(Failure::usage(format!(
                "helm 4 is calling, but the arguments say `--dialect {}`",
                word(asked)
            ))
            .hint("drop that argument; to go on without a backup say `--post-renderer-args --backup=off`")),
            _ => Err(contradiction(stream, "the argument `--caller=helm4` says that helm 4 is calling")
                .hint("`--caller` belongs into the plugin's plugin.yaml only; helm 3 takes `--post-renderer helm-postrender` without it")),
        };
    }
    match (caller.asked, marks) {
        (Some(asked), _) if !caller.filter => told(asked, "`--dialect`"),
        (Some(Dialect::Plain), _) => told(Dialect::Plain, "`--dialect plain`"),
        (Some(asked), Some(marks)) if asked == marks || marks == Dialect::Plain => told(asked, "`--dialect`"),
        (Some(asked), _) => Err(contradiction(stream, &format!("the argument says `--dialect {}`", word(asked)))
            .hint("drop `--dialect`, or say `--dialect plain` for a stream that no helm will read back")),
        (None, Some(Dialect::Helm3)) if !caller.filter => told(
            Dialect::Helm3,
            "its `# Source:` comments (plain `helm template` output of Helm 4 looks the same: add `--dialect helm4` to see what Helm 4 gets)",
        ),
        (None, Some(Dialect::Helm3)) => told(Dialect::Helm3, "its `# Source:` comments"),
        (None, Some(Dialect::Plain)) => told(Dialect::Plain, "neither helm's marks are in the stream"),
        (None, Some(Dialect::Helm4)) if !caller.filter => told(Dialect::Helm4, "its annotation on every document"),
        (None, Some(Dialect::Helm4)) => Err(Failure::refused(
            "the stream carries helm 4's marks, but helm 4 did not call this as its plugin",
        )
        .hint("use the plugin: `HELM_PLUGINS=\"$(helm-postrender plugin-dir)\" helm upgrade … --post-renderer helm-postrender`")
        .hint("in a plugin.yaml of your own, add the argument `--caller=helm4`")),
        (None, None) => Err(contradiction(stream, "helm leaves one mark on all documents")
            .hint("say which it is with `--dialect helm3`, `helm4` or `plain` when you look at it with `--diff`")),
    }
}

/// How a dialect is written on the command line.
pub fn word(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Helm3 => "helm3",
        Dialect::Helm4 => "helm4",
        Dialect::Plain => "plain",
    }
}

fn contradiction(stream: &Stream<'_>, claim: &str) -> Failure {
    let annotated = |text: &str| text.contains(FILENAME_ANNOTATION);
    let sourced = |text: &str| text.lines().any(|l| l.starts_with("# Source: "));
    let first = |pick: &dyn Fn(&str) -> bool| {
        stream.documents.iter().filter(|d| !d.is_blank()).find(|d| pick(d.text)).map(|d| (d.number, d.line))
    };
    let name = |found: Option<(usize, usize)>, what: &str| {
        found.map(|(number, line)| format!("document {number} (line {line}) {what}"))
    };
    let facts: Vec<String> = [
        name(first(&annotated), "carries helm 4's annotation"),
        name(first(&|t| sourced(t) && !annotated(t)), "has helm 3's `# Source:` comment"),
        name(first(&|t| !sourced(t) && !annotated(t)), "has neither helm's mark"),
    ]
    .into_iter()
    .flatten()
    .collect();
    Failure::refused(format!("{claim}, but {}", facts.join(" and ")))
}
