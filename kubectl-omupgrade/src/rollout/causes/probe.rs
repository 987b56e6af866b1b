//! Probes that have not passed, or pass no more. Within a probe's patience that is ordinary; after it something is wrong,
//! and it may still mend.

use crate::facts::{Container, Pod, State};
use crate::rollout::scene::Scene;
use crate::rollout::span::seconds;
use crate::rollout::tree::{Cause, Health, Why};

/// What the probe that a container waits for last answered.
pub fn of_container(scene: &Scene<'_>, pod: &Pod, c: &Container) -> Option<(Health, Why)> {
    let State::Running { since } = &c.state else { return None };
    // Before it is ready for the first time its pod is unready since before it started.
    let unready = pod.condition("Ready").filter(|ready| ready.holds == Some(false)).and_then(|ready| ready.since);
    let lost = unready.filter(|unready| since.is_some_and(|since| *unready > since));
    let age = lost.or(*since).map_or(0, |at| scene.now.as_second() - at.as_second());
    let starting = c.started == Some(false);
    let kind = if starting { "startup" } else { "readiness" };
    let probe = c.probes.iter().find(|p| p.kind == kind)?;
    let event = scene.container_warning(&pod.meta.uid, &c.name, &["Unhealthy"]);
    let answer = event.filter(|e| e.message.to_ascii_lowercase().starts_with(kind)).map(|e| answer(&e.message));
    // kubelet was patient before it called a pod unready that had been ready.
    let late = !starting && answer.is_some() && (lost.is_some() || age > probe.patience.max(60));
    let said = answer.map(|a| format!(": {a}")).unwrap_or_default();
    if age < 10 && said.is_empty() {
        return None;
    }
    let words = match lost {
        _ if starting => format!("has not passed, {} of {}", seconds(age), seconds(probe.patience)),
        Some(_) => format!("has been failing for {}", seconds(age + probe.patience)),
        None => format!("has not passed, {}", seconds(age)),
    };
    let why = Why::new(Cause::Probe, format!("its {kind} probe ({}) {words}{said}", probe.asks));
    if !late {
        return Some((Health::Working, why));
    }
    let hint = scene.kubectl(&format!("logs {} -c {}", pod.meta.name, c.name));
    Some((Health::Blocked, why.hint(hint)))
}

/// kubelet's `Readiness probe failed: HTTP probe failed with statuscode: 503` in fewer words.
fn answer(message: &str) -> String {
    let (_, detail) =
        message.split_once("probe failed: ").or_else(|| message.split_once("probe errored: ")).unwrap_or(("", message));
    let detail = detail.trim().trim_end_matches('.');
    match detail.strip_prefix("HTTP probe failed with statuscode: ") {
        Some(code) => format!("it answered {code}"),
        None if detail.contains("connection refused") => "nothing listens there yet".to_owned(),
        None if detail.contains("Client.Timeout") || detail.contains("deadline exceeded") => {
            "no answer in time".to_owned()
        }
        None => detail.lines().next().unwrap_or_default().to_owned(),
    }
}
