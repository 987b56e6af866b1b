//! `testbed load` as a process, with a kubectl and a server of the test's own. No cluster is needed.

#![allow(missing_docs, clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A server on port 8585 of a loopback address of this process, which answers everything.
fn server() -> String {
    let [.., high, low] = std::process::id().to_be_bytes();
    let address = format!("127.{high}.{low}.85");
    let listener = TcpListener::bind((address.as_str(), 8585)).unwrap();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: 19\r\n\r\n{{\"accessToken\":\"x\"}}");
        }
    });
    address
}

#[test]
fn an_interrupted_load_still_reports() {
    let cache = tempfile::tempdir().unwrap();
    let kubectl = cache.path().join("bin/kubectl");
    std::fs::create_dir(cache.path().join("bin")).unwrap();
    std::fs::write(&kubectl, format!("#!/bin/sh\nprintf {}", server())).unwrap();
    std::fs::set_permissions(&kubectl, PermissionsExt::from_mode(0o755)).unwrap();

    let mut load = Command::new(env!("CARGO_BIN_EXE_testbed"));
    load.args(["load", "--seconds", "60", "--json"]).env("OMUPGRADE_TESTBED_CACHE", cache.path());
    let load = load.stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert!(Command::new("kill").args(["-INT", &load.id().to_string()]).status().unwrap().success());
    let end = load.wait_with_output().unwrap();
    let said = String::from_utf8(end.stdout).unwrap();
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(report["requests"].as_u64() > Some(0) && report["failures"] == 0, "{said}");
    assert_eq!(end.status.code(), Some(130));
}
