//! The end-to-end suite: runs scenarios beside each other, each as a process of its own with a deadline, and says one line for each. It never knows what a scenario is about.

pub mod artifacts;
pub mod case;
pub mod charts;
pub mod database;
pub mod door;
pub mod helm;
pub mod look;
pub mod stage;
pub mod watcher;
pub mod words;

use std::cmp::Reverse;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cluster::databases::Engine;
use crate::failure::Failure;
use crate::paths::Cache;
use crate::scenarios::{SCENARIOS, Scenario, WHEN_NAMED};
use crate::{images, real, say};
use case::Case;

/// How many of the slowest are named at the end.
const SLOWEST: usize = 5;

/// Which scenarios, and how.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Scenarios by name (`guard-stops-rollback`) or name and engine (`guard-stops-rollback/mysql`); default: all
    names: Vec<String>,
    /// Say which scenarios there are, and run none
    #[arg(long)]
    list: bool,
    /// How many run beside each other
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Where a failed scenario's logs, events and objects are kept (default: `artifacts` in the cache)
    #[arg(long)]
    artifacts: Option<PathBuf>,
    /// Leave the namespace of a failed scenario as it is
    #[arg(long)]
    keep: bool,
}

/// Runs them; true if every one passed.
pub fn run(cache: &Cache, options: &Options) -> Result<bool> {
    let cases = chosen(&options.names)?;
    if options.list {
        for case in &cases {
            say::answer(&format!("{:<40} {}", case.title(), case.scenario.says));
        }
        return Ok(true);
    }
    prepare(cache, &cases)?;
    let folder = options.artifacts.clone().unwrap_or_else(|| cache.root().join("artifacts"));
    let start = Instant::now();
    let (next, ends, left) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let (cases, folder, next, ends, left) = (&cases, &folder, &next, &ends, &left);
        for _ in 0..options.jobs {
            scope.spawn(move || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let end = case.run(cache, folder);
                    say::answer(&end.line);
                    if end.passed || !options.keep {
                        // Pods take their time to go, and the next scenario need not wait for it.
                        scope.spawn(move || {
                            if let Err(error) = case.clear(cache) {
                                say::answer(&format!("FAILED {}: it could not be cleared away: {error:#}", end.title));
                                left.fetch_add(1, Ordering::Relaxed);
                            }
                        });
                    }
                    if let Ok(mut ends) = ends.lock() {
                        ends.push((end.passed, end.seconds, case.title()));
                    }
                }
            });
        }
    });
    let ends = ends.into_inner().unwrap_or_default();
    let (line, passed) = closing(cases.len(), &ends, left.into_inner(), start.elapsed());
    say::answer(&line);
    Ok(passed)
}

/// The last words of a run, and whether everything held: each case passed and was cleared away.
fn closing(cases: usize, ends: &[(bool, u64, String)], left: usize, took: Duration) -> (String, bool) {
    let passed = ends.iter().filter(|(passed, ..)| *passed).count();
    let mut slowest: Vec<_> = ends.iter().collect();
    slowest.sort_by_key(|(_, seconds, _)| Reverse(*seconds));
    let slowest: Vec<String> =
        slowest.iter().take(SLOWEST).map(|(_, seconds, title)| format!("{title} {seconds} s")).collect();
    let together: u64 = ends.iter().map(|(_, seconds, _)| seconds).sum();
    let stayed = if left > 0 { format!(", {left} not cleared away") } else { String::new() };
    let line = format!(
        "{passed} passed, {} failed{stayed} in {} s ({together} s one after another; the slowest: {})",
        cases - passed,
        took.as_secs(),
        slowest.join(", ")
    );
    (line, passed == cases && left == 0)
}

/// What all cases share: images, and a database server per engine.
fn prepare(cache: &Cache, cases: &[Case]) -> Result<()> {
    if !crate::cluster::status::is_whole(cache) {
        bail!(Failure::new("the suite needs a running cluster", "testbed up"));
    }
    images::ensure(cache, &["openmetadata", "postgres-18", "search"])?;
    for engine in [Engine::Postgres, Engine::Mysql] {
        if cases.iter().any(|case| case.engine == engine) {
            database::serve(cache, engine)?;
        }
    }
    Ok(())
}

