//! The loop behind `status --watch`, and behind every verb that waits for a rollout: changes come, at most five times a
//! second they are judged and shown, and the verdict ends it.

use super::status::{Target, database};
use crate::adapters::cluster::{Cluster, Store, Watch};
use crate::cli::flags::Output;
use crate::cli::paint::Canvas;
use crate::cli::say;
use crate::exit::Exit;
use crate::facts::{Facts, Status};
use crate::rollout::{Rollout, Verdict, judge, logs_wanted};
use crate::session::Session;
use crate::view::{self, Shape};
use jiff::Timestamp;
use std::collections::{HashMap, HashSet};
use std::fmt::Write;
use std::time::Duration;
use tokio::time::Instant;

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_millis(200);
/// The longest sleep where nothing has to be repainted.
const IDLE: Duration = Duration::from_hours(1);
/// How often a log that ended or broke is read again at most: one that may not be read stays so.
const AGAIN: u8 = 50;
/// How long nothing may move below a release that helm gave up on, and that something holds up, until waiting for it ends.
/// Longer than kubelet's longest pause between two tries, which is five minutes.
const STANDS: Duration = Duration::from_mins(6);
/// How often ages are repainted on a terminal when nothing changes.
const TICK: Duration = Duration::from_secs(1);

/// Watches until the verdict, or until `timeout` is over. `probe` asks the database too, with this client image; the
/// verdict then waits for its answer. `quiet` says nothing but how it ended, on standard error.
pub async fn run(
    session: &Session,
    cluster: &Cluster,
    target: &Target,
    timeout: Option<Duration>,
    probe: Option<Option<String>>,
    quiet: bool,
) -> anyhow::Result<Exit> {
    let mut store = Store::new(&cluster.namespace, &target.name, target.release.clone(), target.history.clone());
    let journal = database::journal(cluster, &target.name);
    let mut watch = Watch::start(cluster, &target.name, target.driver, journal);
    if let Some(image) = probe {
        database::ask_beside(&mut watch, &mut store, cluster, target, image);
    }
    let mut screen = Screen::new(session);
    let end = timeout.map(|t| Instant::now() + t);
    let mut next = Instant::now();
    let mut dirty = false;
    let mut reading = HashSet::new();
    let mut again: HashMap<_, u8> = HashMap::new();
    let mut still = Still::default();
    loop {
        // Before every kind has answered there is nothing to show, and nothing to wake up for.
        let wake = match (dirty && store.answered(), screen.live) {
            (true, _) => next,
            (false, true) => Instant::now() + TICK,
            (false, false) => Instant::now() + IDLE,
        };
        let coming = still.ends().filter(|end| *end > Instant::now());
        let wake = coming.into_iter().chain(end).fold(wake, Ord::min);
        tokio::select! {
            more = watch.next(&mut store) => {
                if !more {
                    anyhow::bail!("all watches ended");
                }
                dirty = true;
            }
            () = tokio::time::sleep_until(wake) => {}
        }
        let now = Instant::now();
        let over = end.is_some_and(|end| now >= end);
        if (dirty && now < next && !over) || !(store.answered() || over) {
            continue;
        }
        if let Some(reason) = store.shut() {
            return Err(super::status::nothing_seen(&target.name, reason).into());
        }
        for wanted in store.unread.drain(..) {
            let times = again.entry(wanted.clone()).or_insert(0);
            if *times < AGAIN {
                *times += 1;
                reading.remove(&wanted);
            }
        }
        let facts = store.facts();
        for wanted in logs_wanted(&facts) {
            if reading.insert(wanted.clone()) {
                // The lines of the run before would be read as this one's.
                store.logs.remove(&wanted.key());
                watch.read_log(wanted);
            }
        }
        let rollout = judge(&facts, Timestamp::now());
        // While nothing is heard, nothing is known to stand still.
        still.see(&rollout, nobody_works(&facts, &rollout) && store.lost().is_none(), now);
        let stuck = still.ends().is_some_and(|end| now >= end);
        let last = rollout.verdict.is_final() || stuck;
        let held_back = last && store.unsettled();
        let decided = last && !held_back;
        let ended = decided || over;
        if quiet {
            if decided {
                say::note(&rollout.sentence);
            }
        } else if !screen.show(&rollout, store.lost(), ended) {
            // Nobody is left to tell.
            return Ok(Exit::Unknown);
        }
        if decided {
            if stuck {
                let minutes = STANDS.as_secs() / 60;
                say::note(&format!("helm gave up, and nothing moved for {minutes} minutes: waiting does not mend it"));
            }
            return Ok(super::status::exit(rollout.verdict));
        }
        if over {
            say::note(&format!("out of time: {}", rollout.sentence));
            return Ok(if rollout.verdict == Verdict::Unknown { Exit::Unknown } else { Exit::OutOfTime });
        }
        next = now + if held_back { TICK } else { FRAME };
        dirty = held_back;
    }
}

