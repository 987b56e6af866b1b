//! The program as a process whose reader goes away, or has no room: it ends with words or quietly, and never panics.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod moment;

use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// A saved look at a rollout that is done, and the program that judges it.
fn status(folder: &tempfile::TempDir) -> Command {
    let case = moment::cases().into_iter().find(|c| c.ends_with("done")).unwrap();
    let file: PathBuf = folder.path().join("facts.json");
    std::fs::write(&file, moment::facts(&case).0.to_text().unwrap()).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-omupgrade"));
    command.args(["status", "--from-facts"]).arg(file).stderr(Stdio::piped());
    command
}

#[test]
fn a_reader_that_went_away_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let ended = status(&folder).stdout(writer).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = status(&folder).stdout(full).output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{ended:?}");
    assert!(String::from_utf8_lossy(&ended.stderr).contains("writing standard output"), "{ended:?}");
}

#[test]
fn an_unreachable_cluster_is_told_at_once_with_a_command() {
    let folder = tempfile::tempdir().unwrap();
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = kubeconfig(&folder, port);
    for verb in [&["status"][..], &["status", "--watch"], &["rollback", "om", "1"], &["history"]] {
        let began = std::time::Instant::now();
        let program = env!("CARGO_BIN_EXE_kubectl-omupgrade");
        let helm = folder.path().join("helm");
        std::fs::write(&helm, "#!/bin/sh\nprintf v4.3.1\n").unwrap();
        make_program(&helm);
        let path = std::env::join_paths([folder.path().to_path_buf(), "/usr/bin".into(), "/bin".into()]).unwrap();
        let ended = Command::new(program).args(verb).env("KUBECONFIG", &config).env("PATH", path).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(3), "{verb:?}: {said}");
        assert!(said.contains("the API server cannot be reached"), "{verb:?}: {said}");
        assert!(said.contains("try: kubectl cluster-info"), "{verb:?}: {said}");
        assert!(began.elapsed().as_secs() < 20, "{verb:?}: {:?}", began.elapsed());
    }
}

/// A kubeconfig for an API server without a password.
fn kubeconfig(folder: &tempfile::TempDir, port: u16) -> PathBuf {
    let file = folder.path().join("config");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}], \
         users: [{{name: u, user: {{}}}}], contexts: [{{name: c, context: {{cluster: c, user: u}}}}]}}"
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// An API server that holds a release of two revisions in Secrets, and what it was asked, headers and all.
fn api() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Arc::<Mutex<Vec<String>>>::default());
    let log = asked.clone();
    let revision = |number: u32, status: &str| {
        json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": format!("v{number}"),
            "labels": {"owner": "helm", "name": "om", "version": number.to_string(), "status": status}}})
    };
    let all = json!([revision(1, "superseded"), revision(2, "deployed")]);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (mut connection, all, log) = (connection.unwrap(), all.clone(), log.clone());
            // A client may open one that it does not use.
            std::thread::spawn(move || {
                let lines = BufReader::new(connection.try_clone().unwrap()).lines();
                let head: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let helms = head.first().is_some_and(|asked| asked.contains("/secrets?"));
                let items = if helms { all } else { json!([]) };
                let list =
                    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items});
                let (list, fields) = (list.to_string(), "Content-Type: application/json\r\nConnection: close");
                log.lock().unwrap().push(head.join("\n").to_lowercase());
                let _ =
                    write!(connection, "HTTP/1.1 200 OK\r\n{fields}\r\nContent-Length: {}\r\n\r\n{list}", list.len());
            });
        }
    });
    (port, asked)
}

/// kubectl calls the same program under another name, with the words typed so far.
#[test]
#[cfg(unix)]
fn the_tab_key_offers_releases_and_revisions_of_the_cluster() {
    let folder = tempfile::tempdir().unwrap();
    let (port, asked) = api();
    let config = kubeconfig(&folder, port);
    let program = folder.path().join("kubectl_complete-omupgrade");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-omupgrade"), &program).unwrap();
    let offered = |words: &[&str]| {
        // Who pressed a key waits two seconds, which a busy machine may need for less.
        for _ in 0..5 {
            let ended = Command::new(&program).args(words).env("KUBECONFIG", &config).output().unwrap();
            let text = String::from_utf8(ended.stdout).unwrap();
            let found: Vec<String> =
                text.lines().filter(|line| !line.starts_with(['-', ':'])).map(str::to_owned).collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    };
    assert_eq!(offered(&["status", ""]), ["om"]);
    assert_eq!(offered(&["rollback", "om", ""]), ["2\tdeployed", "1\tsuperseded"]);
    asked.lock().unwrap().clear();
    assert_eq!(offered(&["rollback", "-n", "far", "--as", "anna", "om", "1"]), ["1\tsuperseded"]);
    let asked = asked.lock().unwrap();
    let meant = |head: &String| head.contains("/namespaces/far/secrets?") && head.contains("impersonate-user: anna");
    assert!(asked.iter().any(meant), "{asked:#?}");
}

/// As kubectl: what is typed replaces what the kubeconfig says.
#[test]
fn the_server_and_the_user_that_are_typed_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (port, asked) = api();
    let (config, server) = (kubeconfig(&folder, 1), format!("http://127.0.0.1:{port}"));
    for file in [config, folder.path().join("no-such-file")] {
        asked.lock().unwrap().clear();
        let words = ["status", "-n", "far", "-s", &server, "--as", "anna", "--as-uid", "7", "--as-group", "ops"];
        let ended = Command::new(env!("CARGO_BIN_EXE_kubectl-omupgrade"))
            .args(words)
            .args(["--request-timeout", "5s"])
            .env("KUBECONFIG", file)
            .output()
            .unwrap();
        let asked = asked.lock().unwrap();
        let head = asked.iter().find(|head| head.contains("/namespaces/far/secrets?"));
        assert!(head.is_some(), "{asked:#?} {ended:?}");
        let head = head.unwrap();
        for header in ["impersonate-user: anna", "impersonate-uid: 7", "impersonate-group: ops"] {
            assert!(head.contains(header), "{head}");
        }
    }
}

#[cfg(unix)]
fn make_program(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn make_program(_: &std::path::Path) {}
