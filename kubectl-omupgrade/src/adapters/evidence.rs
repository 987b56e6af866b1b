//! Gathers what a diagnosis is made from, and takes the secrets out of it before anybody else sees it. Writes nothing but
//! the short-lived Pod that asks the database.

use super::cluster::{Cluster, gather, logs_of};
use super::validation::{Asking, server};
use super::{journal, probe, release, tls};
use crate::diagnose::edges::Edge;
use crate::diagnose::{Changes, Evidence, changes, database, known, last_good, logs_wanted, said, search};
use crate::facts::{Fact, Facts, Pod, Release, Revision, read};
use crate::preview::{objects, servers, settings};
use crate::redact::Redactor;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Event as ApiEvent, Pod as ApiPod, Secret as ApiSecret};
use kube::api::ListParams;
use std::collections::{BTreeSet, HashSet};

/// What may be asked beyond a look.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Whether a Pod may ask the database.
    pub probe: bool,
    /// The client image of that Pod.
    pub probe_image: Option<&'a str>,
    /// How the server is asked.
    pub server: &'a Asking,
    /// Whether the answer leaves the terminal: then the namespace's Secrets are read, to be hidden.
    pub leaves: bool,
}

/// Gathers, and redacts.
pub async fn evidence(
    cluster: &Cluster,
    name: &str,
    newest: Fact<Release>,
    history: Fact<Vec<Revision>>,
    asked: Asked<'_>,
) -> anyhow::Result<(Evidence, Redactor)> {
    let whole = newest.value().cloned();
    let facts = Box::pin(gather(cluster, name, newest, history)).await;
    let mut evidence = Evidence::of(facts);
    let mine: HashSet<String> = evidence.facts.pods.items().iter().map(|p| p.meta.uid.clone()).collect();
    let neighbours = |p: &ApiPod| Some(read::pod(p)).filter(|p: &Pod| !mine.contains(&p.meta.uid));
    evidence.neighbours = cluster.fact(&cluster.api::<ApiPod>(), ListParams::default(), neighbours).await;
    let beside: HashSet<&str> = evidence.neighbours.items().iter().map(|p| p.meta.uid.as_str()).collect();
    let warnings = |e: &ApiEvent| Some(read::event(e)).filter(|e| e.warning && beside.contains(e.about_uid.as_str()));
    let events = cluster.fact(&cluster.api::<ApiEvent>(), ListParams::default(), warnings).await;
    evidence.events_beside = events;
    let (logs, asked_database, asked_search, compared, server, edges) = tokio::join!(
        logs_of(cluster, logs_wanted(&evidence.facts, evidence.neighbours.items()), None),
        of_database(cluster, whole.as_ref(), evidence.facts.pods.items(), asked),
        super::search::fact(cluster, whole.as_ref(), asked.probe, None),
        compared(cluster, name),
        Box::pin(server(cluster, &evidence.facts, whole.as_ref(), asked.server)),
        of_edges(cluster, whole.as_ref()),
    );
    let server = server?;
    let rolled_out = evidence.facts.rolled_out();
    (evidence.api, evidence.pipelines) = said(&server, rolled_out);
    evidence.edges = edges;
    evidence.facts.logs.extend(logs);
    evidence.database = asked_database;
    evidence.search = asked_search.map(|engine| search(&engine));
    let (changes, mut secrets) = compared;
    evidence.changes = changes;
    secrets.extend(whole.iter().flat_map(known::of_release));
    if asked.leaves {
        secrets.extend(of_namespace(cluster).await?);
    }
    let redactor = Redactor::new(secrets, &public(&evidence.facts, whole.as_ref())).map_err(anyhow::Error::msg)?;
    let mut value = serde_json::to_value(&evidence)?;
    redactor.value(&mut value);
    let evidence = Evidence { redacted: asked.leaves, ..serde_json::from_value(value)? };
    Ok((evidence, redactor))
}

async fn of_database(
    cluster: &Cluster,
    release: Option<&Release>,
    pods: &[Pod],
    asked: Asked<'_>,
) -> Fact<Vec<String>> {
    let source = "probe Pod";
    let answer = match release {
        _ if !asked.probe => Err("not asked (--no-probe)".to_owned()),
        None => Err("the release's content could not be read".to_owned()),
        Some(release) => probe::facts(cluster, release, asked.probe_image, shared::backup::Asked::Facts).await,
    };
    match answer {
        Ok((image, found)) => Fact::known(database(&found, &image, pods), source, Timestamp::now()),
        Err(reason) => Fact::unknown(reason, source, Timestamp::now()),
    }
}

async fn of_edges(cluster: &Cluster, release: Option<&Release>) -> Fact<Vec<Edge>> {
    let found = match release {
        None => Err("the release's content could not be read".to_owned()),
        Some(release) => tls::edges(cluster, release).await,
    };
    match found {
        Ok(edges) => Fact::known(edges, "handshakes", Timestamp::now()),
        Err(reason) => Fact::unknown(reason, "handshakes", Timestamp::now()),
    }
}

