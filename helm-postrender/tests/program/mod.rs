//! Runs the program as a user or helm would. Never looks inside it.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fmt::Write as _;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The program, alone: without the caller's environment of ours, and without the terminal.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_helm-postrender"));
    for name in [
        "OMUPGRADE_POLICY",
        "OMUPGRADE_REPORT",
        "OMUPGRADE_RECEIPT",
        "OMUPGRADE_NAMESPACE",
        "CLICOLOR_FORCE",
        "NO_COLOR",
        "COLUMNS",
    ] {
        command.env_remove(name);
    }
    command.env("OMUPGRADE_NO_TTY", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it with arguments and standard input.
pub fn run(args: &[&str], input: impl AsRef<[u8]>) -> Output {
    feed(program().args(args), input)
}

/// Runs a command with standard input; that nobody reads it is no error.
pub fn feed(command: &mut Command, input: impl AsRef<[u8]>) -> Output {
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.as_ref().to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

/// Exit code, standard error and (if it is not the stream itself) standard output, for snapshots.
pub fn shown(output: &Output) -> String {
    let mut out = String::new();
    writeln!(out, "exit {}", output.status.code().map_or("by signal".to_owned(), |c| c.to_string())).unwrap();
    for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !bytes.is_empty() {
            write!(out, "--- {name}\n{}", String::from_utf8_lossy(bytes)).unwrap();
        }
    }
    out
}

/// What must hold of every failure: nothing for helm, words for people.
pub fn assert_failed_closed(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{}", shown(output));
    assert!(output.stdout.is_empty(), "{}", shown(output));
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(words.starts_with("error: "), "{words}");
    assert!(words.contains("\nhint: "), "{words}");
    let first = words.lines().next().unwrap();
    assert!(!first.ends_with('.') && !first[7..].starts_with(char::is_uppercase), "{first}");
}

/// A file of `testdata`.
pub fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata").join(name)
}

/// The same as an argument.
pub fn path(name: &str) -> String {
    testdata(name).to_str().unwrap().to_owned()
}

/// The recorded stream of our small chart, as Helm 3 or 4 hands it over.
pub fn small(helm: u8) -> String {
    std::fs::read_to_string(testdata(&format!("helm/small-helm{helm}.yaml"))).unwrap()
}
