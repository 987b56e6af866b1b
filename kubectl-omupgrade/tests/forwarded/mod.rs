//! An API server on a port of this machine, with pods whose ports lead to addresses of this machine: the real client forwards
//! them as it does in a cluster.

use crate::websocket::{END, frame, receive, served, switching};
use kubectl_omupgrade::adapters::cluster::Cluster;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The namespace of the release.
pub const NAMESPACE: &str = "data";

/// What answers questions, by their path without the query.
type Answers = Arc<dyn Fn(&str) -> (u16, Value) + Send + Sync>;

/// Where ports of pods lead: `data/os-0:9201`.
type Forwards = Arc<Vec<(&'static str, SocketAddr)>>;

/// The way to it.
pub async fn cluster(
    answers: impl Fn(&str) -> (u16, Value) + Send + Sync + 'static,
    forwards: Vec<(&'static str, SocketAddr)>,
) -> Cluster {
    let (answers, forwards): (Answers, Forwards) = (Arc::new(answers), Arc::new(forwards));
    served(NAMESPACE, move |stream| connection(answers.clone(), forwards.clone(), stream)).await
}

async fn connection(answers: Answers, forwards: Forwards, stream: TcpStream) {
    let (read, mut write) = stream.into_split();
    let mut read = BufReader::new(read);
    loop {
        let mut first = String::new();
        if read.read_line(&mut first).await.unwrap_or(0) == 0 {
            return;
        }
        let path = first.split(' ').nth(1).unwrap().to_owned();
        let mut key = String::new();
        loop {
            let mut line = String::new();
            read.read_line(&mut line).await.unwrap();
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("sec-websocket-key") {
                value.clone_into(&mut key);
            }
        }
        if !key.is_empty() {
            write.write_all(switching(&key).as_bytes()).await.unwrap();
            return forward(&forwards, &path, read, write).await;
        }
        let (code, value) = answers(path.split('?').next().unwrap());
        let text = value.to_string();
        let head =
            format!("HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", text.len());
        if write.write_all([head.as_bytes(), text.as_bytes()].concat().as_slice()).await.is_err() {
            return;
        }
    }
}

/// `/api/v1/namespaces/data/pods/os-0/portforward?ports=9201`: bytes both ways on channel 0, a refusal on channel 1.
async fn forward(
    forwards: &Forwards,
    path: &str,
    mut from: impl AsyncRead + Unpin + Send + 'static,
    mut to: impl AsyncWrite + Unpin,
) {
    let (path, query) = path.split_once('?').unwrap();
    let words: Vec<&str> = path.split('/').collect();
    let port: u16 = query.split('&').find_map(|pair| pair.strip_prefix("ports=")).unwrap().parse().unwrap();
    let asked = format!("{}/{}:{port}", words[4], words[6]);
    for channel in [0, 1] {
        frame(&mut to, channel, &port.to_le_bytes()).await.unwrap();
    }
    let Some((_, address)) = forwards.iter().find(|(pod, _)| *pod == asked) else {
        let _ = frame(&mut to, 1, format!("nothing listens at {asked}").as_bytes()).await;
        let _ = to.write_all(&END).await;
        return;
    };
    let (mut answers, mut questions) = TcpStream::connect(address).await.unwrap().into_split();
    let asking = tokio::spawn(async move {
        while let Some((kind, said)) = receive(&mut from).await {
            match (kind, said.split_first()) {
                (2, Some((0, bytes))) if questions.write_all(bytes).await.is_ok() => {}
                (2, Some((255, _))) => {}
                _ => return,
            }
        }
    });
    let mut bytes = vec![0; 8192];
    while let Ok(size @ 1..) = answers.read(&mut bytes).await {
        if frame(&mut to, 0, &bytes[..size]).await.is_err() {
            break;
        }
    }
    let _ = to.write_all(&END).await;
    asking.abort();
}

/// A list.
pub fn list(items: &Value) -> (u16, Value) {
    (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
}

/// A refusal.
pub fn says(code: u16, reason: &str) -> (u16, Value) {
    let message = format!("{reason} of what was asked");
    (code, json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}))
}
