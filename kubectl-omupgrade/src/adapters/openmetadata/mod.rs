//! The OpenMetadata server: asks its API and its admin port, and hands on what they say as facts. Changes nothing in it
//! and never shows a token.

mod door;
mod list;
mod look;
mod token;

pub use door::Door;
pub use look::look;
pub use token::{Login, login, of_named};

use crate::facts::{NoAnswer, Secret};
use http::{Method, Request, header};
use http_body_util::Full;
use hyper::body::Bytes;
use serde_json::Value;
use shared::endpoints::{ADMIN, HTTP, below};
use std::time::Duration;

/// A way to one server.
#[derive(Debug, Clone)]
pub struct Client {
    /// The door.
    pub door: Door,
    /// The ports of the API and of administration, where they are not the usual ones.
    pub ports: (u16, u16),
    /// What stands before the API's paths (`BASE_PATH`).
    pub base: String,
    /// How long one question may take.
    pub patience: Option<Duration>,
    /// The token.
    pub token: Option<Secret<String>>,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The content's type.
    pub kind: String,
    /// The content.
    pub body: Vec<u8>,
    /// How long it took.
    pub took: Duration,
}

impl Answer {
    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The content as JSON where the status is good, else the server's own words.
    pub fn json(&self) -> Result<Value, NoAnswer> {
        if !(200..300).contains(&self.status) {
            return Err(NoAnswer::answered(self.status, &self.words()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|_| NoAnswer::answered(self.status, &format!(" and no JSON{}", self.words())))
    }

    /// The server's own words for a refusal, short.
    fn words(&self) -> String {
        let told = serde_json::from_slice::<Value>(&self.body).ok();
        let told = told.as_ref().and_then(|v| v.get("message")?.as_str().map(str::to_owned));
        let text = told.unwrap_or_else(|| self.text());
        let text = crate::view::clip(text.lines().next().unwrap_or_default(), 160);
        if text.trim().is_empty() { String::new() } else { format!(": {text}") }
    }
}

impl Client {
    /// A client of the usual ports, without a token.
    pub fn new(door: Door, patience: Option<Duration>) -> Self {
        let number = |port: u64| u16::try_from(port).unwrap_or_default();
        let ports = (number(HTTP.number), number(ADMIN.number));
        Self { door, ports, base: String::new(), patience, token: None }
    }

    /// Asks the API.
    pub async fn get(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.ask(self.ports.0, Method::GET, &below(&self.base, path), None).await
    }

    /// Asks the API for JSON.
    pub async fn json(&self, path: &str) -> Result<Value, NoAnswer> {
        self.get(path).await?.json()
    }

    /// Asks the admin port.
    pub async fn admin(&self, path: &str) -> Result<Answer, NoAnswer> {
        self.ask(self.ports.1, Method::GET, path, None).await
    }

    /// Gives the API something, and asks for JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value, NoAnswer> {
        self.ask(self.ports.0, Method::POST, &below(&self.base, path), Some(body)).await?.json()
    }

    async fn ask(&self, port: u16, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, NoAnswer> {
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, format!("localhost:{port}"));
        if let Some(token) = self.token.as_ref().and_then(Secret::expose) {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let bytes = match body {
            Some(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Bytes::from(value.to_string())
            }
            None => Bytes::new(),
        };
        let request =
            request.body(Full::new(bytes)).map_err(|e| NoAnswer::of(format!("preparing the question: {e}")))?;
        self.door.ask(port, request, self.patience).await
    }
}

/// A word as part of a path or query.
pub fn escaped(text: &str) -> String {
    use std::fmt::Write;
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
