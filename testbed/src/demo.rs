//! Plays the story on the real cluster, from the question whether an upgrade can be made, over the bare rollback that the guard stops, to the database that comes back. It never hides a command's failure.

use anyhow::{Result, bail, ensure};

use crate::call::last_lines;
use crate::cluster::databases::Engine;
use crate::cluster::up;
use crate::failure::Failure;
use crate::load::{EMAIL, PASSWORD};
use crate::paths::{self, Cache};
use crate::say::{self, heading};
use crate::suite::database;
use crate::suite::helm::{self, Version};
use crate::suite::stage::{CLAIM, Pace, RELEASE, Stage};
use crate::turn;

const NAMESPACE: &str = "demo";
const OLD: &str = "1.12.14";
const NEW: &str = "1.13.1";
/// The revision of the old release with both servers: the first installs one, because at an install every server migrates.
const REVISION: &str = "2";

/// One part of the story.
struct Act {
    heading: &'static str,
    /// Why anybody should care, before anything is typed.
    words: &'static str,
    play: fn(&Stage) -> Result<()>,
}

const ACTS: &[Act] = &[
    Act {
        heading: "The scene: OpenMetadata 1.12.14, two servers, PostgreSQL",
        words: "A stand-in plays the server, on a real database; helm-postrender adds the\nsafeguards to what the chart renders. Of the lines that are typed, `-n demo`, the\nlogin, the packed chart's folder and HELM_PLUGINS are left out. One server is\ninstalled first, and the second without a backup (--no-hooks): nothing is there yet.",
        play: scene,
    },
    Act {
        heading: "1. Can it go to 1.13.1, and how?",
        words: "It migrates, so the advice is to stop the servers first. Below it is done while\nthey serve, as the chart does it.",
        play: precheck,
    },
    Act {
        heading: "2. A backup that has no room: nothing may move",
        words: "On Helm 4 the backup is a hook that must succeed before anything is applied. The\nclaim that the demo makes for it has 16 KiB.",
        play: full_claim,
    },
    Act {
        heading: "3. The same upgrade with room for the backup, under load",
        words: "Five requests a second: login, search, an entity, its lineage. The figures are\nthe stand-in's.",
        play: upgrade,
    },
    Act {
        heading: "4. Does it do what it is there for?",
        words: "The demo has no ingestion service, so not every check can pass; what fails is\nsaid, with a command.",
        play: validate,
    },
    Act {
        heading: "5. At night: a bare `helm rollback`",
        words: "The schema has moved, and the older server would start quietly on it. The guard\nstops it, and the new servers serve on.",
        play: bare_rollback,
    },
    Act {
        heading: "6. The way back that the database allows",
        words: "First only asked: it refuses without a decision, and says which one. Then the\ndatabase comes back from the backup of act 3, and the code after it.",
        play: restore,
    },
];

/// Plays all of it.
pub fn run(cache: &Cache) -> Result<()> {
    let programs = helm::programs()?;
    up::run(cache)?;
    database::serve(cache, Engine::Postgres)?;
    let _turn = turn::take(&paths::state("turns").join(NAMESPACE), "another testbed plays the story")?;
    let stage = Stage::set(cache, Engine::Postgres, NAMESPACE)?;
    for act in ACTS {
        heading(act.heading);
        say::answer(act.words);
        (act.play)(&stage)?;
    }
    heading("That was all");
    say::answer(
        "A backup that failed moved nothing. A bare rollback was stopped before an old\nserver met the newer schema. The database came back, and the code with it.",
    );
    say::answer("It stands as you see it (the next demo clears it away); look around, or remove everything:");
    say::answer(&format!("  export KUBECONFIG={}", paths::kubeconfig().display()));
    say::answer(&format!("  export PATH={}:{}:$PATH", programs.display(), cache.bin().display()));
    say::answer("  kubectl omupgrade status om -n demo");
    say::answer("  testbed down");
    Ok(())
}

fn scene(stage: &Stage) -> Result<()> {
    stage.install_at(Pace::Gentle, OLD, 2)?;
    ask(stage, &["status", RELEASE], &[0])
}

fn precheck(stage: &Stage) -> Result<()> {
    ask(stage, &["precheck", RELEASE, "--to", NEW], &[0, 1])
}

