//! The `testbed` command: hands the words of the command line to one room each; it decides nothing itself.

mod call;
mod chart;
mod cli;
mod cluster;
mod demo;
mod failure;
mod faults;
mod images;
mod load;
mod paths;
mod real;
mod say;
mod scenarios;
mod suite;
mod tools;
mod turn;
mod versions;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            failure::report(&error);
            ExitCode::from(failure::exit_code(&error))
        }
    }
}