/// Whether something holds it up while no helm is at work that would say so at its end.
fn nobody_works(facts: &Facts, rollout: &Rollout) -> bool {
    let gave_up = facts.release.value().is_some_and(|release| release.revision.status == Status::Failed);
    gave_up && rollout.verdict == Verdict::Blocked
}

/// What stands still, and since when.
#[derive(Default)]
struct Still(Option<(Rollout, Instant)>);

impl Still {
    /// Takes one judgement; `stands` says whether it tells of something that waits for a person.
    fn see(&mut self, rollout: &Rollout, stands: bool, now: Instant) {
        let same = |before: &Rollout| view::changes(Some(before), rollout).is_empty();
        let before = self.0.take().filter(|(before, _)| same(before));
        self.0 = stands.then(|| (rollout.clone(), before.map_or(now, |(_, since)| since)));
    }

    /// When it has stood for long enough.
    fn ends(&self) -> Option<Instant> {
        self.0.as_ref().map(|(_, since)| *since + STANDS)
    }
}

/// Where judgements are shown: painted over each other on a terminal, else a line for each change.
struct Screen<'a> {
    session: &'a Session,
    live: bool,
    canvas: Canvas,
    before: Option<Rollout>,
    lost: bool,
}

impl<'a> Screen<'a> {
    fn new(session: &'a Session) -> Self {
        let live = session.live() && !session.output().is_data();
        Self { session, live, canvas: Canvas::default(), before: None, lost: false }
    }

    /// Shows a judgement. False when there is nobody to see it.
    fn show(&mut self, rollout: &Rollout, lost: Option<&str>, ended: bool) -> bool {
        let shown = match self.session.output() {
            // One document a line, so that a program can read as it comes.
            Output::Json => self.data(rollout, |r| Ok(serde_json::to_string(r)? + "\n")),
            Output::Yaml => self.data(rollout, |r| Ok(format!("---\n{}", serde_saphyr::to_string(r)?))),
            format => {
                if self.live {
                    self.frame(rollout, format == Output::Wide, lost, ended)
                } else {
                    self.changes(rollout, lost, ended)
                }
            }
        };
        self.before = Some(rollout.clone());
        shown
    }

    fn data(&self, rollout: &Rollout, text: impl Fn(&Rollout) -> anyhow::Result<String>) -> bool {
        let same = self.before.as_ref().is_some_and(|before| {
            let then = Rollout { at: rollout.at, ..before.clone() };
            then == *rollout
        });
        same || text(rollout).is_ok_and(|text| say::output(&text).is_ok())
    }

    fn frame(&mut self, rollout: &Rollout, wide: bool, lost: Option<&str>, ended: bool) -> bool {
        let shape = Shape { width: self.session.width(), wide, live: !ended };
        let mut lines = view::lines(rollout, shape);
        if let Some(reason) = lost {
            let text = view::clip(&format!("connection lost, what is shown is old: {reason}"), shape.width);
            lines.push(view::Line::of(text, view::Tone::Warn));
        }
        if ended { self.canvas.finish(&lines) } else { self.canvas.paint(lines) }
    }

    fn changes(&mut self, rollout: &Rollout, lost: Option<&str>, ended: bool) -> bool {
        let clock = rollout.at.strftime("%H:%M:%S");
        let mut text = String::new();
        if lost.is_some() != self.lost {
            self.lost = lost.is_some();
            let words =
                lost.map_or_else(|| "connected again".to_owned(), |reason| format!("connection lost: {reason}"));
            let _ = writeln!(text, "{clock} {words}");
        }
        for line in view::changes(self.before.as_ref(), rollout) {
            text.push_str(&line);
            text.push('\n');
        }
        if ended {
            let _ = writeln!(text, "{clock} {}: {}", rollout.verdict.words(), view::one_line(&rollout.sentence));
        }
        text.is_empty() || say::output(&text).is_ok()
    }
}
