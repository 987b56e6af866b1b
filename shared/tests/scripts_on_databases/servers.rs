//! The servers that `testdata/databases/run.sh` started, and databases that look like `OpenMetadata`'s.

use std::env;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::{
    BACKUP, CLAIM, DRILL, FACTS_MYSQL, FACTS_POSTGRES, FINGERPRINT_MYSQL, FINGERPRINT_POSTGRES, GUARD, RESTORE, Ran,
    composed,
};

/// The user of a pod: nobody whom the image knows.
const USER: u32 = 12345;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Postgres,
    Mysql,
    /// `MySQL` that takes TLS only and writes global transaction ids, as managed services do.
    Strict,
}

pub const BOTH: [Engine; 2] = [Engine::Postgres, Engine::Mysql];

fn variable(name: &str) -> String {
    env::var(format!("OMUPGRADE_TEST_{name}")).expect("started by testdata/databases/run.sh")
}

/// The certificate of the authority that signed `MySQL`'s.
pub fn authority() -> String {
    fs::read_to_string(format!("{}{}/strict/ca.pem", variable("MYSQL_ROOTFS"), variable("MYSQL_INSIDE"))).unwrap()
}

/// A name that no other test has.
pub fn fresh_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    format!("om_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::SeqCst))
}

#[derive(Clone, Debug)]
pub struct Database {
    pub engine: Engine,
    pub name: String,
}

impl Engine {
    pub fn port(self) -> u16 {
        variable(match self {
            Self::Postgres => "POSTGRES_PORT",
            Self::Mysql => "MYSQL_PORT",
            Self::Strict => "MYSQL_STRICT_PORT",
        })
        .parse()
        .unwrap()
    }

    /// The engine's own client as its administrator, SQL on standard input.
    fn administrator(self, database: &str) -> Command {
        let mut command;
        match self {
            Self::Postgres => {
                command = Command::new(format!("{}/psql", variable("POSTGRES_BIN")));
                command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres"]);
                command.args(["-h", &variable("POSTGRES_SOCKET"), "-p", &variable("POSTGRES_PORT")]);
                command.env("PGDATABASE", if database.is_empty() { "postgres" } else { database });
            }
            Self::Mysql | Self::Strict => {
                let server = if self == Self::Mysql { "plain" } else { "strict" };
                command = Command::new("chroot");
                command.args([&variable("MYSQL_ROOTFS"), "/usr/bin/mysql", "--no-defaults", "-u", "root"]);
                command.arg(format!("--socket={}/{server}.sock", variable("MYSQL_INSIDE")));
                command.args([
                    "--batch",
                    "--skip-column-names",
                    "--raw",
                    "--default-character-set=utf8mb4",
                    "--",
                    database,
                ]);
            }
        }
        command
    }

    #[track_caller]
    pub fn sql(self, database: &str, text: &str) -> String {
        let output = fed(&mut self.administrator(database), text);
        assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub fn database(self) -> Database {
        self.database_named(&fresh_name())
    }

    /// An empty database that the user `om` may use as a server would.
    pub fn database_named(self, name: &str) -> Database {
        match self {
            Self::Postgres => {
                let quoted = name.replace('"', "\"\"");
                self.sql("", &format!("CREATE DATABASE \"{quoted}\" OWNER om"));
                self.sql(name, "GRANT ALL ON SCHEMA public TO om");
            }
            Self::Mysql | Self::Strict => {
                let quoted = name.replace('`', "``");
                let pattern = quoted.replace('_', "\\_");
                self.sql("", &format!("CREATE DATABASE `{quoted}`; GRANT ALL ON `{pattern}`.* TO om@'%';"));
            }
        }
        Database { engine: self, name: name.to_owned() }
    }

    /// A new user with this password, who may do what `om` may.
    pub fn user(self, password: &str) -> String {
        let (user, literal) = (fresh_name(), password.replace('\'', "''"));
        if self == Self::Postgres {
            self.sql("", &format!("CREATE ROLE {user} LOGIN IN ROLE om PASSWORD '{literal}'"));
        } else {
            let literal = literal.replace('\\', "\\\\");
            self.sql("", &format!("CREATE USER {user} IDENTIFIED BY '{literal}'; GRANT SELECT, TRIGGER, EVENT, SHOW VIEW ON *.* TO {user};"));
        }
        user
    }
}

fn fed(command: &mut Command, text: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A client that failed already does not read its input: its exit status tells.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

impl Database {
    #[track_caller]
    pub fn sql(&self, text: &str) -> String {
        let role = if self.engine == Engine::Postgres { "SET ROLE om;\n" } else { "" };
        self.engine.sql(&self.name, &format!("{role}{text}"))
    }

    /// A session of the server's user, which somebody forgot. Whether it came to its own end.
    pub fn held(&self, text: &str) -> bool {
        let port = self.engine.port().to_string();
        let mut command;
        if self.engine == Engine::Postgres {
            command = Command::new(format!("{}/psql", variable("POSTGRES_BIN")));
            command.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port, "-U", "om", &self.name]);
        } else {
            command = Command::new("chroot");
            command.args([&variable("MYSQL_ROOTFS"), "/usr/bin/mysql", "--no-defaults", "--protocol=tcp"]);
            command.args([
                "--host=127.0.0.1",
                "--user=om",
                "--get-server-public-key",
                &format!("--port={port}"),
                &self.name,
            ]);
        }
        command.env("MYSQL_PWD", "om-password").env("PGPASSWORD", "om-password");
        fed(&mut command, text).status.success()
    }

