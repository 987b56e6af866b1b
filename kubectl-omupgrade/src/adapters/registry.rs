//! Asks an image's registry whether it has it, as a node would before pulling: HEAD of the manifest, with the pull
//! Secrets' user or as anybody. Pulls nothing, writes nothing; a password goes to the registry that it is for, and to the
//! place that this registry names for its tokens.
//!
//! From here, not from the nodes: what a registry answers here, it may refuse them, and the other way round.

mod credentials;
mod reference;

use super::cluster::Cluster;
use crate::checks::precheck::Pull;
use crate::facts::Secret;
use credentials::{Credentials, of_secrets};
use http::{Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Limited};
use kube::client::{Body, ClientBuilder};
use reference::Reference;
use std::time::Duration;

/// How long a registry may take for all of it. Chosen: one that is not reachable is given up soon.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often a registry may send on: gateways do once.
const REDIRECTS: usize = 5;

/// The largest answer with a token.
const LARGEST: usize = 64 * 1024;

/// What a manifest may be.
const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json";

/// Asks for an image. `secrets` are the names of the pull Secrets, in their order. Whether it is there is an answer; what
/// kept the registry from answering is none.
pub async fn resolve(cluster: &Cluster, image: &str, secrets: &[String]) -> Result<Pull, String> {
    let reference = Reference::parse(image).ok_or_else(|| format!("`{image}` is no image"))?;
    let (found, unread) = of_secrets(cluster, secrets, &reference.registry).await;
    let asked = asked(image, &reference, found.as_ref());
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    let answer = answer.unwrap_or_else(|_| Err(format!("{} did not answer in time", reference.registry)));
    // A Secret that could not be read matters where somebody is refused.
    answer.map_err(|why| if unread.is_empty() { why } else { format!("{why}; {unread}") })
}

/// The same, with a user or none.
async fn asked(image: &str, reference: &Reference, user: Option<&Credentials>) -> Result<Pull, String> {
    let mut at: Uri = reference.manifest().parse().map_err(|e| format!("`{image}` is no image: {e}"))?;
    let mut authorization: Option<Secret<String>> = None;
    let mut sent_on = 0;
    loop {
        let host = at.host().unwrap_or_default().to_owned();
        let answer = send(&at, "HEAD", authorization.as_ref()).await.map_err(|e| format!("{host}: {e}"))?;
        let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        match answer.status() {
            status if status.is_success() => {
                let by = user.filter(|_| authorization.is_some()).map(|u| u.from.clone()).unwrap_or_default();
                let digest = header("docker-content-digest").unwrap_or_default();
                return Ok(Pull { image: image.to_owned(), there: true, digest, by });
            }
            status if status.is_redirection() && sent_on < REDIRECTS => {
                let to = header(header::LOCATION.as_str()).ok_or_else(|| format!("{host} sends on to nowhere"))?;
                at = joined(&at, &to).ok_or_else(|| format!("{host} sends on to `{to}`"))?;
                // A user is known where they are known, not where that place points to.
                authorization = None;
                sent_on += 1;
            }
            StatusCode::UNAUTHORIZED if authorization.is_none() => {
                let challenge = header(header::WWW_AUTHENTICATE.as_str()).unwrap_or_default();
                let known = user.filter(|_| sent_on == 0);
                let given = authorize(&challenge, &reference.name, known).await.map_err(|e| format!("{host}: {e}"))?;
                authorization = Some(given);
            }
            StatusCode::NOT_FOUND => {
                return Ok(Pull { image: image.to_owned(), there: false, digest: String::new(), by: String::new() });
            }
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
                let who = user.map_or_else(|| "somebody without a user".to_owned(), |u| u.from.clone());
                return Err(format!("{host} answers {} to {who}", status.as_u16()));
            }
            status => return Err(format!("{host} answers {}", status.as_u16())),
        }
    }
}

