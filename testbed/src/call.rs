//! Runs another program and turns its failure into words: what was called, while doing what, and its last lines. It never retries.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::failure::Failure;
use crate::surroundings;

/// One call of another program.
pub struct Call {
    command: Command,
    doing: String,
    hint: String,
}

impl Call {
    /// Will call `program` while doing `doing` ("building etcd").
    pub fn new(program: impl AsRef<OsStr>, doing: impl Into<String>) -> Self {
        let command = surroundings::program(program);
        Self { command, doing: doing.into(), hint: "testbed status".to_owned() }
    }

    /// Will call a builder, which works for minutes: it dies with its caller, however that dies, where the machine's
    /// `setpriv` can arrange that. What a builder itself started ends with its own piece of work.
    pub fn builder(program: impl AsRef<OsStr>, doing: impl Into<String>) -> Self {
        let tied = ["--pdeathsig", "KILL"];
        if Self::new("setpriv", "looking for setpriv").args(tied).args(["true"]).succeeds() {
            return Self::new("setpriv", doing).args(tied).args([program]);
        }
        Self::new(program, doing)
    }

    /// What to type when it fails.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Adds arguments.
    pub fn args<I: IntoIterator<Item = S>, S: AsRef<OsStr>>(mut self, arguments: I) -> Self {
        self.command.args(arguments);
        self
    }

    /// Sets a variable for the program.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// Runs it in a folder.
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Runs it and returns what it printed.
    pub fn text(mut self) -> Result<String> {
        self.command.stdin(Stdio::null());
        let output = self.command.output().map_err(|error| self.not_started(&error))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failed(&output.status.to_string(), &String::from_utf8_lossy(&output.stderr)))
    }

    /// Runs it and returns its exit code and all that it said, whatever it ended with.
    pub fn outcome(mut self) -> Result<(i32, String)> {
        self.command.stdin(Stdio::null());
        let output = self.command.output().map_err(|error| self.not_started(&error))?;
        let said = [output.stdout, output.stderr].concat();
        match output.status.code() {
            Some(code) => Ok((code, String::from_utf8_lossy(&said).into_owned())),
            None => Err(self.failed(&output.status.to_string(), &String::from_utf8_lossy(&said))),
        }
    }

    /// Runs it and kills it as soon as `reached`, as a power cut does. It fails if it had ended before.
    pub fn killed_when(mut self, mut reached: impl FnMut() -> Result<bool>) -> Result<()> {
        self.command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = self.command.spawn().map_err(|error| self.not_started(&error))?;
        let outcome = loop {
            if let Some(status) = child.try_wait().with_context(|| format!("while {}", self.doing))? {
                break Err(self.failed(&status.to_string(), "it ended before it could be killed"));
            }
            match reached() {
                Ok(false) => std::thread::sleep(std::time::Duration::from_millis(200)),
                Ok(true) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        // It may have ended this very moment.
        let _ = child.kill();
        child.wait().with_context(|| format!("while {}", self.doing))?;
        outcome
    }

    /// Runs it before the user's eyes: what it says goes where ours goes. Its exit code.
    pub fn shown(mut self) -> Result<i32> {
        let status = self.command.stdin(Stdio::null()).status().map_err(|error| self.not_started(&error))?;
        status.code().ok_or_else(|| self.failed(&status.to_string(), ""))
    }

    /// Runs it for its effect.
    pub fn run(self) -> Result<()> {
        self.text().map(drop)
    }

    /// Runs it and says only whether it succeeded.
    pub fn succeeds(self) -> bool {
        self.text().is_ok()
    }

    /// Runs it with `input` on its standard input.
    pub fn feed(self, input: &[u8]) -> Result<()> {
        self.fed(input).map(drop)
    }

    /// Runs it with `input` on its standard input and returns what it printed.
    pub fn fed(mut self, input: &[u8]) -> Result<String> {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().map_err(|error| self.not_started(&error))?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that stops reading early says why on its own standard error.
            let _ = stdin.write_all(input);
        }
        let output = child.wait_with_output().with_context(|| format!("while {}", self.doing))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(self.failed(&output.status.to_string(), &String::from_utf8_lossy(&output.stderr)))
    }

    /// Runs it with all output in a log file, for long work; the error shows the log's last lines.
    pub fn logged(mut self, log: &Path) -> Result<()> {
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let copy = file.try_clone().with_context(|| format!("cannot write {}", log.display()))?;
        self.command.stdin(Stdio::null()).stdout(file).stderr(copy);
        let status = self.command.status().map_err(|error| self.not_started(&error))?;
        if status.success() {
            return Ok(());
        }
        let said = std::fs::read(log).unwrap_or_default();
        self.hint = format!("less {}", log.display());
        Err(self.failed(&status.to_string(), &String::from_utf8_lossy(&said)))
    }

    /// The program, and of a builder the one that matters.
    fn program(&self) -> String {
        let program = self.command.get_program();
        let own = (program == "setpriv").then(|| self.command.get_args().nth(2)).flatten();
        own.unwrap_or(program).to_string_lossy().into_owned()
    }

    fn not_started(&self, error: &std::io::Error) -> anyhow::Error {
        let what = format!("{} did not start while {}: {error}", self.program(), self.doing);
        Failure::new(what, self.hint.clone()).into()
    }

    fn failed(&self, status: &str, said: &str) -> anyhow::Error {
        let mut what = format!("{} failed ({status}) while {}", self.program(), self.doing);
        for line in last_lines(said, 8) {
            what.push_str("\n    ");
            what.push_str(line);
        }
        Failure::new(what, self.hint.clone()).into()
    }
}

/// The last lines of a text, in order.
pub fn last_lines(text: &str, count: usize) -> Vec<&str> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_program_the_work_and_the_last_words() {
        let error = Call::new("sh", "trying").args(["-c", "echo one >&2; exit 3"]).run().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("sh failed (exit status: 3) while trying"), "{text}");
        assert!(text.ends_with("one"), "{text}");
    }

    #[test]
    fn a_missing_program_is_said_to_be_missing() {
        let error = Call::new("no-such-program", "trying").run().unwrap_err();
        assert!(error.to_string().contains("did not start while trying"));
    }

    #[test]
    fn empty_lines_do_not_count() {
        assert_eq!(last_lines("a\n\nb\nc\n\n", 2), ["b", "c"]);
    }
}
