//! Says what of the cluster runs, and shows logs. It never changes anything.

use std::fs;
use std::process::ExitCode;

use anyhow::{Result, bail};

use super::components::COMPONENTS;
use super::kubectl::kubectl;
use super::{process, up};
use crate::call::last_lines;
use crate::failure::Failure;
use crate::paths::{self, Cache};
use crate::say;

/// Whether every component runs and the nodes are Ready.
pub fn is_whole(cache: &Cache) -> bool {
    COMPONENTS.iter().all(|component| process::running(component.name).is_some()) && up::nodes_are_ready(cache)
}

/// Prints one line per component and the nodes' state.
pub fn run(cache: &Cache) -> Result<ExitCode> {
    if !paths::kubeconfig().exists() {
        say::answer("no cluster is here (testbed up starts one)");
        return Ok(ExitCode::FAILURE);
    }
    for component in COMPONENTS {
        let state = process::running(component.name)
            .map_or_else(|| "ended".to_owned(), |identity| format!("runs (process {})", identity.pid));
        say::answer(&format!("{:<24} {state}", component.name));
    }
    let ready = up::nodes_are_ready(cache);
    say::answer(&format!("{:<24} {}", "nodes", if ready { "Ready" } else { "not Ready" }));
    if ready {
        let pods = kubectl(cache, "listing pods").args(["get", "pods", "--all-namespaces", "--no-headers"]).text()?;
        say::answer(&format!("{:<24} {}", "pods", pods.lines().count()));
    }
    say::answer(&format!("{:<24} {}", "kubeconfig", paths::kubeconfig().display()));
    Ok(if is_whole(cache) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the end of a component's log.
pub fn logs(cache: &Cache, component: &str, tail: usize) -> Result<()> {
    if component == "coredns" {
        let words = ["logs", "-n", "kube-system", "-l", "k8s-app=kube-dns", "--tail", &tail.to_string()];
        say::answer(kubectl(cache, "reading the DNS log").args(words).text()?.trim_end());
        return Ok(());
    }
    let known: Vec<&str> = COMPONENTS.iter().map(|component| component.name).collect();
    if !known.contains(&component) {
        let what = format!("no component is called {component}; there are {}, coredns", known.join(", "));
        bail!(Failure::words(what, "testbed status"));
    }
    let Ok(text) = fs::read(process::log(component)) else {
        bail!(Failure::new(format!("{component} has no log: it was never started here"), "testbed up"));
    };
    for line in last_lines(&String::from_utf8_lossy(&text), tail) {
        say::answer(line);
    }
    Ok(())
}
