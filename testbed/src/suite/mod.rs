//! The end-to-end suite: runs scenarios beside each other, each as a process of its own with a deadline, and says one line for each. It never knows what a scenario is about.

pub mod artifacts;
pub mod case;
pub mod charts;
pub mod database;
pub mod door;
pub mod helm;
pub mod look;
mod memory;
pub mod stage;
pub mod watcher;
pub mod words;

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::cluster::databases::Engine;
use crate::failure::Failure;
use crate::paths::Cache;
use crate::scenarios::{SCENARIOS, Scenario, lacks};
use crate::{images, interrupt, real, say, scenarios};
use case::Case;

/// How many of the slowest are named at the end.
const SLOWEST: usize = 5;

/// How long all scenarios may take together on two cores.
const BUDGET: Duration = Duration::from_mins(20);

/// Which scenarios, and how.
#[derive(Debug, clap::Args)]
pub struct Options {
    /// Scenarios by name (`guard-stops-rollback`) or name and engine (`guard-stops-rollback/mysql`); default: all
    names: Vec<String>,
    /// Say which scenarios there are, and run none
    #[arg(long)]
    list: bool,
    /// How many run beside each other
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(1..=16))]
    jobs: u8,
    /// Where a failed scenario's logs, events and objects are kept (default: `kept` in the cache)
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
    let (cases, skipped): (Vec<Case>, Vec<Case>) = cases.into_iter().partition(|case| lacks(case.scenario).is_none());
    for case in &skipped {
        say::answer(&format!("skipped {}: {}", case.title(), lacks(case.scenario).unwrap_or_default()));
    }
    interrupt::note()?;
    // Another name than earlier testbeds', which did not mark what they kept.
    let folder = options.artifacts.clone().unwrap_or_else(|| cache.root().join("kept"));
    prepare(cache, &cases, &folder).map_err(|error| if interrupt::asked() { interrupted(&[]) } else { error })?;
    let start = Instant::now();
    let done = AtomicBool::new(false);
    let (ends, left, peak) = std::thread::scope(|scope| {
        let watched = scope.spawn(|| memory::peak(&done));
        let (ends, left) = run_all(cache, &cases, &folder, options);
        done.store(true, Ordering::Relaxed);
        (ends, left, watched.join().unwrap_or_default())
    });
    if interrupt::asked() {
        scenarios::open_second_node(cache)?;
        let of = |case: &&Case| options.keep || left > 0 && ends.iter().any(|(.., title)| *title == case.title());
        let namespaces: Vec<String> = cases.iter().filter(of).map(Case::namespace).collect();
        return Err(interrupted(&namespaces));
    }
    let whole = options.names.is_empty();
    let run = Run { cases: cases.len(), skipped: skipped.len(), whole, ends, left, took: start.elapsed(), peak };
    let (line, passed) = run.closing();
    say::answer(&line);
    Ok(passed)
}

/// What is said when somebody asked for the end: which namespaces may still be there.
fn interrupted(left: &[String]) -> anyhow::Error {
    if left.is_empty() {
        return Failure::interrupted("interrupted; what was begun is cleared away", "testbed status").into();
    }
    let what = "interrupted; namespaces and databases of what was begun may be left";
    Failure::interrupted(what, format!("kubectl delete namespace --ignore-not-found {}", left.join(" "))).into()
}

/// How a case ended: whether it passed, in how many seconds, and its title.
type Ended = (bool, u64, String);

