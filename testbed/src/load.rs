//! Sends steady requests to a release's Service while something happens to it, and counts what failed. It never stops early: a failure is a result.

use std::io;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use ureq::Agent;

use crate::cluster::kubectl::kubectl;
use crate::failure::{self, Failure};
use crate::paths::Cache;
use crate::{interrupt, real, say};

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

/// One request's end.
#[derive(Debug, Clone, Copy)]
struct Sample {
    /// Since the load began.
    at: Duration,
    took: Duration,
    ok: bool,
}

/// What came of all requests.
#[derive(Debug, PartialEq, Eq)]
pub struct Report {
    /// How many were sent.
    pub requests: usize,
    /// How many of them got no whole answer with status 200.
    pub failures: usize,
    /// The longest time in which no request succeeded.
    gap: Duration,
    p50: Duration,
    p99: Duration,
    /// From the beginning to the last request, or the whole time that was asked for.
    covered: Duration,
}

/// The stand-in's and the quick start's own user.
pub const EMAIL: &str = "admin@open-metadata.org";
/// Its password.
pub const PASSWORD: &str = "admin";

/// What is asked.
struct Request {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    body: &'static str,
}

const fn get(name: &'static str, path: &'static str) -> Request {
    Request { name, method: "GET", path, body: "" }
}

/// The login: the password is base64, as the API wants it.
const LOGIN: Request = Request {
    name: "login",
    method: "POST",
    path: "/api/v1/users/login",
    body: r#"{"email":"admin@open-metadata.org","password":"YWRtaW4="}"#,
};
/// What every server answers, then what only the stand-in's sample data does.
const REQUESTS: [Request; 4] = [
    LOGIN,
    get("search", "/api/v1/search/query?q=*&index=table_search_index&size=0"),
    get("entity", "/api/v1/tables/name/sample.shop.public.t03"),
    get("lineage", "/api/v1/lineage/table/name/sample.shop.public.t03?upstreamDepth=1&downstreamDepth=1"),
];
/// A client's patience: as long as a browser's user has, and longer than a busy machine makes the stand-in wait.
const LIMIT: Duration = Duration::from_secs(15);

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
    Ok(Report { covered, ..report(samples.into_inner().unwrap_or_default(), start.elapsed()) })
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

/// How long a Service may take to find a server that has just become Ready. Chosen.
const REACHED: Duration = Duration::from_secs(10);

/// The login before the load: where nobody listens yet it is tried again; any other failure is one.
fn first_login(address: SocketAddr) -> Result<String> {
    let start = Instant::now();
    loop {
        match login(address) {
            Err(error) if nobody_listens(&error) && start.elapsed() < REACHED => {
                std::thread::sleep(Duration::from_millis(200));
            }
            end => return end,
        }
    }
}

fn nobody_listens(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(ureq::Error::Io(error)) if error.kind() == io::ErrorKind::ConnectionRefused)
}

/// The token of the load, with a login where there is none yet.
fn kept_login(token: &Mutex<Option<String>>, address: SocketAddr) -> Result<String> {
    let kept = || token.lock().ok().and_then(|token| token.clone());
    if let Some(token) = kept() {
        return Ok(token);
    }
    let new = login(address)?;
    if let Ok(mut token) = token.lock() {
        *token = Some(new.clone());
    }
    Ok(new)
}

fn login(address: SocketAddr) -> Result<String> {
    let answer = ask(address, &LOGIN, None)?;
    let answer: serde_json::Value = serde_json::from_str(&answer).context("the login's answer is no JSON")?;
    Ok(answer["accessToken"].as_str().context("the login's answer has no accessToken")?.to_owned())
}

/// One request on a connection of its own; anything but a whole answer with status 200 is an error.
fn ask(address: SocketAddr, request: &Request, token: Option<&str>) -> Result<String> {
    ask_within(LIMIT, address, request, token)
}

/// The same with another patience, which is for the whole of it: an answer that comes byte by byte gets no more.
fn ask_within(limit: Duration, address: SocketAddr, request: &Request, token: Option<&str>) -> Result<String> {
    let Request { method, path, body, .. } = request;
    // A proxy of the environment is for the world outside, and another answer than the server's own is none.
    let config = Agent::config_builder().timeout_global(Some(limit)).proxy(None).max_redirects(0);
    let agent = Agent::from(config.http_status_as_error(false).build());
    let mut question = ureq::http::Request::builder().method(*method).uri(format!("http://{address}{path}"));
    question = question.header("Connection", "close").header("Content-Type", "application/json");
    if let Some(token) = token {
        question = question.header("Authorization", format!("Bearer {token}"));
    }
    let mut answer = agent.run(question.body(*body)?)?;
    ensure!(answer.status() == 200, "status {}", answer.status());
    Ok(answer.body_mut().read_to_string()?)
}

