//! What `rollback` tells helm, and what it makes of a helm that lost the API server.

use crate::cluster::{HelmDies, NAMESPACE};
use crate::rollback::{TERMS, args, command, ended_well, runs, world};
use kubectl_omupgrade::adapters::cluster::{Cluster, Pointers};
use kubectl_omupgrade::commands::rollback::{Args, roll_back};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::facts::Secret;
use kubectl_omupgrade::failure::exit_of;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_revision_is_always_named() {
    let (world, _folder) = world();
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    let expected = format!("rollback om 1 --namespace {NAMESPACE} --history-max 0");
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

/// The token is in helm's environment and nowhere else: neither among its arguments, nor in the journal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_sees_the_same_target_and_nobody_sees_the_token() {
    let (world, _folder) = world();
    let pointers = Pointers {
        context: Some("far".into()),
        server: Some("https://api:6443".into()),
        certificate_authority: Some("/ca.pem".into()),
        token: Secret::new("t0ken".to_owned()),
        as_user: Some("anna".into()),
        ..Pointers::default()
    };
    let cluster = Cluster { pointers, ..world.cluster() };
    assert_eq!(Box::pin(roll_back(&cluster, &args(&world), TERMS)).await.unwrap(), Exit::Done);
    let target = "--kube-context=far --kube-apiserver=https://api:6443 --kube-ca-file=/ca.pem --kube-as-user=anna";
    assert_eq!(world.helm_calls(), [format!("rollback om 1 --namespace {NAMESPACE} --history-max 0 {target}")]);
    assert_eq!(world.helm_environment(), ["HELM_KUBETOKEN=t0ken"]);
    let journal = runs(&world)[0].to_string();
    assert!(journal.contains(target) && journal.contains("HELM_KUBETOKEN=") && !journal.contains("t0ken"), "{journal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_helm_has_no_words_for_is_refused_before_the_first_write() {
    let (world, _folder) = world();
    let pointers = Pointers { beyond_helm: vec!["--user", "--as-uid"], ..Pointers::default() };
    let cluster = Cluster { pointers, ..world.cluster() };
    for dry_run in [false, true] {
        let asked = Args { dry_run, ..args(&world) };
        let refused = Box::pin(roll_back(&cluster, &asked, TERMS)).await.unwrap_err();
        assert_eq!(exit_of(&refused), Exit::Usage);
        assert!(refused.to_string().contains("helm does not know --user, --as-uid"), "{refused:#}");
    }
    assert!(world.log().is_empty() && world.helm_calls().is_empty());
}