/// What to send, by the registry's challenge: the user themselves, or a token from the place that it names.
async fn authorize(challenge: &str, name: &str, user: Option<&Credentials>) -> Result<Secret<String>, String> {
    if challenge.get(..6).is_some_and(|w| w.eq_ignore_ascii_case("basic ")) {
        return user
            .map(Credentials::basic)
            .ok_or_else(|| "it wants a password, and no pull Secret has one".to_owned());
    }
    let of = |key: &str| reference::parameter(challenge, key);
    let realm = of("realm").ok_or("it wants to know who asks, and does not say how")?;
    let scope = of("scope").unwrap_or_else(|| format!("repository:{name}:pull"));
    let service = of("service").map(|s| format!("service={}&", super::openmetadata::escaped(&s))).unwrap_or_default();
    let join = if realm.contains('?') { '&' } else { '?' };
    let at = format!("{realm}{join}{service}scope={}", super::openmetadata::escaped(&scope));
    let at: Uri = at.parse().map_err(|e| format!("its tokens are at `{realm}`: {e}"))?;
    let basic = user.map(Credentials::basic);
    if basic.is_some() && at.scheme_str() != Some("https") && !reference::is_here(at.host().unwrap_or_default()) {
        return Err(format!("its tokens are at `{realm}`, where no password is sent to"));
    }
    let answer = send(&at, "GET", basic.as_ref()).await.map_err(|e| format!("asking for a token: {e}"))?;
    if !answer.status().is_success() {
        return Err(format!(
            "asking for a token: {} answers {}",
            at.host().unwrap_or_default(),
            answer.status().as_u16()
        ));
    }
    let body = Limited::new(answer.into_body(), LARGEST).collect().await.map_err(|e| e.to_string())?.to_bytes();
    let value: serde_json::Value = serde_json::from_slice(&body).map_err(|_| "the token is no JSON".to_owned())?;
    let token = value.get("token").or_else(|| value.get("access_token")).and_then(serde_json::Value::as_str);
    token.map(|t| Secret::new(format!("Bearer {t}"))).ok_or_else(|| "the answer holds no token".to_owned())
}

/// One question. kube's client is used for what it knows of TLS and proxies; it is told of no cluster.
async fn send(at: &Uri, method: &str, authorization: Option<&Secret<String>>) -> Result<Response<Body>, String> {
    let base = format!("{}://{}", at.scheme_str().unwrap_or("https"), at.authority().map_or("", |a| a.as_str()));
    let mut config = kube::Config::new(base.parse().map_err(|e| format!("{e}"))?);
    // What it says first is its answer: there is little time.
    config.default_retry = false;
    config.proxy_url = reference::proxy(at, |name| std::env::var(name).ok());
    let client = ClientBuilder::try_from(config).map_err(|e| e.to_string())?.build();
    let mut request = Request::builder().method(method).uri(at.path_and_query().map_or("/", |p| p.as_str()));
    request = request.header(header::ACCEPT, MANIFESTS);
    if let Some(text) = authorization.and_then(Secret::expose) {
        request = request.header(header::AUTHORIZATION, text);
    }
    let request = request.body(Body::empty()).map_err(|e| e.to_string())?;
    client.send(request).await.map_err(|e| innermost(&e))
}

/// What went wrong at the bottom of it: what stands around that speaks of API servers.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut at = error;
    while let Some(below) = at.source() {
        at = below;
    }
    at.to_string()
}

/// The place that a redirect names: a whole address, or a path.
fn joined(from: &Uri, to: &str) -> Option<Uri> {
    if to.starts_with('/') {
        return format!("{}://{}{to}", from.scheme_str()?, from.authority()?).parse().ok();
    }
    let to: Uri = to.parse().ok()?;
    // Never from TLS to none.
    let worse = from.scheme_str() == Some("https") && to.scheme_str() != Some("https");
    (to.host().is_some() && !worse).then_some(to)
}
