//! Which logs are worth reading: of migrations that run, and of containers that failed. Reads none.

use crate::facts::{Container, Facts, LogKey, Pod, State};
use shared::marks;

/// A log that is worth reading.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Wanted {
    /// The pod.
    pub pod: String,
    /// The container.
    pub container: String,
    /// The run before the last restart.
    pub previous: bool,
    /// How many lines from the end; none for all.
    pub tail: Option<i64>,
    /// Whether it still grows and says how far something is.
    pub follow: bool,
    /// How often the container was started again: another number is another log.
    pub run: i32,
}

impl Wanted {
    /// Where the lines belong.
    pub fn key(&self) -> LogKey {
        if self.previous {
            LogKey::previous(&self.pod, &self.container)
        } else {
            LogKey::new(&self.pod, &self.container)
        }
    }
}

/// Lines of a failed container that are kept.
const TAIL: i64 = 40;
/// Lines of a migration that are kept: its list of versions stands at the beginning.
const MIGRATION: i64 = 2000;
/// Logs at most, of one moment: many pods of one set fail alike.
const MOST: usize = 12;

/// The logs that say something at this moment.
pub fn logs_wanted(facts: &Facts) -> Vec<Wanted> {
    let pods = facts.pods.items().iter().filter(|p| p.meta.deleted.is_none() && p.phase != "Succeeded");
    let mut all: Vec<Wanted> = pods.flat_map(|p| p.containers.iter().filter_map(|c| wanted(p, c))).collect();
    all.sort_by_key(|w| !w.follow);
    all.truncate(MOST);
    all
}

fn wanted(pod: &Pod, container: &Container) -> Option<Wanted> {
    // The guard says all in its termination message.
    if container.name == marks::GUARD_CONTAINER {
        return None;
    }
    let make = |previous, tail, follow| {
        let (pod, container_name) = (pod.meta.name.clone(), container.name.clone());
        Some(Wanted { pod, container: container_name, previous, tail: Some(tail), follow, run: container.restarts })
    };
    match &container.state {
        State::Running { .. } if container.migrates => make(false, MIGRATION, true),
        State::Terminated(end) if end.exit != 0 => {
            make(false, if container.migrates { MIGRATION } else { TAIL }, false)
        }
        State::Waiting { .. } if container.last.as_ref().is_some_and(|l| l.exit != 0) => {
            make(true, if container.migrates { MIGRATION } else { TAIL }, false)
        }
        State::Running { .. } if !container.ready && container.restarts > 0 => make(true, TAIL, false),
        _ => None,
    }
}
