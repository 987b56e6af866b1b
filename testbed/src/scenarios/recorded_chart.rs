//! Manifests that the official chart once rendered, wrapped as charts: the API server takes them all, and two of them run, one after the other, with the post-renderer.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use super::{POSTGRES, Scenario};
use crate::cluster::databases;
use crate::suite::helm::Version;
use crate::suite::stage::{RELEASE, Stage};
use crate::{chart, say};

pub const SCENARIO: Scenario = Scenario {
    name: "recorded-chart",
    says: "recorded streams of the official chart (`OMUPGRADE_CORPUS`) are accepted by the API, and two of them run",
    engines: POSTGRES,
    // Its servers are the stand-in whatever is set: the streams name it.
    plays_faults: true,
    more_stages: &[],
    deadline: Duration::from_mins(8),
    play,
};

/// The recorded sets whose database, search and Secrets are called as here.
const SET: &str = "-pg-helm4.yaml";

fn play(stage: &Stage) -> Result<()> {
    let corpus = PathBuf::from(std::env::var_os("OMUPGRADE_CORPUS").unwrap_or_default());
    let streams = streams(&corpus.join("helm-streams"))?;
    databases::run(stage.cache, stage.database.engine, &stage.namespace)?;
    for stream in &streams {
        let name = stream.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let folder = PathBuf::from(stage.path(&name));
        chart::write(stream, &folder)?;
        let render =
            stage.helm(Version::Four, "rendering a recorded chart").args(["template", RELEASE]).args([&folder]);
        stage
            .kubectl(&format!("offering {name} to the API server"))
            .args(["apply", "--dry-run=server", "-f", "-"])
            .feed(render.text()?.as_bytes())?;
    }
    say::step(&format!("{} recorded charts are accepted", streams.len()));

    for version in ["1.12.12", "1.13.1"] {
        let name = format!("openmetadata-{version}{}", SET.trim_end_matches(".yaml"));
        stage
            .helm(Version::Four, &format!("bringing the release to the recorded chart of {version}"))
            .args(["upgrade", "--install", RELEASE, &stage.path(&name), "--no-hooks", "--wait", "--timeout", "4m"])
            .args(["--post-renderer", "helm-postrender", "--post-renderer-args", "--backup=off"])
            .run()?;
        stage.comes_to_serve(&[version; 2])?;
        stage.until("the release to answer", 30, |stage| Ok(stage.unanswered()?.is_empty()))?;
    }
    Ok(())
}

fn streams(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SET));
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).filter(ours).collect();
    found.sort();
    ensure!(!found.is_empty(), "{} holds no stream *{SET}", folder.display());
    Ok(found)
}
