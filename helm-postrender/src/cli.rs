//! The command line: the only part that reads the process's arguments, environment, files and clock, and that prints.

mod args;
mod explore;
mod filter;
mod input;
mod run;
mod say;
mod show;

use crate::failure::{Failure, Kind, exit_code};
use crate::report::Report;
use args::{Args, Command, ReportFormat};
use clap::{CommandFactory, Parser, ValueEnum};
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

/// Runs the process's command line.
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => return usage(&error),
    };
    let done = match &args.command {
        Some(command) => explore::run(command).map(|()| 0),
        None if args.file.is_none() && std::io::stdin().is_terminal() => return short_help(),
        None => work(&args),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if failure.kind != Kind::Closed {
                say::failure(&failure, args.by_helm4());
            }
            ExitCode::from(exit_code(failure.kind))
        }
    }
}

/// One run over a stream. Whatever it ends with also goes to the report.
fn work(args: &Args) -> Result<u8, Failure> {
    let done = if args.shows() { show::run(args) } else { filter::run(args) };
    match done {
        Err(ended) => {
            let run::Ended { failure, run } = *ended;
            if failure.kind == Kind::Report {
                return Err(failure);
            }
            let report = run.map_or_else(|| Report::failed(&failure), |run| Report::new(run, 0, Some(&failure)));
            if args.lists() && args.report_format == Some(ReportFormat::Json) && !say::report_on_stdout(args) {
                say::output(&report.json())?;
            }
            Err(match say::report(args, &report) {
                Err(second) => failure.hint(format!("this stands in no report: {}", second.message)),
                Ok(()) => failure,
            })
        }
        Ok(code) => Ok(code),
    }
}

/// What clap says of a wrong command line, or the help or version that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() {
        let words: Vec<OsString> = std::env::args_os().skip(1).collect();
        if words.iter().any(|a| a == "--caller=helm4") {
            say::terminal(&error.to_string());
        }
        let path = argument(&words, "--report").or_else(|| std::env::var_os("OMUPGRADE_REPORT"));
        if let Some(path) = path.filter(|p| !p.is_empty()) {
            let form = argument(&words, "--report-format").and_then(|f| ReportFormat::from_str(f.to_str()?, true).ok());
            say::report_to(Path::new(&path), form, &Report::failed(&unparsed(error)));
        }
        return ExitCode::from(exit_code(Kind::Usage));
    }
    ExitCode::SUCCESS
}

/// What stands behind an argument, where the arguments as a whole could not be read.
fn argument(words: &[OsString], name: &str) -> Option<OsString> {
    let beside = |w: &OsString| Some(w.to_str()?.strip_prefix(name)?.strip_prefix('=')?.into());
    let at = words.iter().rposition(|w| w == name || beside(w).is_some())?;
    words.get(at).and_then(beside).or_else(|| words.get(at + 1).cloned())
}

/// clap's error as one of ours: its first line, and the rest of it as it stands.
fn unparsed(error: &clap::Error) -> Failure {
    let text = error.to_string();
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let mut failure = Failure::usage(first.strip_prefix("error: ").unwrap_or(first));
    failure.excerpt = rest.trim_start_matches('\n').trim_end().to_owned() + "\n";
    failure
}

fn short_help() -> ExitCode {
    let _ = write!(anstream::stderr(), "{}", Args::command().render_help().ansi());
    ExitCode::from(exit_code(Kind::Usage))
}

impl Args {
    /// Whether helm 4 called, which swallows what we say on standard error.
    fn by_helm4(&self) -> bool {
        self.caller.is_some()
    }

    /// Whether this run only shows: nothing of it goes back to a helm.
    fn shows(&self) -> bool {
        self.diff.is_some() || self.check || self.prove
    }

    /// Whether this run ends with the report on standard output.
    fn lists(&self) -> bool {
        self.check && self.diff.is_none()
    }
}

impl Command {
    /// The names of all subcommands, for suggestions.
    fn names() -> Vec<String> {
        Args::command().get_subcommands().map(|c| c.get_name().to_owned()).collect()
    }
}
