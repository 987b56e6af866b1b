//! Asks the database for its state by a short-lived Pod beside the server, which carries references to the server's own
//! Secrets. The plugin itself never connects to a database and never reads what the Pod is given.

use super::cluster::Cluster;
use super::pod;
use crate::beside::Beside;
use crate::facts::{Database, Release};
use crate::fingerprint::Fingerprint;
use shared::backup::{Asked, probe};
use shared::marks;
use shared::versions::Version;

/// Seconds for which the Pod may live, pulling an image included: for the fingerprint, for facts, for counting every
/// row. Chosen.
fn deadline(asked: Asked) -> u64 {
    match asked {
        Asked::Fingerprint => 150,
        Asked::Facts | Asked::Bot => 300,
        Asked::FactsWithAllRows => 1800,
    }
}

/// Labels for a Pod of ours, as a person names them.
pub type Labels = [(String, String)];

/// The state of the database of a release, with the image of the server that was asked beside.
pub async fn of_release(
    cluster: &Cluster,
    release: &Release,
    image: Option<&str>,
    labels: &Labels,
) -> Result<(String, Fingerprint), String> {
    let beside = beside(release, image)?.with_labels(labels);
    let state = state(cluster, &beside).await?;
    Ok((beside.server_image, state))
}

/// What is to know of the database of a release, with the image of the server that was asked beside. `asked` says how
/// many rows are counted.
pub async fn facts(
    cluster: &Cluster,
    release: &Release,
    image: Option<&str>,
    asked: Asked,
) -> Result<(String, Database), String> {
    let beside = beside(release, image)?;
    let database = facts_beside(cluster, &beside, asked).await?;
    Ok((beside.server_image, database))
}

/// The ingestion bot's token as the database keeps it; empty where there is none.
pub async fn bot(cluster: &Cluster, release: &Release, image: Option<&str>) -> Result<String, String> {
    let answer = ask(cluster, &beside(release, image)?, Asked::Bot).await?;
    Ok(answer.lines().find_map(|l| l.strip_prefix("token\t")).unwrap_or_default().trim().to_owned())
}

/// The same, asked beside this server.
pub async fn facts_beside(cluster: &Cluster, beside: &Beside, asked: Asked) -> Result<Database, String> {
    let answer = ask(cluster, beside, asked).await?;
    Database::parse(beside.engine, &answer).map_err(|e| e.to_string())
}

/// The migration folders that the image of a release's server carries, with that image: asked of the image itself, in a
/// short-lived Pod, for a tag does not tell it.
pub async fn folders(cluster: &Cluster, release: &Release, labels: &Labels) -> Result<(String, Vec<String>), String> {
    // The client image is not used; naming one only keeps an engine that the manifest does not tell from mattering.
    let beside = beside(release, Some(crate::beside::default_image(shared::backup::Engine::Postgresql)))?;
    let beside = beside.with_labels(labels);
    let name = pod::name(&beside.release, marks::ROLE_FOLDERS);
    let made = beside.folders_pod(&name, marks::ROLE_FOLDERS, deadline(Asked::Fingerprint));
    let answer =
        pod::answer(cluster, &beside.release, marks::ROLE_FOLDERS, &made).await.map_err(|why| own_image(&why))?;
    Ok((beside.server_image, versions(&answer)))
}

/// The same of another image, made of the server's, which the node then pulls.
pub async fn folders_of(
    cluster: &Cluster,
    release: &Release,
    other: impl FnOnce(&str) -> String,
) -> Result<Vec<String>, String> {
    let mut beside = beside(release, Some(crate::beside::default_image(shared::backup::Engine::Postgresql)))?;
    beside.server_image = other(&beside.server_image);
    let name = pod::name(&beside.release, marks::ROLE_FOLDERS);
    let made = beside.folders_pod(&name, marks::ROLE_FOLDERS, deadline(Asked::Facts));
    let answer =
        pod::answer(cluster, &beside.release, marks::ROLE_FOLDERS, &made).await.map_err(|why| own_image(&why))?;
    Ok(versions(&answer))
}

/// Words about a Pod whose image is asked itself, so that no flag can name another.
fn own_image(why: &str) -> String {
    why.replace(pod::NAME_ANOTHER, "")
}

/// The lines that name a version: an image may keep other things beside its folders.
fn versions(listed: &str) -> Vec<String> {
    let names = listed.lines().map(|l| l.trim().trim_end_matches('/'));
    names.filter(|n| Version::parse(n).is_some()).map(str::to_owned).collect()
}

/// What a Pod beside the server of a release takes over from it.
pub(super) fn beside(release: &Release, image: Option<&str>) -> Result<Beside, String> {
    let text = release.manifest.expose().ok_or("the manifest is not here")?;
    Beside::of_manifest(&release.name, &release.namespace, text, image)
}

/// The state of the database of the server that is stood beside, or in words why it is not known.
pub async fn state(cluster: &Cluster, beside: &Beside) -> Result<Fingerprint, String> {
    let answer = ask(cluster, beside, Asked::Fingerprint).await?;
    Fingerprint::parse(beside.engine, &answer).map_err(|e| e.to_string())
}

async fn ask(cluster: &Cluster, beside: &Beside, asked: Asked) -> Result<String, String> {
    let name = pod::name(&beside.release, marks::ROLE_PROBE);
    let pod = probe(&beside.parts(&name, deadline(asked)), asked);
    pod::answer(cluster, &beside.release, marks::ROLE_PROBE, &pod).await
}
