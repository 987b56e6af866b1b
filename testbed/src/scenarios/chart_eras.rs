//! The switches of the chart's eras: an old chart with a budget that Kubernetes refuses unless it is repaired and an autoscaler beside replicas runs, and a release born with it is upgraded, Flyway's history with it.

use std::time::Duration;

use anyhow::{Result, ensure};

use super::{POSTGRES, Scenario};
use crate::suite::helm::Version;
use crate::suite::stage::{RELEASE, Stage};

pub const SCENARIO: Scenario = Scenario {
    name: "chart-eras",
    says: "an old chart's probes and autoscaler run as rendered, its budget once it is repaired; its database is upgraded, and `0.0.N` rows are not the newest",
    engines: POSTGRES,
    plays_faults: false,
    more_stages: &[],
    deadline: Duration::from_mins(5),
    play,
};

/// As charts before 1.9.7 and before 1.10 rendered, with everything on: a budget of both fields, which Kubernetes refuses
/// unless it is repaired.
const OLD: &str = "probeEra=older,hpa.enabled=true,hpa.keepReplicas=true,podDisruptionBudget.enabled=true,podDisruptionBudget.config.maxUnavailable=1";
/// The same switches in a newer chart.
const NEW: &str = "hpa.enabled=true,podDisruptionBudget.enabled=true";

fn play(stage: &Stage) -> Result<()> {
    for (values, replicas) in [(OLD, true), (NEW, false)] {
        let chart = stage.chart("1.9.0")?;
        let words = ["template", RELEASE, &chart, "--set", values, "--show-only", "templates/deployment.yaml"];
        let rendered = stage.helm(Version::Four, "rendering").args(words).text()?;
        ensure!(rendered.contains("replicas:") == replicas, "with {values} the chart renders:\n{rendered}");
    }

    stage.upgrade("1.9.0", 1, &["--set", OLD])?;
    stage.comes_to_serve(&["1.9.0"])?;
    ensure!(readiness(stage)? != "/api/v1/system/health", "1.9.0 is asked on a path that it lacks");
    ensure!(autoscaler_and_budgets(stage)? == (1, 1), "autoscalers and budgets: {:?}", autoscaler_and_budgets(stage)?);
    let budget = stage.json(&["get", "poddisruptionbudget", "openmetadata"])?;
    let fields = ["minAvailable", "maxUnavailable"].map(|field| budget["spec"][field].is_null());
    ensure!(fields == [true, false], "the budget of both fields became {}", budget["spec"]);
    ensure!(!stage.migrated()?.contains(&"0.0.15".to_owned()), "Flyway's rows before 1.11: {:?}", stage.migrated()?);

    stage.upgrade("1.12.14", 1, &["--no-hooks", "--set", NEW])?;
    stage.comes_to_serve(&["1.12.14"])?;
    ensure!(readiness(stage)? == "/api/v1/system/health", "the new server is asked on {}", readiness(stage)?);
    ensure!(autoscaler_and_budgets(stage)? == (1, 1), "autoscalers and budgets: {:?}", autoscaler_and_budgets(stage)?);
    let migrated = stage.migrated()?;
    for version in ["0.0.15", "1.12.13"] {
        ensure!(migrated.contains(&version.to_owned()), "migrated: {migrated:?}");
    }

    let before = stage.pods()?;
    let back = ["rollback", RELEASE, "1", "--no-hooks", "--wait=hookOnly"];
    stage.helm(Version::Four, "rolling back without asking the database").args(back).run()?;
    let said = stage.refusal(&stage.comes("1.9.0", &before)?.name)?;
    ensure!(said.contains("the database is at 1.12.13, newer than this image"), "the guard says:\n{said}");
    stage.must_serve()
}

/// Where the server says that it is ready.
fn readiness(stage: &Stage) -> Result<String> {
    let path = "jsonpath={.spec.template.spec.containers[?(@.name==\"openmetadata\")].readinessProbe.httpGet.path}";
    stage.kubectl("reading the probe").args(["get", "deployment", "openmetadata", "-o", path]).text()
}

fn autoscaler_and_budgets(stage: &Stage) -> Result<(usize, usize)> {
    let count = |kind: &str| -> Result<usize> {
        Ok(stage.kubectl("counting objects").args(["get", kind, "-o", "name"]).text()?.lines().count())
    };
    Ok((count("horizontalpodautoscalers")?, count("poddisruptionbudgets")?))
}
