//! A restore and what runs beside the servers: what would not end with them is named before they stand still.

use crate::cluster::World;
use crate::restore::{args, command, migrated, untouched};
use crate::rollback::is_refused;
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::hints_of;
use serde_json::{Value, json};

/// A pod of the server's image, with the servers' labels: by them alone it would be one of theirs.
fn pod(world: &World, name: &str, owner: &Value, also: &Value) {
    let mut metadata = json!({"name": name, "labels": {"app": "om"}, "ownerReferences": owner});
    for (key, value) in also.as_object().unwrap() {
        metadata[key] = value.clone();
    }
    world.put(
        "pods",
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
            "spec": {"containers": [{"name": "om", "image": "server:1.12.4"}]}, "status": {"phase": "Running"}}),
    );
}

fn owner(kind: &str, name: &str) -> Value {
    json!([{"apiVersion": "x/v1", "kind": kind, "name": name, "uid": "u", "controller": true}])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_end_with_the_servers_is_refused_before_the_first_write() {
    for (name, owner, stop) in [
        ("om-debug", json!([]), "kubectl delete pod om-debug -n data"),
        ("om-2-5d4f-x", owner("ReplicaSet", "om-2-5d4f"), "kubectl scale deployment om-2 -n data --replicas=0"),
        ("by-hand-0", owner("StatefulSet", "by-hand"), "kubectl scale statefulset by-hand -n data --replicas=0"),
        ("cron-reindex-1-x", owner("Job", "cron-reindex-1"), "kubectl delete job cron-reindex-1 -n data"),
    ] {
        let (world, _folder) = migrated().await;
        pod(&world, name, &owner, &json!({}));
        let args = args(&world);
        let shown = command(&world, &Args { dry_run: true, ..args.clone() }).await;
        assert_eq!(shown.unwrap(), Exit::Refused, "{name}");
        let ended = command(&world, &args).await;
        let hints = ended.as_ref().map_err(hints_of).unwrap_err();
        assert_eq!(hints[0], stop, "{hints:?}");
        assert!(hints[1].contains("rollback om 1 -n data --restore --backup"), "{hints:?}");
        is_refused(ended, name, &format!("do not end when the servers go to zero: {name}"));
        untouched(&world, name);
    }
}

/// Those of the release's own workloads, and one that ends already, are waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_by_itself_is_no_obstacle() {
    let (world, _folder) = migrated().await;
    pod(&world, "om-5d4f-x", &owner("ReplicaSet", "om-5d4f"), &json!({}));
    pod(&world, "om-debug", &json!([]), &json!({"deletionTimestamp": "2026-11-22T10:00:00Z"}));
    let args = Args { dry_run: true, ..args(&world) };
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
}