/// Runs cases beside each other; how they ended, and how many could not be cleared away.
fn run_all(cache: &Cache, cases: &[Case], folder: &Path, options: &Options) -> (Vec<Ended>, usize) {
    let (next, ends, left) = (AtomicUsize::new(0), Mutex::new(Vec::new()), AtomicUsize::new(0));
    let work = |jobs: u8, cases: &[&Case]| {
        next.store(0, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let (next, ends, left) = (&next, &ends, &left);
            for _ in 0..jobs {
                scope.spawn(move || {
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if interrupt::asked() {
                            break;
                        }
                        let turn = case.turn();
                        let end = case.run(cache, folder);
                        say::answer(&end.line);
                        if end.passed || !options.keep {
                            // Pods take their time to go, and the next scenario need not wait for it.
                            scope.spawn(move || {
                                let _turn = turn;
                                if let Err(error) = case.clear(cache) {
                                    let title = &end.title;
                                    say::answer(&format!("FAILED {title}: it could not be cleared away: {error:#}"));
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
    };
    let (alone, together): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| case.scenario.is_alone());
    work(options.jobs, &together);
    work(1, &alone);
    (ends.into_inner().unwrap_or_default(), left.into_inner())
}

/// What came of a run.
struct Run {
    cases: usize,
    /// How many could not be played, which is no failure.
    skipped: usize,
    /// Whether no scenario was named: all of them, which have a budget.
    whole: bool,
    ends: Vec<Ended>,
    /// How many were not cleared away.
    left: usize,
    took: Duration,
    /// The most memory that was in use, in MiB.
    peak: u64,
}

impl Run {
    /// The last words of a run, and whether everything held: each case passed and was cleared away.
    fn closing(&self) -> (String, bool) {
        let Self { cases, ends, left, took, peak, .. } = self;
        let passed = ends.iter().filter(|(passed, ..)| *passed).count();
        let mut slowest: Vec<_> = ends.iter().collect();
        slowest.sort_by_key(|(_, seconds, _)| Reverse(*seconds));
        let slowest: Vec<String> =
            slowest.iter().take(SLOWEST).map(|(_, seconds, title)| format!("{title} {seconds} s")).collect();
        let together: u64 = ends.iter().map(|(_, seconds, _)| seconds).sum();
        let stayed = if *left > 0 { format!(", {left} not cleared away") } else { String::new() };
        let skipped = if self.skipped > 0 { format!(", {} skipped", self.skipped) } else { String::new() };
        let late = if self.whole && *took > BUDGET {
            format!("\nlonger than the {} minutes that the suite has on two cores", BUDGET.as_secs() / 60)
        } else {
            String::new()
        };
        let line = format!(
            "{passed} passed, {} failed{skipped}{stayed} in {} s ({together} s one after another; at most {peak} MiB of memory in \
             use; the slowest: {}){late}",
            cases - passed,
            took.as_secs(),
            slowest.join(", ")
        );
        (line, passed == *cases && *left == 0)
    }
}

/// What all cases share: images, and a database server per engine.
fn prepare(cache: &Cache, cases: &[Case], folder: &Path) -> Result<()> {
    crate::tools::machine::must_be_root()?;
    helm::programs()?;
    artifacts::must_be_writable(folder)?;
    cases.iter().try_for_each(|case| artifacts::refuse_others(&folder.join(case.namespace())))?;
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
        bail!(Failure::words(format!("no scenario is called {unknown}"), "testbed test --list"));
    }
    let asked = |case: &Case| names.is_empty() || names.iter().any(|name| case.is(name));
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
        let further = self.more_stages.iter().map(|mark| mark.len() + 1).max().unwrap_or_default();
        // MySQL's user names have at most 32 letters.
        letters
            && self.name.len() + "-postgres".len() + further <= 32
            && !self.says.is_empty()
            && !self.engines.is_empty()
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
        let ends = vec![end(true, 10, "a/mysql"), end(false, 70, "b/mysql")];
        let run = Run { cases: 2, skipped: 0, whole: false, ends, left: 0, took: Duration::from_secs(75), peak: 4096 };
        let (line, passed) = run.closing();
        assert!(!passed);
        assert_eq!(
            line,
            "1 passed, 1 failed in 75 s (80 s one after another; at most 4096 MiB of memory in use; the slowest: \
             b/mysql 70 s, a/mysql 10 s)"
        );
        let run = Run { cases: 1, skipped: 1, ends: run.ends[..1].to_vec(), left: 1, ..run };
        let (line, passed) = run.closing();
        assert!(!passed && line.starts_with("1 passed, 0 failed, 1 skipped, 1 not cleared away in 75 s"), "{line}");
        let run = Run { left: 0, took: BUDGET + Duration::from_secs(1), ..run };
        assert!(run.closing().1 && !run.closing().0.contains("longer"), "named scenarios have no budget");
        let (line, passed) = Run { whole: true, ..run }.closing();
        assert!(passed && line.ends_with("longer than the 20 minutes that the suite has on two cores"), "{line}");
    }

    #[test]
    fn names_choose_scenarios_with_or_without_an_engine() {
        let name = SCENARIOS[0].name;
        assert_eq!(chosen(&[name.to_owned()]).unwrap().len(), SCENARIOS[0].engines.len());
        assert_eq!(chosen(&[format!("{name}/mysql")]).unwrap().len(), 1);
        assert!(chosen(&["no-such-scenario".to_owned()]).is_err());
    }
}
