//! Pods of a restore that do not begin: none is left that could swap or empty a database when nobody looks any more.

use crate::cluster::{PodFault, World};
use crate::restore::{args, command, ended_well, migrated, pod};
use crate::rollback::TERMS;
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::commands::unlock;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;
use serde_json::{Value, json};
use std::time::Duration;

fn armed(world: &World) -> Vec<String> {
    let role =
        |p: &Value| p["metadata"]["labels"]["omupgrade.io/role"] == "restore" && p["status"]["phase"] == "Pending";
    world.all("pods").iter().filter(|p| role(p)).map(|p| p["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

fn holder(world: &World) -> Value {
    world.object("leases", "omupgrade-om").unwrap()["spec"]["holderIdentity"].clone()
}

/// Killed while this action's Pod waits.
async fn killed_while_it_waits(action: &str) -> (World, tempfile::TempDir) {
    let (world, folder) = migrated().await;
    pod(&world, action, PodFault::Waits);
    let args = args(&world);
    let waits = async {
        while armed(&world).is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // It has seen so itself by then.
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    tokio::select! {
        ended = command(&world, &args) => panic!("it does not wait: {ended:?}"),
        waited = tokio::time::timeout(Duration::from_mins(1), waits) => assert!(waited.is_ok(), "its Pod comes"),
    }
    assert_eq!(armed(&world).len(), 1, "it waits");
    (world, folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_cannot_start_is_taken_away_and_a_better_image_is_used() {
    for action in ["beside", "swap"] {
        let (world, _folder) = migrated().await;
        pod(&world, action, PodFault::NoImage);
        let failed = command(&world, &args(&world)).await.unwrap_err();
        assert!(failed.to_string().contains("cannot start: ErrImagePull"), "{failed:#}");
        assert_eq!((armed(&world), holder(&world)), (vec![], Value::Null), "{action}");
        assert!(world.with_database(|d| d.old.is_empty()), "{action}");
        let better = Args { probe_image: Some("mirror/postgres:15".into()), ..args(&world) };
        assert_eq!(command(&world, &better).await.unwrap(), Exit::Done);
        ended_well(&world, action);
        let used = world.all("pods").into_iter().any(|p| p["spec"]["containers"][0]["image"] == "mirror/postgres:15");
        assert!(!used, "its Pods are taken away in the end");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_a_killed_process_left_armed_goes_with_the_lock() {
    for action in ["beside", "swap"] {
        let (world, _folder) = killed_while_it_waits(action).await;
        let asked = unlock::Args { release: Some("om".into()), reason: "the node is gone".into(), even_alive: false };
        assert_eq!(unlock::unlock(&world.cluster(), &asked, Output::Text, TERMS.lock).await.unwrap(), Exit::Done);
        assert_eq!(armed(&world), Vec::<String>::new(), "{action}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_waits_a_teammate_at_work_ends_it() {
    let (world, _folder) = migrated().await;
    pod(&world, "swap", PodFault::Waits);
    let args = args(&world);
    let teammate = async {
        while armed(&world).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let by_hand = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "om-by-hand"},
            "spec": {"containers": [{"name": "om", "image": "server:1.12.4"}]}, "status": {"phase": "Pending"}});
        world.put("pods", by_hand);
    };
    let (done, ()) = tokio::join!(command(&world, &args), teammate);
    let refused = done.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
    assert!(refused.to_string().contains("om-by-hand was started in between"), "{refused:#}");
    assert_eq!(armed(&world), Vec::<String>::new());
    assert!(world.with_database(|d| d.old.is_empty()), "not swapped");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_can_ask_after_it_the_lock_stays() {
    let (world, _folder) = migrated().await;
    pod(&world, "swap", PodFault::Waits);
    let args = args(&world);
    let deafened = async {
        while armed(&world).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.deaf(Some("/pods/om-omupgrade-restore"));
    };
    let (done, ()) = tokio::join!(command(&world, &args), deafened);
    assert_eq!(exit_of(&done.unwrap_err()), Exit::Unknown);
    assert_eq!(armed(&world).len(), 1);
    assert!(holder(&world).is_string(), "the Pod may still swap, so nobody else begins");
    // Its node came: the same command finds it done.
    world.deaf(None);
    let name = armed(&world).remove(0);
    let mut there = world.object("pods", &name).unwrap();
    there["status"] = json!({"phase": "Failed", "message": "this Pod starts 9 s too late"});
    world.put("pods", there);
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    ended_well(&world, "after it was deaf");
}

/// A process that goes on and fails before its first step knows as little of the Pod of the one before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_going_on_fails_at_once_the_lock_stays_while_a_pod_waits() {
    let (world, _folder) = killed_while_it_waits("swap").await;
    world.deaf(Some("PUT /api/v1/namespaces/data/secrets/omupgrade-journal"));
    assert_eq!(exit_of(&command(&world, &args(&world)).await.unwrap_err()), Exit::Unknown);
    assert_eq!(armed(&world).len(), 1);
    assert!(holder(&world).is_string(), "the Pod may still swap, so nobody else begins");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_pod_writes_long_after_it_was_made() {
    let (world, _folder) = killed_while_it_waits("swap").await;
    let name = armed(&world).remove(0);
    let there = world.object("pods", &name).unwrap();
    let env = there["spec"]["containers"][0]["env"].as_array().unwrap();
    let not_after = env.iter().find(|e| e["name"] == "OMUPGRADE_NOT_AFTER").unwrap()["value"].as_str().unwrap();
    let left = not_after.parse::<i64>().unwrap() - jiff::Timestamp::now().as_second();
    assert!((1500..=1800).contains(&left), "{left}");
}

/// The chart's operator bears the server's labels, and a neighbour an init container of the server's: neither serves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pods_that_only_look_like_servers_hold_nothing_up() {
    let (world, _folder) = migrated().await;
    for (name, containers) in [
        ("om-operator", json!({"containers": [{"name": "operator", "image": "omjob-operator:1.12.3"}]})),
        (
            "om-neighbour",
            json!({"containers": [{"name": "x", "image": "x"}], "initContainers": [{"name": "wait", "image": "busybox"}]}),
        ),
    ] {
        world.put(
            "pods",
            json!({"apiVersion": "v1", "kind": "Pod", "spec": containers, "status": {"phase": "Running"},
                   "metadata": {"name": name, "labels": {"app": "om", "app.kubernetes.io/instance": "om"}}}),
        );
    }
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_it_waits_a_question_without_an_answer_ends_nothing() {
    let (world, _folder) = migrated().await;
    pod(&world, "swap", PodFault::Waits);
    let args = args(&world);
    let away = async {
        while armed(&world).is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        world.deaf(Some("/secrets?"));
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let still = armed(&world);
        world.deaf(None);
        let by_hand = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "om-by-hand"},
            "spec": {"containers": [{"name": "om", "image": "server:1.12.4"}]}, "status": {"phase": "Pending"}});
        world.put("pods", by_hand);
        still
    };
    let (done, still) = tokio::join!(command(&world, &args), away);
    assert_eq!(still.len(), 1, "its Pod was taken away because nobody answered");
    let refused = done.unwrap_err();
    assert!(refused.to_string().contains("om-by-hand was started in between"), "{refused:#}");
    assert_eq!(armed(&world), Vec::<String>::new());
}
