//! `backup init`: makes the claim that takes the backups.

use super::{Of, Place, answer};
use crate::adapters::cluster::Cluster;
use crate::adapters::{claim, probe};
use crate::backup::answers::Claimed;
use crate::backup::bytes;
use crate::cli::flags::Output;
use crate::cli::say;
use crate::exit::Exit;
use crate::failure::Failure;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use kube::api::{ListParams, PostParams};
use serde_json::json;
use shared::backup::Asked;
use shared::marks;

/// Make the claim that takes the backups of a release.
///
/// It belongs to omupgrade, not to the release: `helm uninstall` leaves it. Its size comes from the database's unless
/// `--size` names one. A claim of your own will do as well: name it with `--claim`, and in helm-postrender's policy as
/// `backupHook.claim`.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Args {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub of: Of,
    /// Its size, as Kubernetes writes it (20Gi); without it three times the database's size, at least 1Gi.
    #[arg(long, value_name = "SIZE")]
    pub size: Option<String>,
    /// Its storage class; without it the cluster's default.
    #[arg(long, value_name = "NAME")]
    pub storage_class: Option<String>,
    /// Its access mode: `ReadWriteOnce` will do.
    #[arg(long, value_name = "MODE", default_value = "ReadWriteOnce", value_parser = ["ReadWriteOnce", "ReadWriteOncePod", "ReadWriteMany"])]
    pub access_mode: String,
    /// Print the manifest, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// Makes it, unless it is there.
pub async fn init(cluster: &Cluster, args: &Args, output: Output) -> anyhow::Result<Exit> {
    let place = Place::find(cluster, &args.of).await?;
    let name = &place.claim;
    let doing = format!("looking for the claim {name}");
    let there = claim::get(cluster, name).await.map_err(|r| r.failure(&doing))?;
    let class = match &there {
        Some(claim) => claim.spec.as_ref().and_then(|s| s.storage_class_name.as_deref()),
        None => args.storage_class.as_deref(),
    };
    // The claim of a volume that somebody made by hand names the empty class.
    let fate = match class {
        Some("") => Some(BY_HAND.to_owned()),
        class => reclaim(cluster, class).await,
    };
    let mut notes: Vec<String> = fate.into_iter().collect();
    notes.extend(there.as_ref().and_then(unfit));
    for words in &notes {
        say::note(words);
    }
    let mut data =
        Claimed { schema: "omupgrade.io/backup-claim/v1", claim: name.clone(), outcome: "already", size: None, notes };
    if there.is_some() && !args.dry_run {
        let said = format!("the claim {name} is there already\n");
        answer(output, &data, || said)?;
        return Ok(Exit::Done);
    }
    let size = if let Some(size) = &args.size {
        size.clone()
    } else {
        let asked = probe::facts_beside(cluster, &place.beside, Asked::Facts).await;
        let database = asked.map_err(|e| {
            Failure::unknown(format!("asking for the database's size: {e}"))
                .hint(format!("kubectl omupgrade backup init {} --size 20Gi", place.on(cluster)))
        })?;
        let size = size_for(database.bytes);
        say::note(&format!("the database has {}, so the claim gets {size}", bytes(database.bytes)));
        size
    };
    let manifest = json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {
            "name": name,
            "namespace": cluster.namespace,
            "labels": {
                "app.kubernetes.io/managed-by": "omupgrade",
                marks::ROLE: marks::ROLE_BACKUP,
                marks::RELEASE: place.release.name,
            },
        },
        "spec": {
            "accessModes": [args.access_mode.as_str()],
            "storageClassName": args.storage_class,
            "resources": {"requests": {"storage": size}},
        },
    });
    let manifest = without_nulls(manifest);
    if args.dry_run {
        say::output(&serde_saphyr::to_string(&manifest)?)?;
        return Ok(Exit::Done);
    }
    let wanted: PersistentVolumeClaim = serde_json::from_value(manifest)?;
    let api: Api<PersistentVolumeClaim> = cluster.api();
    match cluster.within(api.create(&PostParams::default(), &wanted)).await {
        Err(refused) if !refused.is_there_already() => {
            return Err(refused.failure(&format!("creating the claim {name}")).into());
        }
        _ => {}
    }
    let said = format!("made the claim {name} of {size}; next:\n  {}\n", next(&place.on(cluster), &args.of));
    (data.outcome, data.size) = ("made", Some(size));
    answer(output, &data, || said)?;
    Ok(Exit::Done)
}

/// What to know of a claim of no class.
const BY_HAND: &str = "note: the claim names no storage class: whether deleting it deletes the backups stands in the reclaim policy of its volume";

/// The backup onto this very claim, complete.
fn next(on: &str, of: &Of) -> String {
    let claim = of.claim.as_ref().map(|claim| format!(" --claim {claim}")).unwrap_or_default();
    format!("kubectl omupgrade backup {on}{claim} --with-secrets")
}

/// What keeps a claim of the user's from taking backups.
fn unfit(claim: &PersistentVolumeClaim) -> Option<String> {
    let name = claim.metadata.name.as_deref().unwrap_or_default();
    let modes = claim.spec.as_ref().and_then(|s| s.access_modes.clone()).unwrap_or_default();
    let phase = claim.status.as_ref().and_then(|s| s.phase.as_deref()).unwrap_or("Pending");
    if !modes.is_empty() && modes.iter().all(|mode| mode == "ReadOnlyMany") {
        return Some(format!(
            "warning: the claim {name} can only be read (ReadOnlyMany): no backup can be written to it"
        ));
    }
    (phase == "Lost").then(|| format!("warning: the claim {name} has lost its volume"))
}

