//! The stand-in as a real process on a real database, in a home and on ports of its own. It never outlives its test.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// The chart's default key.
pub const KEY: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";
pub const OTHER_KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

#[derive(Clone, Copy, Debug)]
pub enum Engine {
    Postgres,
    Mysql,
}

/// A database of its own on the server that `testdata/databases/run.sh` started.
pub struct Scene {
    pub engine: Engine,
    name: String,
    folder: tempfile::TempDir,
    pub search: Search,
}

impl Scene {
    pub fn new(engine: Engine, name: &str) -> Self {
        let scene = Self {
            engine,
            name: format!("standin_{name}"),
            folder: tempfile::tempdir().unwrap(),
            search: Search::start(&[]),
        };
        let database = &scene.name;
        scene.administer(
            &match engine {
                Engine::Postgres => format!("CREATE DATABASE {database} OWNER om"),
                Engine::Mysql => format!("CREATE DATABASE {database}; GRANT ALL ON {database}.* TO om@'%'"),
            },
            "",
        );
        scene
    }

    /// Runs SQL in this database, past the server.
    pub fn sql(&self, sql: &str) {
        self.administer(sql, &self.name);
    }

    fn administer(&self, sql: &str, database: &str) {
        let mut client = match self.engine {
            Engine::Postgres => {
                let mut client = Command::new(Path::new(&variable("POSTGRES_BIN")).join("psql"));
                client.args(["-X", "-q", "-h", &variable("POSTGRES_SOCKET"), "-p", &variable("POSTGRES_PORT")]);
                client.args([
                    "-U",
                    "postgres",
                    "-d",
                    if database.is_empty() { "postgres" } else { database },
                    "-c",
                    sql,
                ]);
                client
            }
            Engine::Mysql => {
                let mut client = Command::new("chroot");
                client.args([&variable("MYSQL_ROOTFS"), "/usr/bin/mysql", "--no-defaults", "-u", "root", "-e", sql]);
                client.arg(format!("--socket={}/plain.sock", variable("MYSQL_INSIDE"))).args(["--", database]);
                client
            }
        };
        assert!(client.status().unwrap().success(), "{sql}");
    }

    /// A program of a release, with the folders that its image would have.
    pub fn command(&self, release: &str, folders: &[&str], words: &[&str]) -> Command {
        let home = self.folder.path().join(release);
        let native = home.join("bootstrap/sql/migrations/native");
        if !home.exists() {
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
            for folder in folders {
                copy(&source.join(folder), &native.join(folder));
            }
            fs::write(home.join("VERSION"), release).unwrap();
        }
        let (scheme, port) = match self.engine {
            Engine::Postgres => ("postgresql", variable("POSTGRES_PORT")),
            Engine::Mysql => ("mysql", variable("MYSQL_PORT")),
        };
        let mut command = Command::new(env!("CARGO_BIN_EXE_openmetadata-standin"));
        command.args(words).env("STANDIN_HOME", home).env("DB_SCHEME", scheme).env("DB_PORT", port);
        command.env("DB_HOST", "127.0.0.1").env("DB_USER", "om").env("DB_USER_PASSWORD", "om-password");
        command.env("ELASTICSEARCH_HOST", "\"127.0.0.1\"").env("ELASTICSEARCH_PORT", self.search.port.to_string());
        command.env("OM_DATABASE", &self.name).env("FERNET_KEY", KEY).env("STANDIN_REINDEX_PAUSE_MS", "150");
        command
    }

    pub fn migrate(&self, release: &str, folders: &[&str]) -> Output {
        self.command(release, folders, &["ops", "migrate"]).output().unwrap()
    }
}

fn variable(name: &str) -> String {
    let name = format!("OMUPGRADE_TEST_{name}");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: sh testdata/databases/run.sh"))
}

