//! An API server that goes away for a while: what is asked again, what is not, and when it is told.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use http::{Request, Response};
use kube::client::Body;
use kubectl_omupgrade::adapters::cluster::patient::Patient;
use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tower::{BoxError, Layer, Service, ServiceExt};

const AWAY: Duration = Duration::from_mins(1);

/// A server that answers the first question, then fails `times` with this kind of error, then answers again.
fn server(
    times: usize,
    kind: ErrorKind,
) -> (impl Service<Request<Body>, Response = Response<&'static str>, Error = BoxError>, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let inner = tower::service_fn(move |_: Request<Body>| {
        let at = count.fetch_add(1, Ordering::SeqCst);
        async move {
            if (1..=times).contains(&at) { Err(BoxError::from(Error::from(kind))) } else { Ok(Response::new("well")) }
        }
    });
    (Patient::new(Some(Duration::from_secs(30)), AWAY).layer(inner), asked)
}

fn question(method: &str, path: &str) -> Request<Body> {
    Request::builder().method(method).uri(path).body(Body::from(b"{}".to_vec())).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_question_waits_for_a_server_that_was_there() {
    let (mut server, asked) = server(20, ErrorKind::ConnectionReset);
    server.ready().await.unwrap().call(question("GET", "/api/v1/pods")).await.unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(*server.ready().await.unwrap().call(question("GET", "/api/v1/pods")).await.unwrap().body(), "well");
    assert_eq!(asked.load(Ordering::SeqCst), 22);
    assert!(began.elapsed() > Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_that_stays_away_is_told_in_the_end() {
    let (mut server, _) = server(1000, ErrorKind::ConnectionRefused);
    server.ready().await.unwrap().call(question("GET", "/api/v1/pods")).await.unwrap();
    let began = tokio::time::Instant::now();
    server.ready().await.unwrap().call(question("GET", "/api/v1/pods")).await.unwrap_err();
    assert!(began.elapsed() >= AWAY && began.elapsed() < AWAY * 2, "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wrong_address_is_told_at_once() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let inner = tower::service_fn(move |_: Request<Body>| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Err::<Response<&str>, _>(BoxError::from(Error::from(ErrorKind::ConnectionRefused))) }
    });
    let mut server = Patient::new(None, AWAY).layer(inner);
    server.ready().await.unwrap().call(question("GET", "/api")).await.unwrap_err();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// Nobody knows what a write did whose answer was lost: it is asked again only where it never arrived.
#[tokio::test(start_paused = true)]
async fn a_write_is_repeated_only_where_it_never_arrived() {
    for (method, path, kind, repeated) in [
        ("POST", "/api/v1/secrets", ErrorKind::ConnectionRefused, true),
        ("POST", "/api/v1/secrets", ErrorKind::ConnectionReset, false),
        ("PUT", "/api/v1/secrets/x", ErrorKind::TimedOut, false),
        ("GET", "/api/v1/secrets/x", ErrorKind::TimedOut, true),
        ("GET", "/api/v1/pods?watch=true&resourceVersion=1", ErrorKind::ConnectionRefused, false),
        ("GET", "/api/v1/pods/x/log?&follow=true", ErrorKind::ConnectionReset, false),
    ] {
        let (mut server, _) = server(3, kind);
        server.ready().await.unwrap().call(question("GET", "/version")).await.unwrap();
        let answer = server.ready().await.unwrap().call(question(method, path)).await;
        assert_eq!(answer.is_ok(), repeated, "{method} {path} {kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn silence_has_an_end() {
    let inner = tower::service_fn(|_: Request<Body>| async {
        std::future::pending::<()>().await;
        Ok::<_, BoxError>(Response::new("never"))
    });
    let mut server = Patient::new(Some(Duration::from_secs(30)), AWAY).layer(inner);
    let error = server.ready().await.unwrap().call(question("GET", "/version")).await.unwrap_err();
    assert_eq!(error.to_string(), "no answer within 30 s (--request-timeout)");
}
