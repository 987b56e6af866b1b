//! Plays the story on the real cluster: a backup that fails and nothing moves, an upgrade under load, a bare rollback that the guard stops. It never hides a command's failure.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::call::{Call, last_lines};
use crate::cluster::databases::{self, Engine};
use crate::cluster::kubectl::kubectl;
use crate::cluster::up;
use crate::failure::Failure;
use crate::load::{self, Plan};
use crate::paths::{self, Cache};
use crate::say;

const NAMESPACE: &str = "demo";
const CLAIM: &str = "om-omupgrade-backup";

/// What every step needs.
struct Stage<'a> {
    cache: &'a Cache,
    charts: PathBuf,
    plugins: String,
    path: String,
}

/// Plays all of it.
pub fn run(cache: &Cache) -> Result<()> {
    up::run(cache)?;
    let stage = Stage::set(cache)?;
    say::step("a database, and OpenMetadata 1.12.14 with two replicas (the stand-in server)");
    databases::run(cache, Engine::Postgres, NAMESPACE)?;
    // One replica first: at an install every replica migrates at once, without a lock.
    stage.helm("1.12.14", 1, true)?;
    stage.helm("1.12.14", 2, false)?;

    say::step("1. an upgrade to 1.13.1 whose backup has no room: nothing may move");
    stage.claim("testbed-sized", "16Ki")?;
    let before = stage.pods()?;
    match stage.helm("1.13.1", 2, true) {
        Ok(()) => bail!(Failure::new("the upgrade went on without a backup", "helm history om -n demo")),
        Err(error) => {
            quote(&error.to_string(), 1);
            quote(&stage.backup_words()?, 3);
        }
    }
    if stage.pods()? != before {
        bail!(Failure::new("pods changed although the backup failed", "kubectl get pods -n demo"));
    }
    say::answer("   the same pods serve, the database is untouched");

    say::step("2. the same upgrade with room for the backup, under load");
    stage.claim("testbed", "1Gi")?;
    std::thread::scope(|scope| {
        let load = scope.spawn(|| load::run(cache, &Plan::new(NAMESPACE, 10, 90)));
        // Some requests before anything happens.
        std::thread::sleep(Duration::from_secs(2));
        let upgraded = stage.helm("1.13.1", 2, true);
        let served = load.join().unwrap_or_else(|_| bail!("the load stopped"));
        upgraded.and(served)
    })?;

    say::step("3. a bare `helm rollback` to 1.12.14: the schema has moved, so the guard stops it");
    stage.rollback()?;
    let guard = stage.guard_words()?;
    quote(&guard, 8);
    load::run(cache, &Plan::new(NAMESPACE, 10, 5))?;
    say::step("that was all; `kubectl get pods -n demo` shows how it stands, `testbed down` removes it");
    Ok(())
}

impl<'a> Stage<'a> {
    /// A fresh namespace, packed charts, and the post-renderer where helm finds it.
    fn set(cache: &'a Cache) -> Result<Self> {
        let renderer = std::env::current_exe()?.with_file_name("helm-postrender");
        let said = Call::new(&renderer, "looking for the post-renderer").args(["plugin-dir"]);
        // Helm's own folders stay as they are.
        let said = said.env("XDG_DATA_HOME", cache.work());
        let plugins = said.hint("cargo build -p helm-postrender").text()?.trim().to_owned();
        let folder = renderer.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let path = format!("{folder}:{}", std::env::var("PATH").unwrap_or_default());

        let charts = cache.work().join("demo-charts");
        let _ = fs::remove_dir_all(&charts);
        fs::create_dir_all(&charts).with_context(|| format!("cannot make the folder {}", charts.display()))?;
        let source = paths::source("../testdata/charts/openmetadata");
        for version in ["1.12.14", "1.13.1"] {
            Call::new(cache.binary("helm4"), "packing the chart")
                .args(["package", "--version", version, "--app-version", version, "--destination"])
                .args([&charts, &source])
                .run()?;
        }
        let gone = ["delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", "--timeout=120s"];
        kubectl(cache, "clearing the stage").args(gone).run()?;
        Ok(Self { cache, charts, plugins, path })
    }

