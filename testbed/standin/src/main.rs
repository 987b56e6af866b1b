//! Plays an `OpenMetadata` server and its operator's tool on a real database; it is no `OpenMetadata` and never pretends to be one outside a test.

mod api;
mod database;
mod entities;
mod faults;
mod flowable;
mod history;
mod http;
mod migrate;
mod migrations;
mod ops;
mod seed;
mod server;
mod settings;
mod version;

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["serve"] => server::run(),
        ["ops", rest @ ..] => ops::run(rest),
        _ => {
            log::error("usage: openmetadata-standin serve | ops COMMAND");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        log::error(&format!("{error:#}"));
        ExitCode::FAILURE
    })
}

mod log {
    //! Lines in the shape that the real server's log has.
    use std::io::Write as _;

    pub fn info(text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "INFO  [{}] {text}", now());
    }

    pub fn error(text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "ERROR [{}] {text}", now());
    }

    pub fn plain(text: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }

    fn now() -> u64 {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }
}
