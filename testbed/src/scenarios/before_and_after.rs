//! An upgrade as an operator does it without one command for all of it: precheck, the steps that it names typed as they stand, validate, diagnose. Each of our verbs is asked by somebody who has exactly the rights that `rbac` prints. On PostgreSQL an autoscaler scales the server, which the steps take off and bring back.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::{BOTH, Scenario};
use crate::cluster::databases::Engine;
use crate::say;
use crate::suite::look::items;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "before-and-after",
    says: "precheck's own steps, typed, upgrade with exactly one migration, with an autoscaler and without; validate and diagnose find nothing; the printed rights suffice",
    engines: BOTH,
    deadline: Duration::from_mins(8),
    plays_faults: false,
    more_stages: &[],
    play,
};

/// Checks that must have looked and found it well, before and after.
const BEFORE: &[&str] = &[
    "database-version",
    "database-charset",
    "database-writable",
    "search-version",
    "search-health",
    "search-aliases",
    "backup-claim",
    "backup-rights",
    "server-ready",
    "surge-room",
    "drift",
    "foreign-objects",
    "api-removals",
];
const AFTER: &[&str] = &[
    "login",
    "entity",
    "lineage",
    "search-finds",
    "documents",
    "search-engine",
    "mapping",
    "policy-allows",
    "bots",
    "migrations",
    "nothing-lost",
    "known-troubles",
];

/// Values of a release whose server is autoscaled. Nothing here measures processor time, so the count is the least one; a
/// count below that is the autoscaler's business without any measure.
const AUTOSCALED: &str = "hpa.enabled=true,hpa.minReplicas=2,hpa.maxReplicas=3,resources.requests.cpu=10m";

fn play(stage: &Stage) -> Result<()> {
    let autoscaled = stage.database.engine == Engine::Postgres;
    if autoscaled {
        // One server first: at an install every replica migrates at once.
        stage.install("1.12.14", 1)?;
        stage.upgrade("1.12.14", 1, &["--no-hooks", "--set", AUTOSCALED])?;
        both_serve(stage, "1.12.14")?;
    } else {
        stage.install("1.12.14", 2)?;
    }
    stage.claim("testbed", "1Gi")?;

    let before = stage
        .as_user("validate", &["validate", RELEASE, "--ingestion-bot", "--facts", &stage.write("before.json", "")?])?;
    hold(&before, &AFTER.iter().copied().filter(|id| *id != "nothing-lost").collect::<Vec<_>>())?;
    let report = stage.as_user("precheck", &["precheck", RELEASE, "--to", "1.13.1", "--offline"])?;
    hold(&report, BEFORE)?;
    ensure!(report["verdict"]["code"] == 21, "the verdict: {}", report["verdict"]);

    let steps = report["steps"].as_array().context("the report has no steps")?;
    let commands: Vec<&str> = steps.iter().filter_map(|step| step["command"].as_str()).collect();
    ensure!(commands.len() == steps.len(), "a step without a command: {steps:?}");
    for words in ["kubectl delete hpa ", " --set hpa.enabled=false", " --set hpa.enabled=true"] {
        let told = commands.iter().any(|command| command.contains(words));
        ensure!(told == autoscaled, "`{words}` in the steps: {commands:?}");
    }
    for command in commands {
        stage.types(command)?;
        // Whoever else comes up before the migration is done migrates beside it.
        let most = if command.contains(" --set replicaCount=1") { 1 } else { 2 };
        ensure!(stage.pods()?.len() <= most, "too many pods after `{command}`: {:?}", stage.pods()?);
    }
    both_serve(stage, "1.13.1")?;
    let scalers = stage.json(&["get", "horizontalpodautoscalers"])?;
    ensure!(items(&scalers).len() == usize::from(autoscaled), "autoscalers: {scalers}");
    let migrated = stage.pods()?.iter().filter(|pod| stage.log(&pod.name).contains("Migration Run started")).count();
    ensure!(migrated == 1, "{migrated} pods migrated");

    let after = stage.as_user("validate", &["validate", RELEASE, "--ingestion-bot", "--since-backup", "--record"])?;
    hold(&after, AFTER)?;
    let since =
        stage.as_user("validate", &["validate", RELEASE, "--ingestion-bot", "--before", &stage.path("before.json")])?;
    hold(&since, AFTER)?;

    let bundle = stage.path("bundle.tar.gz");
    let diagnosis = stage.as_user("diagnose", &["diagnose", RELEASE, "--bundle", &bundle])?;
    ensure!(diagnosis["findings"].as_array().is_some_and(Vec::is_empty), "diagnose found {}", diagnosis["findings"]);
    let bundled = crate::call::Call::new("tar", "unpacking the bundle").args(["-xzOf", &bundle]).text()?;
    ensure!(
        bundled.contains("openmetadata") && !bundled.contains("openmetadata_password"),
        "the bundle holds a password"
    );
    Ok(())
}

