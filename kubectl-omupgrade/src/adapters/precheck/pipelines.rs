//! Asks who runs the pipelines: Airflow for its version, which it tells to anybody; the server for its client's version
//! and for pipelines that run now, where there is a token. Through forwarded ports; changes nothing.

use super::Look;
use super::beside::Beside;
use crate::adapters::cluster::Cluster;
use crate::adapters::openmetadata::{Client, Door, login, of_named};
use crate::adapters::tls::behind;
use crate::adapters::{bot, validation};
use crate::facts::{NoAnswer, Release, Secret};
use serde_json::Value;
use std::collections::BTreeMap;

/// Where Airflow 3 and Airflow 2 tell their version.
const VERSIONS: [&str; 2] = ["/api/v2/version", "/api/v1/version"];

/// What was said. Each or why not.
#[derive(Debug)]
pub struct Said {
    /// Airflow's version.
    pub airflow: Result<String, String>,
    /// The version of what runs pipelines, as the server knows it.
    pub managed: Result<String, String>,
    /// Pipelines that run.
    pub running: Result<Vec<String>, String>,
}

/// Asks.
pub async fn ask(
    cluster: &Cluster,
    release: &Release,
    beside: &Beside,
    settings: &BTreeMap<String, Option<Secret<String>>>,
    look: &Look<'_>,
) -> anyhow::Result<Said> {
    let endpoint = settings.get("PIPELINE_SERVICE_CLIENT_ENDPOINT").and_then(|v| v.as_ref()?.expose().cloned());
    let airflow = airflow(cluster, endpoint.as_deref().unwrap_or_default()).await;
    let (managed, running) = match Box::pin(client(cluster, release, beside, look)).await? {
        Ok(client) => (managed(&client).await, running(&client).await),
        Err(why) => (Err(why.clone()), Err(why)),
    };
    Ok(Said { airflow, managed, running })
}

async fn airflow(cluster: &Cluster, endpoint: &str) -> Result<String, String> {
    let at = endpoint.strip_prefix("http://").ok_or("the release names no address of it without TLS")?;
    let at = at.split('/').next().unwrap_or_default();
    let at = at.rsplit('@').next().unwrap_or(at);
    let (host, port) = at.split_once(':').unwrap_or((at, "8080"));
    let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    let (pod, port) = behind(cluster, host, port).await?.ok_or("it runs elsewhere")?;
    let door = Door::Pod { cluster: Box::new(cluster.clone()), pod };
    let client = Client { ports: (port, port), ..Client::new(door, cluster.patience) };
    let mut last = NoAnswer::of("it tells no version");
    for path in VERSIONS {
        match client.json(path).await {
            Ok(answer) => match answer.get("version").and_then(Value::as_str) {
                Some(version) => return Ok(version.to_owned()),
                None => last = NoAnswer::of("it tells no version"),
            },
            Err(why) => last = why,
        }
    }
    Err(last.to_string())
}

/// A client with a token, or why there is none. A Secret that was named and holds none is a failure.
async fn client(
    cluster: &Cluster,
    release: &Release,
    beside: &Beside,
    look: &Look<'_>,
) -> anyhow::Result<Result<Client, String>> {
    let door = match beside.server_pods().and_then(|pods| validation::newest(cluster, &pods)) {
        Ok((_, door)) => door,
        Err(why) => {
            if let Some(named) = look.token_secret {
                of_named(cluster, named).await?;
            }
            return Ok(Err(why));
        }
    };
    let client = validation::client(door, cluster.patience, Some(release));
    let login = if look.ingestion_bot {
        bot::token(cluster, release, look.probe_image).await.map_err(|why| format!("the ingestion bot's token: {why}"))
    } else {
        login(Some(cluster), &client, &release.name, look.token_secret).await?.map_err(|why| why.to_string())
    };
    Ok(login.map(|login| Client { token: Some(login.token), ..client }))
}

async fn managed(client: &Client) -> Result<String, String> {
    let answer = client.json("/api/v1/services/ingestionPipelines/status").await.map_err(|e| e.to_string())?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str).filter(|t| !t.is_empty());
    match (text("version"), text("reason")) {
        (Some(version), _) => Ok(version.to_owned()),
        (None, Some(reason)) => Err(crate::view::clip(reason, 160)),
        (None, None) => Err("the server names no version of it".to_owned()),
    }
}

async fn running(client: &Client) -> Result<Vec<String>, String> {
    let all = client.list("services/ingestionPipelines", "&fields=pipelineStatuses").await;
    let all = all.map_err(|e| e.to_string())?;
    let runs = |p: &&Value| {
        // One in older servers, a list in newer ones.
        let last = p.get("pipelineStatuses").map(|s| s.get(0).unwrap_or(s));
        last.and_then(|s| s.get("pipelineState")?.as_str()).is_some_and(|s| matches!(s, "running" | "queued"))
    };
    let name = |p: &Value| p.get("fullyQualifiedName").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok(all.iter().filter(runs).map(name).collect())
}
