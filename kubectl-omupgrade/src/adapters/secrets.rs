//! The Secret that keeps what a backup on a claim must not hold: the Fernet key, JWT keys, values. It is omupgrade's own
//! and outlives the release.

use super::age::encrypt;
use super::cluster::Cluster;
use super::keys::Found;
use crate::facts::Release;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams};
use shared::marks;
use std::collections::BTreeMap;
use std::path::Path;

/// The Secret's type, so that a person sees what it is.
const TYPE: &str = "omupgrade.io/backup-secrets";

/// Annotations of such a Secret: the claim that its backup lies on, the backup, and that the backup is on its way out. A
/// record can name any Secret; these are what tells whose it is.
const CLAIM: &str = "omupgrade.io/claim";
const BACKUP: &str = "omupgrade.io/backup";
const GOING: &str = "omupgrade.io/going";

/// Keeps them for a backup on this claim; a Secret that is there already is left as it is. Whether what is there now are
/// these: one that a killed process left may hold those of another day.
pub async fn keep(
    cluster: &Cluster,
    release: &Release,
    name: &str,
    claim: Option<&str>,
    found: &Found,
) -> Result<bool, String> {
    let mut secret = object(release, name, found)?;
    secret.metadata.annotations = claim.map(|claim| [(CLAIM.to_owned(), claim.to_owned())].into());
    let api: Api<Secret> = cluster.api();
    match cluster.within(api.create(&PostParams::default(), &secret)).await {
        Ok(_) => Ok(true),
        Err(refused) if refused.is_there_already() => {
            let there =
                cluster.within(api.get(name)).await.map_err(|r| format!("looking at the Secret {name}: {r}"))?;
            Ok(there.type_ == secret.type_ && there.data.unwrap_or_default() == secret.data.unwrap_or_default())
        }
        Err(refused) => Err(format!("keeping the secrets in the Secret {name}: {refused}")),
    }
}

/// The same Secret as a manifest for recipients of age: whoever can decrypt it can apply it.
pub async fn encrypted(
    release: &Release,
    name: &str,
    found: &Found,
    (age, recipients): (Option<&Path>, &[String]),
) -> Result<Vec<u8>, String> {
    let text = serde_json::to_vec(&object(release, name, found)?).map_err(|e| e.to_string())?;
    encrypt(age, recipients, &text).await
}

fn object(release: &Release, name: &str, found: &Found) -> Result<Secret, String> {
    let mut data: BTreeMap<String, ByteString> = BTreeMap::new();
    for (key, content) in &found.content {
        if let Some(bytes) = content.expose() {
            let key = key.replace('/', ".").replace(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c), "_");
            data.insert(key, ByteString(bytes.clone()));
        }
    }
    if let Some(values) = release.values.expose() {
        data.insert("values.json".to_owned(), ByteString(serde_json::to_vec(values).map_err(|e| e.to_string())?));
    }
    let labels = [
        ("app.kubernetes.io/managed-by", "omupgrade"),
        (marks::ROLE, marks::ROLE_SECRETS),
        (marks::RELEASE, &release.name),
    ];
    Ok(Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()),
            ..ObjectMeta::default()
        },
        type_: Some(TYPE.to_owned()),
        data: Some(data),
        ..Secret::default()
    })
}

/// One that is kept, without its content.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Its name.
    pub name: String,
    /// The release.
    pub release: String,
    marks: BTreeMap<String, String>,
}

impl Kept {
    /// Whether it was made for this backup on this claim.
    pub fn is_of(&self, claim: &str, backup: &str) -> bool {
        self.mark(CLAIM) == Some(claim) && self.mark(BACKUP) == Some(backup)
    }

    /// Whether its backup was on this claim and was on its way out.
    pub fn was_going(&self, claim: &str) -> bool {
        self.mark(CLAIM) == Some(claim) && self.mark(GOING).is_some()
    }

    fn mark(&self, key: &str) -> Option<&str> {
        self.marks.get(key).map(String::as_str)
    }
}

/// All that are kept in the namespace.
pub async fn all(cluster: &Cluster) -> Result<Vec<Kept>, String> {
    let labels = format!("{}={}", marks::ROLE, marks::ROLE_SECRETS);
    let api: Api<Secret> = cluster.api();
    let all = cluster.all(&api, ListParams::default().labels(&labels)).await;
    let all = all.map_err(|refused| format!("listing the Secrets of backups: {refused}"))?;
    let kept = |secret: Secret| Kept {
        name: secret.metadata.name.unwrap_or_default(),
        release: secret.metadata.labels.and_then(|mut l| l.remove(marks::RELEASE)).unwrap_or_default(),
        marks: secret.metadata.annotations.unwrap_or_default(),
    };
    Ok(all.into_iter().filter(|s| s.type_.as_deref() == Some(TYPE)).map(kept).collect())
}

/// Writes which backup it was made for.
pub async fn is_for(cluster: &Cluster, name: &str, backup: &str) -> Result<(), String> {
    annotate(cluster, name, BACKUP, backup).await
}

/// Writes that its backup is about to be taken away: a run that is killed after it leaves it to the next one.
pub async fn going(cluster: &Cluster, name: &str) -> Result<(), String> {
    annotate(cluster, name, GOING, "true").await
}

async fn annotate(cluster: &Cluster, name: &str, key: &str, value: &str) -> Result<(), String> {
    let doing = format!("marking the Secret {name}");
    let api: Api<Secret> = cluster.api();
    let mut secret = match cluster.within(api.get(name)).await {
        Ok(secret) => secret,
        Err(refused) if refused.is_absent() => return Ok(()),
        Err(refused) => return Err(format!("{doing}: {refused}")),
    };
    secret.metadata.annotations.get_or_insert_default().insert(key.to_owned(), value.to_owned());
    let written = cluster.within(api.replace(name, &PostParams::default(), &secret)).await;
    written.map(|_| ()).map_err(|refused| format!("{doing}: {refused}"))
}

/// Whether it is here, as far as one may look.
pub async fn is_there(cluster: &Cluster, name: &str) -> bool {
    cluster.within(cluster.api::<Secret>().get(name)).await.is_ok_and(|s| s.type_.as_deref() == Some(TYPE))
}

/// Takes it away again, where no backup came of it.
pub async fn forget(cluster: &Cluster, name: &str) -> Result<(), String> {
    // The name stands in a record that anybody who may write to the claim can change.
    let api: Api<Secret> = cluster.api();
    match cluster.within(api.get(name)).await {
        Ok(secret) if secret.type_.as_deref() == Some(TYPE) => {}
        Ok(_) => return Err(format!("the Secret {name} is none of omupgrade's and is left alone")),
        Err(refused) if refused.is_absent() => return Ok(()),
        Err(refused) => return Err(format!("looking at the Secret {name}: {refused}")),
    }
    match cluster.within(cluster.api::<Secret>().delete(name, &DeleteParams::default())).await {
        Ok(_) => Ok(()),
        Err(refused) if refused.is_absent() => Ok(()),
        Err(refused) => Err(format!("taking the Secret {name} away: {refused}")),
    }
}
