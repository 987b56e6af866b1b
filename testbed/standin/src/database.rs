//! Talks to the real database through its own client program, one call per text of SQL. It never keeps a connection.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::settings::{Engine, Settings};

/// The database of this server.
#[derive(Debug, Clone)]
pub struct Database {
    settings: Settings,
}

impl Database {
    /// A database by its settings; nothing is asked yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Which kind it is.
    pub fn engine(&self) -> Engine {
        self.settings.engine
    }

    /// The engine's word: `postgres` is first, `mysql` second.
    pub fn pick<'a>(&self, postgres: &'a str, mysql: &'a str) -> &'a str {
        if self.settings.engine == Engine::Postgres { postgres } else { mysql }
    }

    /// Runs statements for their effect.
    pub fn execute(&self, sql: &str) -> Result<()> {
        self.ask(sql).map(drop)
    }

    /// Runs a query; every row is a list of texts.
    pub fn rows(&self, sql: &str) -> Result<Vec<Vec<String>>> {
        let text = self.ask(sql)?;
        Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    /// A text as SQL writes it.
    pub fn quote(&self, text: &str) -> String {
        let text = if self.settings.engine == Engine::Mysql { text.replace('\\', "\\\\") } else { text.to_owned() };
        format!("'{}'", text.replace('\'', "''"))
    }

    fn ask(&self, sql: &str) -> Result<String> {
        let mut child = self.client().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.as_mut().map_err(|error| anyhow::anyhow!("the database client did not start: {error}"));
        let child = child?;
        let mut stdin = child.stdin.take().context("the database client takes no input")?;
        // A client that refuses early says why on its standard error.
        let _ = stdin.write_all(sql.as_bytes());
        drop(stdin);
        let mut said = String::new();
        let mut wrong = String::new();
        // Both are read to the end before waiting, errors on a thread of their own, so that neither pipe fills up.
        let errors = child.stderr.take().context("the database client has no errors")?;
        let reader = std::thread::spawn(move || std::io::read_to_string(errors).unwrap_or_default());
        if let Some(output) = child.stdout.take() {
            said = std::io::read_to_string(output).context("cannot read the database's answer")?;
        }
        if let Ok(text) = reader.join() {
            wrong = text;
        }
        let status = child.wait().context("the database client did not end")?;
        if !status.success() {
            bail!("{}", wrong.trim());
        }
        Ok(said)
    }

    fn client(&self) -> Command {
        let Settings { host, port, database, user, password, .. } = &self.settings;
        match self.settings.engine {
            Engine::Postgres => {
                let mut command = Command::new("psql");
                command.args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", host, "-p", port]);
                command.args(["-U", user, "-d", database]);
                command.env("PGPASSWORD", password).env("PGCONNECT_TIMEOUT", "5");
                command
            }
            Engine::Mysql => {
                let mut command = Command::new("mysql");
                command.args(["--no-defaults", "--batch", "--raw", "--skip-column-names", "--connect-timeout=5"]);
                // The chart's own DB_PARAMS say useSSL=false; a handshake for every question would also be most of its cost.
                command.args(["--ssl-mode=DISABLED", "--get-server-public-key", "--default-character-set=utf8mb4"]);
                command.args(["-h", host, "-P", port, "-u", user, database]);
                command.env("MYSQL_PWD", password);
                command
            }
        }
    }
}
