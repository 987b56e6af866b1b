//! The claim with the backups: whether it is there, what lies on it. What lies on it is asked by short-lived Pods that
//! mount it and know no database; the claim is the only truth, also of what the post-renderer's hook made.

use super::cluster::Cluster;
use super::pod;
use crate::backup::{Listing, read};
use crate::beside::Beside;
use crate::facts::Release;
use crate::preview::objects;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};
use shared::backup::{DRILL_SCRIPT, Engine, FACTS_MYSQL, FACTS_POSTGRESQL, Job, claim_script, only_reading};
use shared::marks;

/// Seconds for which a Pod that lists may live: pulling an image and attaching a volume included. Chosen.
const QUICK: u64 = 180;

/// The claim of a release: the one that is named, else the one that the newest backup hook of its history uses, else
/// the one that bears its name.
pub fn name_of(release: &str, named: Option<&str>, history: &[Release]) -> String {
    let hooked = || history.iter().rev().find_map(hook_claim);
    named.map(str::to_owned).or_else(hooked).unwrap_or_else(|| marks::backup_claim(release))
}

fn hook_claim(release: &Release) -> Option<String> {
    let hooks = release.hooks.iter().filter_map(|h| objects(h.manifest.expose()?, &release.namespace).ok());
    let role = format!("/metadata/labels/{}", marks::ROLE.replace('/', "~1"));
    let job = hooks
        .flatten()
        .find(|o| o.kind == "Job" && o.value.pointer(&role).and_then(Value::as_str) == Some(marks::ROLE_BACKUP))?;
    let volumes = job.value.pointer("/spec/template/spec/volumes")?.as_array()?;
    let name = volumes.iter().find_map(|v| v.pointer("/persistentVolumeClaim/claimName")?.as_str())?;
    Some(name.to_owned())
}

/// The claim, where it is there.
pub async fn get(cluster: &Cluster, name: &str) -> Result<Option<PersistentVolumeClaim>, super::cluster::Refused> {
    let api: Api<PersistentVolumeClaim> = cluster.api();
    match cluster.within(api.get(name)).await {
        Ok(claim) => Ok(Some(claim)),
        Err(refused) if refused.is_absent() => Ok(None),
        Err(refused) => Err(refused),
    }
}

/// The claims that `backup init` made for a release.
pub async fn ours(cluster: &Cluster, release: &str) -> Result<Vec<String>, super::cluster::Refused> {
    let api: Api<PersistentVolumeClaim> = cluster.api();
    let made =
        ListParams::default().labels(&format!("{}={},{}={release}", marks::ROLE, marks::ROLE_BACKUP, marks::RELEASE));
    let found = cluster.all(&api, made).await?;
    Ok(found.into_iter().filter_map(|claim| claim.metadata.name).collect())
}

/// The backups on the claim; a claim that is not there holds none.
pub async fn listing(cluster: &Cluster, beside: &Beside, claim: &str) -> Result<Listing, String> {
    if get(cluster, claim).await.map_err(|r| format!("looking for the claim {claim}: {r}"))?.is_none() {
        return Ok(Listing::default());
    }
    read(&run(cluster, beside, claim, &[("OMUPGRADE_ACTION", "list")], QUICK).await?)
}

/// Bytes that are free on the claim, as its file system says.
pub async fn free(cluster: &Cluster, beside: &Beside, claim: &str) -> Result<u64, String> {
    let listing = read(&run(cluster, beside, claim, &[("OMUPGRADE_ACTION", "list")], QUICK).await?)?;
    listing.room.map(|(_, free)| free).ok_or_else(|| "its file system does not say".to_owned())
}

/// Restores a backup into a server that lives and ends in a Pod; what it found there.
pub async fn drill(
    cluster: &Cluster,
    beside: &Beside,
    claim: &str,
    backup: &str,
    deadline: u64,
) -> Result<String, String> {
    let beside = beside
        .clone()
        .without_database()
        .with_resources(json!({"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": "2Gi"}}));
    let name = pod::name(&beside.release, marks::ROLE_DRILL);
    let (engine, facts) = match beside.engine {
        Engine::Postgresql => ("postgresql", ("OMUPGRADE_FACTS_POSTGRESQL", FACTS_POSTGRESQL)),
        Engine::Mysql => ("mysql", ("OMUPGRADE_FACTS_MYSQL", FACTS_MYSQL)),
    };
    let variables = [("OMUPGRADE_BACKUP", backup), ("OMUPGRADE_ENGINE", engine), facts];
    let parts = Job { script: DRILL_SCRIPT, claim, variables: &variables, ..beside.parts(&name, deadline) };
    let pod = only_reading(shared::backup::pod(&parts, marks::ROLE_DRILL));
    pod::answer(cluster, &beside.release, marks::ROLE_DRILL, &pod).await
}

/// Runs one action of the claim script; its log.
pub async fn run(
    cluster: &Cluster,
    beside: &Beside,
    claim: &str,
    variables: &[(&str, &str)],
    deadline: u64,
) -> Result<String, String> {
    let beside = beside.clone().without_database();
    let name = pod::name(&beside.release, marks::ROLE_CLAIM);
    let parts = Job { script: claim_script(), claim, variables, ..beside.parts(&name, deadline) };
    let pod = shared::backup::pod(&parts, marks::ROLE_CLAIM);
    pod::answer(cluster, &beside.release, marks::ROLE_CLAIM, &pod).await
}
