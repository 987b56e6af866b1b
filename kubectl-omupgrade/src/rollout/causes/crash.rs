//! Containers that end and are started again. Servers crash while what they need comes up, so only many restarts, or
//! fewer with words that do not change by waiting, fail.

use crate::facts::{Container, LogKey, Pod, State, Terminated};
use crate::rollout::scene::Scene;
use crate::rollout::tree::{Cause, Health, Why};

/// Restarts after which a crash loop is called a failure (about five minutes of kubelet's back-off; chosen).
const MANY: i32 = 5;
/// Restarts after which one with definite words is.
const FEW: i32 = 2;
/// Lines of the log that are shown.
const SHOWN: usize = 6;

/// What an OpenMetadata server says when a restart does not help.
const DEFINITE: &[&str] = &[
    "There are pending migrations to be run on the database",
    "Unable to decrypt",
    "InvalidKeyException",
    "UnsupportedClassVersionError",
    "ClassNotFoundException",
];

/// Words of a failure that may go by itself.
pub(super) const PASSING: &[&str] = &[
    "onnection refused",
    "ommunications link failure",
    "UnknownHost",
    "timed out",
    "timeout",
    "not yet accepting",
    "starting up",
];

/// The first line of a log that holds one of these words.
pub(super) fn tells<'a>(lines: &'a [String], words: &[&str]) -> Option<&'a String> {
    lines.iter().find(|line| words.iter().any(|word| line.contains(word)))
}

/// Why a container that ended with an error, or loops, does.
pub fn of_container(scene: &Scene<'_>, pod: &Pod, c: &Container) -> (Health, Why) {
    let end = end(c);
    let lines = lines(scene, pod, c);
    let definite = tells(lines, DEFINITE);
    let killed_by = killed_by_probe(scene, pod, c);
    let what = match (end, &killed_by) {
        // A probe's old warning may lie beside it.
        (Some(end), _) if end.reason == "OOMKilled" => "needs more memory than its limit allows (OOMKilled)".to_owned(),
        (_, Some(probe)) => format!("{probe}, and was killed for it"),
        (Some(end), None) => format!("its process {}", ended(end)),
        (None, None) => "its process ended".to_owned(),
    };
    let times = match c.restarts {
        0 => String::new(),
        1 => ", started again once".to_owned(),
        n => format!(", started again {n} times"),
    };
    let said = end.map(|e| e.message.trim()).filter(|m| !m.is_empty() && lines.is_empty());
    let said = definite.map(|l| l.trim()).or(said).map(|m| format!(": {m}")).unwrap_or_default();
    let loops = !end.is_some_and(held);
    // What it waits for may come back, however often it was started meanwhile.
    let passing = tells(lines, PASSING).is_some() && killed_by.is_none();
    let many = c.restarts >= MANY && !passing;
    let failed = loops && (many || (c.restarts >= FEW && definite.is_some()));
    let health = if failed { Health::Failed } else { Health::Blocked };
    let previous = if matches!(c.state, State::Terminated(_)) { "" } else { " --previous" };
    let hint = scene.kubectl(&format!("logs {} -c {}{previous}", pod.meta.name, c.name));
    let why = Why::new(Cause::CrashLoop, format!("{what}{times}{said}")).hint(hint).lines(shown(lines));
    (health, why)
}

/// Whether a run lasted so long that its end is no link of a loop: kubelet then forgets its back-off. Restarts are counted
/// over the life of a pod, which may be a year.
fn held(run: &Terminated) -> bool {
    const FORGOTTEN: i64 = 600;
    run.started.zip(run.finished).is_some_and(|(from, to)| to.as_second() - from.as_second() >= FORGOTTEN)
}

/// A container that runs again after a crash and is not ready: it may come up, or not.
pub fn of_running(scene: &Scene<'_>, pod: &Pod, c: &Container) -> Option<(Health, Why)> {
    let failed_before = c.restarts > 0 && c.last.as_ref().is_some_and(|l| l.exit != 0);
    failed_before.then(|| {
        let (health, mut why) = of_container(scene, pod, c);
        why.text = format!("runs again; before, {}", why.text);
        (if health == Health::Failed { Health::Blocked } else { Health::Working }, why)
    })
}

/// The end of a run in words.
pub fn ended(end: &Terminated) -> String {
    match (end.reason.as_str(), end.exit) {
        ("OOMKilled", _) => "was killed: out of memory".to_owned(),
        (_, 0) => "ended with 0".to_owned(),
        (_, 137) => "was killed (137)".to_owned(),
        (_, 143) => "was told to stop (143)".to_owned(),
        ("ContainerCannotRun" | "StartError", _) => "could not be started".to_owned(),
        (_, code) => format!("ended with {code}"),
    }
}

/// A container in back-off, in words.
pub fn looping(c: &Container) -> String {
    match c.restarts {
        0 | 1 => "crashed, waiting to be started again".to_owned(),
        n => format!("crashes again and again ({n} restarts)"),
    }
}

/// The end of the newest run that ended.
pub fn end(c: &Container) -> Option<&Terminated> {
    match &c.state {
        State::Terminated(end) => Some(end),
        _ => c.last.as_ref(),
    }
}

/// The lines of the newest run that ended.
pub fn lines<'a>(scene: &Scene<'a>, pod: &Pod, c: &Container) -> &'a [String] {
    let now = scene.log(&LogKey::new(&pod.meta.name, &c.name));
    if matches!(c.state, State::Terminated(_)) && !now.is_empty() {
        return now;
    }
    scene.log(&LogKey::previous(&pod.meta.name, &c.name))
}

/// The last lines that say something; frames of a stack trace do not.
pub fn shown(lines: &[String]) -> Vec<String> {
    let rule = |l: &str| !l.chars().any(char::is_alphanumeric);
    let frame = |l: &str| rule(l) || l.trim_start().starts_with("at ") || l.trim_start().starts_with("... ");
    let telling: Vec<&String> = lines.iter().filter(|l| !l.trim().is_empty() && !frame(l)).collect();
    telling.iter().skip(telling.len().saturating_sub(SHOWN)).map(|l| (*l).clone()).collect()
}

/// Whether kubelet killed it for a probe, in words.
fn killed_by_probe(scene: &Scene<'_>, pod: &Pod, c: &Container) -> Option<String> {
    let event = scene.container_warning(&pod.meta.uid, &c.name, &["Unhealthy"])?;
    let message = event.message.as_str();
    let kind = if message.starts_with("Startup") {
        "startup"
    } else if message.starts_with("Liveness") {
        "liveness"
    } else {
        return None;
    };
    let by_signal = end(c).is_some_and(|e| matches!(e.exit, 137 | 143));
    let probe = c.probes.iter().find(|p| p.kind == kind)?;
    by_signal.then(|| format!("did not answer its {kind} probe ({}) within {} s", probe.asks, probe.patience))
}
