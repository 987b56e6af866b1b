//! Gathers a precheck's facts: the release from Helm's storage, the live objects around it, database and search engine by
//! short-lived Pods. Changes nothing but those; what may not be read becomes "unknown" with the reason, one by one.

mod beside;
mod binding;
mod drift;
mod ingestion;
mod pipelines;
mod redacted;
mod revisions;
mod whole;

use super::cluster::Cluster;
use super::helm::Helm;
use super::probe;
use super::{claim, registry, release, search};
use crate::checks::Seen;
use crate::checks::precheck::{
    Asked, Case, FACTS_SCHEMA, Facts, Neighbour, Pending, Server, Stored, Tables, Values, read, target_image,
};
use crate::facts::{Fact, Release};
use crate::preview::{Object, objects, servers, settings};
use crate::redact::without_looks;
use beside::Beside;
use jiff::Timestamp;
use kube::api::ListParams;
pub use redacted::redacted;
use revisions::Revisions;
use shared::backup::Asked as Counted;
use std::collections::BTreeMap;
use std::path::Path;

/// What is asked, and how.
#[derive(Debug)]
pub struct Look<'a> {
    /// What is asked.
    pub asked: Asked,
    /// The values of `-f`, where they were given.
    pub values: Option<Values>,
    /// Whether the database is asked by a Pod.
    pub probe: bool,
    /// The client image of that Pod.
    pub probe_image: Option<&'a str>,
    /// Another image than the server's for the Pod that asks the search engine.
    pub search_image: Option<&'a str>,
    /// The Secret with a token for the server's API.
    pub token_secret: Option<&'a str>,
    /// Whether the ingestion bot's token may be taken out of the database.
    pub ingestion_bot: bool,
    /// Whether the image's registry may be asked.
    pub registry: bool,
    /// The helm that would be used.
    pub helm: Option<&'a Path>,
    /// The tables: what an image of ingestion is built on.
    pub tables: &'a Tables,
}

