//! The program as a process that somebody ends while helm is at work: its last words say where it stands.
#![cfg(unix)]

use crate::cluster::HelmDies;
use crate::rollback::world;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[test]
fn who_ends_it_while_helm_works_is_told_where_it_stands() {
    // Ctrl-C reaches helm as well; who ends processes may mean this one alone.
    for (signal, whole_group) in [("-INT", true), ("-TERM", false)] {
        let (world, folder) = world();
        world.helm_dies(HelmDies::Lingers);
        let program = Command::new(env!("CARGO_BIN_EXE_kubectl-omupgrade"))
            .args(["rollback", "om", "1", "--no-probe", "--accept-unproven", "--yes", "--helm"])
            .arg(world.helm())
            .env("KUBECONFIG", world.kubeconfig(folder.path()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let began = Instant::now();
        while !folder.path().join("lingers").exists() {
            assert!(began.elapsed() < Duration::from_mins(1), "helm was never called");
            std::thread::sleep(Duration::from_millis(20));
        }
        let target = if whole_group { format!("-{}", program.id()) } else { program.id().to_string() };
        assert!(Command::new("kill").args([signal, "--", &target]).status().unwrap().success());
        let ended = program.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(130), "{signal}: {said}");
        let last = said.lines().last().unwrap_or_default();
        assert!(last.starts_with("interrupted while helm was at work"), "{signal}: {said}");
        assert!(last.contains("the same command goes on from there"), "{signal}: {said}");
        assert_eq!(world.helm_calls().len(), 1, "{signal}: a helm that a signal ended is not run again");
    }
}
