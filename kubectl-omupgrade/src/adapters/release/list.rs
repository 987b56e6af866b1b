//! Which revisions are stored, and their content on demand. Lists read labels only: a history can weigh megabytes.

use super::decode::{self, decode};
use crate::adapters::cluster::{Cluster, Refused};
use crate::facts::{Driver, Release, Status};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::api::{ListParams, ObjectMeta, PartialObjectMeta};

/// A stored revision, as its labels tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The release.
    pub release: String,
    /// The revision.
    pub number: u64,
    /// Helm's word for it.
    pub status: Status,
    /// The storage object.
    pub object: String,
    /// Which kind of object.
    pub driver: Driver,
}

/// How many revisions are decoded at a time.
const AT_ONCE: usize = 4;

/// Every stored revision of the namespace, or of one release, oldest first. Both drivers are asked; one that may not
/// be read is left out where the other can.
pub async fn stored(cluster: &Cluster, release: Option<&str>) -> Result<Vec<Stored>, Refused> {
    let labels = release.map_or_else(|| "owner=helm".to_owned(), |name| format!("owner=helm,name={name}"));
    let params = || ListParams::default().labels(&labels);
    let secrets = async {
        let api = cluster.api::<PartialObjectMeta<Secret>>();
        let list = cluster.within(api.list(&params())).await?;
        Ok::<_, Refused>(list.items.into_iter().filter_map(|o| read(o.metadata, Driver::Secrets)).collect::<Vec<_>>())
    };
    let maps = async {
        let api = cluster.api::<PartialObjectMeta<ConfigMap>>();
        let list = cluster.within(api.list(&params())).await?;
        Ok::<_, Refused>(
            list.items.into_iter().filter_map(|o| read(o.metadata, Driver::ConfigMaps)).collect::<Vec<_>>(),
        )
    };
    let mut all = match futures::future::join(secrets, maps).await {
        (Ok(mut a), Ok(b)) => {
            a.extend(b);
            a
        }
        (Ok(a), Err(_)) | (Err(_), Ok(a)) if !a.is_empty() => a,
        (Err(refused), _) | (_, Err(refused)) => return Err(refused),
    };
    all.sort_by(|a, b| (&a.release, a.number, a.driver).cmp(&(&b.release, b.number, b.driver)));
    Ok(all)
}

fn read(meta: ObjectMeta, driver: Driver) -> Option<Stored> {
    let labels = meta.labels?;
    Some(Stored {
        release: labels.get("name")?.clone(),
        number: labels.get("version")?.parse().ok()?,
        status: labels.get("status").map_or(Status::Unknown, |s| Status::read(s)),
        object: meta.name?,
        driver,
    })
}

/// The content of one stored revision.
pub async fn one(cluster: &Cluster, stored: &Stored) -> anyhow::Result<Release> {
    let object = match stored.driver {
        Driver::Secrets => format!("Secret {}", stored.object),
        Driver::ConfigMaps => format!("ConfigMap {}", stored.object),
    };
    decode(&data(cluster, stored).await?, stored.driver, &object)
}

/// The chart's own values of one stored revision; its dependencies' are not stored.
pub async fn defaults(cluster: &Cluster, stored: &Stored) -> anyhow::Result<serde_json::Value> {
    decode::defaults(&data(cluster, stored).await?)
}

async fn data(cluster: &Cluster, stored: &Stored) -> anyhow::Result<Vec<u8>> {
    let doing = format!("reading revision {} of the release {}", stored.number, stored.release);
    let missing = || anyhow::anyhow!("{doing}: {} holds no `release`", stored.object);
    Ok(match stored.driver {
        Driver::Secrets => {
            let secret = cluster.within(cluster.api::<Secret>().get(&stored.object)).await;
            let data = secret.map_err(|r| r.failure(&doing))?.data.unwrap_or_default().remove("release");
            data.ok_or_else(missing)?.0
        }
        Driver::ConfigMaps => {
            let map = cluster.within(cluster.api::<ConfigMap>().get(&stored.object)).await;
            let data = map.map_err(|r| r.failure(&doing))?.data.unwrap_or_default().remove("release");
            data.ok_or_else(missing)?.into_bytes()
        }
    })
}

/// The newest revision of a release, whole; none where there is no such release.
pub async fn latest(cluster: &Cluster, release: &str) -> anyhow::Result<Option<Release>> {
    let all = stored(cluster, Some(release)).await.map_err(|r| r.failure("listing the revisions of the release"))?;
    match all.last() {
        Some(newest) => one(cluster, newest).await.map(Some),
        None => Ok(None),
    }
}

/// All revisions of a release, whole, oldest first.
pub async fn history(cluster: &Cluster, release: &str) -> anyhow::Result<Vec<Release>> {
    let all = stored(cluster, Some(release)).await.map_err(|r| r.failure("listing the revisions of the release"))?;
    futures::stream::iter(all.iter().map(|s| one(cluster, s))).buffered(AT_ONCE).try_collect().await
}