/// Gathers. A Secret that was named and holds no token is a failure.
pub async fn gather(cluster: &Cluster, name: &str, release: &Fact<Release>, look: Look<'_>) -> anyhow::Result<Facts> {
    let newest = release.value().ok_or_else(|| release.reason().unwrap_or_default().to_owned());
    // What a try set that helm gave up on is not what the next upgrade begins from.
    let revisions = revisions::look(cluster, newest.clone()).await;
    let tried = revisions.as_ref().map(Revisions::manifests).unwrap_or_default();
    let stored = revisions.as_ref().map(|r| &r.taken).map_err(Clone::clone);
    let manifest = stored.clone().and_then(manifest);
    let server = manifest.as_ref().ok().and_then(|all| server_of(all).cloned());
    let database = async {
        match (&stored, look.probe) {
            (_, false) => Err("not asked (--no-probe)".to_owned()),
            (Err(reason), _) => Err(reason.clone()),
            (Ok(release), true) => {
                probe::facts(cluster, release, look.probe_image, Counted::Facts).await.map(|(_, database)| database)
            }
        }
    };
    let search = async {
        match &stored {
            Err(reason) => Err(reason.clone()),
            Ok(release) => search::ask(cluster, release, look.probe, look.search_image).await,
        }
    };
    let (beside, database, search, (drift, kinds), whole, neighbours, kubernetes, helm) = tokio::join!(
        Beside::look(cluster, name, newest.as_ref().ok().copied()),
        database,
        search,
        drift::look(cluster, manifest.as_deref(), &tried),
        whole::look(cluster),
        neighbours(cluster, name),
        cluster.within(cluster.client.apiserver_version()),
        Helm::find(look.helm),
    );
    let settings = match (&manifest, &server) {
        (Ok(all), Some(server)) => Ok(settings(all, server)),
        (Ok(_), None) => Err("the release holds no OpenMetadata server".to_owned()),
        (Err(reason), _) => Err(reason.clone()),
    };
    let to = look.asked.to.to_string();
    let values = values(&stored, look.values.clone());
    let image = beside.image().map(|serving| target_image(values.as_ref().ok(), &serving, &to));
    let registry = async {
        if !look.registry {
            return Err("not asked (--offline)".to_owned());
        }
        registry::resolve(cluster, image.as_ref().map_err(Clone::clone)?, &beside.pull_secrets(cluster).await).await
    };
    let said = async {
        match (&stored, &settings) {
            (Ok(release), Ok(set)) => Box::pin(pipelines::ask(cluster, release, &beside, set, &look)).await.map(Ok),
            (Err(reason), _) | (_, Err(reason)) => Ok(Err(reason.clone())),
        }
    };
    let (registry, said) = tokio::join!(registry, said);
    let said = said?;
    let shown = settings.as_ref().map(read::shown).map_err(Clone::clone);
    let ingestion = ingestion::look(cluster, &beside, shown.as_ref().ok(), &look.tables.versions, said).await;
    let mut facts = Facts {
        schema: FACTS_SCHEMA.to_owned(),
        made: Timestamp::now(),
        release: name.to_owned(),
        namespace: cluster.namespace.clone(),
        helm: newest.clone().and_then(|newest| Ok(storage(newest, revisions.as_ref().map_err(Clone::clone)?))).into(),
        helm_version: helm.map(|h| h.version).map_err(|e| format!("{e:#}")).into(),
        kubernetes: kubernetes.map(|v| v.git_version).map_err(|r| r.to_string()).into(),
        values: values.into(),
        keys: settings.as_ref().map(|set| beside.keys(set)).map_err(Clone::clone).into(),
        server: with_replicas(beside.server(&cluster.namespace), server.as_ref()),
        search: beside.search(cluster, shown.as_ref().ok(), search).await,
        ingestion,
        backup: beside.backup(database.as_ref().ok(), server.as_ref(), look.probe_image),
        settings: shown.into(),
        database: database.into(),
        neighbours: neighbours.into(),
        owner: beside.owner(cluster).await,
        drift_unread: drift.as_ref().map(|seen| seen.unread.clone()).unwrap_or_default(),
        drift: drift.map(|seen| beside.without_scaled(seen.differences)).into(),
        foreign: beside.foreign(manifest.as_deref().unwrap_or_default()),
        apis: manifest.as_deref().map(apis).map_err(Clone::clone).into(),
        kinds,
        room: beside.room(&whole),
        images: whole.images(&image),
        registry: registry.into(),
        folders: Seen::default(),
        asked: look.asked,
    };
    if let Ok(release) = stored {
        let (folders, free) = tokio::join!(
            folders(cluster, release, &facts, look.tables, look.probe),
            free(cluster, release, &facts, look.probe, look.probe_image),
        );
        facts.folders = folders;
        if let Seen::Known(place) = &mut facts.backup {
            place.free = free;
        }
    }
    redacted(facts, &revisions::redactor(newest.ok(), revisions.as_ref().ok())?)
}

/// What is free on the claim, where Pods may be started. Its Pod mounts it: only where it is
/// bound, for it would bind what waits, and only where there is something to compare with.
async fn free(cluster: &Cluster, release: &Release, facts: &Facts, probe: bool, image: Option<&str>) -> Seen<u64> {
    let unasked = |why: &str| Seen::Unknown(format!("not asked{why}"));
    match (facts.backup.value(), facts.database.known()) {
        _ if !probe => unasked(" (--no-probe)"),
        (_, Err(_)) => unasked(": the database's size is not known"),
        (Some(place), Ok(_)) if place.phase == "Bound" => match probe::beside(release, image) {
            Ok(beside) => claim::free(cluster, &beside, &place.claim).await.into(),
            Err(why) => Seen::Unknown(why),
        },
        _ => unasked(": the claim is not bound"),
    }
}

/// What the target's image carries. Its Pod pulls that image: only where all would rest on the tables otherwise.
async fn folders(
    cluster: &Cluster,
    release: &Release,
    facts: &Facts,
    tables: &Tables,
    probe: bool,
) -> Seen<Vec<String>> {
    if !probe {
        return Seen::Unknown("not asked (--no-probe)".to_owned());
    }
    let case = Case { facts: facts.clone(), tables: tables.clone() };
    match case.by_tables() {
        Pending::Nothing(_) if case.from() == Some(case.to()) => {
            Seen::Unknown("not asked: the target serves already".to_owned())
        }
        Pending::Nothing(_) => {
            let other = |serving: &str| target_image(facts.values.value(), serving, &case.to().to_string());
            probe::folders_of(cluster, release, other).await.into()
        }
        _ => Seen::Unknown("not asked: something is pending by the tables".to_owned()),
    }
}

