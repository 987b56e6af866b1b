//! What `rollback` tells helm, and what it makes of a helm that lost the API server.

use crate::cluster::{HelmDies, NAMESPACE};
use crate::rollback::{args, command, ended_well, world};
use kubectl_omupgrade::exit::Exit;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_revision_is_always_named() {
    let (world, _folder) = world();
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    let expected = format!("rollback om 1 --namespace {NAMESPACE}");
    assert_eq!(world.helm_calls(), [expected]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_helm_that_lost_the_api_server_is_run_again() {
    for how in [HelmDies::FindsNoServer, HelmDies::LosesTheServer] {
        let (world, _folder) = world();
        let args = args(&world);
        world.helm_dies(how);
        assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{how:?}");
        ended_well(&world, "helm lost the server");
        assert_eq!(world.helm_calls().len(), 2, "{how:?}");
    }
}

/// Helm keeps its revisions in Secrets unless it is told otherwise: it has to be told where they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_is_told_where_the_release_is_stored() {
    let (world, _folder) = world();
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    assert_eq!(world.helm_drivers(), ["secret"]);
}
