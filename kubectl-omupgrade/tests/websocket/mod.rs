//! The server's side of a WebSocket as the API server speaks it: `v5.channel.k8s.io`, a byte for the channel before what is
//! said.

use base64::Engine as _;
use kubectl_omupgrade::adapters::cluster::{Cluster, Pointers};
use std::io::Write;
use std::process::Stdio;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An API server on a port of this machine: the way to it.
pub async fn served<F>(namespace: &str, connection: impl Fn(TcpStream) -> F + Send + 'static) -> Cluster
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(connection(stream));
        }
    });
    let config = kube::Config::new(address.parse().unwrap());
    Cluster {
        client: kube::Client::try_from(config).unwrap(),
        namespace: namespace.to_owned(),
        patience: None,
        pointers: Pointers::default(),
    }
}

/// The end, said: what was sent before it arrives whatever becomes of the connection.
pub const END: [u8; 2] = [0x88, 0];

/// The head of the answer that turns a connection into a WebSocket.
pub fn switching(key: &str) -> String {
    let accept = accept(key);
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n"
    )
}

/// What proves to a client that its key was read.
fn accept(key: &str) -> String {
    let mut sum = std::process::Command::new("sha1sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    sum.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = String::from_utf8(sum.wait_with_output().unwrap().stdout).unwrap();
    let digest: Vec<u8> = (0..20).map(|i| u8::from_str_radix(&said[2 * i..2 * i + 2], 16).unwrap()).collect();
    base64::engine::general_purpose::STANDARD.encode(digest)
}

/// A message to the client: one byte for the channel, then what is said.
pub async fn frame(to: &mut (impl AsyncWrite + Unpin), channel: u8, said: &[u8]) -> std::io::Result<()> {
    let size = u16::try_from(said.len() + 1).unwrap();
    let mut bytes = vec![0x82, 126];
    bytes.extend(size.to_be_bytes());
    bytes.push(channel);
    bytes.extend(said);
    to.write_all(&bytes).await
}

/// A message of the client: its kind (2: bytes, 8: the end) and what it says; none once it is gone.
pub async fn receive(from: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let (mut head, mut mask) = ([0; 2], [0; 4]);
    from.read_exact(&mut head).await.ok()?;
    let size = match head[1] & 0x7f {
        126 => u64::from(from.read_u16().await.ok()?),
        127 => from.read_u64().await.ok()?,
        size => u64::from(size),
    };
    from.read_exact(&mut mask).await.ok()?;
    let mut text = vec![0; usize::try_from(size).unwrap()];
    from.read_exact(&mut text).await.ok()?;
    for (i, byte) in text.iter_mut().enumerate() {
        *byte ^= mask[i % 4];
    }
    Some((head[0] & 0x0f, text))
}
