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

/// Upgrade OpenMetadata without losing data: watch a rollout, and take it back by what the database says.
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
    Cli::command().bin_name("kubectl omupgrade").color(clap::ColorChoice::Auto)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_command_line_is_consistent() {
        super::command().debug_assert();
    }
}
