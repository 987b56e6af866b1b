//! How a list of rows tests itself: unique names, complete words, hints that can be typed. Used by the tests of the
//! verbs that have one.

use super::row::Row;
use std::collections::BTreeSet;

/// Programs that a hint may call, with the words that may follow; a plugin's own verbs are checked by its parser.
const PROGRAMS: &[(&str, &[&str])] = &[
    (
        "kubectl",
        &[
            "annotate",
            "apply",
            "auth",
            "create",
            "delete",
            "describe",
            "events",
            "exec",
            "get",
            "logs",
            "omupgrade",
            "patch",
            "patch",
            "port-forward",
            "rollout",
            "run",
            "scale",
            "set",
            "top",
            "version",
            "wait",
        ],
    ),
    (
        "helm",
        &[
            "diff", "get", "history", "list", "repo", "rollback", "search", "show", "status", "template", "upgrade",
            "version",
        ],
    ),
    ("flux", &["get", "resume", "suspend"]),
    ("argocd", &["app"]),
    ("helm-postrender", &["--check", "explain"]),
];

/// Flags of those programs that hints use; others are a slip, or belong here. Those of helm are of Helm 3 and of Helm 4;
/// `--force-conflicts` is said to Helm 4 alone.
const FLAGS: &[(&str, &[&str])] = &[
    (
        "kubectl",
        &[
            "-c",
            "-it",
            "-l",
            "-n",
            "-o",
            "-p",
            "--all-namespaces",
            "--for",
            "--from",
            "--image-pull-policy",
            "--restart",
            "--from-literal",
            "--image",
            "--overwrite",
            "--previous",
            "--replicas",
            "--rm",
            "--show-labels",
            "--tail",
            "--timeout",
            "--type",
        ],
    ),
    (
        "helm",
        &[
            "-f",
            "-n",
            "-o",
            "--all-namespaces",
            "--deployed",
            "--failed",
            "--force-conflicts",
            "--pending",
            "--post-renderer",
            "--reset-then-reuse-values",
            "--reuse-values",
            "--revision",
            "--set",
            "--set-file",
            "--version",
            "--versions",
        ],
    ),
];

/// What is wrong with a list of rows. `parses` tells whether the plugin's own parser takes the words after
/// `kubectl omupgrade`.
pub fn faults(rows: &[Row], parses: impl Fn(&[String]) -> Result<(), String>) -> Vec<String> {
    let mut out = Vec::new();
    let mut ids = BTreeSet::new();
    for row in rows {
        let mut fault = |what: &str| out.push(format!("{}: {what}", row.id));
        if !ids.insert(row.id) {
            fault("its name is taken");
        }
        if row.id.is_empty() || !row.id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
            fault("its name is not lower case with dashes");
        }
        for (what, text) in [("group", row.group), ("fact", row.fact), ("guide", row.guide)] {
            if text.trim().len() < 4 || text.ends_with('.') {
                fault(&format!("its {what} is no words without a period: `{text}`"));
            }
        }
        if !row.docs.starts_with("https://") {
            fault("its docs are no address");
        }
        if let Err(why) = commands(row.hint, &parses) {
            fault(&format!("its hint {why}"));
        }
    }
    out
}

/// Whether a hint is a command that exists, names filled in. A remark after ` # ` is left out.
pub fn commands(hint: &str, parses: impl Fn(&[String]) -> Result<(), String>) -> Result<(), String> {
    let names = super::row::Names {
        verb: "precheck".to_owned(),
        release: "om".to_owned(),
        namespace: "data".to_owned(),
        to: "1.13.1".to_owned(),
        ..Default::default()
    };
    let filled = names.fill(hint);
    let command = filled.split(" # ").next().unwrap_or_default().trim_end();
    // What keeps a file private is no program.
    let private = command.strip_prefix("(umask 077 && ").and_then(|rest| rest.strip_suffix(')'));
    let command = private.unwrap_or(command);
    // What a shell puts in is one word.
    let command = command.replace("\"$(helm-postrender plugin-dir)\"", "FOLDER");
    // So is what stands in quotes.
    let outside = |(i, part): (usize, &str)| if i % 2 == 0 { part.to_owned() } else { "QUOTED".to_owned() };
    let command: String = command.split('\'').enumerate().map(outside).collect();
    let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
    // Assignments before a command belong to it.
    let words: Vec<String> =
        words.into_iter().skip_while(|w| w.contains('=') && w.starts_with(|c: char| c.is_ascii_uppercase())).collect();
    let Some((program, rest)) = words.split_first() else { return Err("is empty".to_owned()) };
    let Some((_, verbs)) = PROGRAMS.iter().find(|(name, _)| name == program) else {
        return Err(format!("calls `{program}`, which is none of the programs that a user has"));
    };
    // kubectl takes its flags after the verb, except the namespace, which people write first.
    let verb = match rest.first().map(String::as_str) {
        Some("-n") => rest.get(2),
        _ => rest.first(),
    };
    let Some(verb) = verb else { return Err(format!("calls `{program}` with nothing")) };
    if !verbs.contains(&verb.as_str()) {
        return Err(format!("calls `{program} {verb}`, which is not known"));
    }
    if verb == "omupgrade" {
        return parses(rest.get(1..).unwrap_or_default()).map_err(|e| format!("is not parsed: {e}"));
    }
    let known = FLAGS.iter().find(|(name, _)| name == program).map(|(_, flags)| *flags);
    // What comes after `--` or a pipe is another program's.
    let own = rest.iter().take_while(|word| !matches!(word.as_str(), "--" | "|")).filter(|word| word.starts_with('-'));
    for flag in own.map(|word| word.split('=').next().unwrap_or(word)) {
        if known.is_some_and(|known| !known.contains(&flag)) {
            return Err(format!("gives `{program}` the flag `{flag}`, which is not among those that hints use"));
        }
    }
    Ok(())
}
