//! Runs the scripts that go into pods the way a pod runs them: an empty environment, the variables of the test.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub const GUARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../helm-postrender/src/rules/schema_guard.sh");
pub const BACKUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/backup/backup.sh");
pub const RESTORE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/backup/restore.sh");
pub const DRILL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/backup/drill.sh");
pub const CLAIM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/backup/claim.sh");
pub const FINGERPRINT_POSTGRES: &str = include_str!("../../src/backup/fingerprint_postgres.sql");
pub const FINGERPRINT_MYSQL: &str = include_str!("../../src/backup/fingerprint_mysql.sql");
pub const FACTS_POSTGRES: &str = include_str!("../../src/backup/facts_postgres.sql");
pub const FACTS_MYSQL: &str = include_str!("../../src/backup/facts_mysql.sql");

/// A script as it goes into a pod.
pub fn composed(path: &str) -> String {
    shared::backup::with_parts(&fs::read_to_string(path).unwrap())
}

/// What a script did.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Ran {
    /// The right end *and* the right words.
    #[track_caller]
    pub fn assert(&self, code: i32, words: &[&str]) -> &Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert_eq!(self.code, Some(code), "exit code; it said:\n{all}");
        for word in words {
            assert!(all.contains(word), "`{word}` is missing in:\n{all}");
        }
        self
    }

    #[track_caller]
    pub fn assert_silent_about(&self, word: &str) -> &Self {
        let all = format!("{}{}", self.stdout, self.stderr);
        assert!(!all.contains(word), "`{word}` should not stand in:\n{all}");
        self
    }
}

/// Names of directories and files in `directory`, sorted.
pub fn listing(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub fn write_executable(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn found_on_path(program: &str) -> Option<PathBuf> {
    ["/bin", "/usr/bin"].iter().map(|directory| Path::new(directory).join(program)).find(|path| path.exists())
}

/// The only programs that a client image has for sure, besides its shell.
const COREUTILS: [&str; 23] = [
    "cat",
    "cut",
    "date",
    "df",
    "du",
    "head",
    "id",
    "mkdir",
    "mkfifo",
    "mktemp",
    "mv",
    "rm",
    "rmdir",
    "sha256sum",
    "sleep",
    "sort",
    "sync",
    "tail",
    "timeout",
    "touch",
    "tr",
    "uniq",
    "wc",
];

/// A client image in a directory: coreutils, one shell, and the clients that the test fakes.
pub struct FakeImage {
    pub directory: tempfile::TempDir,
    pub shell: &'static [&'static str],
}

/// One image for each shell that is installed; busybox brings its own coreutils.
pub fn fake_images() -> Vec<FakeImage> {
    const SHELLS: [&[&str]; 3] = [&["dash"], &["bash", "--posix"], &["busybox", "sh"]];
    SHELLS.into_iter().filter(|shell| found_on_path(shell[0]).is_some()).map(FakeImage::new).collect()
}

impl FakeImage {
    fn new(shell: &'static [&'static str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for name in ["bin", "tmp", "backup"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        for tool in COREUTILS.iter().chain(&["sh"]) {
            let program = match (shell[0], *tool) {
                ("busybox", _) => "busybox",
                (shell, "sh") => shell,
                (_, tool) => tool,
            };
            let link = directory.path().join("bin").join(tool);
            std::os::unix::fs::symlink(found_on_path(program).unwrap(), link).unwrap();
        }
        Self { directory, shell }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Puts a program on the PATH; `text` is its sh body.
    pub fn fake(&self, program: &str, text: &str) -> &Self {
        let path = self.path("bin").join(program);
        // A tool of the image may be a link to the real one: never write through it.
        let _ = fs::remove_file(&path);
        write_executable(&path, &format!("#!/bin/sh\n{text}\n"));
        self
    }

    pub fn run(&self, script: &str, variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(found_on_path(self.shell[0]).unwrap());
        let file = self.path("script.sh");
        fs::write(&file, composed(script)).unwrap();
        command.args(&self.shell[1..]).arg(file).env_clear();
        command
            .env("PATH", self.path("bin"))
            .env("TMPDIR", self.path("tmp"))
            .env("FAKE", self.directory.path())
            .env("OMUPGRADE_TERMINATION_LOG", self.path("termination-log"))
            .env("OMUPGRADE_BACKUP_DIR", self.path("backup"))
            .envs(variables.iter().copied());
        let ran = Ran::from(command.output().unwrap());
        assert_eq!(
            listing(&self.path("tmp")),
            Vec::<String>::new(),
            "a script leaves nothing in TMPDIR; it said {ran:?}"
        );
        ran
    }
}
