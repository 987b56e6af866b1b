//! The binary as somebody types it, without a cluster.

use std::process::{Command, Output};

/// Exit code, standard output, standard error.
pub fn run(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_kubectl-omupgrade"))
        .args(args)
        .env("COLUMNS", "100")
        .env("KUBECONFIG", "/nonexistent")
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}