/// Two servers of this version serve, and nothing else: the second one comes when the autoscaler looks the next time.
fn both_serve(stage: &Stage, version: &str) -> Result<()> {
    let what = format!("two servers of {version}");
    stage.until(&what, 90, |stage| Ok(stage.serving()? == [version, version] && stage.pods()?.len() == 2))
}

/// That these checks looked and found it well, that none failed, and that nothing was kept from the asker.
fn hold(report: &Value, wanted: &[&str]) -> Result<()> {
    let all = report["checks"].as_array().context("the report has no checks")?;
    for check in all {
        let (id, outcome) = (check["id"].as_str().unwrap_or_default(), check["outcome"].as_str().unwrap_or_default());
        let holds = if wanted.contains(&id) { outcome == "pass" } else { outcome != "fail" };
        let evidence = check["evidence"].as_str().unwrap_or_default();
        ensure!(holds && !evidence.contains("forbidden"), "{id}: {outcome}: {evidence}");
    }
    let missing: Vec<&&str> = wanted.iter().filter(|id| !all.iter().any(|c| c["id"] == **id)).collect();
    ensure!(missing.is_empty(), "no such checks: {missing:?}");
    Ok(())
}

impl Stage<'_> {
    /// What one of our verbs says as JSON to a service account with the rights that `rbac` prints for it.
    fn as_user(&self, verb: &str, words: &[&str]) -> Result<Value> {
        say::step(&format!("kubectl omupgrade {}", words.join(" ")));
        // Of the whole cluster are two of these objects: the other engine has its own.
        let name = format!("{}-asks-{verb}", self.namespace);
        let rights = self.omupgrade("printing rights").args(["rbac", verb, "--name", &name]).text()?;
        self.kubectl("giving rights").args(["apply", "-f", "-"]).feed(rights.as_bytes())?;
        let account = format!("{}:{name}", self.namespace);
        let bind = |kind: &str, role: &str, to: &str| {
            let words = ["create", kind, &name, &format!("--{role}={to}"), &format!("--serviceaccount={account}")];
            self.kubectl("binding rights").args(words).args(["--dry-run=client", "-o", "yaml"]).text()
        };
        let nodes = format!("{name}-nodes");
        for binding in [bind("rolebinding", "role", &name)?, bind("clusterrolebinding", "clusterrole", &nodes)?] {
            self.kubectl("binding rights").args(["apply", "-f", "-"]).feed(binding.as_bytes())?;
        }
        let user = format!("system:serviceaccount:{account}");
        let text = self.omupgrade("asking").args(words).args(["--as", &user, "-o", "json"]).text()?;
        serde_json::from_str(&text).with_context(|| format!("no JSON: {text}"))
    }

    /// Types a step as it stands. Only the chart is the testbed's own.
    fn types(&self, command: &str) -> Result<()> {
        let words: Vec<&str> = command.split(' ').collect();
        let chart = words.windows(3).find(|w| w[0].starts_with("open-metadata/") && w[1] == "--version");
        let typed = match chart {
            Some(found) => command.replace(&found.join(" "), &self.chart("1.13.1")?),
            None => command.to_owned(),
        };
        say::step(&format!("$ {typed}"));
        self.shell("typing a step", &typed).run()
    }

    fn log(&self, pod: &str) -> String {
        let words = ["logs", pod, "-c", "run-db-migrations"];
        self.kubectl("reading a migration").args(words).text().unwrap_or_default()
    }
}
