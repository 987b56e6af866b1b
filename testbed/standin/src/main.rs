//! Plays an `OpenMetadata` server and its operator's tool on a real database; it is no `OpenMetadata` and never pretends to be one outside a test.
//!
//! `facts 3.8` and the like are sections of the project's notes on `OpenMetadata` (`facts/openmetadata.md`), which say of every
//! sentence whether it was read in a source, told in an issue, or derived; they are kept beside the repository.

mod admin;
mod api;
mod apps;
mod database;
mod engine;
mod entities;
mod era;
mod faults;
mod flowable;
mod flyway;
mod history;
mod http;
mod log;
mod metrics;
mod migrate;
mod migrations;
mod ops;
mod reindex;
mod search;
mod secrets;
mod seed;
mod server;
mod settings;
mod token;
mod version;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve"] => server::run(),
        ["ops", rest @ ..] => ops::run(rest),
        ["search"] => engine::run(),
        _ => {
            log::error("usage: openmetadata-standin serve | ops COMMAND | search");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        log::error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}