fn without_nulls(mut value: serde_json::Value) -> serde_json::Value {
    if let Some(spec) = value.get_mut("spec").and_then(serde_json::Value::as_object_mut) {
        spec.retain(|_, v| !v.is_null());
    }
    value
}

/// Room for three dumps as large as the database; they are smaller.
fn size_for(database: u64) -> String {
    const GIB: u64 = 1024 * 1024 * 1024;
    format!("{}Gi", (database.saturating_mul(3)).div_ceil(GIB).max(1))
}

/// What to know of the volume's fate when its claim is deleted.
async fn reclaim(cluster: &Cluster, named: Option<&str>) -> Option<String> {
    let api: Api<StorageClass> = Api::all(cluster.client.clone());
    match cluster.within(api.list(&ListParams::default())).await {
        Ok(list) => fate(named, &list.items),
        Err(refused) if refused.is_forbidden() => {
            Some("note: storage classes may not be listed, so it is not known whether deleting the claim or its namespace deletes the backups (reclaim policy Delete)".to_owned())
        }
        Err(refused) => Some(format!("note: the storage classes cannot be looked at: {refused}")),
    }
}

/// The same, of these classes.
fn fate(named: Option<&str>, classes: &[StorageClass]) -> Option<String> {
    let is_default = |c: &StorageClass| {
        let marks = c.metadata.annotations.as_ref();
        marks.is_some_and(|a| a.get("storageclass.kubernetes.io/is-default-class").is_some_and(|v| v == "true"))
    };
    let class = classes.iter().find(|c| named.map_or_else(|| is_default(c), |n| c.metadata.name.as_deref() == Some(n)));
    let Some(class) = class else {
        return Some(named.map_or_else(
            || "warning: the cluster has no default storage class: name one with --storage-class".to_owned(),
            |n| format!("warning: there is no storage class {n}"),
        ));
    };
    let name = class.metadata.name.as_deref().unwrap_or_default();
    // Kubernetes deletes where nothing is said.
    (class.reclaim_policy.as_deref().unwrap_or("Delete") == "Delete").then(|| {
        format!("warning: storage class {name} has the reclaim policy Delete: deleting the claim or its namespace deletes the backups")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_comes_from_the_databases() {
        assert_eq!(size_for(0), "1Gi");
        assert_eq!(size_for(10 * 1024 * 1024 * 1024), "30Gi");
    }

    #[test]
    fn the_next_step_is_a_complete_backup_onto_the_same_claim() {
        let of = Of { claim: Some("mine".to_owned()), ..Of::default() };
        assert_eq!(next("om -n data", &of), "kubectl omupgrade backup om -n data --claim mine --with-secrets");
    }

    fn class(name: &str, policy: Option<&str>, default: &str) -> StorageClass {
        let mark = json!({"storageclass.kubernetes.io/is-default-class": default});
        let class =
            json!({"metadata": {"name": name, "annotations": mark}, "provisioner": "p", "reclaimPolicy": policy});
        serde_json::from_value(class).unwrap()
    }

    #[test]
    fn what_becomes_of_the_backups_with_the_claim_is_warned_of() {
        let classes = [
            class("kept", Some("Retain"), "false"),
            class("standard", Some("Delete"), "true"),
            class("silent", None, "false"),
        ];
        let (deletes, none) = ("has the reclaim policy Delete", "there is no storage class lost");
        for (named, classes, words) in [
            (None, &classes[..], Some("storage class standard has the reclaim policy Delete")),
            (Some("standard"), &classes[..], Some(deletes)),
            (Some("silent"), &classes[..], Some(deletes)),
            (Some("kept"), &classes[..], None),
            (Some("lost"), &classes[..], Some(none)),
            (None, &classes[..1], Some("the cluster has no default storage class")),
            (None, &[][..], Some("the cluster has no default storage class")),
            (None, &[class("kept", Some("Retain"), "true")][..], None),
        ] {
            let said = fate(named, classes);
            match words {
                Some(words) => {
                    let said = said.unwrap();
                    assert!(said.starts_with("warning: ") && said.contains(words), "{named:?}: {said}");
                }
                None => assert_eq!(said, None, "{named:?}"),
            }
        }
    }

    #[test]
    fn a_claim_that_can_take_no_backup_is_warned_of() {
        for (modes, phase, words) in [
            (json!(["ReadOnlyMany"]), "Bound", Some("can only be read (ReadOnlyMany)")),
            (json!(["ReadOnlyMany"]), "Lost", Some("can only be read (ReadOnlyMany)")),
            (json!(["ReadOnlyMany", "ReadWriteOnce"]), "Bound", None),
            (json!(["ReadWriteOnce"]), "Bound", None),
            // Nothing mounts it yet: its class waits for the first Pod.
            (json!(["ReadWriteMany"]), "Pending", None),
            (json!(["ReadWriteOnce"]), "Lost", Some("has lost its volume")),
            (json!([]), "Bound", None),
        ] {
            let claim =
                json!({"metadata": {"name": "mine"}, "spec": {"accessModes": modes}, "status": {"phase": phase}});
            let said = unfit(&serde_json::from_value(claim.clone()).unwrap());
            match words {
                Some(words) => {
                    let said = said.unwrap();
                    assert!(said.starts_with("warning: the claim mine ") && said.contains(words), "{claim}: {said}");
                }
                None => assert_eq!(said, None, "{claim}"),
            }
        }
    }
}
