//! One request with what is known about who asks. It never looks anything up that is not needed.
//!
//! Source: which paths need a token, facts 4.1; the words of a refusal are the server's `JwtFilter`'s.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::database::Database;
use crate::entities;
use crate::http::Request;
use crate::token::{self, Who};

/// What is answered to a request that cannot be understood: status and words.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal(pub u16, pub String);

impl std::fmt::Display for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.1)
    }
}

impl std::error::Error for Refusal {}

/// The most entities that one page has. Source: the limits of the lists in `EntityResourceTest`, with their words.
const PAGE: usize = 1_000_000;

/// A request.
pub struct Asking<'a> {
    /// As it came.
    pub request: &'a Request,
    /// The segments that the route left open.
    pub parts: Vec<&'a str>,
    /// Whose token it is; nobody's where none is needed.
    pub who: Who,
}

impl<'a> Asking<'a> {
    /// Reads the token where one is needed; the words are the real filter's.
    pub fn new(request: &'a Request, needs_token: bool) -> Result<Self> {
        let who = if needs_token {
            token::read(request.token.as_deref().context("Not Authorized! Token not present")?)?
        } else {
            Who::default()
        };
        Ok(Self { request, parts: Vec::new(), who })
    }

    /// An open segment of the path.
    pub fn part(&self, at: usize) -> &'a str {
        self.parts.get(at).copied().unwrap_or_default()
    }

    /// A value of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.request.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A number of the query. What is no `int` leads nowhere. Source: the JAX-RS specification, section 3.2.
    pub fn number(&self, name: &str, otherwise: usize) -> Result<usize, Refusal> {
        let Some(text) = self.query(name) else { return Ok(otherwise) };
        let number: i32 = text.parse().map_err(|_| Refusal(404, "HTTP 404 Not Found".to_owned()))?;
        usize::try_from(number)
            .map_err(|_| Refusal(400, format!("[query param {name} must be greater than or equal to 0]")))
    }

    /// How many entities a page has.
    pub fn limit(&self) -> Result<usize, Refusal> {
        let limit = self.number("limit", 10)?;
        if limit > PAGE {
            return Err(Refusal(400, format!("[query param limit must be less than or equal to {PAGE}]")));
        }
        Ok(limit)
    }

    /// The body as JSON; nothing is null. Source of the words: Dropwizard's `JsonProcessingExceptionMapper`.
    pub fn body(&self) -> Result<Value, Refusal> {
        if self.request.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&self.request.body).map_err(|_| Refusal(400, "Unable to process JSON".to_owned()))
    }

    /// Who asks, as the database has it.
    pub fn user(&self, database: &Database) -> Result<Value> {
        let user = entities::by_name(database, entities::kind("users")?, &self.who.name)?;
        user.with_context(|| format!("user instance for {} not found", self.who.name))
    }

    /// Whether an administrator asks.
    pub fn is_admin(&self, database: &Database) -> Result<bool> {
        Ok(self.user(database)?["isAdmin"] == true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(request: &Request) -> Asking<'_> {
        Asking { request, parts: Vec::new(), who: Who::default() }
    }

    #[test]
    fn a_limit_is_an_int_of_a_page() {
        let limit = |value: &str| {
            let query = vec![("limit".to_owned(), value.to_owned())];
            asking(&Request { query, ..Request::default() }).limit().map_err(|refusal| refusal.0)
        };
        assert_eq!(asking(&Request::default()).limit(), Ok(10));
        assert_eq!(limit("1000000"), Ok(PAGE));
        let refused = [("-1", 400), ("1000001", 400), ("x", 404), ("9223372036854775807", 404)];
        for (value, status) in refused.into_iter().chain([("18446744073709551615", 404)]) {
            assert_eq!(limit(value), Err(status), "{value}");
        }
    }

    #[test]
    fn a_body_is_json_or_nothing() {
        let body = |text: &str| asking(&Request { body: text.into(), ..Request::default() }).body();
        assert_eq!(body(""), Ok(Value::Null));
        assert_eq!(body("{bad").map_err(|refusal| refusal.0), Err(400));
    }
}
