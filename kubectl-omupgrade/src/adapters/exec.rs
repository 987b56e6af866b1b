//! Runs commands in a Pod of ours that holds the claim open, and streams files through them. Nothing else is executed
//! anywhere: the Pod is made for it and taken away.

use super::cluster::Cluster;
use super::pod;
use crate::beside::Beside;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{AttachParams, DeleteParams, PostParams};
use shared::backup::{CLAIM_SCRIPT, Job};
use shared::marks;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, sleep};

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
        let parts = Job { script: CLAIM_SCRIPT, claim, variables: &variables, ..beside.parts(&name, seconds) };
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

    /// Hands what a command writes to `to`; how many bytes.
    pub async fn read(&self, command: &[&str], to: &mut (impl AsyncWrite + Unpin)) -> Result<u64, String> {
        let asked = AttachParams::default().stdout(true).stderr(true).stdin(false);
        let mut process =
            self.api.exec(&self.name, command.iter().copied(), &asked).await.map_err(|e| e.to_string())?;
        let status = process.take_status();
        let (stdout, stderr) = (process.stdout(), process.stderr());
        let mut said = Vec::new();
        let copying = async {
            match stdout {
                Some(mut stdout) => tokio::io::copy(&mut stdout, to).await,
                None => Ok(0),
            }
        };
        let listening = async {
            match stderr {
                Some(stderr) => stderr.take(4096).read_to_end(&mut said).await,
                None => Ok(0),
            }
        };
        let (copied, _) = tokio::join!(copying, listening);
        let copied = copied.map_err(|e| e.to_string())?;
        to.flush().await.map_err(|e| e.to_string())?;
        ended(status, &said).await?;
        Ok(copied)
    }

    /// Gives a command exactly so many bytes, which it has to count itself: an end cannot be told it everywhere.
    pub async fn write(&self, command: &[&str], from: &mut (impl AsyncRead + Unpin)) -> Result<u64, String> {
        let asked = AttachParams::default().stdin(true).stdout(false).stderr(true);
        let mut process =
            self.api.exec(&self.name, command.iter().copied(), &asked).await.map_err(|e| e.to_string())?;
        let status = process.take_status();
        let (mut said, stderr) = (Vec::new(), process.stderr());
        let mut stdin = process.stdin().ok_or("the Pod takes no input")?;
        let copied = tokio::io::copy(from, &mut stdin).await.map_err(|e| e.to_string())?;
        stdin.flush().await.map_err(|e| e.to_string())?;
        if let Some(stderr) = stderr {
            let _ = stderr.take(4096).read_to_end(&mut said).await;
        }
        ended(status, &said).await?;
        drop(stdin);
        Ok(copied)
    }

    /// Takes it away.
    pub async fn end(self, cluster: &Cluster) {
        let _ = cluster.within(self.api.delete(&self.name, &DeleteParams::background().grace_period(0))).await;
    }
}

type Status = k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;

async fn ended(status: Option<impl Future<Output = Option<Status>>>, said: &[u8]) -> Result<(), String> {
    let status = match status {
        Some(status) => status.await,
        None => None,
    };
    if status.as_ref().and_then(|s| s.status.as_deref()) == Some("Success") {
        return Ok(());
    }
    let said = String::from_utf8_lossy(said).trim().to_owned();
    let message = status.and_then(|s| s.message).unwrap_or_else(|| "the connection broke".to_owned());
    Err(if said.is_empty() { message } else { said })
}