    /// The two tables as the newest releases make them.
    pub fn with_tables(&self) -> &Self {
        self.with_change_log().with_sql_logs()
    }

    pub fn with_change_log(&self) -> &Self {
        let (rank, json) = match self.engine {
            Engine::Postgres => ("SERIAL", "JSONB"),
            Engine::Mysql | Engine::Strict => ("BIGINT UNSIGNED NOT NULL AUTO_INCREMENT UNIQUE", "JSON"),
        };
        self.sql(&format!(
            "CREATE TABLE SERVER_CHANGE_LOG(installed_rank {rank}, version VARCHAR(256) PRIMARY KEY, migrationFileName VARCHAR(256) NOT NULL,
             checksum VARCHAR(256) NOT NULL, installed_on TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP, metrics {json});"
        ));
        self
    }

    pub fn with_sql_logs(&self) -> &Self {
        self.sql(
            "CREATE TABLE SERVER_MIGRATION_SQL_LOGS(version VARCHAR(256) NOT NULL, sqlStatement VARCHAR(10000) NOT NULL,
             checksum VARCHAR(256) PRIMARY KEY, executedAt TIMESTAMP DEFAULT CURRENT_TIMESTAMP);",
        );
        self
    }

    pub fn ran(&self, versions: &[&str]) -> &Self {
        for version in versions {
            self.sql(&format!(
                "INSERT INTO SERVER_CHANGE_LOG(version, migrationFileName, checksum) VALUES ('{version}', 'f', 'u-{version}');"
            ));
        }
        self
    }

    pub fn logged(&self, version: &str) -> &Self {
        self.sql(&format!(
            "INSERT INTO SERVER_MIGRATION_SQL_LOGS(version, sqlStatement, checksum) VALUES ('{version}', 'ALTER', 'md5-{version}');"
        ));
        self
    }

    /// A table large enough that a dump of it can be disturbed half way, and does not compress.
    pub fn with_large_table(&self) -> &Self {
        self.sql(match self.engine {
            Engine::Postgres => {
                "CREATE TABLE large(id INT PRIMARY KEY, text TEXT);
                 INSERT INTO large SELECT i, (SELECT string_agg(md5(random()::text || i || j), '') FROM generate_series(1, 32) j) FROM generate_series(1, 8000) i;"
            }
            Engine::Mysql | Engine::Strict => {
                "CREATE TABLE large(id INT AUTO_INCREMENT PRIMARY KEY, text BLOB);
                 INSERT INTO large(text) VALUES (RANDOM_BYTES(1024));
                 SET SESSION cte_max_recursion_depth = 10000;
                 INSERT INTO large(text) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 7999) SELECT RANDOM_BYTES(1024) FROM n;
                 ANALYZE TABLE large;"
            }
        });
        self
    }

    /// The fingerprint as an administrator's session with odd settings reads it.
    pub fn fingerprint(&self, settings: &str) -> String {
        let text = match self.engine {
            Engine::Postgres => FINGERPRINT_POSTGRES,
            Engine::Mysql | Engine::Strict => FINGERPRINT_MYSQL,
        };
        self.engine.sql(&self.name, &format!("{settings}\n{text}"))
    }

    pub fn pod(&self) -> Pod {
        Pod::new(self)
    }
}

/// A pod with the client image: a directory to write to, the Secrets' variables, an unknown user.
pub struct Pod {
    engine: Engine,
    pub outside: PathBuf,
    pub inside: String,
    variables: Vec<(String, String)>,
    user: u32,
    _directory: tempfile::TempDir,
}

