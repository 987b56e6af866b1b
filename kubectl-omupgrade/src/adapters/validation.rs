//! Gathers what a validation is made from. Writes nothing but the short-lived Pods that ask database, search engine and
//! claim.

mod before;
pub mod prometheus;

use super::cluster::{Cluster, gather, logs_of};
use super::evidence::{of_namespace, public};
use super::openmetadata::{Client, Door, Login, login, look, of_named};
use super::{bot, journal, probe, search};
use crate::checks::validate::{Before, Facts, Sample};
use crate::diagnose::{known, logs_wanted};
use crate::facts::{Component, Fact, Facts as Look, Logs, Metrics, NoAnswer, Pod, Release, Revision, Server, State};
use crate::failure::Failure;
use crate::preview::{objects, servers, settings};
use crate::redact::Redactor;
use crate::rollout::Wanted;
use jiff::Timestamp;
use shared::backup::Asked;
use shared::component;
use shared::versions::Version;
use std::collections::BTreeMap;
use std::time::Duration;

/// What to ask, and how.
#[derive(Debug, Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Asking {
    /// Whether a Pod may ask the database.
    pub probe: bool,
    /// The client image of that Pod.
    pub probe_image: Option<String>,
    /// Another image than the server's for the Pod that asks the search engine.
    pub search_image: Option<String>,
    /// The Secret that holds a token.
    pub token_secret: Option<String>,
    /// Whether the ingestion bot's token may be taken out of the database.
    pub ingestion_bot: bool,
    /// The server's address, where it is not to be reached through the API server.
    pub server: Option<String>,
    /// Prometheus' address.
    pub prometheus: Option<String>,
    /// Whether the answer leaves the terminal: then the namespace's Secrets are read, to be hidden.
    pub leaves: bool,
    /// Whether to compare with the newest backup, or with what the journal recorded.
    pub since_backup: bool,
}

/// The key of a journal's run under which counts are remembered.
const COUNTS: &str = "rows";
/// The same for the server's numbers.
const NUMBERS: &str = "metrics";

/// Gathers everything once.
pub async fn facts(
    cluster: &Cluster,
    name: &str,
    release: Fact<Release>,
    history: Fact<Vec<Revision>>,
    asking: &Asking,
    before: Option<Before>,
) -> anyhow::Result<Facts> {
    let whole = release.value().cloned();
    let mut look = Box::pin(gather(cluster, name, release, history)).await;
    let (server, database, search, logs, alerts, recorded, due) = tokio::join!(
        Box::pin(server(cluster, &look, whole.as_ref(), asking)),
        database(cluster, whole.as_ref(), asking),
        search::fact(cluster, whole.as_ref(), asking.probe, asking.search_image.as_deref()),
        logs(cluster, &look),
        prometheus::alerts(cluster, asking.prometheus.as_deref()),
        before::recorded(cluster, name, whole.as_ref(), look.history.items(), asking),
        search_due(cluster, name),
    );
    look.search_due = due;
    look.logs.extend(logs);
    let before = match before {
        Some(before) => Fact::known(before.clone(), before.source, Timestamp::now()),
        None => recorded,
    };
    let facts = Facts { look, server: server?, database, search: Some(search), before, alerts, samples: Vec::new() };
    // Logs and messages of others may hold what is secret here.
    let mut secrets: Vec<String> = whole.iter().flat_map(known::of_release).collect();
    if asking.leaves {
        secrets.extend(of_namespace(cluster).await?);
    }
    let redactor = Redactor::new(secrets, &public(&facts.look, whole.as_ref())).map_err(anyhow::Error::msg)?;
    let mut value = serde_json::to_value(&facts)?;
    redactor.value(&mut value);
    Ok(serde_json::from_value(value)?)
}