    fn call(&self, doing: &str) -> Call {
        Call::new(self.cache.binary("helm4"), doing)
            .env("KUBECONFIG", paths::kubeconfig())
            .env("HELM_PLUGINS", &self.plugins)
            .env("PATH", &self.path)
            .hint("kubectl get pods,events -n demo")
    }

    /// `helm upgrade --install` with the post-renderer; a failure is helm's own words.
    fn helm(&self, version: &str, replicas: u32, hooks: bool) -> Result<()> {
        let chart = self.charts.join(format!("openmetadata-{version}.tgz"));
        // Probes that suit the stand-in: the real server's minute of patience would only make the demo longer.
        let values = format!(
            "replicaCount={replicas},probes.initialDelaySeconds=0,probes.periodSeconds=2,probes.startupPeriodSeconds=5"
        );
        say::answer(&format!(
            "   $ helm upgrade --install om openmetadata-{version} --post-renderer helm-postrender --wait"
        ));
        self.call(&format!("bringing the release to {version}"))
            .args(["upgrade", "--install", "om"])
            .args([chart])
            .args(["-n", NAMESPACE, "--set", &values, "--post-renderer", "helm-postrender"])
            .args(["--wait", "--timeout", "4m"])
            .args(if hooks { [].as_slice() } else { ["--no-hooks"].as_slice() })
            .run()
    }

    /// Back to the last revision of 1.12.14, without looking at the database: what people do at night.
    fn rollback(&self) -> Result<()> {
        say::answer("   $ helm rollback om 2");
        self.call("rolling back").args(["rollback", "om", "2", "-n", NAMESPACE]).run()
    }

    /// Replaces the claim that backups go to.
    fn claim(&self, class: &str, size: &str) -> Result<()> {
        let doing = "making room for backups";
        // A claim stays as long as a pod refers to it, also a failed one.
        for gone in [["job", "--all"], ["persistentvolumeclaim", "-l=demo=backup"]] {
            let words = ["delete", "-n", NAMESPACE, "--ignore-not-found", "--wait", "--timeout=60s"];
            kubectl(self.cache, doing).args(words).args(gone).run()?;
        }
        let claim = serde_json::json!({
            "apiVersion": "v1", "kind": "PersistentVolumeClaim",
            "metadata": { "name": CLAIM, "namespace": NAMESPACE, "labels": { "demo": "backup" } },
            "spec": { "storageClassName": class, "accessModes": ["ReadWriteOnce"],
                      "resources": { "requests": { "storage": size } } },
        });
        kubectl(self.cache, doing).args(["apply", "-f", "-"]).feed(claim.to_string().as_bytes())
    }

    /// The server's pods by name and image.
    fn pods(&self) -> Result<String> {
        let path = "jsonpath={range .items[*]}{.metadata.name} {.spec.containers[0].image}{\"\\n\"}{end}";
        let words = ["get", "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/name=openmetadata,!job-name", "-o", path];
        kubectl(self.cache, "listing the server's pods").args(words).text()
    }

    /// What the backup says that failed.
    fn backup_words(&self) -> Result<String> {
        let words = ["logs", "-n", NAMESPACE, "job/om-omupgrade-backup-1-13-1"];
        kubectl(self.cache, "reading the backup's log").args(words).text()
    }

    /// What the guard says in the pod of the old release, as soon as it has said it.
    fn guard_words(&self) -> Result<String> {
        for _ in 0..60 {
            let words = ["logs", "-n", NAMESPACE, "-l", "app.kubernetes.io/version=1.12.14", "--tail=20"];
            let said =
                kubectl(self.cache, "reading the guard").args(words).args(["-c", "omupgrade-schema-guard"]).text();
            if let Ok(said) = said
                && said.contains("Way back")
            {
                // An old pod that is still going away passed its own guard when it started.
                let stopped: Vec<&str> = said.lines().filter(|line| !line.contains("guard: pass")).collect();
                return Ok(stopped.join("\n"));
            }
            std::thread::sleep(Duration::from_secs(1));
        }
        bail!(Failure::late("the guard said nothing for a minute", "kubectl get pods -n demo"))
    }
}

fn quote(text: &str, lines: usize) {
    for line in last_lines(text, lines) {
        say::answer(&format!("   | {}", line.trim()));
    }
}