/// The changes since the last good revision, and the secrets of all revisions that were looked into.
async fn compared(cluster: &Cluster, name: &str) -> (Fact<Changes>, Vec<String>) {
    let mut secrets = Vec::new();
    let found = async {
        let history = release::history(cluster, name).await.map_err(|e| format!("{e:#}"))?;
        secrets.extend(history.iter().flat_map(known::of_release));
        let present = history.last().ok_or("the release has no revision")?;
        // Without the journal the last finished revision is still a good one to compare with.
        let runs = journal::runs(cluster, name).await.map(|(runs, _)| runs).unwrap_or_default();
        let runs: Vec<_> = runs.into_iter().map(|s| s.run).collect();
        let revisions: Vec<Revision> = history.iter().map(|r| r.revision.clone()).collect();
        let (number, because) = last_good(&revisions, &runs, present.revision.number)
            .ok_or("there is no earlier revision that helm finished")?;
        let good = history.iter().find(|r| r.revision.number == number).ok_or("it is not there any more")?;
        changes::changes(good, present, because)
    }
    .await;
    let (source, now) = ("stored revisions", Timestamp::now());
    let fact = match found {
        Ok(changes) => Fact::known(changes, source, now),
        Err(reason) => Fact::unknown(reason, source, now),
    };
    (fact, secrets)
}

/// Facts that leave the terminal, without the secrets in their logs and messages; and why only what looks like one could
/// be hidden, where the namespace's Secrets may not be read.
pub async fn without_secrets(cluster: &Cluster, facts: &Facts) -> anyhow::Result<(Facts, Option<String>)> {
    let release = facts.release.value();
    let (redactor, unread) = redactor(cluster, release, &public(facts, release)).await?;
    let mut value = serde_json::to_value(facts)?;
    redactor.value(&mut value);
    Ok((serde_json::from_value(value)?, unread))
}

/// What hides the secrets of these revisions and of the namespace in a text that leaves the terminal; and why not the
/// latter, where they may not be read.
pub async fn redactor(
    cluster: &Cluster,
    releases: impl IntoIterator<Item = &Release>,
    public: &BTreeSet<String>,
) -> anyhow::Result<(Redactor, Option<String>)> {
    let mut secrets: Vec<String> = releases.into_iter().flat_map(known::of_release).collect();
    let unread = match of_namespace(cluster).await {
        Ok(more) => {
            secrets.extend(more);
            None
        }
        Err(error) => Some(format!("{error:#}: only what looks like a secret is hidden; look through the file")),
    };
    Ok((Redactor::new(secrets, public).map_err(anyhow::Error::msg)?, unread))
}

/// The contents of the namespace's Secrets, except Helm's own storage and our journal.
pub(super) async fn of_namespace(cluster: &Cluster) -> anyhow::Result<Vec<String>> {
    let all = cluster.all(&cluster.api::<ApiSecret>(), ListParams::default()).await;
    let all = all.map_err(|r| {
        r.failure("reading the Secrets of the namespace, to keep their contents out of the file")
            .hint("kubectl omupgrade rbac diagnose    # prints the rights that are needed")
    })?;
    let mut out = Vec::new();
    for secret in all {
        if matches!(secret.type_.as_deref(), Some("helm.sh/release.v1" | "omupgrade.io/journal")) {
            continue;
        }
        for (name, value) in secret.data.unwrap_or_default() {
            if let Ok(text) = String::from_utf8(value.0) {
                known::of_entry(&name, &text, &mut out);
            }
        }
    }
    Ok(out)
}

/// A setting of the server, where the release's content tells it.
fn setting(release: &Release, name: &str) -> Option<String> {
    let all = objects(release.manifest.expose()?, &release.namespace).ok()?;
    let label = servers(&all).into_iter().next()?.label;
    let set = settings(&all, all.iter().find(|o| o.label() == label)?);
    set.get(name)?.as_ref()?.expose().map(|text| text.trim_matches('"').to_owned())
}

/// Names that are said everywhere: hiding them would hide the answer.
pub(super) fn public(facts: &Facts, release: Option<&Release>) -> BTreeSet<String> {
    let mut out = release.map_or_else(everywhere, names);
    out.extend([facts.name.clone(), facts.namespace.clone()]);
    out.extend(facts.workloads.items().iter().map(|w| w.meta.name.clone()));
    out.extend(facts.nodes.items().iter().map(|n| n.name.clone()));
    out.retain(|name| !name.is_empty());
    out
}

/// Those of them that a revision tells. What stands before the names of all indexes is one: a database's user may be
/// called the same.
pub fn names(release: &Release) -> BTreeSet<String> {
    let mut out = everywhere();
    out.extend([release.name.clone(), release.namespace.clone()]);
    out.extend(release.workloads.iter().filter_map(|label| Some(label.split_once('/')?.1.to_owned())));
    out.extend(setting(release, "ELASTICSEARCH_CLUSTER_ALIAS"));
    out.retain(|name| !name.is_empty());
    out
}

fn everywhere() -> BTreeSet<String> {
    // Users are often called as what they are of: hiding those would hide the images, too.
    let products = ["postgres", "mysql", "elastic", "opensearch", "airflow"];
    ["openmetadata", "admin", "default", "ingestion-bot"].into_iter().chain(products).map(str::to_owned).collect()
}