/// The cases that the names mean, the longest first, so that the last ones are short.
fn chosen(names: &[String]) -> Result<Vec<Case>> {
    // The real server plays no faults.
    let can = |scenario: &&Scenario| !scenario.plays_faults || real::image().is_none();
    let all = SCENARIOS
        .iter()
        .filter(can)
        .flat_map(|scenario| scenario.engines.iter().map(move |engine| Case::new(scenario, *engine)));
    let all: Vec<Case> = all.collect();
    if let Some(unknown) = names.iter().find(|name| !all.iter().any(|case| case.is(name))) {
        bail!(Failure::new(format!("no scenario is called {unknown}"), "testbed test --list"));
    }
    let asked = |case: &Case| {
        if names.is_empty() {
            !WHEN_NAMED.contains(&case.scenario.name)
        } else {
            names.iter().any(|name| case.is(name))
        }
    };
    let mut cases: Vec<Case> = all.into_iter().filter(asked).collect();
    cases.sort_by_key(|case| Reverse(case.scenario.deadline));
    Ok(cases)
}

/// Plays one scenario in this process: what a case's process does.
pub fn play(cache: &Cache, name: &str, engine: Engine) -> Result<()> {
    case::end_with_the_suite();
    let Some(scenario) = SCENARIOS.iter().find(|scenario| scenario.name == name) else {
        bail!(Failure::new(format!("no scenario is called {name}"), "testbed test --list"));
    };
    let case = Case::new(scenario, engine);
    let stage = stage::Stage::set(cache, engine, &case.namespace())?;
    (scenario.play)(&stage)?;
    say::step("passed");
    Ok(())
}

impl Scenario {
    /// Whether names and words are fit to be shown and to name namespaces, databases and their users.
    #[cfg(test)]
    fn is_sound(&self) -> bool {
        let letters =
            self.name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-');
        // MySQL's user names have at most 32 letters.
        letters && self.name.len() + "-postgres".len() <= 32 && !self.says.is_empty() && !self.engines.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenarios_have_their_own_sound_names() {
        for (at, scenario) in SCENARIOS.iter().enumerate() {
            assert!(scenario.is_sound(), "{}", scenario.name);
            assert!(SCENARIOS[at + 1..].iter().all(|other| other.name != scenario.name), "{}", scenario.name);
        }
    }

    #[test]
    fn every_file_of_a_scenario_is_in_the_list() {
        let list = include_str!("../scenarios/mod.rs");
        for entry in std::fs::read_dir(crate::paths::source("src/scenarios")).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            let module = name.trim_end_matches(".rs");
            assert!(module == "mod" || list.contains(&format!("{module}::SCENARIO")), "{name}");
        }
    }

    #[test]
    fn the_closing_line_counts_what_failed_what_stayed_and_what_took_long() {
        let end = |passed, seconds, title: &str| (passed, seconds, title.to_owned());
        let ends = [end(true, 10, "a/mysql"), end(false, 70, "b/mysql")];
        let (line, passed) = closing(2, &ends, 0, Duration::from_secs(75));
        assert!(!passed);
        assert_eq!(
            line,
            "1 passed, 1 failed in 75 s (80 s one after another; the slowest: b/mysql 70 s, a/mysql 10 s)"
        );
        let (line, passed) = closing(1, &ends[..1], 1, Duration::from_secs(75));
        assert!(!passed && line.starts_with("1 passed, 0 failed, 1 not cleared away in 75 s"), "{line}");
        assert!(closing(1, &ends[..1], 0, Duration::ZERO).1);
    }

    #[test]
    fn names_choose_scenarios_with_or_without_an_engine() {
        let name = SCENARIOS[0].name;
        assert_eq!(chosen(&[name.to_owned()]).unwrap().len(), SCENARIOS[0].engines.len());
        assert_eq!(chosen(&[format!("{name}/mysql")]).unwrap().len(), 1);
        assert!(chosen(&["no-such-scenario".to_owned()]).is_err());
    }
}
