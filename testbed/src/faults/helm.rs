//! helm, killed at a chosen moment of an upgrade. It never kills a helm that works in another namespace or on another cluster.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use shared::marks;

use super::{Scene, Waiter};
use crate::failure::Failure;
use crate::{paths, say};

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

/// Whether an upgrade has a moment of this name.
pub fn is_moment(value: &str) -> bool {
    MOMENTS.iter().any(|moment| moment.name == value)
}

/// Looks what is there before the moment; what comes back waits for it and kills helm.
pub fn look(scene: &Scene, moment: &str) -> Result<Waiter> {
    let moment = MOMENTS.iter().find(|known| known.name == moment).context("no moment of an upgrade")?;
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
        bail!(Failure::new(
            "the moment came, and no helm is at work in this namespace with this cluster's kubeconfig",
            format!("export KUBECONFIG={}", paths::kubeconfig().display()),
        ));
    }
    for pid in found {
        kill_process(pid, Signal::KILL).context("cannot kill helm")?;
        say::step(&format!("killed helm (process {})", pid.as_raw_nonzero()));
    }
    Ok(())
}

/// Every helm that works in this namespace of this cluster.
fn processes(namespace: &str) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            // Who cannot be read belongs to somebody else, or has ended.
            let read = |file: &str| fs::read(format!("/proc/{pid}/{file}")).ok().map(|text| strings(&text));
            let process = read("cmdline").zip(read("environ"));
            process.is_some_and(|(words, environment)| Typed { words, environment }.is_helm_at(namespace))
        })
        .filter_map(Pid::from_raw)
        .collect()
}

/// What ends in zero bytes, as `/proc` writes it.
fn strings(text: &[u8]) -> Vec<String> {
    text.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

/// What a process was started with.
struct Typed {
    words: Vec<String>,
    environment: Vec<String>,
}

impl Typed {
    /// Whether it is a helm that works in this namespace of the testbed's cluster, and says of no other.
    fn is_helm_at(&self, namespace: &str) -> bool {
        let program = self.words.first().and_then(|word| word.rsplit('/').next());
        let ours = paths::kubeconfig();
        matches!(program, Some("helm" | "helm3" | "helm4"))
            && self.said("namespace", "HELM_NAMESPACE").is_some_and(|named| named == namespace)
            && self.said("kubeconfig", "KUBECONFIG").is_some_and(|file| Path::new(file) == ours)
            // A server by its address goes before the one that the kubeconfig names.
            && self.said("kube-apiserver", "HELM_KUBEAPISERVER").is_none()
    }

    /// The value of a flag in any of its spellings, the last of several; without one the variable's. Empty is not said.
    fn said(&self, flag: &str, variable: &str) -> Option<&str> {
        let long = format!("--{flag}");
        let mut typed = None;
        for (at, word) in self.words.iter().enumerate() {
            // Only the namespace has a short one.
            let short = word.strip_prefix("-n").filter(|_| flag == "namespace");
            typed = match (word.strip_prefix(&long), short) {
                (Some(""), _) | (_, Some("")) => self.words.get(at + 1).map(String::as_str),
                (Some(rest), _) if rest.starts_with('=') => Some(&rest[1..]),
                (_, Some(rest)) => Some(rest.strip_prefix('=').unwrap_or(rest)),
                _ => typed,
            };
        }
        let set = || self.environment.iter().find_map(|set| set.strip_prefix(variable)?.strip_prefix('='));
        typed.or_else(set).filter(|value| !value.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether a helm of these words and variables works in the namespace `om` of the testbed.
    fn struck(words: &str, environment: &[&str]) -> bool {
        let words = words.replace("OURS", &paths::kubeconfig().display().to_string());
        let words = words.split(' ').map(str::to_owned).collect();
        Typed { words, environment: environment.iter().map(|set| (*set).to_owned()).collect() }.is_helm_at("om")
    }

    #[test]
    fn only_helm_and_only_in_this_namespace() {
        let here = format!("KUBECONFIG={}", paths::kubeconfig().display());
        let here = here.as_str();
        assert!(struck("/opt/bin/helm4 --namespace om upgrade", &[here]));
        for words in ["-n om", "-nom", "-n=om", "--namespace om", "--namespace=om", "-n other --namespace=om"] {
            assert!(struck(&format!("helm upgrade om x {words}"), &[here]), "{words}");
        }
        assert!(struck("helm upgrade om x", &[here, "HELM_NAMESPACE=om"]));
        for words in ["helm upgrade om x", "helm upgrade om x -n other", "helm upgrade om x -nother", "kubectl -n om"] {
            assert!(!struck(words, &[here]), "{words}");
        }
        assert!(!struck("helm upgrade om x -n other", &[here, "HELM_NAMESPACE=om"]), "a flag goes before a variable");
    }

    #[test]
    fn only_in_this_cluster() {
        let here = format!("KUBECONFIG={}", paths::kubeconfig().display());
        let here = here.as_str();
        assert!(struck("helm upgrade -n om --kubeconfig OURS", &[]));
        assert!(struck("helm upgrade -n om --kubeconfig=OURS", &["KUBECONFIG=/root/.kube/config"]));
        assert!(!struck("helm upgrade -n om", &[]), "the user's own kubeconfig");
        assert!(!struck("helm upgrade -n om", &["KUBECONFIG=/root/.kube/config"]));
        assert!(!struck("helm upgrade -n om --kubeconfig /root/.kube/config", &[here]));
        assert!(!struck("helm upgrade -n om --kube-apiserver https://production", &[here]));
        assert!(!struck("helm upgrade -n om", &[here, "HELM_KUBEAPISERVER=https://production"]));
    }
}
