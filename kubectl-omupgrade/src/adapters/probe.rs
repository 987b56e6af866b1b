//! Asks the database for its state by a short-lived Pod beside the server, which carries references to the server's own
//! Secrets. The plugin itself never connects to a database and never reads what the Pod is given.

use super::cluster::Cluster;
use super::pod;
use crate::beside::Beside;
use crate::facts::Release;
use crate::fingerprint::Fingerprint;
use crate::preview::Object;
use shared::backup::probe;
use shared::marks;

/// Seconds for which the Pod may live: pulling an image included. Chosen.
const DEADLINE: u64 = 150;

/// The state of the database of a release, with the image of the server that was asked beside.
pub async fn of_release(
    cluster: &Cluster,
    release: &Release,
    image: Option<&str>,
) -> Result<(String, Fingerprint), String> {
    let text = release.manifest.expose().ok_or("the manifest is not here")?;
    let beside = Beside::of_manifest(&release.name, &release.namespace, text, image)?;
    let state = ask(cluster, &beside).await?;
    Ok((beside.server_image, state))
}

/// The state of the release's database, or in words why it is not known.
pub async fn fingerprint(
    cluster: &Cluster,
    release: &str,
    objects: &[Object],
    server: &Object,
    image: Option<&str>,
) -> Result<Fingerprint, String> {
    ask(cluster, &Beside::of(release, objects, server, image)?).await
}

async fn ask(cluster: &Cluster, beside: &Beside) -> Result<Fingerprint, String> {
    let name = pod::name(&beside.release, marks::ROLE_PROBE);
    let pod = probe(&beside.parts(&name, DEADLINE));
    let answer = pod::answer(cluster, &beside.release, marks::ROLE_PROBE, &pod).await?;
    Fingerprint::parse(beside.engine, &answer).map_err(|e| e.to_string())
}
