//! `unlock` and `history`: what a person sees and takes away that others left behind.

use crate::cluster::{Kill, release_secret};
use crate::rollback::{TERMS, args, command, manifest, runs, world};
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::history::{Args as HistoryArgs, history};
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::commands::unlock;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlock_keeps_the_reason_ends_what_was_left_open_and_frees_another_plan() {
    let (world, _folder) = world();
    let args = args(&world);
    assert!(world.process(Some(Kill::AfterWrite(3)), command(&world, &args)).await.is_none());
    let another = Args { revision: Some(2), ..args.clone() };
    world.put("secrets", release_secret("om", 3, "deployed", &manifest("1.12.5"), "Upgrade complete"));
    let held = command(&world, &another).await.unwrap_err();
    assert!(held.to_string().contains("it set out to do something else"), "{held:#}");
    let asked = unlock::Args { release: Some("om".into()), reason: "the laptop died".into(), even_alive: false };
    assert_eq!(unlock::unlock(&world.cluster(), &asked, Output::Text, TERMS.lock).await.unwrap(), Exit::Done);
    let outcome = |verb: &str| runs(&world).into_iter().find(|r| r["verb"] == verb).unwrap();
    assert_eq!(outcome("rollback")["outcome"], "failed");
    assert!(outcome("rollback").to_string().contains("unlocked: the laptop died"));
    assert_eq!(outcome("unlock")["outcome"], "done");
    assert_eq!(command(&world, &another).await.unwrap(), Exit::Done);
    assert_eq!(history(&world.cluster(), &HistoryArgs::default(), Output::Text).await.unwrap(), Exit::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlock_of_a_name_that_was_mistyped_writes_nothing() {
    let (world, _folder) = world();
    let asked = unlock::Args { release: Some("omm".into()), reason: "why".into(), even_alive: false };
    let unknown = unlock::unlock(&world.cluster(), &asked, Output::Text, TERMS.lock).await.unwrap_err();
    assert_eq!(exit_of(&unknown), Exit::Unknown);
    assert!(unknown.to_string().contains("no Helm release omm") && runs(&world).is_empty(), "{unknown:#}");
}

/// The journal is bounded: what was nothing does not push a run out of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlock_where_nothing_is_held_writes_nothing() {
    let (world, _folder) = world();
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    let before = runs(&world).len();
    let asked = unlock::Args { release: Some("om".into()), reason: "why".into(), even_alive: false };
    assert_eq!(unlock::unlock(&world.cluster(), &asked, Output::Text, TERMS.lock).await.unwrap(), Exit::Done);
    assert_eq!(runs(&world).len(), before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_whose_lock_may_not_be_read_is_told_all_the_same() {
    let (world, _folder) = world();
    world.deaf(Some("/leases/"));
    assert_eq!(history(&world.cluster(), &HistoryArgs::default(), Output::Text).await.unwrap(), Exit::Done);
}
