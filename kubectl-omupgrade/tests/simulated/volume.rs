//! What is looked at before a restore: the volume of the database's server, as far as the cluster tells it (of one Pod that
//! bears the host's name, and of no other); and a check whose time was over.

use crate::backup::world;
use crate::cluster::PodFault;
use crate::restore::{args, command, migrated, pod as fault, untouched};
use kubectl_omupgrade::adapters::volume::of_database;
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::{Value, json};
use std::time::Duration;

fn pod(name: &str, claims: &[&str]) -> Value {
    let volumes: Vec<Value> =
        claims.iter().map(|c| json!({"name": c, "persistentVolumeClaim": {"claimName": c}})).collect();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "db", "image": "bitnami/postgresql:15"}], "volumes": volumes}, "status": {"phase": "Running"}})
}

fn claim(name: &str, size: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "status": {"capacity": {"storage": size}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_that_of_the_one_pod_that_the_host_names() {
    let (world, _folder) = world();
    world.put("pods", pod("postgresql-0", &["data", "scripts"]));
    world.put("pods", pod("other-0", &["huge"]));
    for (name, size) in [("data", "10Gi"), ("scripts", "1Gi"), ("huge", "1Ti")] {
        world.put("persistentvolumeclaims", claim(name, size));
    }
    let cluster = world.cluster();
    let found = of_database(&cluster, "\"postgresql.data.svc\"").await.unwrap();
    assert_eq!((found.bytes, found.claim.as_str(), found.pod.as_str()), (10 << 30, "data", "postgresql-0"));
    assert_eq!(of_database(&cluster, "postgresql.elsewhere.svc").await, None);
    assert_eq!(of_database(&cluster, "mysql").await, None);
    // Which of two is written to is not known; and a claim that may not be read has no size.
    world.answers(Some("persistentvolumeclaims/data"), 403);
    assert_eq!(of_database(&cluster, "postgresql").await, None);
    world.answers(None, 403);
    world.put("pods", pod("postgresql-1", &["data"]));
    assert_eq!(of_database(&cluster, "postgresql").await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_was_not_in_time_is_no_refusal_and_says_how_to_read_for_longer() {
    let (world, _folder) = migrated().await;
    fault(&world, "check", PodFault::TooLate);
    let args = Args { timeout: Duration::from_hours(30), ..args(&world) };
    let late = command(&world, &args).await.unwrap_err();
    assert_eq!(exit_of(&late), Exit::OutOfTime, "{late:#}");
    let words = late.to_string();
    assert!(words.contains("is not known: the restore Pod did not end within 108000 s"), "{words}");
    assert!(hints_of(&late).iter().any(|hint| hint.contains(" --timeout 3600m ")), "{:?}", hints_of(&late));
    untouched(&world, "late");
}
