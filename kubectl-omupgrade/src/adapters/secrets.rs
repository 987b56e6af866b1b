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
use kube::api::{DeleteParams, PostParams};
use shared::marks;
use std::collections::BTreeMap;
use std::path::Path;

/// The Secret's type, so that a person sees what it is.
const TYPE: &str = "omupgrade.io/backup-secrets";

/// Keeps them; a Secret that is there already is left as it is.
pub async fn keep(cluster: &Cluster, release: &Release, name: &str, found: &Found) -> Result<(), String> {
    let secret = object(release, name, found)?;
    let api: Api<Secret> = cluster.api();
    match cluster.within(api.create(&PostParams::default(), &secret)).await {
        Ok(_) => Ok(()),
        Err(refused) if refused.is_conflict() => Ok(()),
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
