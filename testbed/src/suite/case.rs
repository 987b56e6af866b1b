//! One scenario on one engine, as a process of its own: ended at its deadline with everything it started, and cleared away. It never outlives the suite.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, getpgrp, getppid, kill_process_group};

use super::artifacts;
use super::stage::Stage;
use crate::call::last_lines;
use crate::cluster::databases::Engine;
use crate::paths::{self, Cache};
use crate::scenarios::Scenario;
use crate::turn;
use crate::{interrupt, real};

/// A scenario on an engine.
#[derive(Debug)]
pub struct Case {
    /// What is played.
    pub scenario: &'static Scenario,
    /// On what.
    pub engine: Engine,
}

/// How a case ended.
pub struct End {
    /// Whether everything held.
    pub passed: bool,
    /// The case.
    pub title: String,
    /// How long it took.
    pub seconds: u64,
    /// The line that says so; for a failure, why and where to look.
    pub line: String,
}

impl Case {
    /// A scenario on an engine.
    pub fn new(scenario: &'static Scenario, engine: Engine) -> Self {
        Self { scenario, engine }
    }

    /// `guard-stops-rollback/mysql`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.scenario.name, self.engine.name())
    }

    /// Its namespace.
    pub fn namespace(&self) -> String {
        format!("{}-{}", self.scenario.name, self.engine.name())
    }

    /// All that it may make: its own, and those of its further stages.
    fn namespaces(&self) -> Vec<String> {
        let own = self.namespace();
        let more = self.scenario.more_stages.iter().map(|mark| format!("{own}-{mark}"));
        [own.clone()].into_iter().chain(more).collect()
    }

    /// Whether a name on the command line means this one.
    pub fn is(&self, name: &str) -> bool {
        name == self.scenario.name || name == self.title()
    }

    fn deadline(&self) -> Duration {
        self.scenario.deadline * if real::image().is_some() { real::PATIENCE } else { 1 }
    }

    /// The turn to use its namespace, after whoever uses it now; without a cluster's folder nobody does.
    pub fn turn(&self) -> Option<File> {
        let folder = paths::state("turns").join(self.namespace());
        turn::take(&folder, &format!("{}: another suite plays it", self.title())).ok()
    }

    /// Runs it to its end; what goes wrong is the case's failure and never the suite's. Its stage stays.
    pub fn run(&self, cache: &Cache, artifacts: &Path) -> End {
        let start = Instant::now();
        let folder = artifacts.join(self.namespace());
        let outcome = artifacts::begin(&folder).and_then(|output| self.wait_for(&output));
        let (seconds, title) = (start.elapsed().as_secs(), self.title());
        let why = match outcome {
            Ok(None) => {
                artifacts::forget(&folder);
                let line = format!("ok     {title} ({seconds} s)");
                return End { passed: true, title, seconds, line };
            }
            Ok(Some(why)) => why,
            Err(error) => format!("{error:#}"),
        };
        if interrupt::asked() {
            let line = format!("ended  {title} ({seconds} s): interrupted");
            return End { passed: false, title, seconds, line };
        }
        for namespace in self.namespaces() {
            // The further ones beside the first one's files, in folders of their own.
            let into = if namespace == self.namespace() { folder.clone() } else { folder.join(&namespace) };
            if let Ok(stage) = Stage::open(cache, self.engine, &namespace) {
                artifacts::keep(&stage, &into);
            }
        }
        let told = artifacts::told(&folder);
        let mut line = format!("FAILED {title} ({seconds} s): {why}");
        for said in last_lines(&told, 12) {
            line.push_str("\n         | ");
            line.push_str(said);
        }
        let kept = if artifacts::is_kept(&folder) {
            format!("kept: {}", folder.display())
        } else {
            format!("nothing could be kept in {} (df -h)", folder.display())
        };
        line.push_str("\n         ");
        line.push_str(&kept);
        End { passed: false, title, seconds, line }
    }

    /// Clears its stages away; what stays would be in a later run's way.
    pub fn clear(&self, cache: &Cache) -> Result<()> {
        self.namespaces().iter().try_for_each(|namespace| Stage::open(cache, self.engine, namespace)?.clear())
    }

    /// Starts the process and waits for it; why it failed, if it did.
    fn wait_for(&self, output: &File) -> Result<Option<String>> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["scenario", self.scenario.name, self.engine.name()])
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            // A group of its own, so that its helm and kubectl end with it.
            .process_group(0)
            .spawn()
            .context("cannot start the scenario's process")?;
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok((!status.success()).then(|| format!("{status}")));
            }
            if interrupt::asked() {
                end_group(&mut child)?;
                return Ok(Some("interrupted".to_owned()));
            }
            if start.elapsed() > self.deadline() {
                end_group(&mut child)?;
                return Ok(Some(format!("not done after its {} s", self.deadline().as_secs())));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}

fn end_group(child: &mut Child) -> Result<()> {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        // It may have ended this very moment.
        let _ = kill_process_group(group, Signal::KILL);
    }
    child.wait().context("cannot end the scenario's process")?;
    Ok(())
}

/// Ends this process and what it started as soon as the suite that started it is gone.
pub fn end_with_the_suite() {
    let parent = getppid();
    std::thread::spawn(move || {
        while getppid() == parent {
            std::thread::sleep(Duration::from_millis(500));
        }
        let _ = kill_process_group(getpgrp(), Signal::KILL);
    });
}
