//! What our verbs say under a fault, compared with what is kept in `testdata/words`. It never judges the words: whoever
//! changes them reads them.
//!
//! `OMUPGRADE_WORDS=write testbed test words-rollout` writes them anew: read every line that changed.

mod normal;

use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use super::stage::{RELEASE, Stage};
use crate::cluster::databases::Engine;
use crate::{paths, say};
use normal::{normal, same};

/// The verbs that look, each with what it is asked for besides the release.
const VERBS: &[&str] = &["status", "precheck", "validate", "diagnose"];

/// How long words may take to become the kept ones: a probe fails some seconds later on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// What makes words comparable that were said in one namespace.
struct Kept {
    folder: PathBuf,
    write: bool,
}

impl Stage<'_> {
    /// All four verbs say of this fault what is kept, or will within a minute. `to` is where the release is upgraded to.
    pub fn words(&self, fault: &str, to: &str) -> Result<()> {
        self.words_of(VERBS, fault, to)
    }

    /// The same of some of them.
    pub fn words_of(&self, verbs: &[&str], fault: &str, to: &str) -> Result<()> {
        say::step(&format!("words: {fault}"));
        // PostgreSQL's are the plain ones: most words do not depend on the engine.
        let folder = match self.database.engine {
            Engine::Postgres => fault.to_owned(),
            Engine::Mysql => format!("{fault}-mysql"),
        };
        let folder = paths::source("../testdata/words").join(folder);
        let kept = Kept { folder, write: std::env::var("OMUPGRADE_WORDS").is_ok_and(|word| word == "write") };
        let results: Vec<Result<()>> = thread::scope(|scope| {
            let kept = &kept;
            let asked: Vec<_> =
                verbs.iter().map(|verb| scope.spawn(move || self.say_as_kept(verb, to, kept))).collect();
            asked.into_iter().map(|verb| verb.join().unwrap_or_else(|_| bail!("a verb's thread stopped"))).collect()
        });
        let wrong: Vec<String> =
            results.into_iter().filter_map(Result::err).map(|error| format!("{error:#}")).collect();
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    }

    fn say_as_kept(&self, verb: &str, to: &str, kept: &Kept) -> Result<()> {
        let file = kept.folder.join(format!("{verb}.txt"));
        // A new fault's words come into being; where nobody would read them that is a failure.
        let new = !file.exists() && std::env::var_os("CI").is_none();
        if kept.write || new {
            say::step(&format!("written, to be read: {}", file.display()));
            fs::create_dir_all(&kept.folder).with_context(|| format!("cannot make {}", kept.folder.display()))?;
            return fs::write(&file, self.said(verb, to)?).with_context(|| format!("cannot write {}", file.display()));
        }
        let wanted = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let start = Instant::now();
        loop {
            let said = self.said(verb, to)?;
            if same(&said, &wanted) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                bail!("other words than in {}:\n{}", file.display(), normal::differences(&wanted, &said));
            }
            thread::sleep(Duration::from_secs(1));
        }
    }

    /// What a verb says now, with how it ends, without what is different every time.
    fn said(&self, verb: &str, to: &str) -> Result<String> {
        let (code, said) = self.asks(verb, to)?;
        let typed = [&["$ kubectl omupgrade", verb, RELEASE], asked(verb, to).as_slice()].concat().join(" ");
        Ok(normal(&self.namespace, &format!("{typed}\n{}\nexit {code}\n", said.trim_end())))
    }

    /// How a verb ends now, and what it says.
    pub fn asks(&self, verb: &str, to: &str) -> Result<(i32, String)> {
        let call = self.omupgrade("asking").args([verb, RELEASE]).args(asked(verb, to));
        let call = call.env("OMUPGRADE_EMAIL", "admin@open-metadata.org").env("OMUPGRADE_PASSWORD", "admin");
        call.env("COLUMNS", "100").outcome()
    }
}

/// What a verb has to be told besides the release.
fn asked<'a>(verb: &str, to: &'a str) -> Vec<&'a str> {
    // Whether somebody's registry can be reached is not the testbed's to say.
    if verb == "precheck" { vec!["--to", to, "--offline"] } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::VERBS;
    use crate::{faults, paths};

    /// Words that are kept of what is no fault of the table: a release that is well, a hook without its claim, and the guard's
    /// refusal.
    const MORE: &[&str] = &["nothing", "claim-missing", "guard-stops-rollback"];

    #[test]
    fn what_every_verb_says_under_every_fault_is_kept() {
        let kept = paths::source("../testdata/words");
        let file = |fault: &str, verb: &str| kept.join(fault).join(format!("{verb}.txt"));
        let all = faults::names().flat_map(|fault| VERBS.iter().map(move |verb| (fault, *verb)));
        let missing: Vec<_> = all.filter(|(fault, verb)| !file(fault, verb).is_file()).collect();
        assert!(missing.is_empty(), "`OMUPGRADE_WORDS=write testbed test words-…` writes those of {missing:?}");
    }

    #[test]
    fn nothing_else_is_kept() {
        for entry in std::fs::read_dir(paths::source("../testdata/words")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let fault = name.strip_suffix("-mysql").unwrap_or(&name);
            assert!(faults::names().any(|known| known == fault) || MORE.contains(&fault), "{name} is no fault");
        }
    }
}
