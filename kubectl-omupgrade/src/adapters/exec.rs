//! Runs commands in a Pod of ours that holds the claim open, and streams files through them. Nothing else is executed
//! anywhere: the Pod is made for it and taken away.

use super::cluster::Cluster;
use super::pod;
use crate::beside::Beside;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, AttachedProcess, DeleteParams, PostParams};
use shared::backup::{Job, claim_script};
use shared::marks;
use std::fmt;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep, timeout};

/// Seconds until a Pod that cannot start is given up. Chosen.
const START: u64 = 180;

/// A Pod with the claim mounted, that waits.
pub struct Holder {
    api: Api<Pod>,
    name: String,
}

impl Holder {
    /// Starts one that lives for at most so many seconds.
    pub async fn start(cluster: &Cluster, beside: &Beside, claim: &str, seconds: u64) -> Result<Self, String> {
        let beside = beside.clone().without_database();
        let name = pod::name(&beside.release, marks::ROLE_CLAIM);
        let variables = [("OMUPGRADE_ACTION", "hold")];
        let parts = Job { script: claim_script(), claim, variables: &variables, ..beside.parts(&name, seconds) };
        let pod = serde_json::from_value(shared::backup::pod(&parts, marks::ROLE_CLAIM));
        let pod: Pod = pod.map_err(|e| format!("preparing the Pod: {e}"))?;
        let api: Api<Pod> = cluster.api();
        let doing = format!("starting the Pod {name}");
        cluster.within(api.create(&PostParams::default(), &pod)).await.map_err(|r| format!("{doing}: {r}"))?;
        let holder = Self { api, name };
        match holder.running(cluster).await {
            Ok(()) => Ok(holder),
            Err(why) => {
                holder.end(cluster).await;
                Err(format!("{doing}: {why}"))
            }
        }
    }

