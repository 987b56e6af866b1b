//! What the chart's Secrets and environment say. It never asks anything but the environment.
//!
//! Source: the environment of facts 2 (the chart's Secrets, with literal quotes) and the configuration's own defaults.

use std::env;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};

/// The two kinds of database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// `DB_SCHEME=postgresql`
    Postgres,
    /// `DB_SCHEME=mysql`
    Mysql,
}

/// Where the database is and who asks.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which kind.
    pub engine: Engine,
    /// Host name.
    pub host: String,
    /// Port.
    pub port: String,
    /// Database name.
    pub database: String,
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
    /// The most connections to the database at once.
    pub connections: usize,
    /// What encrypts secrets in the database.
    pub fernet_key: String,
    /// Search's host name.
    pub search_host: String,
    /// Where search is: `http://opensearch:9200`.
    pub search: String,
    /// What stands before the names of indices.
    pub cluster_alias: String,
    /// Whether pipelines can be switched at all.
    pub pipeline_client: bool,
    /// The ports of the API and of its administration.
    pub ports: (u16, u16),
    /// How long a reindex rests after each kind; the stand-in's own setting.
    pub reindex_pause: Duration,
}

impl Settings {
    /// Reads the environment; defaults are the real configuration's.
    pub fn from_environment() -> Result<Self> {
        let engine = match value("DB_SCHEME", "mysql").as_str() {
            "mysql" => Engine::Mysql,
            "postgresql" => Engine::Postgres,
            other => bail!("DB_SCHEME is {other:?}; the stand-in knows mysql and postgresql"),
        };
        let port = if engine == Engine::Mysql { "3306" } else { "5432" };
        let search_host = value("ELASTICSEARCH_HOST", "localhost");
        Ok(Self {
            engine,
            host: value("DB_HOST", "localhost"),
            port: value("DB_PORT", port),
            database: value("OM_DATABASE", "openmetadata_db"),
            user: value("DB_USER", "openmetadata_user"),
            password: value("DB_USER_PASSWORD", "openmetadata_password"),
            connections: number("DB_CONNECTION_POOL_MAX_SIZE", "10")?,
            fernet_key: value("FERNET_KEY", ""),
            search: format!(
                "{}://{search_host}:{}",
                value("ELASTICSEARCH_SCHEME", "http"),
                value("ELASTICSEARCH_PORT", "9200")
            ),
            search_host,
            cluster_alias: value("ELASTICSEARCH_CLUSTER_ALIAS", ""),
            pipeline_client: value("PIPELINE_SERVICE_CLIENT_ENABLED", "true") == "true",
            ports: (number("SERVER_PORT", "8585")?, number("SERVER_ADMIN_PORT", "8586")?),
            reindex_pause: Duration::from_millis(number("STANDIN_REINDEX_PAUSE_MS", "1000")?),
        })
    }
}

/// A variable's value; the chart writes many of them with literal quotes, which YAML takes off in the real server.
fn value(name: &str, otherwise: &str) -> String {
    env::var(name).map_or_else(|_| otherwise.to_owned(), |text| unquote(text.trim()).to_owned())
}

/// A variable's value as a number.
fn number<T: FromStr>(name: &str, otherwise: &str) -> Result<T> {
    let text = value(name, otherwise);
    text.parse().map_err(|_| anyhow::anyhow!("{name} is {text:?}, which is no number that fits"))
}

fn unquote(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn literal_quotes_go() {
        assert_eq!(unquote("\"5432\""), "5432");
        assert_eq!(unquote("5432"), "5432");
        assert_eq!(unquote("\""), "\"");
    }
}
