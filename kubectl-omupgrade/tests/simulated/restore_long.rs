//! A restore whose step takes long, or whose node is lost under it: nobody is left without a word, with the servers at zero.

use crate::cluster::{PodFault, World};
use crate::restore::{args, command, ended_well, migrated, pod, said_in};
use crate::rollback::{STATE, TERMS};
use kubectl_omupgrade::adapters::lock::Timing;
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::rollback::{Terms, roll_back};
use kubectl_omupgrade::commands::unlock;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::Value;
use std::time::Duration;

/// The Pod of a restore that is at work.
fn working(world: &World) -> Option<Value> {
    let role = |p: &Value| p["metadata"]["labels"]["omupgrade.io/role"] == "restore";
    world.all("pods").into_iter().find(|p| role(p) && p["status"]["phase"] == "Running")
}

#[tokio::test(start_paused = true)]
async fn one_that_loads_for_eleven_minutes() {
    let (world, _folder) = migrated().await;
    pod(&world, "beside", PodFault::Works);
    let args = args(&world);
    let node = async {
        let there = loop {
            match working(&world) {
                Some(there) => break there,
                None => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        tokio::time::sleep(Duration::from_mins(11)).await;
        let env = there["spec"]["containers"][0]["env"].as_array().unwrap();
        let id = env.iter().find(|e| e["name"] == "OMUPGRADE_RESTORE_ID").unwrap()["value"].as_str().unwrap();
        world.with_database(|d| d.beside.insert(id.to_owned(), Some(STATE.to_owned())));
        world.ends(there.clone(), "omupgrade-restore: beside done");
    };
    // Of a lock that is renewed as seldom as a real one.
    let terms = Terms { lock: Timing::default(), ..TERMS };
    let cluster = world.cluster();
    let (done, ()) = tokio::join!(Box::pin(roll_back(&cluster, &args, terms)), node);
    assert_eq!(done.unwrap(), Exit::Done);
    ended_well(&world, "eleven minutes");
}

#[test]
fn it_says_so_every_few_minutes() {
    let said = said_in("restore_long::one_that_loads_for_eleven_minutes");
    for minutes in [5, 10] {
        let told = format!("Z   at work for {minutes} min; what it says: kubectl logs om-omupgrade-restore-");
        assert_eq!(said.matches(&told).count(), 1, "{said}");
    }
    assert_eq!(said.matches("at work for").count(), 2, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_whose_node_is_lost_is_told_and_the_same_command_takes_it_away() {
    for action in ["dump", "beside", "swap"] {
        let (world, _folder) = migrated().await;
        pod(&world, action, PodFault::Lost);
        let lost = command(&world, &args(&world)).await.unwrap_err();
        assert_eq!(exit_of(&lost), Exit::Unknown, "{action}: {lost:#}");
        assert!(lost.to_string().contains("its node does not answer"), "{action}: {lost:#}");
        assert!(hints_of(&lost)[0].starts_with("kubectl get pod om-omupgrade-restore-"), "{action}");
        let holder = world.object("leases", "omupgrade-om").unwrap()["spec"]["holderIdentity"].clone();
        assert!(holder.is_string(), "{action}: it may write, so nobody else begins");
        assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done, "{action}");
        ended_well(&world, action);
        assert!(working(&world).is_none(), "{action}: it is gone");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlock_takes_it_away_as_well() {
    let (world, _folder) = migrated().await;
    pod(&world, "swap", PodFault::Lost);
    assert!(command(&world, &args(&world)).await.is_err());
    let asked = unlock::Args { release: Some("om".into()), reason: "the node is off".into(), even_alive: false };
    assert_eq!(unlock::unlock(&world.cluster(), &asked, Output::Text, TERMS.lock).await.unwrap(), Exit::Done);
    assert!(working(&world).is_none());
}
