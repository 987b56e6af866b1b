//! Commands in a Pod as the API server hands them on: a WebSocket of `v5.channel.k8s.io`, on a port of this machine. Its
//! shell runs them, over a folder that stands for the claim. What is asked besides goes to the cluster in memory.

use super::{Answer, NAMESPACE, World};
use crate::websocket::{END, frame, receive, served, switching};
use kubectl_omupgrade::adapters::cluster::Cluster;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The Pod that holds the claim open.
#[derive(Clone)]
pub struct Holding {
    /// What stands for the claim.
    pub claim: PathBuf,
    /// A folder with programs that are found before those of this machine.
    pub programs: PathBuf,
    /// The way to a command breaks as soon as it ends badly: neither its words nor its end arrive.
    pub mute: bool,
}

impl Holding {
    /// One on an empty claim, in a folder of its own.
    pub fn new(folder: &Path) -> Self {
        let made = |name: &str| {
            let at = folder.join(name);
            std::fs::create_dir_all(&at).unwrap();
            at
        };
        Self { claim: made("claim"), programs: made("programs"), mute: false }
    }

    /// Puts a program there, as a script.
    pub fn program(&self, name: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        let at = self.programs.join(name);
        std::fs::write(&at, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl World {
    /// The way to it for one process that runs commands in Pods.
    pub async fn with_commands(&self, holding: &Holding) -> Cluster {
        let (world, holding) = (self.clone(), holding.clone());
        served(NAMESPACE, move |stream| connection(world.clone(), holding.clone(), stream)).await
    }
}

async fn connection(world: World, holding: Holding, stream: TcpStream) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut first = String::new();
        if read.read_line(&mut first).await.unwrap_or(0) == 0 {
            return;
        }
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let (mut length, mut key) = (0, String::new());
        loop {
            let mut line = String::new();
            read.read_line(&mut line).await.unwrap();
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => length = value.parse().unwrap(),
                "sec-websocket-key" => value.clone_into(&mut key),
                _ => {}
            }
        }
        if !key.is_empty() {
            write.write_all(switching(&key).as_bytes()).await.unwrap();
            return run(&holding, &path, read, write).await;
        }
        let mut body = vec![0; length];
        read.read_exact(&mut body).await.unwrap();
        let Answer::Says(code, value) = world.serve(&method, &format!("http://localhost{path}"), &body) else { return };
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let head = format!("HTTP/1.1 {code} X\r\nContent-Length: {}\r\n\r\n", text.len());
        if write.write_all([head.as_bytes(), text.as_bytes()].concat().as_slice()).await.is_err() {
            return;
        }
    }
}

/// A value of a query, as it was before it was put there.
fn decoded(text: &str) -> String {
    let (mut bytes, mut out) = (text.bytes(), Vec::new());
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let hex = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&hex).unwrap(), 16).unwrap()
            }
            plain => plain,
        });
    }
    String::from_utf8(out).unwrap()
}

async fn run(
    holding: &Holding,
    path: &str,
    from: impl AsyncRead + Unpin + Send + 'static,
    mut to: impl AsyncWrite + Unpin,
) {
    let query = path.split_once('?').unwrap().1;
    let words = query.split('&').filter_map(|pair| pair.strip_prefix("command=")).map(decoded);
    let claim = holding.claim.to_str().unwrap();
    let words: Vec<String> = words.map(|word| word.replace("/backup", claim)).collect();
    let programs = format!("{}:{}", holding.programs.display(), std::env::var("PATH").unwrap());
    // A client that goes away takes the command with it.
    let mut child = tokio::process::Command::new(&words[0])
        .args(&words[1..])
        .env("PATH", programs)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let feeding = tokio::spawn(feed(from, child.stdin.take()));
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut answer, mut words) = (vec![0; 8192], vec![0; 8192]);
    let (mut answers, mut speaks) = (true, true);
    loop {
        let (channel, said) = tokio::select! {
            read = stdout.read(&mut answer), if answers => (1, &answer[..read.unwrap()]),
            read = stderr.read(&mut words), if speaks => (2, &words[..read.unwrap()]),
            else => break,
        };
        if said.is_empty() {
            if channel == 1 { answers = false } else { speaks = false }
        } else if !(holding.mute && channel == 2) && frame(&mut to, channel, said).await.is_err() {
            return feeding.abort();
        }
    }
    let well = child.wait().await.unwrap().success();
    if well || !holding.mute {
        let status = if well { "Success" } else { "Failure" };
        let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": status, "message": "the command's end"});
        let _ = frame(&mut to, 3, status.to_string().as_bytes()).await;
        let _ = to.write_all(&END).await;
    }
    feeding.abort();
}

/// Gives a command what the client sends it.
async fn feed(mut from: impl AsyncRead + Unpin, mut stdin: Option<tokio::process::ChildStdin>) {
    while let Some((kind, said)) = receive(&mut from).await {
        match (kind, said.split_first()) {
            (2, Some((0, input))) => {
                if let Some(stdin) = &mut stdin {
                    let _ = stdin.write_all(input).await;
                }
            }
            (2, Some((255, _))) => stdin = None,
            (8, _) => return,
            _ => {}
        }
    }
}