/// One look of a watch: cheap, and without a login.
pub async fn sample(cluster: &Cluster, facts: &Facts, asking: &Asking) -> Sample {
    let at = Timestamp::now();
    let api = cluster.api::<k8s_openapi::api::core::v1::Pod>();
    let pods = cluster.fact(&api, kube::api::ListParams::default(), |p| Some(crate::facts::read::pod(p))).await;
    let look = Look { pods, ..facts.look.clone() }.narrowed();
    let mine = || look.pods.items().iter().filter(|p| p.containers.iter().any(|c| c.migrates));
    let restarts = mine().flat_map(|p| &p.containers).fold(0, |sum: i32, c| sum.saturating_add(c.restarts));
    let ready = mine().filter(|p| p.is_ready()).count();
    let (health, metrics) = match door(cluster, &look, asking) {
        Err(why) => (Err(why), None),
        Ok((_, door)) => {
            let client = client(door, cluster.patience, facts.look.release.value());
            let health = match client.get("/api/v1/system/version").await {
                Ok(answer) if answer.status == 200 => Ok(u64::try_from(answer.took.as_millis()).unwrap_or(u64::MAX)),
                Ok(answer) => Err(format!("it answered {}", answer.status)),
                Err(why) => Err(why.to_string()),
            };
            let all = numbers(cluster, &look, asking, facts.look.release.value()).await;
            (health, Metrics::of_all(&all))
        }
    };
    Sample { at, health, ready, restarts, metrics }
}

/// What the server says, or why it could not be asked. A Secret that was named and holds no token is a failure.
pub(super) async fn server(
    cluster: &Cluster,
    look_: &Look,
    release: Option<&Release>,
    asking: &Asking,
) -> anyhow::Result<Fact<Server>> {
    let (asked, door) = match door(cluster, look_, asking) {
        Ok(found) => found,
        Err(why) => {
            // A Secret that is not there is said, whether somebody can be asked or not.
            if let Some(named) = &asking.token_secret {
                of_named(cluster, named).await?;
            }
            return Ok(Fact::unknown(why, "the server's API", Timestamp::now()));
        }
    };
    let client = client(door, cluster.patience, release);
    let login: Result<Login, NoAnswer> = match release {
        Some(release) if asking.ingestion_bot => {
            let found = bot::token(cluster, release, asking.probe_image.as_deref()).await;
            found.map_err(|why| NoAnswer::of(why).doing("the ingestion bot's token"))
        }
        _ => login(Some(cluster), &client, &look_.name, asking.token_secret.as_deref()).await?,
    };
    let image = look_.workloads.items().iter().find(|w| w.component == Component::Server).map(|w| w.image.clone());
    let version = image.as_deref().and_then(component::image_tag).and_then(Version::parse);
    let mut found = Box::pin(look(&client, &asked, login, version)).await;
    // Requests go to all of them: one pod alone may be well.
    let all = numbers(cluster, look_, asking, release).await;
    if let Some(metrics) = Metrics::of_all(&all).filter(|_| all.len() > 1) {
        let source = format!("GET :8586/prometheus of {} pods", all.len());
        found.metrics = Fact::known(metrics, source, Timestamp::now());
    }
    Ok(Fact::known(found, format!("the API of {asked}"), Timestamp::now()))
}

/// The way to a server: the named address, else the newest pod that runs and is ready.
fn door(cluster: &Cluster, look: &Look, asking: &Asking) -> Result<(String, Door), String> {
    if let Some(address) = &asking.server {
        return Ok((address.clone(), Door::Address(address.clone())));
    }
    let all = look.pods.value().ok_or_else(|| format!("pods: {}", look.pods.reason().unwrap_or_default()))?;
    newest(cluster, all)
}

/// The numbers of every server that runs: of the named one, else of each pod that answers.
async fn numbers(cluster: &Cluster, look: &Look, asking: &Asking, release: Option<&Release>) -> Vec<Metrics> {
    let doors = match &asking.server {
        Some(address) => vec![Door::Address(address.clone())],
        None => running(look.pods.items()).into_iter().map(|pod| through(cluster, pod)).collect(),
    };
    let asked =
        doors.into_iter().map(|door| {
            let client = client(door, cluster.patience, release);
            async move {
                client.admin("/prometheus").await.ok().filter(|a| a.status == 200).map(|a| Metrics::parse(&a.text()))
            }
        });
    futures::future::join_all(asked).await.into_iter().flatten().collect()
}

/// The server's pods that run, the newest of those that are ready last.
fn running(all: &[Pod]) -> Vec<&Pod> {
    let runs = |p: &&Pod| {
        p.meta.deleted.is_none()
            && p.containers.iter().any(|c| c.migrates)
            && p.containers.iter().any(|c| !c.migrates && matches!(c.state, State::Running { .. }))
    };
    let mut pods: Vec<&Pod> = all.iter().filter(runs).collect();
    pods.sort_by_key(|p| (p.is_ready(), p.meta.created));
    pods
}

