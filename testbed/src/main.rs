//! The `testbed` command: hands the words of the command line to one room each; it decides nothing itself.

#[cfg(not(unix))]
compile_error!("the testbed needs Linux: it starts containers, mounts and network links");

mod call;
mod chart;
mod cli;
mod cluster;
mod demo;
mod failure;
mod faults;
mod images;
mod interrupt;
mod load;
mod paths;
mod real;
mod say;
mod scenarios;
mod suite;
mod surroundings;
mod tools;
mod turn;
mod versions;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => match say::unsaid() {
            Some(why) => {
                say::line(&format!("error: the output cannot be written: {why}"));
                ExitCode::from(failure::UNWRITTEN)
            }
            None => code,
        },
        Err(error) => {
            failure::report(&error);
            ExitCode::from(failure::exit_code(&error))
        }
    }
}
