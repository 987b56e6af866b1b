//! Whether what works in the background does: apps, webhooks, pipelines.

use super::{Facts, either, of, rolled_out, row};
use crate::checks::{Answer, Check, fail, pass, skip, unknown, warn};
use jiff::Timestamp;

const GROUP: &str = "background";
const DIAGNOSE: &str = "kubectl omupgrade diagnose {release} -n {namespace}";

/// The rows.
pub const CHECKS: &[Check<Facts>] = &[
    Check {
        row: row(
            "apps",
            GROUP,
            "the last run of every background app ended well",
            "Post-upgrade validation: applications",
            "kubectl logs -n {namespace} {workload} --tail=500",
        ),
        ask: |f| either(apps(f)),
    },
    Check {
        row: row(
            "webhooks",
            GROUP,
            "the last deliveries of alerts and webhooks arrived",
            "Post-upgrade validation: webhooks and alerts",
            "kubectl logs -n {namespace} {workload} --tail=500",
        ),
        ask: |f| either(webhooks(f)),
    },
    Check {
        row: row(
            "pipelines",
            GROUP,
            "no pipeline failed or was cut off since the rollout",
            "Post-upgrade validation: ingestion",
            DIAGNOSE,
        ),
        ask: |f| either(pipelines(f)),
    },
];

fn apps(f: &Facts) -> Result<Answer, Answer> {
    let apps = of(f, |s| &s.apps)?;
    let (mut bad, mut old, mut well, mut never) = (Vec::new(), Vec::new(), 0, 0);
    for app in apps {
        let since = matches!((app.began, rolled_out(f)), (Some(began), Some(rolled)) if began >= rolled);
        let words = |how: &str| {
            let why = app.failure.as_deref().map(|w| format!(" ({w})")).unwrap_or_default();
            format!("{}: {how}{why}", app.name)
        };
        match app.last.as_deref() {
            Some("failed" | "activeError") if since => bad.push(words("failed since the rollout")),
            Some("failed" | "activeError") => old.push(words("failed before the rollout")),
            // A server that was stopped in the middle leaves its run as it was.
            Some(state @ ("running" | "started" | "stopInProgress")) if !since && rolled_out(f).is_some() => {
                old.push(words(&format!("{state} since before the rollout: cut off")));
            }
            // That it ended well nobody said.
            None => never += 1,
            Some(_) => well += 1,
        }
    }
    let without = if never > 0 { format!("; {never} never ran") } else { String::new() };
    Ok(match (bad.as_slice(), old.as_slice()) {
        _ if apps.is_empty() => skip("there is no app"),
        ([], []) if well == 0 => skip(format!("{never} apps, none of which ever ran")),
        ([], []) => pass(format!("{well} apps{without}")),
        ([], old) => warn(old.join("; ")),
        (bad, old) => fail([bad, old].concat().join("; ")),
    })
}

fn webhooks(f: &Facts) -> Result<Answer, Answer> {
    let all = of(f, |s| &s.subscriptions)?;
    let (mut bad, mut retrying, mut untold, mut well, mut silent) = (Vec::new(), Vec::new(), Vec::new(), 0, 0);
    for subscription in all.iter().filter(|s| s.enabled) {
        for (status, reason) in &subscription.destinations {
            let words = || {
                format!(
                    "{}: {status}{}",
                    subscription.name,
                    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
                )
            };
            match status.as_str() {
                "failed" => bad.push(words()),
                "awaitingRetry" | "retryLimitReached" => retrying.push(words()),
                // It has a reason where the server was asked and did not answer.
                "unknown" if !reason.is_empty() => untold.push(words()),
                "unknown" | "" => silent += 1,
                // It takes no deliveries, though its alert is on.
                "disabled" => {}
                _ => well += 1,
            }
        }
    }
    Ok(match (bad.as_slice(), retrying.as_slice()) {
        ([], []) if !untold.is_empty() => return Err(unknown(untold.join("; "))),
        ([], []) if well == 0 && silent == 0 => skip("no alert with a destination is on"),
        ([], []) if well == 0 => skip(format!("{silent} destinations, of which the server tells nothing yet")),
        ([], []) => pass(format!("{well} destinations")),
        ([], retrying) => warn(retrying.join("; ")),
        (bad, retrying) => fail([bad, retrying].concat().join("; ")),
    })
}

fn pipelines(f: &Facts) -> Result<Answer, Answer> {
    let all = of(f, |s| &s.pipelines)?;
    let rolled = rolled_out(f);
    let after = |at: Option<Timestamp>| matches!((at, rolled), (Some(at), Some(rolled)) if at >= rolled);
    let (mut failed, mut cut, mut undated) = (Vec::new(), Vec::new(), Vec::new());
    for pipeline in all.iter().filter(|p| p.enabled) {
        match pipeline.state.as_deref() {
            Some("failed" | "partialSuccess") if after(pipeline.at) => failed.push(pipeline.name.as_str()),
            Some("running" | "queued") if rolled.is_some() && pipeline.at.is_some() && !after(pipeline.at) => {
                cut.push(pipeline.name.as_str());
            }
            Some("failed" | "partialSuccess" | "running" | "queued") if rolled.is_none() || pipeline.at.is_none() => {
                undated.push(pipeline.name.as_str());
            }
            _ => {}
        }
    }
    let on = all.iter().filter(|p| p.enabled).count();
    Ok(match (failed.as_slice(), cut.as_slice()) {
        _ if all.is_empty() => skip("there is no pipeline"),
        ([], []) if !undated.is_empty() => {
            return Err(unknown(format!("from before the rollout or since is not known of: {}", undated.join(", "))));
        }
        ([], []) => pass(format!("{} of {} are on", on, all.len())),
        (failed, cut) => {
            let mut words = Vec::new();
            if !failed.is_empty() {
                words.push(format!("failed since the rollout: {}", failed.join(", ")));
            }
            if !cut.is_empty() {
                words.push(format!("running since before the rollout: {}", cut.join(", ")));
            }
            warn(words.join("; "))
        }
    })
}
