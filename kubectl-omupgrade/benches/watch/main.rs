//! Measures `status` and `status --watch` as processes before an API server of 5,000 pods in 50 releases: the first
//! answer, the lag from a pod's change to its line, CPU, memory, calls. With kubectl on the PATH, `kubectl get pods -w`
//! beside it. Linux only: it reads /proc.
//!
//! `cargo bench -p kubectl-omupgrade --bench watch`
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement stops where something is wrong, and says what it found"
)]

mod server;

use base64::Engine;
use serde_json::json;
use server::{PODS, RELEASES, Server, pod_name, release};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// How long pods change, and how often.
const SPAN: Duration = Duration::from_secs(20);
const EVERY: Duration = Duration::from_millis(20);

/// Of so many changes one is of the watched release.
const WATCHED: usize = 4;

#[tokio::main]
async fn main() {
    if !std::env::args().any(|a| a == "--bench") {
        return; // a test run of all targets measures nothing
    }
    let server = Server::new(&packed());
    let port = server.serve().await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("config");
    std::fs::write(&kubeconfig, format!(
        "{{apiVersion: v1, kind: Config, current-context: c, clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{port}'}}}}], \
         users: [{{name: u, user: {{}}}}], contexts: [{{name: c, context: {{cluster: c, user: u, namespace: data}}}}]}}"
    )).unwrap();
    let ours = env!("CARGO_BIN_EXE_kubectl-omupgrade");
    first_answer(&server, ours, &kubeconfig).await;
    watch(&server, "status --watch", ours, &["status", &release(0), "--watch"], &kubeconfig, &|line| {
        let at = line.find("Pod/")? + 4;
        line[at..].split([':', ' ']).next()
    })
    .await;
    watch(&server, "kubectl get pods -w", "kubectl", &["get", "pods", "-w"], &kubeconfig, &|line| {
        line.split(' ').next()
    })
    .await;
}

async fn first_answer(server: &Server, program: &str, kubeconfig: &Path) {
    let mut times = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        let output =
            Command::new(program).args(["status", &release(0)]).env("KUBECONFIG", kubeconfig).output().await.unwrap();
        times.push(began.elapsed());
        assert!(!output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    times.sort();
    println!(
        "status, {} pods in {RELEASES} releases: whole answer median {:?}, most {:?}, {} calls each",
        RELEASES * PODS,
        times[10],
        times[19],
        server.asked().len() / 20
    );
}

async fn watch(
    server: &Server,
    name: &str,
    program: &str,
    args: &[&str],
    kubeconfig: &Path,
    pod: &dyn Fn(&str) -> Option<&str>,
) {
    let began = Instant::now();
    let spawned = Command::new(program)
        .args(args)
        .env("KUBECONFIG", kubeconfig)
        .env("HOME", kubeconfig.parent().unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(mut child) = spawned else { return println!("{name}: not on the PATH") };
    let id = child.id().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.next_line().await.unwrap();
    println!("{name}: first line after {:?}", began.elapsed());
    // What the first list says is read away.
    while let Ok(Ok(Some(_))) = tokio::time::timeout(Duration::from_secs(2), lines.next_line()).await {}
    let (calls, cpu) = (server.asked().len(), cpu(id));
    let (mut changed, mut lags, mut number) = (HashMap::new(), Vec::new(), 0_usize);
    let mut tick = tokio::time::interval(EVERY);
    let end = Instant::now() + SPAN;
    let mut states = [true; PODS];
    while Instant::now() < end + Duration::from_secs(2) {
        tokio::select! {
            _ = tick.tick(), if Instant::now() < end => {
                number += 1;
                let of = if number % WATCHED == 0 { 0 } else { 1 + number % (RELEASES - 1) };
                let which = (number / WATCHED) % PODS;
                if of == 0 {
                    states[which] = !states[which];
                    changed.insert(pod_name(0, which), Instant::now());
                }
                server.change(of, which, if of == 0 { states[which] } else { number % 2 == 0 });
            }
            line = tokio::time::timeout(Duration::from_millis(500), lines.next_line()) => {
                if let Ok(Ok(Some(line))) = line
                    && let Some(at) = pod(&line).and_then(|p| changed.remove(p))
                {
                    lags.push(at.elapsed());
                }
            }
        }
    }
    lags.sort();
    assert!(!lags.is_empty(), "{name}: no change was shown");
    let at = |share: usize| lags[(lags.len() - 1) * share / 100];
    let used = self::cpu(id) - cpu;
    println!(
        "{name}: {} changes of its pods shown of {} ({} missed), lag median {:?}, p99 {:?}; CPU {:.1} % of one core at {} changes/s; memory {} MiB at most; {calls} calls to begin, {} after",
        lags.len(),
        number / WATCHED,
        changed.len(),
        at(50),
        at(99),
        used * 100.0 / SPAN.as_secs_f64(),
        1000 / EVERY.as_millis(),
        memory(id),
        server.asked().len()
    );
    child.kill().await.unwrap();
}

/// Seconds of CPU of a process.
fn cpu(id: u32) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

/// The most memory that a process held, in MiB.
fn memory(id: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = text.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// A stored release, as Helm packs it.
fn packed() -> String {
    let name = release(0);
    let content = json!({"name": name, "namespace": "data", "version": 1, "info": {"status": "deployed", "description": "x"},
        "chart": {"metadata": {"name": "openmetadata", "version": "1.13.1"}}, "manifest": ""});
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    zip.write_all(content.to_string().as_bytes()).unwrap();
    let code = base64::engine::general_purpose::STANDARD;
    code.encode(code.encode(zip.finish().unwrap()))
}
