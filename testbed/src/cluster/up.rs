//! Starts the cluster: checks first, then from the certificates to Ready nodes. It never starts a second one.

use std::fs;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::components::{COMPONENTS, Component};
use super::kubectl::kubectl;
use super::nodes::NODES;
use super::process::{self, Identity};
use super::{certificates, disk, down, leftovers, manifests, network, room, settings, status};
use crate::call::last_lines;
use crate::failure::Failure;
use crate::paths::{self, Cache};
use crate::{images, real, say, tools};

/// From whatever is there to Ready nodes.
pub fn run(cache: &Cache) -> Result<()> {
    tools::machine::check()?;
    tools::nothing_in_the_way(cache)?;
    real::resolvers()?;
    refuse_other_settings(cache)?;
    images::refresh(cache)?;
    if is_up(cache)? {
        return Ok(());
    }
    tools::all(cache)?;
    images::ensure(cache, &["pause", "coredns"])?;
    let _turn = super::turn()?;
    // Who waited finds it up.
    if is_up(cache)? {
        return Ok(());
    }
    if disk::exists() {
        say::step("a part of an earlier cluster is here: removing it");
    }
    down::remove()?;
    room::check()?;
    disk::make()?;
    for folder in ["run", "logs", "pods", "pods-2", "volumes", "cni"] {
        let path = paths::state(folder);
        fs::create_dir_all(&path).with_context(|| format!("cannot make the folder {}", path.display()))?;
    }
    let unfinished = paths::state(UNFINISHED);
    fs::write(&unfinished, "").with_context(|| format!("cannot write {}", unfinished.display()))?;
    say::step("certificates, settings, network");
    certificates::make()?;
    settings::write()?;
    leftovers::remember()?;
    process::remember_boot()?;
    network::prepare()?;
    leftovers::make_groups();

    for component in COMPONENTS {
        if let Some(mark) = component.name.strip_prefix("kubelet") {
            // The kubelet ends when the runtime does not answer at once.
            let socket = paths::state(&format!("containerd{mark}.sock"));
            until("containerd", Duration::from_secs(30), || UnixStream::connect(&socket).is_ok())?;
        }
        say::step(&format!("starting {}", component.name));
        start(cache, component)?;
        if component.name == "kube-apiserver" {
            await_api(cache)?;
        }
    }
    say::step("adding DNS and the storage classes");
    await_namespace(cache)?;
    for manifest in ["storage", "dns"] {
        manifests::apply(cache, manifest, "kube-system", "adding DNS and storage")?;
    }
    await_nodes(cache)?;
    fs::remove_file(&unfinished).with_context(|| format!("cannot remove {}", unfinished.display()))?;
    say::step("the nodes are Ready");
    say::answer(&paths::kubeconfig().display().to_string());
    Ok(())
}

/// Stands in the cluster's folder while the cluster is being started.
const UNFINISHED: &str = "unfinished";

/// Whether it is up already, and says so. One whose daemons all run is nobody's to erase, whatever its nodes say just now:
/// people's releases are on it.
fn is_up(cache: &Cache) -> Result<bool> {
    let runs = COMPONENTS.iter().all(|component| process::running(component.name).is_some());
    if !runs || paths::state(UNFINISHED).exists() {
        return Ok(false);
    }
    if !nodes_are_ready(cache) {
        say::step("every daemon runs, and the nodes are not all Ready: waiting for them");
        if let Err(error) = await_nodes(cache) {
            let what = format!("the cluster is not well, and is left as it is: {error:#}");
            bail!(Failure::late(what, "testbed status; to lose all that is on it: testbed down && testbed up"));
        }
    }
    say::step("the cluster is already up");
    say::answer(&paths::kubeconfig().display().to_string());
    Ok(true)
}

/// One that was started for another server would not find this one's image or search.
fn refuse_other_settings(cache: &Cache) -> Result<()> {
    let now = real::settings();
    // One that an older testbed started remembers nothing.
    let other = fs::read_to_string(paths::state(real::KEPT)).ok().filter(|of| *of != now && status::is_whole(cache));
    let Some(of) = other else { return Ok(()) };
    let what = format!("the cluster was started for {of}, and now the settings are for {now}");
    bail!(Failure::new(what, "testbed down && testbed up"))
}

/// Starts one component and makes sure that it did not end at once.
pub fn start(cache: &Cache, component: &Component) -> Result<Identity> {
    let program = component.program.path(cache).context("cannot find this program's own file")?;
    // CNI plugins and runc are looked up on the PATH by containerd, mount helpers by the kubelet.
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned();
    let environment = [
        ("PATH".to_owned(), path),
        ("OMUPGRADE_TESTBED_CACHE".to_owned(), cache.root().display().to_string()),
        // Memory is there, and processors are what a busy suite waits for: garbage is collected a third as often.
        ("GOGC".to_owned(), "300".to_owned()),
    ];
    process::start(component.name, &program, &(component.arguments)(), &environment)
}

/// Waits until `done`, while every started component still runs.
fn until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) -> Result<()> {
    let start = Instant::now();
    while !done() {
        for component in COMPONENTS {
            if paths::state(&format!("run/{}", component.name)).exists() && process::running(component.name).is_none() {
                let said = fs::read(process::log(component.name)).unwrap_or_default();
                let said = String::from_utf8_lossy(&said).into_owned();
                let end = last_lines(&said, 3).join("\n    ");
                let hint = format!("testbed logs {}", component.name);
                bail!(Failure::new(format!("{} ended while waiting for {what}:\n    {end}", component.name), hint));
            }
        }
        if start.elapsed() > limit {
            let hint = "testbed status; testbed logs kubelet";
            bail!(Failure::late(format!("waited {} s for {what}", limit.as_secs()), hint));
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

fn await_api(cache: &Cache) -> Result<()> {
    until("the API server", Duration::from_secs(90), || {
        kubectl(cache, "asking the API server").args(["get", "--raw", "/readyz"]).succeeds()
    })
}

fn await_namespace(cache: &Cache) -> Result<()> {
    until("the namespace kube-system", Duration::from_mins(1), || {
        kubectl(cache, "looking for kube-system").args(["get", "namespace", "kube-system"]).succeeds()
    })
}

fn await_nodes(cache: &Cache) -> Result<()> {
    until("the nodes to be Ready", Duration::from_mins(2), || nodes_are_ready(cache))
}

/// Whether every kubelet says that its node is Ready.
pub fn nodes_are_ready(cache: &Cache) -> bool {
    let path = r#"jsonpath={.items[*].status.conditions[?(@.type=="Ready")].status}"#;
    let said =
        kubectl(cache, "asking for the nodes").args(["get", "nodes", "--request-timeout=10s", "-o", path]).text();
    said.is_ok_and(|said| said.split_whitespace().filter(|status| *status == "True").count() == NODES.len())
}
