//! The record of a backup tells what the nodes pulled for the server: digests, of every pod of the server and of nobody
//! else's.

use crate::backup::{MANIFEST, args, command, world};
use crate::cluster::{Kill, World};
use base64::Engine as _;
use kubectl_omupgrade::adapters::live;
use serde_json::{Value, json};

/// A pod with what its node says of init container, server and sidecar.
fn pod(name: &str, app: &str, ids: [&str; 3]) -> Value {
    let status =
        |image: &str, id: &str| json!({"name": "c", "ready": true, "restartCount": 0, "image": image, "imageID": id});
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": app}}, "spec": {"containers": []},
        "status": {
            "phase": "Running",
            "initContainerStatuses": [status("server:1.12.3", ids[0])],
            "containerStatuses": [status("server:1.12.3", ids[1]), status("proxy:1", ids[2])],
        },
    })
}

fn pods(world: &World) {
    // Nodes of two platforms pulled two images; one has not pulled the sidecar's yet.
    world.put("pods", pod("om-1", "om", ["server@sha256:aa", "server@sha256:aa", "proxy@sha256:cc"]));
    world.put("pods", pod("om-2", "om", ["server@sha256:bb", "server@sha256:bb", ""]));
    world.put("pods", pod("neighbour-1", "neighbour", ["server@sha256:dd", "server@sha256:dd", "proxy@sha256:dd"]));
}

fn expected() -> Value {
    json!({"server:1.12.3": ["server@sha256:aa", "server@sha256:bb"], "proxy:1": ["proxy@sha256:cc"]})
}

/// The images of the record that goes into the dump's Job.
async fn recorded(world: &World, folder: &tempfile::TempDir) -> Value {
    for at in 1..20 {
        world.process(Some(Kill::AfterWrite(at)), command(world, &args(folder))).await;
        let part = |s: &Value| s["data"]["record.part"].as_str().map(str::to_owned);
        if let Some(part) = world.all("secrets").iter().find_map(part) {
            let part = base64::engine::general_purpose::STANDARD.decode(part).unwrap();
            let record: Value = serde_json::from_str(&format!("{{{}}}", String::from_utf8(part).unwrap())).unwrap();
            return record["of"]["images"].clone();
        }
    }
    panic!("no Job came");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_digests_of_every_pod_of_the_server_are_recorded_and_nobody_elses() {
    let (world, folder) = world();
    pods(&world);
    let server = shared::manifest::read(MANIFEST.split("---\n").last().unwrap()).unwrap();
    let found = live::pulled(&world.cluster(), &server).await;
    assert_eq!(serde_json::to_value(found).unwrap(), expected());
    assert_eq!(recorded(&world, &folder).await, expected());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_pod_the_image_is_recorded_and_no_digest() {
    let (world, folder) = world();
    assert_eq!(recorded(&world, &folder).await, json!({"server:1.12.3": []}));
    // A server whose labels nobody knows selects nothing, and not everything.
    pods(&world);
    assert!(live::pulled(&world.cluster(), &json!({"spec": {}})).await.is_empty());
}
