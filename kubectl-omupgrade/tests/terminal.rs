//! The program as a process whose reader goes away, or has no room: it ends with words or quietly, and never panics.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

mod moment;

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

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
    let config = folder.path().join("config");
    let text = format!(
        "{{apiVersion: v1, kind: Config, current-context: c, clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}], \
         users: [{{name: u, user: {{}}}}], contexts: [{{name: c, context: {{cluster: c, user: u}}}}]}}"
    );
    std::fs::write(&config, text).unwrap();
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

#[cfg(unix)]
fn make_program(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[cfg(not(unix))]
fn make_program(_: &std::path::Path) {}
