//! Faults that a test orders from outside, asked for at the node's own address. It never fails by itself: no answer means no fault.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Result, bail};

use crate::log;

/// The faults ordered for this pod's namespace: a name and a value each.
#[derive(Debug, Default)]
pub struct Faults(HashMap<String, String>);

impl Faults {
    /// Asks the testbed; outside it nobody answers.
    pub fn ask() -> Self {
        Self(parse(&fetch().unwrap_or_default()))
    }

    /// The value of a fault.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A fault's value as seconds; what is no span of time is no fault (who orders refuses it before).
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        Duration::try_from_secs_f64(self.get(name)?.parse().ok()?).ok()
    }

    /// `migrate-fails VERSION:before|middle|after` and `migrate-hangs VERSION:…`.
    pub fn migrate_at(&self, version: &str, moment: &str) -> Result<()> {
        let here = format!("{version}:{moment}");
        if self.get("migrate-hangs") == Some(&here) {
            log::info("ordered fault: hanging");
            hang(&here, Duration::from_secs(1), || fetch().map(|body| Self(parse(&body))));
            log::info("ordered fault: hanging no more");
        }
        if self.get("migrate-fails") == Some(&here) {
            bail!("ordered fault in version {version}, {moment}");
        }
        Ok(())
    }

    /// `migrate-slow SECONDS`: before every statement.
    pub fn slow_down(&self, version: &str) {
        if let Some(pause) = self.seconds("migrate-slow") {
            log::info(&format!("{version}: {} s of slow work", pause.as_secs_f64()));
            std::thread::sleep(pause);
        }
    }
}

/// Hangs as long as the order stands. A testbed that does not answer takes nothing back.
fn hang(here: &str, pause: Duration, ask: impl Fn() -> Option<Faults>) {
    while ask().is_none_or(|faults| faults.get("migrate-hangs") == Some(here)) {
        std::thread::sleep(pause);
    }
}

fn parse(body: &str) -> HashMap<String, String> {
    body.lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
        .collect()
}

fn fetch() -> Option<String> {
    let namespace = std::env::var("STANDIN_NAMESPACE")
        .or_else(|_| std::fs::read_to_string("/var/run/secrets/kubernetes.io/serviceaccount/namespace"))
        .ok()?;
    let address: SocketAddr =
        std::env::var("STANDIN_FAULTS").ok().as_deref().unwrap_or("10.244.0.1:15001").parse().ok()?;
    // In a pod the testbed is always there, though a new pod's first packet may be lost and a busy machine slow.
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET /{} HTTP/1.0\r\n\r\n", namespace.trim()).ok()?;
    let mut answer = String::new();
    stream.take(64 * 1024).read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordered_failure_fails_at_its_moment_only() {
        let faults = Faults(parse("migrate-fails 1.13.0:middle\nslow-start 2\n"));
        assert!(faults.migrate_at("1.13.0", "before").is_ok());
        assert!(faults.migrate_at("1.13.0", "middle").is_err());
        assert_eq!(faults.seconds("slow-start"), Some(Duration::from_secs(2)));
        for no_span in ["-1", "abc", "NaN", "1e300"] {
            assert_eq!(Faults(parse(&format!("slow-start {no_span}\n"))).seconds("slow-start"), None, "{no_span}");
        }
    }

    #[test]
    fn a_hanging_migration_goes_on_when_the_order_is_taken_back() {
        let answers = ["migrate-hangs 1.13.0:middle\n", "", "slow-start 2\n", "never asked"];
        let turn = std::cell::Cell::new(0);
        hang("1.13.0:middle", Duration::ZERO, || {
            let answer = answers[turn.replace(turn.get() + 1)];
            (!answer.is_empty()).then(|| Faults(parse(answer)))
        });
        assert_eq!(turn.get(), 3, "it hangs while the order stands and while nobody answers");
    }
}
