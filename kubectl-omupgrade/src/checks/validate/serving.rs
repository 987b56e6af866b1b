//! Whether the server serves: pods, health, version, pages, a way in, the steps of its own validation.

use super::{Facts, either, known, needed, of, row, tag};
use crate::checks::{Answer, Check, fail, pass, unknown, warn};
use crate::facts::Answered;
use crate::rollout::{Health, Verdict, judge};
use shared::versions::Version;

const GROUP: &str = "serving";
const GUIDE: &str = "Post-upgrade validation: the server is up";
pub(super) const TOKEN: &str = "kubectl create secret generic {release}-omupgrade-token -n {namespace} --from-literal=token=TOKEN # a bot's token, from Settings, Bots";

/// Answers slower than this are told of, in milliseconds. Chosen: a page that takes longer feels broken.
const SLOW: u64 = 2000;

/// The rows.
pub const CHECKS: &[Check<Facts>] = &[
    Check {
        row: needed(row(
            "pods",
            GROUP,
            "every workload is of the newest revision and ready",
            GUIDE,
            "kubectl omupgrade status {release} -n {namespace}",
        )),
        ask: |f| {
            let rollout = judge(&f.look, f.look.made);
            match rollout.verdict {
                Verdict::RolledOut => pass(rollout.sentence),
                Verdict::Progressing => warn(rollout.sentence),
                Verdict::NotReady if rollout.tree.worst() < Health::Blocked => warn(rollout.sentence),
                Verdict::NotReady | Verdict::Blocked | Verdict::Failed => fail(rollout.sentence),
                Verdict::Unknown => unknown(rollout.sentence),
            }
        },
    },
    Check {
        row: needed(row(
            "health",
            GROUP,
            "the server says that it is well",
            GUIDE,
            "kubectl omupgrade diagnose {release} -n {namespace}",
        )),
        ask: |f| either(of(f, |s| &s.health).map(answered)),
    },
    Check {
        row: row(
            "version",
            GROUP,
            "the server is of the version that its image is called",
            GUIDE,
            "helm get values {release} -n {namespace} # an image.tag set by hand keeps an old server under a new chart",
        ),
        ask: |f| either(of(f, |s| &s.version).map(|v| version(v, tag(f)))),
    },
    Check {
        row: row(
            "page",
            GROUP,
            "the user interface is served",
            "Post-upgrade validation: the UI loads",
            "kubectl omupgrade diagnose {release} -n {namespace}",
        ),
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
            "kubectl omupgrade diagnose {release} -n {namespace}",
        ),
        ask: |f| either(steps(f)),
    },
    Check {
        row: row(
            "known-troubles",
            GROUP,
            "no known trouble shows in states, events and logs",
            "Troubleshooting",
            "kubectl omupgrade diagnose {release} -n {namespace}",
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

fn version(said: &str, tag: Option<&str>) -> Answer {
    match (Version::parse(said), tag.and_then(Version::parse)) {
        (Some(a), Some(b)) if a == b => pass(said),
        (Some(a), Some(b)) => fail(format!("it is {a}, and its image is called {b}")),
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
    let logs = f.look.logs.values().filter(|l| l.value().is_some()).count();
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
