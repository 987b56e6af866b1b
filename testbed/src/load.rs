//! Sends steady requests to a release's Service while something happens to it, and counts what failed. It never stops early: a failure is a result.

mod ask;
mod report;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::cluster::kubectl::kubectl;
use crate::failure::{self, Failure};
use crate::paths::Cache;
use crate::{interrupt, real, say};
pub use ask::{EMAIL, PASSWORD};
use ask::{REQUESTS, Request, ask, first_login, kept_login, login};
pub use report::Report;
use report::{Sample, report};

/// What a load is made of.
#[derive(Debug, clap::Args)]
pub struct Plan {
    /// The namespace of the release
    #[arg(short, long, default_value = "default")]
    namespace: String,
    /// The Service to ask
    #[arg(long, default_value = "openmetadata", value_parser = service)]
    service: String,
    /// Requests a second, at most 200
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=200))]
    rate: u32,
    /// How long, at most an hour
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Plan {
    /// A load on a release of the usual name, for as long as something takes.
    pub fn new(namespace: &str, rate: u32) -> Self {
        Self { namespace: namespace.to_owned(), service: "openmetadata".to_owned(), rate, seconds: 0, json: false }
    }
}

/// A Service's name. kubectl would take other words for options or for another kind.
fn service(text: &str) -> Result<String, String> {
    let fits = text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'));
    if fits && text.starts_with(|first: char| first.is_ascii_lowercase()) {
        return Ok(text.to_owned());
    }
    Err("a Service's name begins with a letter and holds only a-z, 0-9 and -: kubectl get services -A".to_owned())
}

/// Runs the plan and prints its report, also when it is interrupted: 0 if no request failed.
pub fn run(cache: &Cache, plan: &Plan) -> Result<ExitCode> {
    // Who interrupts twice does not want to wait for the answers that are due.
    interrupt::note()?;
    let report = measure(cache, plan, Some(Duration::from_secs(plan.seconds)), &interrupt::asked)?;
    say::answer(&report.words(plan.json));
    Ok(if interrupt::asked() {
        ExitCode::from(failure::INTERRUPTED)
    } else if report.failures == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Loads the release for as long as `work` takes, whatever the plan's time is; `work` begins after some requests. A load
/// that did not cover the work says nothing of it, and is a failure.
pub fn during(cache: &Cache, plan: &Plan, work: impl FnOnce() -> Result<()>) -> Result<Report> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let load = scope.spawn(|| measure(cache, plan, None, &|| done.load(Ordering::Relaxed)));
        std::thread::sleep(Duration::from_secs(2));
        let began = Instant::now();
        let worked = work();
        let took = began.elapsed();
        std::thread::sleep(Duration::from_secs(2));
        done.store(true, Ordering::Relaxed);
        let report = load.join().unwrap_or_else(|_| anyhow::bail!("the load stopped"));
        worked?;
        let report = report?;
        ensure!(report.covered >= took, "the load covered {:?} of work that took {took:?}", report.covered);
        Ok(report)
    })
}

/// Sends the plan's requests until a time is over, if there is one, or `done`.
fn measure(cache: &Cache, plan: &Plan, length: Option<Duration>, done: &(dyn Fn() -> bool + Sync)) -> Result<Report> {
    let address = address(cache, plan)?;
    let token = match first_login(address) {
        // A load beside some work says how that work is borne by a release that is well.
        Err(error) if length.is_none() => return Err(error.context(format!("cannot log in at {address}"))),
        Err(error) => {
            say::line(&format!("cannot log in at {address} ({error:#}): requests fail until one can"));
            Mutex::new(None)
        }
        Ok(token) => Mutex::new(Some(token)),
    };
    let start = Instant::now();
    let pause = Duration::from_secs(1) / plan.rate;
    let (samples, mut covered) = (Mutex::new(Vec::new()), Duration::ZERO);
    std::thread::scope(|scope| {
        let requests = if real::image().is_some() { &REQUESTS[..2] } else { &REQUESTS };
        for (turn, request) in requests.iter().cycle().enumerate() {
            // Requests begin on time whether or not earlier ones have ended, as people do.
            let due = pause * u32::try_from(turn).unwrap_or(u32::MAX);
            if done() {
                break;
            }
            if let Some(length) = length.filter(|length| due >= *length) {
                covered = length;
                break;
            }
            std::thread::sleep(due.saturating_sub(start.elapsed()));
            covered = start.elapsed();
            let (token, samples) = (&token, &samples);
            scope.spawn(move || {
                let began = Instant::now();
                // A connection of its own each time: the Service then picks a pod each time.
                let ok = kept_login(token, address).and_then(|token| ask(address, request, Some(&token))).is_ok();
                let sample = Sample { at: start.elapsed(), took: began.elapsed(), ok };
                if let Ok(mut samples) = samples.lock() {
                    samples.push(sample);
                }
            });
        }
    });
    let mut report = report(samples.into_inner().unwrap_or_default(), start.elapsed());
    report.covered = covered;
    Ok(report)
}

/// Which of the requests get no whole answer, each sent once: `["search"]`.
pub fn unanswered(cache: &Cache, plan: &Plan) -> Result<Vec<&'static str>> {
    let address = address(cache, plan)?;
    let token = login(address).unwrap_or_default();
    let fails = |request: &&Request| ask(address, request, Some(&token)).is_err();
    Ok(REQUESTS.iter().filter(fails).map(|request| request.name).collect())
}

/// The Service's own address, which the node reaches as pods do.
fn address(cache: &Cache, plan: &Plan) -> Result<SocketAddr> {
    let words = ["get", "service", "-n", &plan.namespace, &plan.service, "-o", "jsonpath={.spec.clusterIP}"];
    let text = kubectl(cache, "looking for the Service").args(words).text()?;
    let parsed = format!("{text}:8585").parse();
    parsed.map_err(|_| Failure::new(format!("the Service has no address: {text:?}"), "kubectl get services -A").into())
}

#[cfg(test)]
mod tests {
    use super::service;

    #[test]
    fn a_service_is_no_option_of_kubectl() {
        assert_eq!(service("openmetadata").as_deref(), Ok("openmetadata"));
        for other in ["-A", "--all-namespaces", "service/x", "a b", ""] {
            assert!(service(other).is_err(), "{other:?}");
        }
    }
}
