//! A restore whose helm fails before it comes to the workload, or was never heard of again: the servers that would start are
//! the other revision's, and they would migrate the database that was just brought back.

use crate::cluster::{HelmDies, World, release_secret};
use crate::restore::{args, command, ended_well, migrated, with_schedule};
use crate::restore_given_up::{as_before, give_up};
use crate::rollback::STATE;
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::{Value, json};

fn replicas(world: &World) -> Value {
    world.object("deployments", "om").unwrap()["spec"]["replicas"].clone()
}

/// No autoscaler, and neither revision names a count.
async fn without_counts(world: &World) {
    let unnamed = |version: &str| with_schedule(version).replace("  replicas: 1\n", "");
    world.put("secrets", release_secret("om", 1, "superseded", &unnamed("1.12.3"), "Install complete"));
    world.put("secrets", release_secret("om", 2, "deployed", &unnamed("1.12.4"), "Upgrade complete"));
    let api: kube::Api<k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler> = world.cluster().api();
    api.delete("om", &kube::api::DeleteParams::default()).await.unwrap();
}

/// The database is back, and the process died after it had told the journal of helm.
async fn restored_and_killed() -> (World, tempfile::TempDir) {
    let (world, folder) = migrated().await;
    world.helm_dies(HelmDies::BeforeAnything);
    assert!(world.process(None, command(&world, &args(&world))).await.is_none(), "killed with its helm");
    assert!(world.with_database(|d| d.state == STATE), "the database is back");
    (world, folder)
}

fn put_pod(world: &World, name: &str, image: &str) {
    world.put(
        "pods",
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": "om"}},
               "spec": {"containers": [{"name": "om", "image": image}]}, "status": {"phase": "Running"}}),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_helm_that_did_not_come_to_the_servers_leaves_them_at_zero() {
    for how in [HelmDies::Refuses, HelmDies::FailsAtOnce] {
        for named in [true, false] {
            let case = format!("{how:?}, counts named: {named}");
            let (world, _folder) = migrated().await;
            if !named {
                without_counts(&world).await;
            }
            world.helm_dies(how);
            let failed = command(&world, &args(&world)).await.unwrap_err();
            assert_eq!(exit_of(&failed), Exit::No, "{case}: {failed:#}");
            assert!(failed.to_string().contains("helm rollback failed"), "{case}: {failed:#}");
            // What the API server is asked next starts the pods of whatever count stands there.
            let _ = kubectl_omupgrade::adapters::release::latest(&world.cluster(), "om").await;
            assert_eq!(world.violations(), Vec::<String>::new(), "{case}");
            assert_eq!(replicas(&world), 0, "{case}");
            assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done, "{case}");
            ended_well(&world, &case);
        }
    }
}

/// What is somebody else's after the death of a process that had begun helm; its words.
type Change = fn(&World);
const OTHERS: &[(&str, Change, &str)] = &[
    (
        "an upgrade",
        |w| w.put("secrets", release_secret("om", 3, "deployed", &with_schedule("1.12.5"), "Upgrade complete")),
        "revision 3 appeared",
    ),
    (
        "an upgrade and the way back from it",
        |w| {
            w.put("secrets", release_secret("om", 3, "superseded", &with_schedule("1.12.5"), "Upgrade complete"));
            w.put("secrets", release_secret("om", 4, "deployed", &with_schedule("1.12.3"), "Rollback to 1"));
        },
        "revision 3 appeared",
    ),
    ("a server", |w| put_pod(w, "om-by-hand", "server:1.12.4"), "om-by-hand was started in between"),
    (
        "a server from another registry",
        |w| put_pod(w, "om-mirrored", "mirror.example/proxy/om:1.12.4"),
        "om-mirrored was started in between",
    ),
    (
        "a server that came, migrated and went",
        |w| w.with_database(|d| d.state = STATE.replace("1.12.3", "1.12.4")),
        "a newer server migrated the database to 1.12.4",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_is_not_begun_again_over_somebody_elses_revision_or_server() {
    for (case, change, words) in OTHERS {
        let (world, _folder) = restored_and_killed().await;
        change(&world);
        let refused = command(&world, &args(&world)).await.unwrap_err();
        assert_eq!(exit_of(&refused), Exit::Refused, "{case}: {refused:#}");
        assert!(refused.to_string().contains(words), "{case}: {refused:#}");
        assert!(!hints_of(&refused).is_empty(), "{case}");
        assert_eq!((world.helm_calls().len(), replicas(&world)), (1, json!(0)), "{case}: helm ran once, killed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_was_migrated_again_is_brought_back_again() {
    let (world, _folder) = restored_and_killed().await;
    world.with_database(|d| d.state = STATE.replace("1.12.3", "1.12.4"));
    let refused = command(&world, &args(&world)).await.unwrap_err();
    let hints = hints_of(&refused);
    assert!(hints[0].contains("unlock om -n data --reason"), "{hints:?}");
    assert!(hints[1].contains("rollback om 1 -n data --restore --backup"), "{hints:?}");
    give_up(&world).await;
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    assert_eq!(world.violations(), Vec::<String>::new());
    assert!(world.with_database(|d| d.state == STATE));
    as_before(&world, "brought back again");
}

/// What our own helm started is no obstacle, whatever registry it came from.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_of_the_revision_that_it_goes_to_are_ours() {
    let (world, _folder) = restored_and_killed().await;
    put_pod(&world, "om-mirrored", "mirror.example/proxy/om:1.12.3");
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    ended_well(&world, "servers of ours");
}

/// Given up after the database was back: a way back of code alone then stands before the same stilled servers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_it_was_given_up_a_helm_that_fails_starts_nothing_either() {
    let (world, _folder) = migrated().await;
    world.helm_dies(HelmDies::Refuses);
    assert!(command(&world, &args(&world)).await.is_err());
    give_up(&world).await;
    let code = Args { restore: false, backup: None, ..args(&world) };
    world.helm_dies(HelmDies::Refuses);
    assert_eq!(exit_of(&command(&world, &code).await.unwrap_err()), Exit::No);
    assert_eq!((replicas(&world), world.violations()), (json!(0), vec![]));
    assert_eq!(command(&world, &code).await.unwrap(), Exit::Done);
    assert_eq!(world.violations(), Vec::<String>::new());
    as_before(&world, "code alone");
}

/// Its helm gave them the manifest's count before it failed; the next one knows the count of before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_count_of_before_outlives_a_helm_that_failed_half_way_after_it_was_given_up() {
    let (world, _folder) = migrated().await;
    crate::restore::pod(&world, "beside", crate::cluster::PodFault::Fails);
    assert!(command(&world, &args(&world)).await.is_err());
    give_up(&world).await;
    let code = Args { restore: false, backup: None, no_probe: true, accept_unproven: true, ..args(&world) };
    world.helm_dies(HelmDies::Complains);
    assert_eq!(exit_of(&command(&world, &code).await.unwrap_err()), Exit::No);
    assert_eq!(replicas(&world), 1, "as helm left it");
    assert_eq!(command(&world, &code).await.unwrap(), Exit::Done);
    as_before(&world, "helm failed half-way");
}