fn full_claim(stage: &Stage) -> Result<()> {
    stage.claim("testbed-sized", "16Ki")?;
    let before = stage.pods()?;
    let Err(error) = go(stage) else {
        bail!(Failure::new("the upgrade went on without a backup", "helm history om -n demo"));
    };
    quote(&error.to_string(), 1);
    let job = format!("job/om-omupgrade-backup-{}", NEW.replace('.', "-"));
    quote(&stage.kubectl("reading the backup's log").args(["logs", &job]).text()?, 3);
    ensure!(
        stage.pods()? == before,
        Failure::new("pods changed although the backup failed", "kubectl get pods -n demo")
    );
    say::answer("The same pods serve, and the database is untouched.");
    // A claim stays as long as a pod refers to it, also one that has failed.
    for gone in [["job", "--all"], ["persistentvolumeclaim", CLAIM]] {
        let words = ["delete", "--wait", "--timeout=60s"];
        stage.kubectl("making room for backups").args(words).args(gone).run()?;
    }
    Ok(())
}

fn upgrade(stage: &Stage) -> Result<()> {
    stage.claim("testbed", "1Gi")?;
    stage.under_load(|| go(stage))?;
    ask(stage, &["status", RELEASE], &[0])?;
    ask(stage, &["backup", "list", RELEASE], &[0])
}

fn validate(stage: &Stage) -> Result<()> {
    ask(stage, &["validate", RELEASE], &[0, 1])
}

fn bare_rollback(stage: &Stage) -> Result<()> {
    typed(&["helm", "rollback", RELEASE, REVISION]);
    let before = stage.pods()?;
    // Users' helm says that it was a success.
    let said = stage.helm(Version::Four, "rolling back").args(["rollback", RELEASE, REVISION]).text()?;
    quote(&said, 1);
    quote(&stage.refusal(&stage.comes(OLD, &before)?.name)?, 8);
    stage.must_serve()?;
    ask(stage, &["status", RELEASE], &[0, 1])
}

fn restore(stage: &Stage) -> Result<()> {
    ask(stage, &["rollback", RELEASE, REVISION], &[5])?;
    stage.database.may_make_others()?;
    say::answer("The database's administrator has let its user make databases.");
    ask(stage, &["rollback", RELEASE, REVISION, "--restore", "--yes"], &[0])?;
    ensure!(
        stage.serving()? == [OLD; 2],
        Failure::new(format!("after the restore {:?} serve", stage.serving()?), "kubectl get pods -n demo")
    );
    ask(stage, &["status", RELEASE], &[0, 1])?;
    ask(stage, &["history", RELEASE], &[0])
}

/// The upgrade that the story is about.
fn go(stage: &Stage) -> Result<()> {
    stage.upgrade_with(Version::Four, Pace::Gentle, NEW, 2, &[])
}

/// A question to the plugin, answered before the user's eyes.
fn ask(stage: &Stage, words: &[&str], expected: &[i32]) -> Result<()> {
    typed(&[&["kubectl", "omupgrade"], words].concat());
    let call = stage.omupgrade("asking the plugin").args(words);
    let code = call.env("OMUPGRADE_EMAIL", EMAIL).env("OMUPGRADE_PASSWORD", PASSWORD).shown()?;
    say::answer(&format!("(exit code {code})"));
    let what = format!("kubectl omupgrade {} ended with {code}", words[0]);
    ensure!(expected.contains(&code), Failure::new(what, "kubectl get pods,events -n demo"));
    Ok(())
}

/// What a user would type.
fn typed(words: &[&str]) {
    say::answer(&format!("$ {}", words.join(" ")));
}

fn quote(text: &str, lines: usize) {
    for line in last_lines(text, lines) {
        for part in folded(line.trim(), WIDTH) {
            say::answer(&format!("  | {part}"));
        }
    }
}

/// What fits beside the mark on the narrowest terminal that anybody has.
const WIDTH: usize = 76;

/// A line as lines of at most so many letters, broken between words; a longer word stays whole.
fn folded(line: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in line.split(' ') {
        match lines.last_mut() {
            Some(last) if last.is_empty() => last.push_str(word),
            Some(last) if last.chars().count() + 1 + word.chars().count() <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::folded;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(folded("one two three", 7), ["one two", "three"]);
        assert_eq!(folded("incomprehensible one", 7), ["incomprehensible", "one"]);
    }
}
