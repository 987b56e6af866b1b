//! One connection to either kind of database. It never retries.

use std::time::Duration;

use anyhow::{Context as _, Result};
use mysql::prelude::Queryable as _;
use postgres::SimpleQueryMessage;

use crate::settings::{Engine, Settings};

const PATIENCE: Duration = Duration::from_secs(5);

/// A connection.
#[allow(missing_debug_implementations)]
pub enum Connection {
    /// To `PostgreSQL`.
    Postgres(Box<postgres::Client>),
    /// To `MySQL`.
    Mysql(Box<mysql::Conn>),
}

impl Connection {
    /// Logs in. Without TLS: the chart's own `DB_PARAMS` say `useSSL=false`.
    pub fn open(settings: &Settings) -> Result<Self> {
        let Settings { host, port, database, user, password, .. } = settings;
        let number = port.parse().with_context(|| format!("DB_PORT is {port:?}"))?;
        match settings.engine {
            Engine::Postgres => {
                let mut config = postgres::Config::new();
                config.host(host).port(number).dbname(database).user(user).password(password);
                config.connect_timeout(PATIENCE).application_name("openmetadata-standin");
                // A `CREATE … IF NOT EXISTS` that finds something is no news.
                config.options("-c client_min_messages=warning");
                Ok(Self::Postgres(Box::new(config.connect(postgres::NoTls)?)))
            }
            Engine::Mysql => {
                let options = mysql::OptsBuilder::new().ip_or_hostname(Some(host)).tcp_port(number);
                let options = options.db_name(Some(database)).user(Some(user)).pass(Some(password));
                let options = options.tcp_connect_timeout(Some(PATIENCE)).prefer_socket(false);
                Ok(Self::Mysql(Box::new(mysql::Conn::new(options)?)))
            }
        }
    }

    /// Runs one or more statements; the rows of all of them.
    pub fn ask(&mut self, sql: &str) -> Result<Vec<Vec<String>>> {
        let mut rows = Vec::new();
        match self {
            Self::Postgres(client) => {
                for message in client.simple_query(sql).map_err(|error| readable(&error))? {
                    if let SimpleQueryMessage::Row(row) = message {
                        rows.push((0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned()).collect());
                    }
                }
            }
            Self::Mysql(client) => {
                let mut answer = client.query_iter(sql)?;
                while let Some(set) = answer.iter() {
                    for row in set {
                        rows.push(row?.unwrap().into_iter().map(text).collect());
                    }
                }
            }
        }
        Ok(rows)
    }

    /// Whether it still answers.
    pub fn lives(&mut self) -> bool {
        match self {
            Self::Postgres(client) => client.is_valid(PATIENCE).is_ok(),
            Self::Mysql(client) => client.ping().is_ok(),
        }
    }
}

/// What the server said; the library's own text is only "db error".
fn readable(error: &postgres::Error) -> anyhow::Error {
    error.as_db_error().map_or_else(
        || anyhow::anyhow!("{error}"),
        |said| anyhow::anyhow!("{}: {} ({})", said.severity(), said.message(), said.code().code()),
    )
}

fn text(value: mysql::Value) -> String {
    match value {
        mysql::Value::NULL => String::new(),
        mysql::Value::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        other => other.as_sql(true).trim_matches('\'').to_owned(),
    }
}