fn report(mut samples: Vec<Sample>, length: Duration) -> Report {
    samples.sort_unstable_by_key(|sample| sample.at);
    let good = samples.iter().filter(|sample| sample.ok).map(|sample| sample.at);
    let edges: Vec<Duration> = [Duration::ZERO].into_iter().chain(good).chain([length]).collect();
    let gap = edges.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or_default();
    let mut times: Vec<Duration> = samples.iter().map(|sample| sample.took).collect();
    times.sort_unstable();
    let at = |percent: usize| times.get((times.len() * percent / 100).min(times.len().saturating_sub(1))).copied();
    Report {
        requests: samples.len(),
        failures: samples.iter().filter(|sample| !sample.ok).count(),
        gap,
        p50: at(50).unwrap_or_default(),
        p99: at(99).unwrap_or_default(),
        covered: length,
    }
}

impl Report {
    /// The report as a line for people, or as JSON.
    pub fn words(&self, json: bool) -> String {
        let Self { requests, failures, gap, p50, p99, covered } = self;
        let rounded = (*covered + Duration::from_millis(500)).as_secs();
        let (gap, p50, p99) = (gap.as_millis(), p50.as_millis(), p99.as_millis());
        if json {
            return serde_json::json!({
                "requests": requests, "failures": failures, "longestGapMs": gap, "p50Ms": p50, "p99Ms": p99,
                "seconds": rounded,
            })
            .to_string();
        }
        format!(
            "{requests} requests in {rounded} s, {failures} failed, longest gap {gap} ms, p50 {p50} ms, p99 {p99} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;

    use super::*;

    fn sample(at: u64, took: u64, ok: bool) -> Sample {
        Sample { at: Duration::from_millis(at), took: Duration::from_millis(took), ok }
    }

    #[test]
    fn the_gap_is_between_successes_and_counts_the_ends() {
        let samples = vec![sample(100, 5, true), sample(200, 7, false), sample(900, 9, true)];
        let report = report(samples, Duration::from_secs(1));
        assert_eq!((report.requests, report.failures), (3, 1));
        assert_eq!(report.gap, Duration::from_millis(800));
        assert_eq!((report.p50.as_millis(), report.p99.as_millis()), (7, 9));
        assert_eq!(report.words(false), "3 requests in 1 s, 1 failed, longest gap 800 ms, p50 7 ms, p99 9 ms");
    }

    #[test]
    fn a_token_is_asked_for_until_there_is_one_and_then_kept() {
        let token = Mutex::new(None);
        assert!(kept_login(&token, server("HTTP/1.1 500 no\r\n\r\n", "")).is_err());
        let well = server("HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{\"accessToken\":\"t\"}", "");
        assert_eq!(kept_login(&token, well).unwrap(), "t");
        // Nobody answers any more, and nobody is asked.
        assert_eq!(kept_login(&token, SocketAddr::from(([127, 0, 0, 1], 1))).unwrap(), "t");
    }

    #[test]
    fn only_where_nobody_listens_a_first_login_waits() {
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert!(nobody_listens(&login(closed).unwrap_err()));
        assert!(!nobody_listens(&login(server("HTTP/1.1 500 no\r\n\r\n", "")).unwrap_err()));
    }

    /// A server that answers once with `head`, then with `drop` every 20 ms, if it is any.
    fn server(head: &'static str, drop: &'static str) -> SocketAddr {
        let open = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = open.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut stream = open.accept().unwrap().0;
            let mut question = [0; 1024];
            let _ = stream.read(&mut question);
            let _ = stream.write_all(head.as_bytes());
            while !drop.is_empty() && stream.write_all(drop.as_bytes()).is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        address
    }

    fn asked(head: &'static str, drop: &'static str) -> Result<String> {
        ask_within(Duration::from_secs(1), server(head, drop), &REQUESTS[1], None)
    }

    #[test]
    fn only_a_whole_answer_counts() {
        let whole = ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\n{}"];
        for answer in
            whole.into_iter().chain(["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"])
        {
            assert_eq!(asked(answer, "").unwrap(), "{}", "{answer}");
        }
        for cut in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{\"a\":1",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{\"a\":1\r\n",
            "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
        ] {
            assert!(asked(cut, "").is_err(), "{cut}");
        }
    }

    #[test]
    fn an_answer_that_comes_byte_by_byte_does_not_stretch_the_limit() {
        let began = Instant::now();
        assert!(asked("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", "x").is_err());
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    }

    #[test]
    fn a_service_is_no_option_of_kubectl() {
        assert_eq!(service("openmetadata").as_deref(), Ok("openmetadata"));
        for other in ["-A", "--all-namespaces", "service/x", "a b", ""] {
            assert!(service(other).is_err(), "{other:?}");
        }
    }

    #[test]
    fn the_time_is_rounded() {
        assert!(report(Vec::new(), Duration::from_millis(1900)).words(false).contains("in 2 s"));
    }

    #[test]
    fn no_answer_at_all_is_one_long_gap() {
        let report = report(Vec::new(), Duration::from_secs(3));
        assert_eq!(report.gap, Duration::from_secs(3));
    }
}
