//! The way to a server's port: through the API server to a pod, or straight to an address. One connection a question.

use super::Answer;
use crate::adapters::cluster::Cluster;
use crate::facts::NoAnswer;
use http::{Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// The largest answer that is read: a page of entities is far below it.
const LARGEST: usize = 8 * 1024 * 1024;

/// A door.
#[derive(Debug, Clone)]
pub enum Door {
    /// A pod's ports, forwarded by the API server: works without an ingress, and with the token kept from proxies.
    Pod {
        /// The cluster.
        cluster: Box<Cluster>,
        /// The pod.
        pod: String,
    },
    /// An address that is reached from here: from inside the cluster, or through a forward that somebody keeps open.
    Address(String),
}

impl Door {
    /// Asks one question at a port.
    pub async fn ask(
        &self,
        port: u16,
        request: Request<Full<Bytes>>,
        patience: Option<Duration>,
    ) -> Result<Answer, NoAnswer> {
        let asked = async {
            match self {
                Self::Pod { cluster, pod } => {
                    let mut forward = cluster.api::<Pod>().portforward(pod, &[port]).await.map_err(|e| {
                        NoAnswer::of(format!("forwarding port {port} of {pod}: {}", crate::adapters::cluster::why(&e)))
                    })?;
                    let stream = forward.take_stream(port).ok_or_else(|| NoAnswer::of("no stream"))?;
                    let answer = over(stream, request).await;
                    forward.abort();
                    answer
                }
                Self::Address(address) => {
                    let at = if address.contains(':') { address.clone() } else { format!("{address}:{port}") };
                    let stream = tokio::net::TcpStream::connect(&at).await;
                    over(stream.map_err(|e| NoAnswer::of(format!("connecting to {at}: {e}")))?, request).await
                }
            }
        };
        match patience {
            None => asked.await,
            Some(patience) => tokio::time::timeout(patience, asked)
                .await
                .unwrap_or_else(|_| Err(NoAnswer::of(format!("no answer within {} s", patience.as_secs())))),
        }
    }
}

async fn over<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let failed = |doing: &str, e: &dyn std::fmt::Display| NoAnswer::of(format!("{doing}: {e}"));
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|e| failed("connecting", &e))?;
    let talking = tokio::spawn(connection);
    let began = Instant::now();
    let asked = async {
        let answer = sender.send_request(request).await.map_err(|e| failed("asking", &e))?;
        let (head, body) = answer.into_parts();
        let kind = head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let body = Limited::new(body, LARGEST).collect().await.map_err(|e| failed("reading the answer", &e))?;
        Ok(Answer { status: head.status.as_u16(), kind, body: body.to_bytes().to_vec(), took: began.elapsed() })
    }
    .await;
    talking.abort();
    asked
}
