//! What `-v` shows on standard error: with one, every question to the API server and how long it took; with two, what the
//! client does besides. Never bodies or headers: they hold secrets.

use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Sets up the log for a number of `-v`.
pub fn begin(verbose: u8) {
    let Some(wanted) = targets(verbose) else { return };
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false).with_ansi(false).compact();
    // A second log in one process keeps the first.
    let _ = tracing_subscriber::registry().with(lines.with_filter(wanted)).try_init();
}

/// Whose words are shown. The layers below kube (hyper, h2, rustls) are never among them: they print headers.
fn targets(verbose: u8) -> Option<Targets> {
    let own = Targets::new().with_target("kubectl_omupgrade", Level::DEBUG);
    match verbose {
        0 => None,
        1 => Some(Targets::new().with_target("kubectl_omupgrade", Level::INFO)),
        _ => Some(own.with_target("kube_client", Level::DEBUG).with_target("kube_runtime", Level::DEBUG)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_never_shown() {
        for verbose in [1, 2, 9] {
            let targets = targets(verbose).unwrap();
            assert!(targets.would_enable("kubectl_omupgrade::adapters", &Level::INFO));
            for below in ["hyper::client", "h2::codec", "rustls::client", "tower_http::trace"] {
                assert!(!targets.would_enable(below, &Level::ERROR), "{below}");
            }
            assert!(!targets.would_enable("kube_client", &Level::TRACE));
        }
        assert!(targets(0).is_none());
    }
}
