//! The volume of a database that runs in this namespace: the claim of the Pod that `DB_HOST` names, by its capacity. SQL
//! cannot be asked for it, and of a database elsewhere nothing is told.

use super::cluster::Cluster;
use crate::checks::precheck::read::quantity;
use crate::facts::read;
use crate::wayback::found::Volume;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::ListParams;
use serde_json::json;
use shared::component::{Component, of};

/// The volume, where one Pod can be told to be the database's and its claims may be read.
pub async fn of_database(cluster: &Cluster, host: &str) -> Option<Volume> {
    let name = in_namespace(host, &cluster.namespace)?;
    let pods = cluster.all(&cluster.api::<Pod>(), ListParams::default()).await.ok()?;
    let mut named = pods.iter().filter(|pod| is_database_of(pod, name));
    // Of several, which one is written to is not known.
    let (pod, None) = (named.next()?, named.next()) else { return None };
    let mut largest: Option<Volume> = None;
    for claim in read::pod(pod).claims {
        let found = cluster.within(cluster.api::<PersistentVolumeClaim>().get(&claim)).await.ok()?;
        let bytes = capacity(&found)?;
        if largest.as_ref().is_none_or(|l| l.bytes < bytes) {
            let pod = pod.metadata.name.clone().unwrap_or_default();
            largest = Some(Volume { bytes, claim, pod });
        }
    }
    largest
}

/// The name that an address is of in this namespace; none where it is elsewhere. The chart writes values in literal
/// quotes.
fn in_namespace<'a>(host: &'a str, namespace: &str) -> Option<&'a str> {
    let mut parts = host.trim_matches('"').split('.');
    let name = parts.next().filter(|name| !name.is_empty())?;
    parts.next().is_none_or(|second| second == namespace).then_some(name)
}

/// Whether a Pod runs a database and is of what bears this name.
fn is_database_of(pod: &Pod, name: &str) -> bool {
    let own = pod.metadata.name.as_deref().unwrap_or_default();
    let named = own == name || own.strip_prefix(name).is_some_and(|rest| rest.starts_with('-'));
    let ended = pod.status.as_ref().and_then(|s| s.phase.as_deref());
    named
        && !matches!(ended, Some("Succeeded" | "Failed"))
        && of(&json!({"spec": {"template": {"spec": pod.spec}}})) == Component::Database
}

/// The size of a claim: what it has, else what it asks for.
pub(super) fn capacity(claim: &PersistentVolumeClaim) -> Option<u64> {
    let capacity = claim.status.as_ref().and_then(|s| s.capacity.as_ref()).and_then(|c| c.get("storage"));
    let asked = claim.spec.as_ref().and_then(|s| s.resources.as_ref()?.requests.as_ref()?.get("storage"));
    let number = quantity(&capacity.or(asked)?.0)?;
    // Volumes are far below what a float holds exactly.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(number.max(0.0) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_address_in_this_namespace_names_a_pod_of_it() {
        for (host, name) in [
            ("mysql", Some("mysql")),
            ("\"mysql\"", Some("mysql")),
            ("mysql.data.svc.cluster.local", Some("mysql")),
            ("mysql.other.svc", None),
            ("om.abc.eu-west-1.rds.amazonaws.com", None),
            ("10.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(in_namespace(host, "data"), name, "{host}");
        }
    }

    #[test]
    fn a_pod_is_told_by_name_and_image() {
        let pod = |name: &str, image: &str, phase: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": image}]}, "status": {"phase": phase}})).unwrap()
        };
        assert!(is_database_of(&pod("mysql-0", "bitnami/mysql:8", "Running"), "mysql"));
        for (name, image, phase) in [
            ("mysql-0", "bitnami/mysqld-exporter:1", "Running"),
            ("mysqlbackup-0", "mysql:8", "Running"),
            ("mysql-old", "mysql:8", "Succeeded"),
        ] {
            assert!(!is_database_of(&pod(name, image, phase), "mysql"), "{name}");
        }
    }
}
