//! helm, killed at a chosen moment of an upgrade. It never kills a helm that works in another namespace.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use shared::marks;

use super::{Scene, Waiter};
use crate::failure::Failure;
use crate::say;

/// A moment, and how to see that it has come.
struct Moment {
    name: &'static str,
    /// Prints something new when it comes.
    look: &'static [&'static str],
}

const MOMENTS: &[Moment] = &[
    // The revision is recorded, nothing has been done.
    Moment { name: "pending", look: &["get", "secrets", "-l", "owner=helm,status=pending-upgrade", "-o", "name"] },
    // The backup runs.
    Moment { name: "hook", look: &["get", "jobs", "-l", "ROLE=backup", "-o", "name"] },
    // The Deployment is changed.
    Moment { name: "applied", look: &["get", "deployments", "-o", "jsonpath={.items[*].metadata.generation}"] },
];

/// Looks what is there before the moment; what comes back waits for it and kills helm.
pub fn look(scene: &Scene, moment: &str) -> Result<Waiter> {
    let Some(moment) = MOMENTS.iter().find(|known| known.name == moment) else {
        bail!(Failure::new(
            format!("{moment} is no moment of an upgrade"),
            "testbed fault helm-killed pending|hook|applied"
        ));
    };
    let before = seen(scene, moment)?;
    say::step(&format!("waiting for the moment `{}`", moment.name));
    Ok(Box::new(move |scene| kill(scene, moment, &before)))
}

fn seen(scene: &Scene, moment: &Moment) -> Result<String> {
    let look: Vec<String> = moment.look.iter().map(|word| word.replace("ROLE", marks::ROLE)).collect();
    scene.kubectl("waiting for the moment").args(look).text()
}

fn kill(scene: &Scene, moment: &Moment, before: &str) -> Result<()> {
    let start = Instant::now();
    while seen(scene, moment)? == before {
        if start.elapsed() > Duration::from_mins(5) {
            bail!(Failure::late(
                "the moment did not come in five minutes",
                format!("helm history om -n {}", scene.namespace)
            ));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let found = processes(scene.namespace);
    if found.is_empty() {
        bail!(Failure::new("the moment came, and no helm is at work in this namespace", "ps -C helm4,helm3,helm"));
    }
    for pid in found {
        kill_process(pid, Signal::KILL).context("cannot kill helm")?;
        say::step(&format!("killed helm (process {})", pid.as_raw_nonzero()));
    }
    Ok(())
}

/// Every helm whose words name this namespace.
fn processes(namespace: &str) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|words| is_helm(&words, namespace)))
        .filter_map(Pid::from_raw)
        .collect()
}

fn is_helm(cmdline: &[u8], namespace: &str) -> bool {
    let words: Vec<&[u8]> = cmdline.split(|byte| *byte == 0).collect();
    let program = words.first().and_then(|word| word.rsplit(|byte| *byte == b'/').next());
    let named =
        words.windows(2).any(|pair| matches!(pair[0], b"-n" | b"--namespace") && pair[1] == namespace.as_bytes());
    matches!(program, Some(b"helm" | b"helm3" | b"helm4")) && named
}

#[cfg(test)]
mod tests {
    use super::is_helm;

    #[test]
    fn only_helm_and_only_in_this_namespace() {
        assert!(is_helm(b"/opt/bin/helm4\0--namespace\0om\0upgrade\0", "om"));
        assert!(is_helm(b"helm\0upgrade\0om\0-n\0om\0", "om"));
        assert!(!is_helm(b"helm\0upgrade\0om\0-n\0other\0", "om"));
        assert!(!is_helm(b"kubectl\0-n\0om\0", "om"));
    }
}
