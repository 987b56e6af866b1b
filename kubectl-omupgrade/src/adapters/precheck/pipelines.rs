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
    /// The namespace in which the server starts them, as it says.
    pub place: Option<String>,
    /// Pipelines that run.
    pub running: Result<Vec<String>, String>,
}

impl Said {
    /// Nobody was asked, for this reason.
    pub fn nothing(why: &str) -> Self {
        let why = why.to_owned();
        Self { airflow: Err(why.clone()), managed: Err(why.clone()), place: None, running: Err(why) }
    }
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
    Ok(match Box::pin(client(cluster, release, beside, look)).await? {
        Ok(client) => {
            let (managed, place) = managed(&client).await;
            Said { airflow, managed, place, running: running(&client).await }
        }
        Err(why) => Said { airflow, ..Said::nothing(&why) },
    })
}

async fn airflow(cluster: &Cluster, endpoint: &str) -> Result<String, String> {
    let at = endpoint.strip_prefix("http://").ok_or("the release names no address of it without TLS")?;
    let at = at.split('/').next().unwrap_or_default();
    let at = at.rsplit('@').next().unwrap_or(at);
    let (host, port) = at.split_once(':').unwrap_or((at, "8080"));
    let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    let (pod, port) = behind(cluster, host, port).await?.ok_or("no Service of this namespace has its name")?;
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

async fn managed(client: &Client) -> (Result<String, String>, Option<String>) {
    match client.json("/api/v1/services/ingestionPipelines/status").await {
        Ok(answer) => (version_in(&answer), place_in(&answer).map(str::to_owned)),
        Err(why) => (Err(why.to_string()), None),
    }
}

/// How the platform begins where the server starts pipelines itself. Source: `K8sPipelineClient.getServiceStatusInternal`,
/// which puts the version of Kubernetes where Airflow's client puts the one of ingestion.
const KUBERNETES: &str = "Kubernetes";

fn text<'a>(answer: &'a Value, key: &str) -> Option<&'a str> {
    answer.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The version of ingestion in the server's word on what runs its pipelines.
fn version_in(answer: &Value) -> Result<String, String> {
    if text(answer, "platform").is_some_and(|platform| platform.starts_with(KUBERNETES)) {
        return Err("the server tells the version of Kubernetes in its place".to_owned());
    }
    match (text(answer, "version"), text(answer, "reason")) {
        (Some(version), _) => Ok(version.to_owned()),
        // One of another minor version than the server's is told in the complaint of it.
        (None, Some(reason)) => match complained_of(reason) {
            Some(version) => Ok(version.to_owned()),
            None => Err(crate::view::clip(reason, 160)),
        },
        (None, None) => Err("the server names no version of it".to_owned()),
    }
}

/// The version in `Ingestion version [1.12.3.0] is older than Server Version [1.13.1]. …`, or the other way about. Source:
/// `PipelineServiceClient.buildVersionMismatchErrorMessage`.
fn complained_of(reason: &str) -> Option<&str> {
    let (_, rest) = reason.split_once("Ingestion version [").or_else(|| reason.split_once("Ingestion Version ["))?;
    rest.split(']').next().filter(|version| !version.is_empty())
}

/// The namespace in it: `Kubernetes pipeline client is available in namespace 'jobs' with service account '…'`, or, where
/// not all is well, the same in the reason.
fn place_in(answer: &Value) -> Option<&str> {
    text(answer, "platform").filter(|platform| platform.starts_with(KUBERNETES))?;
    let words = ["platform", "reason"].into_iter().filter_map(|key| text(answer, key));
    words.filter_map(|said| said.split_once("namespace '")?.1.split('\'').next()).find(|name| !name.is_empty())
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As `K8sPipelineClient` and `AirflowRESTClient` answer.
    #[test]
    fn what_runs_pipelines_tells_its_version_or_where_they_run() {
        let airflow = json!({"code": 200, "platform": "Airflow", "version": "1.12.14.2"});
        assert_eq!((version_in(&airflow).as_deref(), place_in(&airflow)), (Ok("1.12.14.2"), None));
        for reason in [
            "Ingestion version [1.11.9.1] is older than Server Version [1.12.14]. Please upgrade your ingestion client.",
            "Server version [1.10.3] is older than Ingestion Version [1.11.9.1]. Please upgrade your server or downgrade the ingestion client.",
        ] {
            let other = json!({"code": 500, "platform": "Airflow", "reason": reason});
            assert_eq!(version_in(&other).as_deref(), Ok("1.11.9.1"));
        }
        let off = json!({"code": 200, "reason": "Pipeline Client Disabled"});
        assert_eq!(version_in(&off), Err("Pipeline Client Disabled".to_owned()));
        let said =
            "Kubernetes pipeline client is available in namespace 'jobs' with service account 'openmetadata-ingestion'";
        let kubernetes = json!({"code": 200, "platform": said, "version": "v1.35.4"});
        assert_eq!((version_in(&kubernetes).is_err(), place_in(&kubernetes)), (true, Some("jobs")));
        let reason =
            "Kubernetes is available but missing Secret permissions in namespace 'jobs' for service account 'a': no";
        let less = json!({"code": 500, "platform": "Kubernetes", "reason": reason});
        assert_eq!((version_in(&less).is_err(), place_in(&less)), (true, Some("jobs")));
        let lost = json!({"code": 500, "platform": "Airflow", "reason": "Authentication failed for user [a] in namespace 'b'"});
        assert_eq!((version_in(&lost).is_err(), place_in(&lost)), (true, None));
    }
}
