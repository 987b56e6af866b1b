//! `backup` that was broken off and is typed again with other words about the keys: what ends as done keeps them as asked.

use crate::backup::{args, command, kept, runs, world};
use crate::cluster::Kill;
use kubectl_omupgrade::commands::backup::MakeArgs;
use kubectl_omupgrade::exit::Exit;
use serde_json::Value;

/// Killed after each of its writes; how often that was in the middle of its dump.
async fn broken_off(first: fn(MakeArgs) -> MakeArgs, again: impl Fn(&[Value], usize)) {
    for at in 1..30 {
        let (world, folder) = world();
        let with = args(&folder);
        let done = world.process(Some(Kill::AfterWrite(at)), command(&world, &first(with.clone()))).await;
        if done.is_some() {
            assert!(at > 10, "only {at} points");
            return;
        }
        let jobs = world.all("jobs").len();
        assert_eq!(command(&world, &with).await.unwrap(), Exit::Done, "{at}");
        assert_eq!(kept(&world).len(), 1, "{at}: the keys are kept");
        assert!(world.all("jobs").is_empty(), "{at}: a Job is left");
        let runs = runs(&world);
        assert!(runs.iter().all(|run| run["outcome"] != "open"), "{at}: {runs:#?}");
        again(&runs, jobs);
    }
    panic!("it never ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_kept_no_keys_is_not_called_done_where_they_are_asked_for() {
    let without = |args| MakeArgs { with_secrets: false, ..args };
    // A dump that was begun is ended, and another one made.
    broken_off(without, |runs, jobs| assert!(jobs == 0 || runs.len() == 2, "{runs:#?}")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_whose_key_is_held_elsewhere_is_none_that_keeps_it() {
    let elsewhere = |args| MakeArgs { with_secrets: false, fernet_key_held_elsewhere: true, ..args };
    broken_off(elsewhere, |runs, jobs| assert!(jobs == 0 || runs.len() == 2, "{runs:#?}")).await;
}

/// Who does not ask for them takes what there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_keeps_them_is_gone_on_with_by_who_does_not_ask() {
    for at in 1..30 {
        let (world, folder) = world();
        let with = args(&folder);
        if world.process(Some(Kill::AfterWrite(at)), command(&world, &with)).await.is_some() {
            return;
        }
        let (job, before) = (world.all("jobs").len(), runs(&world).len());
        assert_eq!(command(&world, &MakeArgs { with_secrets: false, ..with }).await.unwrap(), Exit::Done, "{at}");
        assert!(job == 0 || (kept(&world).len(), runs(&world).len()) == (1, before), "{at}");
    }
    panic!("it never ended");
}