fn manifest(release: &Release) -> Result<Vec<Object>, String> {
    let text = release.manifest.expose().ok_or("the manifest is not here")?;
    objects(text, &release.namespace).map_err(|e| format!("the stored manifest cannot be read: {e}"))
}

fn server_of(manifest: &[Object]) -> Option<&Object> {
    let found = servers(manifest).into_iter().next()?;
    manifest.iter().find(|o| o.label() == found.label)
}

/// The live server with what the release's manifest asks for, which may be another number of pods.
fn with_replicas(live: Seen<Server>, stored: Option<&Object>) -> Seen<Server> {
    let of_release =
        stored.and_then(|o| o.value.pointer("/spec/replicas")?.as_i64()).and_then(|n| i32::try_from(n).ok());
    match live {
        Seen::Known(server) => Seen::Known(Server { of_release, ..server }),
        unknown @ Seen::Unknown(_) => unknown,
    }
}

fn storage(newest: &Release, revisions: &Revisions) -> Stored {
    let (newest, taken) = (&newest.revision, &revisions.taken.revision);
    Stored {
        revision: newest.number,
        status: newest.status,
        taken: revisions.instead_of(newest),
        chart: taken.chart.version.clone(),
        // A later try of another version that was applied in part may be what serves: then no chart tells it.
        app: Some(&taken.chart.app_version)
            .filter(|app| revisions.tried.iter().all(|r| r.revision.chart.app_version == **app))
            .cloned()
            .unwrap_or_default(),
        apply_method: taken.apply_method.clone(),
        // Helm repeats what a server said to it, which may be what was in its question.
        description: without_looks(&newest.description),
    }
}

fn values(release: &Result<&Release, String>, given: Option<Values>) -> Result<Values, String> {
    if let Some(given) = given {
        return Ok(given);
    }
    let release = release.clone()?;
    let values = release.values.expose().ok_or("the values are not here")?;
    // A release without values of its own stores null.
    Ok(Values(if values.is_null() { serde_json::json!({}) } else { values.clone() }))
}

fn apis(manifest: &[Object]) -> Vec<(String, String)> {
    let api = |o: &Object| o.value.get("apiVersion").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    manifest.iter().map(|o| (api(o), o.label())).collect()
}

/// The newest revision of every other release of the namespace.
async fn neighbours(cluster: &Cluster, name: &str) -> Result<Vec<Neighbour>, String> {
    let all = release::stored(cluster, None).await.map_err(|r| r.to_string())?;
    let newest: BTreeMap<String, release::Stored> = all.into_iter().map(|s| (s.release.clone(), s)).collect();
    let mut out = Vec::new();
    for stored in newest.into_values().filter(|s| s.release != name) {
        let release = release::one(cluster, &stored).await.map_err(|e| format!("{e:#}"))?;
        out.push(Neighbour {
            name: release.name,
            chart: release.revision.chart.name,
            version: release.revision.chart.version,
            holds_openmetadata: release.holds_openmetadata,
        });
    }
    Ok(out)
}

/// A list, reduced, or why there is none.
async fn listed<K, T>(cluster: &Cluster, api: kube::Api<K>, reduce: impl Fn(&K) -> T) -> Result<Vec<T>, String>
where
    K: kube::Resource + Clone + serde::de::DeserializeOwned + std::fmt::Debug,
    K::DynamicType: Default,
{
    let kind = K::plural(&K::DynamicType::default()).into_owned();
    let all = cluster.each(&api, ListParams::default(), |item| Some(reduce(&item))).await;
    all.map_err(|refused| format!("{kind}: {refused}"))
}

/// A fact of two that were looked at apart.
fn both<A, B, T>(a: &Result<A, String>, b: &Result<B, String>, make: impl FnOnce(&A, &B) -> T) -> Seen<T> {
    match (a, b) {
        (Ok(a), Ok(b)) => Seen::Known(make(a, b)),
        (Err(reason), _) | (_, Err(reason)) => Seen::Unknown(reason.clone()),
    }
}
