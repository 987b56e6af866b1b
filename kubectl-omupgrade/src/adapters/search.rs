//! Asks the search engine of a release: through a forwarded port where it runs in this namespace and lets anybody ask,
//! else by a short-lived Pod beside the server, which is given references to the server's own settings. The plugin never
//! reads the password.

use super::cluster::Cluster;
use super::openmetadata::{Client, Door};
use super::pod;
use super::tls::behind;
use crate::beside::{Beside, default_image};
use crate::facts::{Fact, Release, SEARCH_QUESTIONS, SearchEngine};
use crate::preview::{objects, servers, settings};
use jiff::Timestamp;
use shared::{backup::Engine, marks};
use std::collections::BTreeMap;

/// Seconds for which the Pod may live, pulling an image included: the server's own is on a node already. Chosen.
const DEADLINE: u64 = 180;

/// The engine as a fact; unknown where the release's content is.
pub async fn fact(
    cluster: &Cluster,
    release: Option<&Release>,
    by_pod: bool,
    image: Option<&str>,
) -> Fact<SearchEngine> {
    let answer = match release {
        None => Err("the release's content could not be read".to_owned()),
        Some(release) => ask(cluster, release, by_pod, image).await,
    };
    match answer {
        Ok((engine, at)) => Fact::known(engine, at, Timestamp::now()),
        Err(why) => Fact::unknown(why, "the search engine", Timestamp::now()),
    }
}

/// The engine, and from where it was asked; in words why it is not known. `by_pod` lets a Pod ask; `image` is another
/// one for it than the server's.
pub async fn ask(
    cluster: &Cluster,
    release: &Release,
    by_pod: bool,
    image: Option<&str>,
) -> Result<(SearchEngine, String), String> {
    let text = release.manifest.expose().ok_or("the manifest is not here")?;
    let all = objects(text, &release.namespace)?;
    let server = servers(&all).into_iter().next().and_then(|s| all.iter().find(|o| o.label() == s.label));
    let set = settings(&all, server.ok_or("the release holds no OpenMetadata server")?);
    let setting = |name: &str| set.get(name).and_then(|v| v.as_ref()?.expose().cloned()).unwrap_or_default();
    let alias = setting("ELASTICSEARCH_CLUSTER_ALIAS");
    let forwarded = match setting("ELASTICSEARCH_SCHEME").as_str() {
        "" | "http" => forwarded(cluster, &setting("ELASTICSEARCH_HOST"), &setting("ELASTICSEARCH_PORT"), &alias).await,
        _ => Err("it speaks TLS".to_owned()),
    };
    let why = match forwarded {
        Ok(found) => return Ok(found),
        Err(why) if !by_pod => return Err(format!("not asked by a Pod (--no-probe), and not through a port: {why}")),
        Err(why) => why,
    };
    tracing::debug!("the search engine is asked by a Pod: {why}");
    // The database's client is not used; naming one only keeps an engine that the manifest does not tell from mattering.
    let beside = Beside::of_manifest(&release.name, &release.namespace, text, Some(default_image(Engine::Postgresql)))?;
    let beside = beside.with_search_settings(&all);
    let name = pod::name(&beside.release, marks::ROLE_SEARCH);
    let made = beside.search_pod(&name, marks::ROLE_SEARCH, DEADLINE, image);
    let log = pod::answer(cluster, &beside.release, marks::ROLE_SEARCH, &made).await;
    // Its image is another flag's.
    let log = log.map_err(|why| why.replace("--probe-image", "--search-image"))?;
    let (engine, at) = SearchEngine::parse(&log, &alias).map_err(|e| e.to_string())?;
    Ok((engine, format!("{at}, asked beside the server")))
}

/// Through a port of a pod of this namespace, with no password: where security is on, that is no way.
async fn forwarded(cluster: &Cluster, host: &str, port: &str, alias: &str) -> Result<(SearchEngine, String), String> {
    let host = host.split(',').next().unwrap_or_default().trim();
    let (host, port) = host.split_once(':').unwrap_or((host, port));
    let port: u16 = port.parse().unwrap_or(9200);
    if host.is_empty() {
        return Err("the release names no host of it".to_owned());
    }
    let (pod, target) = behind(cluster, host, port).await?.ok_or("it runs elsewhere")?;
    let door = Door::Pod { cluster: Box::new(cluster.clone()), pod: pod.clone() };
    let client = Client { ports: (target, target), ..Client::new(door, cluster.patience) };
    let mut answers = BTreeMap::new();
    for question in SEARCH_QUESTIONS {
        let answer = client.get(question).await.map_err(|e| e.to_string())?;
        if matches!(answer.status, 401 | 403) {
            return Err(format!("it answers {} without a password", answer.status));
        }
        answers.insert((*question).to_owned(), (answer.status, answer.text()));
    }
    let engine = SearchEngine::read(&answers, alias).map_err(|e| e.to_string())?;
    Ok((engine, format!("Pod {pod}, port {target}")))
}
