//! The volume of the database's server, as far as the cluster tells it: of one Pod that bears the host's name, and of no
//! other.

use crate::backup::world;
use kubectl_omupgrade::adapters::volume::of_database;
use serde_json::{Value, json};

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
