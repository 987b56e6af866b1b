//! The script that asks the search engine, as a Pod runs it: an empty environment, the tools of one image at a time, a
//! small search engine over loopback that wants a password.
#![allow(clippy::unwrap_used, clippy::panic)]

use base64::Engine;
use kubectl_omupgrade::beside::SEARCH_SCRIPT;
use kubectl_omupgrade::facts::SearchEngine;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Serves until the test ends; answers only whom it knows.
fn engine() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let known = base64::engine::general_purpose::STANDARD.encode(format!("om:{PASSWORD}"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut first, mut lets_in) = (String::new(), false);
            stream.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap() == 0 || line.trim().is_empty() {
                    break;
                }
                lets_in |= line.trim().ends_with(&format!("Basic {known}"));
            }
            let body = match first.split(' ').nth(1).unwrap() {
                "/" => r#"{"version": {"distribution": "opensearch", "number": "3.3.0"}}"#,
                "/_cluster/health" => r#"{"status": "green", "number_of_nodes": 3}"#,
                path if path.starts_with("/_cat/aliases?format=json&h=") => {
                    r#"[{"alias": "table", "index": "table_search_index"}]"#
                }
                _ => "[]",
            };
            let (status, body) = if lets_in { ("200 OK", body) } else { ("401 Unauthorized", "who?") };
            let text =
                format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
            let _ = stream.get_mut().write_all(text.as_bytes());
        }
    });
    port
}

/// Everything that quotes could get wrong.
const PASSWORD: &str = r#"p:"w\ $x'%"#;

/// A folder with these programs and what every image has; none where one is missing on this machine.
fn tools(folder: &Path, names: &[&str]) -> Option<()> {
    for name in ["cat", "sed", "tr", "tail", "head", "timeout", "base64", "chmod"].iter().chain(names) {
        let found = ["/usr/bin", "/bin"].iter().map(|d| PathBuf::from(d).join(name)).find(|p| p.exists())?;
        std::os::unix::fs::symlink(found, folder.join(name)).unwrap();
    }
    Some(())
}

/// Programs of these names that write their own command line down before they do what they do.
fn watched(folder: &Path, log: &Path, names: &[&str]) {
    use std::os::unix::fs::PermissionsExt;
    for name in names {
        let at = folder.join(name);
        let real = std::fs::read_link(&at).unwrap();
        std::fs::remove_file(&at).unwrap();
        let script =
            format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >>'{}'\nexec '{}' \"$@\"\n", log.display(), real.display());
        std::fs::write(&at, script).unwrap();
        std::fs::set_permissions(&at, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

struct Ran {
    code: i32,
    said: String,
    /// The command lines of what it called.
    called: String,
}

/// Runs it with a Pod's environment; none where this machine lacks a tool.
fn run(names: &[&str], settings: &[(&str, &str)]) -> Option<Ran> {
    let (bin, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    tools(bin.path(), names)?;
    let log = bin.path().join("called.log");
    watched(bin.path(), &log, names);
    let questions = kubectl_omupgrade::facts::SEARCH_QUESTIONS.join("\n");
    let output = Command::new("/bin/sh")
        .args(["-c", SEARCH_SCRIPT])
        .env_clear()
        .env("PATH", bin.path())
        .env("TMPDIR", scratch.path())
        .env("OMUPGRADE_QUESTIONS", questions)
        .envs(settings.iter().copied())
        .output()
        .unwrap();
    let said = [output.stdout, output.stderr].concat();
    let called = std::fs::read_to_string(log).unwrap_or_default();
    Some(Ran { code: output.status.code().unwrap(), said: String::from_utf8(said).unwrap(), called })
}

#[test]
fn every_tool_asks_alike() {
    let port = engine().to_string();
    // As the chart writes it: in literal quotes, several with commas between them.
    let hosts = format!("\"nobody.invalid:1,127.0.0.1:{port}\"");
    let settings = [
        ("ELASTICSEARCH_HOST", &*hosts),
        ("ELASTICSEARCH_SCHEME", "\"http\""),
        ("ELASTICSEARCH_USER", "om"),
        ("ELASTICSEARCH_PASSWORD", PASSWORD),
    ];
    let mut seen = 0;
    for tool in ["curl", "bash", "wget"] {
        let Some(ran) = run(&[tool], &settings) else { continue };
        seen += 1;
        assert_eq!(ran.code, 0, "{tool}: {}", ran.said);
        let (read, at) = SearchEngine::parse(&ran.said, "").unwrap_or_else(|e| panic!("{tool}: {e}: {}", ran.said));
        assert_eq!((read.version.as_str(), read.health.as_str(), read.nodes), ("3.3.0", "green", Some(3)), "{tool}");
        assert_eq!((read.aliases.len(), at), (1, format!("http://127.0.0.1:{port}")), "{tool}");
        assert!(!ran.said.contains(PASSWORD), "{tool}");
        // A command line can be read by whoever sees the process.
        let encoded = base64::engine::general_purpose::STANDARD.encode(format!("om:{PASSWORD}"));
        assert!(ran.called.contains("/_cluster/health") || tool == "bash" && !ran.called.is_empty(), "{}", ran.called);
        assert!(!ran.called.contains(PASSWORD) && !ran.called.contains(&encoded), "{tool}: {}", ran.called);
    }
    assert!(seen > 0, "none of the tools is here");
}

#[test]
fn a_wrong_password_and_a_silent_host_are_told_apart() {
    let port = engine().to_string();
    for tool in ["curl", "bash", "wget"] {
        let wrong = [
            ("ELASTICSEARCH_HOST", "127.0.0.1"),
            ("ELASTICSEARCH_PORT", &*port),
            ("ELASTICSEARCH_USER", "om"),
            ("ELASTICSEARCH_PASSWORD", "x"),
        ];
        let Some(ran) = run(&[tool], &wrong) else { continue };
        assert_eq!(ran.code, 0, "{tool}: {}", ran.said);
        let why = SearchEngine::parse(&ran.said, "").unwrap_err().to_string();
        assert!(why.contains("answers 401"), "{tool}: {why}");
        let away = [("ELASTICSEARCH_HOST", "127.0.0.1:1")];
        let Some(ran) = run(&[tool], &away) else { continue };
        assert_eq!(ran.code, 1, "{tool}");
        assert!(
            ran.said.contains("http://127.0.0.1:1 does not answer: ") && ran.said.to_lowercase().contains("connect"),
            "{tool}: {}",
            ran.said
        );
        assert_eq!(ran.said.lines().count(), 1, "{tool}: {}", ran.said);
    }
}

#[test]
fn what_the_image_or_the_release_lacks_is_said() {
    let said = |names: &[&str], settings: &[(&str, &str)]| run(names, settings).map(|r| (r.code, r.said));
    let host = ("ELASTICSEARCH_HOST", "search.invalid");
    let (code, words) = said(&[], &[host]).unwrap();
    assert!(code == 1 && words.contains("neither curl nor wget") && words.contains("--search-image"), "{words}");
    let (code, words) = said(&["bash"], &[]).unwrap();
    assert!(code == 1 && words.contains("ELASTICSEARCH_HOST is empty"), "{words}");
    let tls = [host, ("ELASTICSEARCH_SCHEME", "https"), ("ELASTICSEARCH_TRUST_STORE_PATH", "/store.p12")];
    let (code, words) = said(&["bash"], &tls).unwrap();
    assert!(code == 1 && words.contains("no keytool"), "{words}");
}
