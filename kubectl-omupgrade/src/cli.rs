//! The command line: reads the process's arguments, runs one command, says how it failed, and maps its end to an exit
//! code. Holds no verb's logic.

pub mod complete;
pub mod flags;
mod log;
pub mod paint;
pub mod say;

use crate::commands::Command;
use crate::exit::{self, Exit};
use crate::session::Session;
use clap::error::{ContextKind, ErrorKind};
use clap::{CommandFactory, FromArgMatches, Parser};
use flags::Flags;
use std::process::ExitCode;

/// Upgrade OpenMetadata without losing data: check it before, back it up, watch it, and take it back by what the database
/// says.
#[derive(Debug, Parser)]
#[command(name = "kubectl-omupgrade", version, after_help = exit::TABLE, disable_help_subcommand = true)]
pub struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

/// Runs the process's command line.
pub fn main() -> ExitCode {
    if complete::is_called() {
        complete::run();
        return ExitCode::SUCCESS;
    }
    let parsed = command().try_get_matches().and_then(|m| Cli::from_arg_matches(&m));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            if wants_facts(&error) {
                say::note(ONLY_LOOKS);
            }
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            return ExitCode::from(exit.code());
        }
    };
    log::begin(cli.flags.verbose);
    let session = Session { flags: cli.flags };
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return ExitCode::from(say::failure(&error.into()).code()),
    };
    let done = runtime.block_on(async {
        tokio::select! {
            done = cli.command.run(&session) => done,
            () = interrupted() => {
                if let Some(words) = cli.command.goes_on() {
                    say::note(words);
                }
                Ok(Exit::Interrupted)
            }
        }
    });
    // A stream that still waits for a line must not keep the process.
    runtime.shutdown_background();
    let exit = done.unwrap_or_else(|error| say::failure(&error));
    ExitCode::from(exit.code())
}

/// What is said to whoever names a saved look to a verb that takes none.
const ONLY_LOOKS: &str = "\
a saved look is judged by status, precheck, validate, diagnose, history and rollback (its preview): the other verbs write, \
or ask nothing, and take none";

/// Whether a verb was given a saved look that takes none.
fn wants_facts(error: &clap::Error) -> bool {
    let named = error.get(ContextKind::InvalidArg).map(ToString::to_string).unwrap_or_default();
    error.kind() == ErrorKind::UnknownArgument && named.starts_with("--from-facts")
}

/// Waits for Ctrl-C, or for who ends processes.
async fn interrupted() {
    #[cfg(unix)]
    if let Ok(mut ended) = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        tokio::select! {
            _ = ended.recv() => return,
            _ = tokio::signal::ctrl_c() => return,
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// The definition of the command line, with the name that the user typed: kubectl's plugins are called with a dash.
pub fn command() -> clap::Command {
    Cli::command().bin_name("kubectl omupgrade").color(clap::ColorChoice::Auto).mut_subcommands(flowing)
}

/// A verb whose last words are broken where the terminal ends: in the sources they are broken at another width.
fn flowing(verb: clap::Command) -> clap::Command {
    let paragraph = |text: &str| text.lines().collect::<Vec<_>>().join(" ");
    let words = verb.get_after_help().map(|words| words.to_string().split("\n\n").map(paragraph).collect::<Vec<_>>());
    match words {
        Some(paragraphs) => verb.after_help(paragraphs.join("\n\n")),
        None => verb,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }

    #[test]
    fn the_last_words_of_a_verb_are_broken_by_the_terminal_alone() {
        let words = |verb: &str| {
            let command = super::command();
            command.find_subcommand(verb).and_then(|verb| Some(verb.get_after_help()?.to_string()))
        };
        for verb in ["status", "precheck", "validate"] {
            let words = words(verb).unwrap();
            assert!(words.split("\n\n").all(|paragraph| !paragraph.contains('\n')), "{verb}: {words}");
        }
        assert!(words("status").unwrap().contains("\n\nWithout --probe"));
    }
}
