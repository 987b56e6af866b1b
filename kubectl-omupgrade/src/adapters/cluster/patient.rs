//! Between the client and the API server: every question is timed and logged (`-v`), and one that meets a server that was
//! there and went away is asked again until it is back. Knows nothing of what is asked.

use futures::future::BoxFuture;
use http::{Method, Request, Response};
use kube::client::Body;
use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use tower::buffer::Buffer;
use tower::{BoxError, Layer, Service, ServiceExt};

/// How long a server that was there may be away. Chosen: an API server that restarts, or changes its leader, is back.
pub const AWAY: Duration = Duration::from_mins(1);

/// Questions that may wait for the client behind at a time.
const QUEUE: usize = 1024;

/// The layer.
#[derive(Debug, Clone)]
pub struct Patient {
    /// How long one attempt may take; none for ever. Streams (watches, followed logs) have no end.
    pub each: Option<Duration>,
    /// How long a server that answered before may be away.
    pub away: Duration,
    answered: Arc<AtomicBool>,
}

impl Patient {
    /// A layer for a server that has not answered yet: until then nothing is asked twice, so that a wrong address is
    /// told at once.
    pub fn new(each: Option<Duration>, away: Duration) -> Self {
        Self { each, away, answered: Arc::default() }
    }
}

impl<S, B> Layer<S> for Patient
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Send + 'static,
    S::Future: Send + 'static,
    B: 'static,
{
    type Service = Asking<S, B>;

    fn layer(&self, inner: S) -> Self::Service {
        Asking { inner: Buffer::new(inner, QUEUE), patient: self.clone() }
    }
}

/// The service.
#[derive(Debug)]
pub struct Asking<S, B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError>,
{
    inner: Buffer<Request<Body>, S::Future>,
    patient: Patient,
}

impl<S, B> Service<Request<Body>> for Asking<S, B>
where
    S: Service<Request<Body>, Response = Response<B>, Error = BoxError> + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
{
    type Response = Response<B>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Response<B>, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone has not been made ready; the one that was stays for the next question.
        let (inner, patient) = (self.inner.clone(), self.patient.clone());
        Box::pin(async move {
            let asked = Asked::of(&request);
            let (began, mut pause, mut request) = (Instant::now(), Duration::from_millis(250), request);
            loop {
                let again = copied(&request);
                let at = Instant::now();
                let answer = inner.clone().oneshot(request);
                let answer = match patient.each.filter(|_| !asked.stream) {
                    Some(each) => timeout(each, answer).await.unwrap_or_else(|_| Err(Silent(each).into())),
                    None => answer.await,
                };
                let span = at.elapsed().as_millis();
                let error = match answer {
                    Ok(response) => {
                        patient.answered.store(true, Ordering::Release);
                        tracing::info!("{} {} {} in {span} ms", asked.method, asked.path, response.status().as_u16());
                        return Ok(response);
                    }
                    Err(error) => error,
                };
                tracing::info!("{} {} failed after {span} ms: {error}", asked.method, asked.path);
                let there = patient.answered.load(Ordering::Acquire) && began.elapsed() < patient.away;
                match again.filter(|_| there && asked.may_be_repeated(error.as_ref())) {
                    Some(copy) => request = copy,
                    None => return Err(error),
                }
                sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
        })
    }
}

/// What is asked, for the log and for the decision to ask again.
struct Asked {
    method: Method,
    path: String,
    stream: bool,
}

impl Asked {
    fn of(request: &Request<Body>) -> Self {
        let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
        let stream = ["watch=true", "watch=1", "follow=true"].iter().any(|word| path.contains(word));
        Self { method: request.method().clone(), path, stream }
    }

    /// A question may be asked twice. A write only where it never arrived: else nobody knows what it did. A stream that
    /// broke is its reader's to begin again.
    fn may_be_repeated(&self, error: &(dyn Error + 'static)) -> bool {
        !self.stream && (self.method == Method::GET || never_arrived(error))
    }
}

fn never_arrived(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(inner) = cause {
        if inner.downcast_ref::<std::io::Error>().is_some_and(|e| e.kind() == ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = inner.source();
    }
    false
}

fn copied(request: &Request<Body>) -> Option<Request<Body>> {
    let mut copy = Request::new(request.body().try_clone()?);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    *copy.extensions_mut() = request.extensions().clone();
    Some(copy)
}

/// No answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} s (--request-timeout)", .0.as_secs())]
struct Silent(Duration);