    async fn running(&self, cluster: &Cluster) -> Result<(), String> {
        let until = Instant::now() + Duration::from_secs(START);
        loop {
            let pod = cluster.within(self.api.get(&self.name)).await.map_err(|r| r.to_string())?;
            let status = pod.status.unwrap_or_default();
            match status.phase.as_deref() {
                Some("Running") => return Ok(()),
                Some("Failed" | "Succeeded") => return Err(status.message.unwrap_or_else(|| "it ended".to_owned())),
                _ => {}
            }
            let state = status.container_statuses.and_then(|all| all.into_iter().next()?.state).unwrap_or_default();
            if let Some(reason) = pod::hopeless(&state) {
                return Err(reason);
            }
            if Instant::now() >= until {
                return Err(format!("it did not start within {START} s"));
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Hands what a command writes to `to`.
    pub async fn read(&self, command: &[&str], to: &mut (impl AsyncWrite + Unpin)) -> Result<(), Broken> {
        let asked = AttachParams::default().stdout(true).stderr(true).stdin(false);
        let mut process = self.run(command, &asked).await?;
        let status = process.take_status();
        let (stdout, stderr) = (process.stdout(), process.stderr());
        let mut said = Vec::new();
        let copying = async {
            let Some(mut stdout) = stdout else { return Ok(()) };
            carry(&mut stdout, to).await.map(drop).map_err(|side| match side {
                Side::From(e) => Broken::There(e.to_string()),
                Side::To(e) => Broken::Here(e),
            })
        };
        let streams = async { tokio::try_join!(copying, listen(stderr, &mut said)).map(drop) };
        // Where it ended well all that it wrote has to arrive, however slow the disk here is.
        let ended = over(status, streams, None).await?;
        judged(ended, &said)
    }

    /// Gives a command exactly so many bytes, which it has to count itself: an end cannot be told it everywhere. One that
    /// ends before it has all of it says why, and that is what counts.
    pub async fn write(&self, command: &[&str], from: &mut (impl AsyncRead + Unpin), size: u64) -> Result<(), Broken> {
        let asked = AttachParams::default().stdin(true).stdout(false).stderr(true);
        let mut process = self.run(command, &asked).await?;
        let (status, stderr) = (process.take_status(), process.stderr());
        let no_input = || Broken::There("the Pod takes no input".to_owned());
        let mut stdin = process.stdin().ok_or_else(no_input)?;
        let (mut said, mut given) = (Vec::new(), false);
        let mut from = from.take(size);
        let copying = async {
            match carry(&mut from, &mut stdin).await {
                Ok(copied) if copied < size => Err(Broken::Here(std::io::ErrorKind::UnexpectedEof.into())),
                Err(Side::From(e)) => Err(Broken::Here(e)),
                done => {
                    given = done.is_ok();
                    Ok(())
                }
            }
        };
        let streams = async { tokio::try_join!(copying, listen(stderr, &mut said)).map(drop) };
        let ended = over(status, streams, Some(LEFT)).await?;
        judged(ended, &said)?;
        if given { Ok(()) } else { Err(Broken::There(BROKE.to_owned())) }
    }

    async fn run(&self, command: &[&str], asked: &AttachParams) -> Result<AttachedProcess, Broken> {
        let process = self.api.exec(&self.name, command.iter().copied(), asked).await;
        process.map_err(|e| Broken::There(e.to_string()))
    }

    /// Takes it away.
    pub async fn end(self, cluster: &Cluster) {
        let _ = cluster.within(self.api.delete(&self.name, &DeleteParams::background().grace_period(0))).await;
    }
}

type Status = k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

/// Why a command did not do its work.
#[derive(Debug)]
pub enum Broken {
    /// What lies here cannot be read or written.
    Here(std::io::Error),
    /// The command failed, or the way to it broke: in its words, as far as they arrived.
    There(String),
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(e) => e.fmt(f),
            Self::There(words) => f.write_str(words),
        }
    }
}

/// How long what a command that failed has said may take to arrive. Chosen: it is here already.
const LEFT: Duration = Duration::from_secs(1);

/// How a command ended, once its streams were followed to their ends. Its end is what tells: the pipes of this client are
/// not closed by one that fails, or by a connection that breaks, and would be waited on for ever. `after`: how long they
/// are waited for where it ended well; none for as long as it takes.
async fn over(
    status: Option<impl Future<Output = Option<Status>>>,
    streams: impl Future<Output = Result<(), Broken>>,
    after: Option<Duration>,
) -> Result<Option<Status>, Broken> {
    let status = async {
        match status {
            Some(status) => status.await,
            None => None,
        }
    };
    tokio::pin!(status, streams);
    let ended = tokio::select! {
        done = &mut streams => {
            done?;
            return Ok(status.await);
        }
        ended = &mut status => ended,
    };
    let left = if well(ended.as_ref()) { after } else { Some(LEFT) };
    match left {
        None => streams.await?,
        Some(left) => timeout(left, streams).await.unwrap_or(Ok(()))?,
    }
    Ok(ended)
}

fn well(status: Option<&Status>) -> bool {
    status.and_then(|s| s.status.as_deref()) == Some("Success")
}

/// Which side of a copy broke.
enum Side {
    From(std::io::Error),
    To(std::io::Error),
}

async fn carry(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) -> Result<u64, Side> {
    let (mut buffer, mut copied) = (vec![0; 1 << 15], 0);
    loop {
        let read = from.read(&mut buffer).await.map_err(Side::From)?;
        if read == 0 {
            to.flush().await.map_err(Side::To)?;
            return Ok(copied);
        }
        to.write_all(&buffer[..read]).await.map_err(Side::To)?;
        copied += read as u64;
    }
}

/// What a command says beside its answer: the first of it is kept.
async fn listen(stderr: Option<impl AsyncRead + Unpin>, said: &mut Vec<u8>) -> Result<(), Broken> {
    let Some(mut stderr) = stderr else { return Ok(()) };
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        said.extend(buffer[..read].iter().take(KEPT.saturating_sub(said.len())));
    }
    Ok(())
}

/// Bytes that are kept of what a command says. Chosen.
const KEPT: usize = 4096;

const BROKE: &str = "the connection broke";

fn judged(status: Option<Status>, said: &[u8]) -> Result<(), Broken> {
    if well(status.as_ref()) {
        return Ok(());
    }
    let said = String::from_utf8_lossy(said).trim().to_owned();
    let message = status.and_then(|s| s.message).unwrap_or_else(|| BROKE.to_owned());
    Err(Broken::There(if said.is_empty() { message } else { said }))
}
