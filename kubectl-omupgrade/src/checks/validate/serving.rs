//! Whether the server serves: pods, health, version, pages, a way in, the steps of its own validation.

use super::{Facts, either, known, needed, of, row, tag};
use crate::checks::{Answer, Check, Why, fail, pass, unknown, warn};
use crate::facts::{Answered, Fact, is_no_log};
use crate::rollout::{Verdict, judge};
use shared::versions::Version;

const GROUP: &str = "serving";
const GUIDE: &str = "Post-upgrade validation: the server is up";
const STATUS: &str = "kubectl omupgrade status {release} -n {namespace}";
const DIAGNOSE: &str = "kubectl omupgrade diagnose {release} -n {namespace}";
pub(super) const TOKEN: &str = "kubectl create secret generic {release}-omupgrade-token -n {namespace} --from-literal=token=TOKEN # a bot's token, from Settings, Bots";

/// Answers slower than this are told of, in milliseconds. Chosen: a page that takes longer feels broken.
const SLOW: u64 = 2000;

/// The rows.
pub const CHECKS: &[Check<Facts>] = &[
    Check {
        row: needed(row("pods", GROUP, "every workload is of the newest revision and ready", GUIDE, STATUS)),
        ask: |f| {
            let rollout = judge(&f.look, f.look.made);
            match rollout.verdict {
                Verdict::RolledOut => pass(rollout.sentence),
                Verdict::Progressing | Verdict::NotReady | Verdict::Blocked | Verdict::Failed => fail(rollout.sentence),
                Verdict::Unknown => unknown(rollout.sentence),
            }
        },
    },
    Check {
        row: needed(row("health", GROUP, "the server says that it is well", GUIDE, DIAGNOSE)),
        ask: |f| either(of(f, |s| &s.health).map(answered)),
    },
    Check {
        row: row("version", GROUP, "the server is of the version that its image is called", GUIDE, DIAGNOSE),
        ask: |f| either(of(f, |s| &s.version).map(|v| version(v, tag(f), is_rolled_out(f)))),
    },
    Check {
        row: row("page", GROUP, "the user interface is served", "Post-upgrade validation: the UI loads", DIAGNOSE),
        ask: |f| either(of(f, |s| &s.page).map(page)),
    },
    Check {
        row: needed(row("login", GROUP, "somebody can log in", "Post-upgrade validation: log in", TOKEN)),
        ask: |f| {
            either(of(f, |s| &s.who).map(|who| {
                let kind = if who.admin { "an administrator" } else { "no administrator" };
                pass(format!("as {}, {kind} (token: {})", who.name, who.by))
            }))
        },
    },
    Check {
        row: row(
            "own-validation",
            GROUP,
            "the server's own validation passes",
            "Post-upgrade validation: system status",
            DIAGNOSE,
        ),
        ask: |f| either(steps(f)),
    },
    Check {
        row: row(
            "known-troubles",
            GROUP,
            "states, events and logs are free of known troubles",
            "Troubleshooting",
            DIAGNOSE,
        ),
        ask: troubles,
    },
];

fn answered(a: &Answered) -> Answer {
    match a.status {
        200 if a.millis > SLOW => warn(format!("after {} ms", a.millis)),
        200 => pass(format!("{} ms", a.millis)),
        other => fail(format!("it answered {other}")),
    }
}

fn page(a: &Answered) -> Answer {
    match (a.status, a.what.as_str()) {
        (200, "text/html") => answered(a),
        (200, other) => warn(format!("it answered 200, and no page: {other}")),
        // Behind a login the first page may send elsewhere.
        (301..=308, _) => pass(format!("it sends on ({})", a.status)),
        (other, _) => fail(format!("it answered {other}")),
    }
}

/// Whether the rollout is finished: else what is asked for need not be what answers.
pub fn is_rolled_out(f: &Facts) -> bool {
    judge(&f.look, f.look.made).verdict == Verdict::RolledOut
}

/// The step where the server itself did not give an answer; none where the row's, or that of the reason's kind, is it.
/// What it refuses wants another token, and no token mends one that fails or is away.
pub(super) fn server_next<T>(fact: &Fact<T>) -> Option<&'static str> {
    let why = fact.reason().unwrap_or_default();
    let refuses = matches!(fact.status(), Some(401 | 403));
    let silent = why.contains("no answer within") && !why.contains("(--request-timeout)");
    let away = silent || Why::of(why) == Some(Why::Server) || why.contains("no pod of the server runs");
    if refuses { Some(TOKEN) } else { away.then_some(DIAGNOSE) }
}

fn version(said: &str, tag: Option<&str>, rolled_out: bool) -> Answer {
    match (Version::parse(said), tag.and_then(Version::parse)) {
        (Some(a), Some(b)) if a == b => pass(said),
        (Some(a), Some(b)) if !rolled_out => {
            warn(format!("it is {a}; the Deployment asks for {b} and its rollout is not finished")).next(STATUS)
        }
        (Some(a), Some(b)) => fail(format!("it is {a}, and its image is called {b}")).next(
            "helm get values {release} -n {namespace} # an image.tag set by hand keeps an old server under a new chart",
        ),
        _ => pass(format!("it is {said}; its image has no version in its name")),
    }
}

fn steps(f: &Facts) -> Result<Answer, Answer> {
    let steps = of(f, |s| &s.steps)?;
    if steps.is_empty() {
        return Err(unknown("the server names no step"));
    }
    let failed: Vec<String> =
        steps.iter().filter(|s| !s.passed).map(|s| format!("{}: {}", s.name, s.message)).collect();
    if failed.is_empty() {
        let names: Vec<&str> = steps.iter().map(|s| s.name.as_str()).collect();
        return Ok(pass(names.join(", ")));
    }
    // Without pipelines of its own an installation may do without what runs them.
    let only_client = steps.iter().filter(|s| !s.passed).all(|s| s.name == "pipelineServiceClient");
    let words = failed.join("; ");
    Ok(if only_client { warn(words) } else { fail(words) })
}

fn troubles(f: &Facts) -> Answer {
    use crate::diagnose::rule::Confidence;
    use crate::diagnose::{Evidence, diagnose, rule};
    // What kubelet says in place of a log is none.
    let read = |log: &&Fact<Vec<String>>| log.value().is_some_and(|l| !is_no_log(l));
    let logs = f.look.logs.values().filter(read).count();
    if let Err(missing) = known(&f.look.pods) {
        return missing;
    }
    match rule::built_in() {
        Err(e) => unknown(e.to_string()),
        Ok(rules) => {
            let found = diagnose(&Evidence::of(f.look.clone()), &rules, f.look.made).findings;
            match found.first() {
                Some(first) => {
                    let more = if found.len() > 1 { format!(", and {} more", found.len() - 1) } else { String::new() };
                    let words = format!("{} ({}){more}", first.cause, first.confidence.word());
                    // What can be, and need not, is for somebody to look at.
                    let answer = if first.confidence == Confidence::Possible { warn(words) } else { fail(words) };
                    match first.fix.first() {
                        Some(fix) if found.len() == 1 => answer.next(fix.replace("    # ", " # ")),
                        _ => answer,
                    }
                }
                None if logs == 0 => unknown("no log was read"),
                None => pass(format!("none in {logs} logs")),
            }
        }
    }
}
