//! A database of its own for each test, on one server per engine that all of them share. It never touches another test's database.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::cluster::databases::{self, Engine};
use crate::cluster::kubectl::kubectl;
use crate::paths::Cache;

/// Where the shared servers run.
pub const NAMESPACE: &str = "testbed-databases";

/// One database and the user that owns it; both have the same name.
#[derive(Debug, Clone)]
pub struct Database<'a> {
    cache: &'a Cache,
    /// On which server.
    pub engine: Engine,
    /// Its name, and its owner's.
    pub name: String,
    /// Where its server runs.
    namespace: String,
}

/// What a session holds for a while: others wait for it.
#[derive(Debug)]
pub struct Hold {
    sql: String,
    /// Whether the session is one of the test's database, which others may have to end first.
    inside: bool,
    /// Whether it holds it before the work begins, and not at a moment of the work.
    first: bool,
}

impl Hold {
    /// By a session in the test's database.
    pub fn inside(sql: &str) -> Self {
        Self { sql: sql.to_owned(), inside: true, first: true }
    }

    /// By a session in the server's own database.
    pub fn outside(sql: &str) -> Self {
        Self { sql: sql.to_owned(), inside: false, first: true }
    }

    /// By a session in the server's own database that itself waits for its moment while the work goes on.
    pub fn later(sql: &str) -> Self {
        Self { sql: sql.to_owned(), inside: false, first: false }
    }
}

/// How long a session holds at most what it holds: longer than any wait for it.
const HELD: u64 = 600;

/// Starts the engine's shared server, if it does not run.
pub fn serve(cache: &Cache, engine: Engine) -> Result<()> {
    databases::run(cache, engine, NAMESPACE)
}

impl<'a> Database<'a> {
    /// The database of a test; nothing is made yet.
    pub fn of(cache: &'a Cache, engine: Engine, test: &str) -> Self {
        Self { cache, engine, name: test.replace('-', "_"), namespace: NAMESPACE.to_owned() }
    }

    /// One of the same name on the server of another namespace.
    pub fn on_server_of(&self, namespace: &str) -> Self {
        Self { namespace: namespace.to_owned(), ..self.clone() }
    }

    /// The one that a namespace's own server has from its chart.
    pub fn of_chart(&self, namespace: &str) -> Self {
        Self { name: "openmetadata_db".to_owned(), ..self.on_server_of(namespace) }
    }

    /// The server's name in every namespace.
    pub fn host(&self) -> String {
        format!("{}.{}", self.engine.workload(), self.namespace)
    }

    /// Makes it anew, empty, with an owner who has no other right, as in production.
    pub fn make(&self) -> Result<()> {
        self.remove()?;
        let name = &self.name;
        self.administer(&match self.engine {
            Engine::Postgres => format!(
                "CREATE ROLE {name} LOGIN PASSWORD 'openmetadata_password';\nCREATE DATABASE {name} OWNER {name};\n"
            ),
            Engine::Mysql => format!(
                "CREATE USER '{name}'@'%' IDENTIFIED BY 'openmetadata_password';\n\
                 CREATE DATABASE {name} CHARACTER SET utf8mb4;\nGRANT ALL PRIVILEGES ON {name}.* TO '{name}'@'%';\n"
            ),
        })
        .map(drop)
    }

    /// Removes it and everything that its owner owns, whoever is connected.
    pub fn remove(&self) -> Result<()> {
        let name = &self.name;
        self.administer(&match self.engine {
            // A restore may have left databases of other names with the same owner.
            Engine::Postgres => format!(
                "SELECT format('DROP DATABASE %I WITH (FORCE)', d.datname) FROM pg_database d\n\
                 JOIN pg_roles r ON r.oid = d.datdba WHERE r.rolname = '{name}' \\gexec\n\
                 DROP ROLE IF EXISTS {name};\n"
            ),
            Engine::Mysql => {
                let others = self.others()?;
                let drops: Vec<String> = others.lines().map(|other| format!("DROP DATABASE {other};\n")).collect();
                let drops = drops.concat();
                format!("{drops}DROP DATABASE IF EXISTS {name};\nDROP USER IF EXISTS '{name}'@'%';\n")
            }
        })
        .map(drop)
    }

    /// Lets its owner make and rename databases, as a restore beside needs it.
    pub fn may_make_others(&self) -> Result<()> {
        let name = &self.name;
        self.administer(&match self.engine {
            Engine::Postgres => format!("ALTER ROLE {name} CREATEDB;\n"),
            // In a grant an underscore stands for any letter unless it is escaped.
            Engine::Mysql => {
                format!("GRANT ALL PRIVILEGES ON `{}\\_omupgrade\\_%`.* TO '{name}'@'%';\n", name.replace('_', "\\_"))
            }
        })
        .map(drop)
    }