fn copy(from: &Path, to: &PathBuf) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        if entry.path().is_dir() {
            copy(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

/// A running server.
pub struct Server {
    child: Child,
    api: String,
    admin: String,
    token: String,
}

impl Server {
    /// Starts it and waits until it answers; `None` if it ended.
    pub fn start(mut command: Command) -> Option<Self> {
        let (port, admin) = (free_port(), free_port());
        command.env("SERVER_PORT", port.to_string()).env("SERVER_ADMIN_PORT", admin.to_string());
        let mut child = command.spawn().unwrap();
        let api = format!("http://127.0.0.1:{port}/api/v1");
        let start = Instant::now();
        while ureq::get(format!("{api}/system/version")).call().is_err() {
            if child.try_wait().unwrap().is_some() {
                return None;
            }
            assert!(start.elapsed() < Duration::from_secs(20), "the server does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(Self { child, api, admin: format!("http://127.0.0.1:{admin}"), token: String::new() })
    }

    pub fn log_in(&mut self, person: &str) -> Value {
        let words =
            json!({ "email": format!("{person}@open-metadata.org"), "password": BASE64_STANDARD.encode(person) });
        let answer = self.ask("POST", "users/login", &words.to_string()).1;
        answer["accessToken"].as_str().unwrap_or_default().clone_into(&mut self.token);
        answer
    }

    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub fn post(&self, path: &str) -> (u16, Value) {
        self.ask("POST", path, "{}")
    }

    /// The status of a request outside the API.
    pub fn outside(&self, method: &str, path: &str) -> u16 {
        ask(&self.api.replace("/api/v1", path), method, "", "").0
    }

    /// A number of the admin port's metrics.
    pub fn metric(&self, line: &str) -> f64 {
        let text = ureq::get(format!("{}/prometheus", self.admin)).call().unwrap().body_mut().read_to_string().unwrap();
        let found = text.lines().find_map(|given| given.strip_prefix(line));
        found.unwrap_or_else(|| panic!("{line} is not in\n{text}")).trim().parse().unwrap()
    }

    /// Status and body.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        ask(&format!("{}/{path}", self.api), method, &format!("Bearer {}", self.token), body)
    }
}

/// A running search.
pub struct Search {
    child: Child,
    pub port: u16,
}

impl Search {
    pub fn start(settings: &[(&str, &str)]) -> Self {
        let mut search = Self { child: Command::new("true").spawn().unwrap(), port: free_port() };
        search.restart(settings);
        search
    }

    /// Starts it again, on the same port.
    pub fn restart(&mut self, settings: &[(&str, &str)]) {
        self.stop();
        let mut command = Command::new(env!("CARGO_BIN_EXE_openmetadata-standin"));
        command.arg("search").env("SEARCH_PORT", self.port.to_string()).envs(settings.iter().copied());
        self.child = command.spawn().unwrap();
        let start = Instant::now();
        while ureq::get(format!("http://127.0.0.1:{}/", self.port)).call().is_err() {
            assert!(start.elapsed() < Duration::from_secs(20), "search does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn get(&self, path: &str) -> Value {
        ask(&format!("http://127.0.0.1:{}/{path}", self.port), "GET", "", "").1
    }

    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        ask(&format!("http://127.0.0.1:{}/{path}", self.port), method, "", body)
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Orders of faults, as the testbed tells them.
pub struct Faults {
    pub address: String,
    ordered: Arc<Mutex<String>>,
}

impl Faults {
    pub fn serve() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let faults = Self { address: listener.local_addr().unwrap().to_string(), ordered: Arc::default() };
        let ordered = Arc::clone(&faults.ordered);
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut line = String::new();
                BufReader::new(&stream).read_line(&mut line).unwrap();
                write!(stream, "HTTP/1.1 200 OK\r\n\r\n{}", ordered.lock().unwrap()).unwrap();
            }
        });
        faults
    }

    pub fn order(&self, lines: &str) {
        lines.clone_into(&mut self.ordered.lock().unwrap());
    }
}

/// Status and body; a body that is no JSON is a text.
fn ask(url: &str, method: &str, bearer: &str, body: &str) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = ureq::http::Request::builder().method(method).uri(url).header("Authorization", bearer);
    let mut answer = agent.run(request.body(body.to_owned()).unwrap()).unwrap();
    let text = answer.body_mut().read_to_string().unwrap();
    (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
