//! Asks Prometheus for the alerts that fire for a namespace: at an address, or behind a Service through the API server.

use crate::adapters::cluster::Cluster;
use crate::adapters::openmetadata::{Client, Door};
use crate::adapters::tls::behind;
use crate::facts::Fact;
use jiff::Timestamp;
use serde_json::Value;

/// The way to a Prometheus: an address, or a port of a Service of a namespace (`monitoring/prometheus:9090`).
async fn prometheus(cluster: &Cluster, address: &str) -> Result<Client, String> {
    let Some((namespace, service)) = address.split_once('/') else {
        return Ok(Client::new(Door::Address(address.to_owned()), cluster.patience));
    };
    let (name, port) = service.split_once(':').unwrap_or((service, "9090"));
    let port = port.parse().map_err(|_| format!("`{port}` is no port"))?;
    let there = Cluster { namespace: namespace.to_owned(), ..cluster.clone() };
    let (pod, port) = behind(&there, name, port).await?.ok_or(format!("there is no Service {name} in {namespace}"))?;
    let door = Door::Pod { cluster: Box::new(there), pod };
    Ok(Client { ports: (port, port), ..Client::new(door, cluster.patience) })
}

/// Alerts that fire for the namespace, from Prometheus' own API.
pub async fn alerts(cluster: &Cluster, address: Option<&str>) -> Option<Fact<Vec<String>>> {
    let source = "Prometheus";
    let client = match prometheus(cluster, address?).await {
        Ok(client) => client,
        Err(why) => return Some(Fact::unknown(why, source, Timestamp::now())),
    };
    Some(match client.json("/api/v1/alerts").await {
        Err(why) => Fact::unknown(why.to_string(), source, Timestamp::now()),
        Ok(answer) if answer.get("status").and_then(Value::as_str) != Some("success") => {
            Fact::unknown("what answers there is no Prometheus", source, Timestamp::now())
        }
        Ok(answer) => {
            let all = answer.pointer("/data/alerts").and_then(Value::as_array).cloned().unwrap_or_default();
            let label = |a: &Value, name: &str| {
                a.pointer(&format!("/labels/{name}")).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let fires = |a: &&Value| {
                a.get("state").and_then(Value::as_str) == Some("firing") && label(a, "namespace") == cluster.namespace
            };
            let said =
                all.iter().filter(fires).map(|a| format!("{} ({})", label(a, "alertname"), label(a, "severity")));
            Fact::known(said.collect(), source, Timestamp::now())
        }
    })
}