    /// The databases that a restore made beside it or kept.
    pub fn others(&self) -> Result<String> {
        let (column, table) = match self.engine {
            Engine::Postgres => ("datname", "pg_database"),
            Engine::Mysql => ("schema_name", "information_schema.schemata"),
        };
        // An underscore would stand for any letter, and another test's name may begin like this one's.
        let like = format!("{}|_omupgrade|_%", self.name.replace('_', "|_"));
        self.administer(&format!("SELECT {column} FROM {table} WHERE {column} LIKE '{like}' ESCAPE '|' ORDER BY 1;\n"))
    }

    /// What a query in this database answers: a line per row, columns apart by tabs.
    pub fn ask(&self, sql: &str) -> Result<String> {
        self.run(&self.name, sql)
    }

    /// Does `work` while a session holds something; then the session ends, and what it began with it.
    pub fn while_held<T>(&self, hold: &Hold, work: impl FnOnce() -> Result<T>) -> Result<T> {
        let mark = format!("held_for_{}", self.name);
        let (database, sleep) = (
            if hold.inside { &self.name } else { self.own() },
            match self.engine {
                Engine::Postgres => format!("SELECT pg_sleep({HELD}) AS {mark};\n"),
                Engine::Mysql => format!("SELECT SLEEP({HELD}) AS {mark};\n"),
            },
        );
        // The question itself names the mark, too, and is none of those that sleep.
        let (sleeping, end) = match self.engine {
            Engine::Postgres => (
                format!("FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(%{mark}%' AND state = 'active';\n"),
                "SELECT pg_terminate_backend(pid)",
            ),
            Engine::Mysql => (
                format!("FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(%{mark}%';\n"),
                "SELECT CONCAT('KILL ', id, ';')",
            ),
        };
        std::thread::scope(|scope| {
            // It is ended, and that is no failure of anything.
            scope.spawn(|| self.run(database, &format!("{}{sleep}", hold.sql)).is_ok());
            let there = || self.comes_to(&format!("SELECT COUNT(*) {sleeping}"), &hold.sql);
            let worked = if hold.first { there() } else { Ok(()) }.and_then(|()| work());
            let ended = self.administer(&format!("{end} {sleeping}"));
            let ended =
                if self.engine == Engine::Mysql { ended.and_then(|kills| self.administer(&kills)) } else { ended };
            worked.and_then(|done| ended.map(|_| done))
        })
    }

    /// Waits until there is such a session.
    fn comes_to(&self, count: &str, hold: &str) -> Result<()> {
        let begun = Instant::now();
        while self.administer(count)?.trim() == "0" {
            ensure!(begun.elapsed() < Duration::from_mins(1), "no session comes to hold: {hold}");
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Whether a session of its owner waits for what another one holds.
    pub fn waits(&self) -> Result<bool> {
        let name = &self.name;
        let waiting = match self.engine {
            Engine::Postgres => format!("pg_stat_activity WHERE usename = '{name}' AND wait_event_type = 'Lock'"),
            Engine::Mysql => {
                format!("information_schema.processlist WHERE user = '{name}' AND state LIKE 'Waiting for % lock'")
            }
        };
        Ok(self.administer(&format!("SELECT COUNT(*) FROM {waiting};\n"))?.trim() != "0")
    }

    /// The database that every server of the engine has.
    fn own(&self) -> &'static str {
        if self.engine == Engine::Postgres { "postgres" } else { "mysql" }
    }

    fn administer(&self, sql: &str) -> Result<String> {
        self.run(self.own(), sql)
    }

    fn run(&self, database: &str, sql: &str) -> Result<String> {
        let pod = format!("{}-0", self.engine.workload());
        let client = match self.engine {
            Engine::Postgres => {
                format!("exec psql -X -q -A -t -F '\t' -v ON_ERROR_STOP=1 -U postgres -d {database}")
            }
            Engine::Mysql => {
                format!("MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec mysql --no-defaults -N -B -u root -D {database}")
            }
        };
        kubectl(self.cache, "asking the database")
            .args(["exec", "-i", "-n", &self.namespace, &pod, "--", "sh", "-c", &client])
            .hint(format!("kubectl logs -n {} {pod}", self.namespace))
            .fed(sql.as_bytes())
    }
}