fn through(cluster: &Cluster, pod: &Pod) -> Door {
    Door::Pod { cluster: Box::new(cluster.clone()), pod: pod.meta.name.clone() }
}

/// The newest pod of the server that runs and is ready.
pub(super) fn newest(cluster: &Cluster, all: &[Pod]) -> Result<(String, Door), String> {
    let pods = running(all);
    let pod = pods.last().ok_or("no pod of the server runs")?;
    Ok((format!("Pod {}", pod.meta.name), through(cluster, pod)))
}

/// A client with the ports and the base path that the release's manifest sets.
pub(super) fn client(door: Door, patience: Option<Duration>, release: Option<&Release>) -> Client {
    let mut client = Client::new(door, patience);
    let set = release.and_then(|r| {
        let all = objects(r.manifest.expose()?, &r.namespace).ok()?;
        let label = servers(&all).into_iter().next()?.label;
        Some(settings(&all, all.iter().find(|o| o.label() == label)?))
    });
    let text = |name: &str| set.as_ref()?.get(name)?.as_ref()?.expose().cloned();
    if let Some(base) = text("BASE_PATH") {
        client.base = base;
    }
    let port = |name: &str, usual: u16| text(name).and_then(|t| t.parse().ok()).unwrap_or(usual);
    client.ports = (port("SERVER_PORT", client.ports.0), port("SERVER_ADMIN_PORT", client.ports.1));
    client
}

async fn database(cluster: &Cluster, release: Option<&Release>, asking: &Asking) -> Fact<crate::facts::Database> {
    let answer = match release {
        _ if !asking.probe => Err("not asked (--no-probe)".to_owned()),
        None => Err("the release's content could not be read".to_owned()),
        Some(release) => probe::facts(cluster, release, asking.probe_image.as_deref(), Asked::Facts).await,
    };
    match answer {
        Ok((_, database)) => Fact::known(database, "probe Pod", Timestamp::now()),
        Err(why) => Fact::unknown(why, "probe Pod", Timestamp::now()),
    }
}

/// The ends of the servers' logs; of a pod that is older than the rollout only what came after it.
async fn logs(cluster: &Cluster, look: &Look) -> Logs {
    let rolled_out = look.rolled_out();
    let older = |wanted: &Wanted| {
        let pod = look.pods.items().iter().find(|p| p.meta.name == wanted.pod);
        matches!((pod.and_then(|p| p.meta.created), rolled_out), (Some(made), Some(rolled)) if made < rolled)
    };
    let (before, after): (Vec<Wanted>, Vec<Wanted>) = logs_wanted(look, &[]).into_iter().partition(older);
    let (mut out, more) = tokio::join!(logs_of(cluster, after, None), logs_of(cluster, before, rolled_out));
    out.extend(more);
    out
}

/// Since when search is behind a restore. Who may not read the journal does without.
async fn search_due(cluster: &Cluster, name: &str) -> Option<Timestamp> {
    let (runs, _) = journal::runs(cluster, name).await.ok()?;
    crate::journal::search_due(&runs.into_iter().map(|s| s.run).collect::<Vec<_>>())
}

/// Records that the present revision was validated, with its counts: what a later validation compares with, and where a
/// later rollback goes to.
pub async fn record(cluster: &Cluster, facts: &Facts, words: &str, by: &str) -> anyhow::Result<String> {
    let release = facts.look.release.value().ok_or_else(|| {
        Failure::unknown("recording the validation: the release's revision is not known").hint("helm list")
    })?;
    let mut remembered = BTreeMap::new();
    if let Some(database) = facts.database.value() {
        remembered.insert(COUNTS.to_owned(), serde_json::to_string(&database.counted())?);
    }
    if let Some(metrics) = facts.server.value().and_then(|s| s.metrics.value()) {
        remembered.insert(NUMBERS.to_owned(), serde_json::to_string(metrics)?);
    }
    journal::record_validated(cluster, &release.name, release.revision.number, words, by, remembered).await
}
