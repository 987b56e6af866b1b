//! The real database of this server: texts of SQL in, rows of texts out, over a few connections that it keeps. It never knows what a statement means.
//!
//! Source of the URL: the message of `/system/status` (facts 4.3).

mod connection;
mod pool;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

use crate::metrics;
use crate::settings::{Engine, Settings};

use connection::Connection;
pub use pool::Load;
use pool::Pool;

/// The database of this server.
#[derive(Debug, Clone)]
pub struct Database {
    settings: Arc<Settings>,
    pool: Arc<Pool>,
    lost: Arc<AtomicBool>,
}

impl Database {
    /// A database by its settings; nothing is asked yet.
    pub fn new(settings: &Settings) -> Self {
        Self {
            settings: Arc::new(settings.clone()),
            pool: Arc::new(Pool::new(settings.connections)),
            lost: Arc::default(),
        }
    }

    /// Which kind it is.
    pub fn engine(&self) -> Engine {
        self.settings.engine
    }

    /// As the real server names it in `/system/status`.
    pub fn url(&self) -> String {
        let Settings { host, port, database, .. } = self.settings.as_ref();
        format!("jdbc:{}://{host}:{port}/{database}", self.pick("postgresql", "mysql"))
    }

    /// An ordered fault: nothing is answered as long as this holds.
    pub fn lose(&self, lost: bool) {
        self.lost.store(lost, Ordering::Relaxed);
    }

    /// How the connections are used.
    pub fn load(&self) -> Load {
        self.pool.load()
    }

    /// The engine's word: `postgres` is first, `mysql` second.
    pub fn pick<'a>(&self, postgres: &'a str, mysql: &'a str) -> &'a str {
        if self.settings.engine == Engine::Postgres { postgres } else { mysql }
    }

    /// Runs statements for their effect.
    pub fn execute(&self, sql: &str) -> Result<()> {
        self.rows(sql).map(drop)
    }

    /// Runs a query; every row is a list of texts, NULL an empty one.
    pub fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        let answer = if self.lost.load(Ordering::Relaxed) {
            Err(anyhow::anyhow!("ordered fault: the database is lost"))
        } else {
            self.pool.with(|| Connection::open(&self.settings), |connection| connection.ask(sql))
        };
        answer.inspect_err(|_| metrics::count(&metrics::DATABASE_ERRORS))
    }

    /// A text as SQL writes it.
    pub fn quote(&self, text: &str) -> String {
        let text = if self.settings.engine == Engine::Mysql { text.replace('\\', "\\\\") } else { text.to_owned() };
        format!("'{}'", text.replace('\'', "''"))
    }
}