impl Pod {
    fn new(database: &Database) -> Self {
        let engine = database.engine;
        let base = match engine {
            Engine::Postgres => env::temp_dir(),
            Engine::Mysql | Engine::Strict => {
                PathBuf::from(format!("{}{}", variable("MYSQL_ROOTFS"), variable("MYSQL_INSIDE")))
            }
        };
        let directory = tempfile::Builder::new().prefix("pod").tempdir_in(base).unwrap();
        let outside = directory.path().to_owned();
        let inside = match engine {
            Engine::Postgres => outside.to_string_lossy().into_owned(),
            Engine::Mysql | Engine::Strict => {
                outside.to_string_lossy().strip_prefix(&variable("MYSQL_ROOTFS")).unwrap().to_owned()
            }
        };
        fs::set_permissions(&outside, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["tmp", "backup"] {
            fs::create_dir(outside.join(name)).unwrap();
            fs::set_permissions(outside.join(name), fs::Permissions::from_mode(0o777)).unwrap();
        }
        for (name, script) in [
            ("guard.sh", GUARD),
            ("backup.sh", BACKUP),
            ("claim.sh", CLAIM),
            ("restore.sh", RESTORE),
            ("drill.sh", DRILL),
        ] {
            fs::write(outside.join(name), composed(script)).unwrap();
            fs::set_permissions(outside.join(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        let scheme = match engine {
            Engine::Postgres => "\"postgresql\"",
            Engine::Mysql | Engine::Strict => "mysql",
        };
        let port = engine.port().to_string();
        let mut pod =
            Self { engine, outside, inside: inside.clone(), variables: Vec::new(), user: USER, _directory: directory };
        pod.set("DB_SCHEME", scheme).set("DB_HOST", "\"127.0.0.1\"").set("DB_PORT", &port).set("DB_USER", "om");
        pod.set("DB_USER_PASSWORD", "om-password").set("OM_DATABASE", &database.name);
        pod.set("DB_PARAMS", "allowPublicKeyRetrieval=true&useSSL=false&serverTimezone=UTC");
        pod.set("OMUPGRADE_RELEASE", "om").set("OMUPGRADE_NAMESPACE", "data").set("OMUPGRADE_WAIT_SECONDS", "0");
        pod.set("OMUPGRADE_BACKUP_DIR", &format!("{inside}/backup")).set("OMUPGRADE_BACKUP_NAME", "om-1.13.1");
        pod.set("OMUPGRADE_FINGERPRINT_POSTGRESQL", FINGERPRINT_POSTGRES)
            .set("OMUPGRADE_FINGERPRINT_MYSQL", FINGERPRINT_MYSQL)
            .set("OMUPGRADE_FACTS_POSTGRESQL", FACTS_POSTGRES)
            .set("OMUPGRADE_FACTS_MYSQL", FACTS_MYSQL);
        pod.set("OMUPGRADE_ROWS_POSTGRESQL", shared::backup::ROWS_POSTGRESQL).set("OMUPGRADE_COUNT_ROWS", "1");
        pod.set("TMPDIR", &format!("{inside}/tmp")).set("PATH", &format!("{}:/usr/bin:/bin", variable("POSTGRES_BIN")));
        pod
    }

    /// Later values win, as in a command's environment.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Writes the authority's certificate into the pod and names it.
    pub fn place(&mut self, name: &str, text: &str) -> &mut Self {
        fs::write(self.outside.join(name), text).unwrap();
        let path = format!("{}/{name}", self.inside);
        self.set("OMUPGRADE_CA_FILE", &path)
    }

    pub fn command(&self, shell: &[&str], script: &str) -> Command {
        let path = format!("{}/{script}", self.inside);
        let mut command = match self.engine {
            Engine::Postgres => {
                let mut command = Command::new(shell[0]);
                command.args(&shell[1..]).arg(path).uid(self.user).gid(self.user);
                command
            }
            Engine::Mysql | Engine::Strict => {
                let mut command = Command::new("/usr/sbin/chroot");
                command.arg(format!("--userspec={0}:{0}", self.user)).arg(variable("MYSQL_ROOTFS")).args(["sh", &path]);
                command
            }
        };
        command.env_clear().envs(self.variables.iter().cloned()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, script: &str) -> Ran {
        let ran = Ran::from(self.command(&["dash"], script).output().unwrap());
        ran.assert_silent_about("om-password");
        assert_eq!(crate::support::listing(&self.outside.join("tmp")), Vec::<String>::new());
        ran
    }

    /// The guard of an image with this tag.
    pub fn guard(&mut self, tag: &str) -> Ran {
        self.set("OMUPGRADE_TAG", tag);
        self.run("guard.sh")
    }

    /// A user whom the image knows: `initdb` wants one.
    pub fn as_known_user(&mut self) -> &mut Self {
        let said = Command::new("id").args(["-u", "postgres"]).output().unwrap().stdout;
        self.user = String::from_utf8(said).unwrap().trim().parse().unwrap();
        self
    }

    pub fn backups(&self) -> PathBuf {
        self.outside.join("backup")
    }
}

/// Loads a dump into another database, as a restore would.
pub fn restore(dump: &Path, target: &Database) {
    match target.engine {
        Engine::Postgres => {
            let status = Command::new(format!("{}/pg_restore", variable("POSTGRES_BIN")))
                .args(["-h", &variable("POSTGRES_SOCKET"), "-p", &variable("POSTGRES_PORT"), "-U", "postgres"])
                .args(["--no-owner", "--role=om", "--exit-on-error", "-d", &target.name])
                .arg(dump)
                .status()
                .unwrap();
            assert!(status.success());
        }
        Engine::Mysql | Engine::Strict => {
            target.sql(&fs::read_to_string(dump).unwrap());
        }
    }
}
