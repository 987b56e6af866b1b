//! One request with what is known about who asks. It never looks anything up that is not needed.
//!
//! Source: which paths need a token, facts 4.1; the words of a refusal are the server's `JwtFilter`'s.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::database::Database;
use crate::entities;
use crate::http::Request;
use crate::token::{self, Who};

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

    /// A number of the query.
    pub fn number(&self, name: &str) -> Option<usize> {
        self.query(name)?.parse().ok()
    }

    /// The body as JSON; nothing is null.
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.request.body).unwrap_or_default()
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
