//! A restore that was left in its middle and is typed again with other words: each is taken up or refused, and none is
//! dropped; what cannot go on names a way out that works.

use crate::cluster::{Kill, PodFault, World};
use crate::many;
use crate::restore::{args, command, migrated, pod, until_done};
use crate::restore_given_up::{as_before, give_up};
use crate::rollback::{STATE, is_refused, runs};
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::json;

/// Its dump fails, for good.
async fn stuck_in_its_dump() -> (World, tempfile::TempDir) {
    let (world, folder) = migrated().await;
    pod(&world, "dump", PodFault::Fails);
    let failed = command(&world, &args(&world)).await.unwrap_err();
    let hints = hints_of(&failed);
    assert_eq!(exit_of(&failed), Exit::No, "{failed:#}");
    assert!(hints[0].contains("rollback om 1 -n data --restore --backup"), "{hints:?}");
    assert!(hints[0].contains("--no-dump") && hints[0].contains("only in the database from before"), "{hints:?}");
    assert!(hints[1].contains("unlock om -n data --reason WHY"), "{hints:?}");
    (world, folder)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_fails_can_be_left_out() {
    let (world, _folder) = stuck_in_its_dump().await;
    pod(&world, "dump", PodFault::Fails);
    assert!(command(&world, &args(&world)).await.is_err(), "it would fail again");
    pod(&world, "beside", PodFault::Fails);
    let without = Args { no_dump: true, ..args(&world) };
    let failed = command(&world, &without).await.unwrap_err();
    assert!(hints_of(&failed).iter().any(|h| h.contains("unlock")), "{:?}", hints_of(&failed));
    // Once said it is remembered.
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    as_before(&world, "without a dump");
    assert_eq!(world.violations(), Vec::<String>::new());
    world.with_database(|d| assert_eq!((d.state.as_str(), d.dumps.len(), d.old.len()), (STATE, 0, 1)));
    let run = runs(&world).into_iter().find(|r| r["verb"] == "rollback").unwrap();
    let said = |e: &&serde_json::Value| e["step"] == "dump" && e["phase"] == "note";
    assert_eq!(run["entries"].as_array().unwrap().iter().filter(said).count(), 1, "{run:#}");
}

/// A dump that works on beside what writes would hold it up, or read half of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_is_left_out_is_ended_first() {
    let (world, _folder) = migrated().await;
    pod(&world, "dump", PodFault::Waits);
    let args = args(&world);
    let dumping = |world: &World| {
        world.all("pods").into_iter().any(|p| p["metadata"]["name"].as_str().unwrap().ends_with("-dump"))
    };
    let waits = async {
        while !dumping(&world) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        ended = command(&world, &args) => panic!("it does not wait: {ended:?}"),
        () = waits => {}
    }
    pod(&world, "beside", PodFault::Fails);
    assert!(command(&world, &Args { no_dump: true, ..args.clone() }).await.is_err());
    assert!(!dumping(&world), "its Pod is gone before anything is loaded");
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    as_before(&world, "the dump was ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_makes_another_restore_of_it_is_refused_with_the_way_to_it() {
    type Change = fn(Args) -> Args;
    let changes: [(&str, Change); 4] = [
        ("--in-place", |args| Args { in_place: true, ..args }),
        ("--claim other", |args| Args { claim: Some("other".into()), ..args }),
        ("--backup-of lost/om", |args| Args { backup_of: Some("lost/om".into()), ..args }),
        ("--backup om-another", |args| Args { backup: Some("om-another".into()), ..args }),
    ];
    for (said, change) in changes {
        let (world, _folder) = migrated().await;
        pod(&world, "beside", PodFault::Fails);
        assert!(command(&world, &args(&world)).await.is_err(), "{said}");
        let refused = command(&world, &change(args(&world))).await;
        let hints = refused.as_ref().map_err(hints_of).unwrap_err();
        assert!(!hints[0].contains(said) && hints[0].contains("goes on with it"), "{said}: {hints:?}");
        assert!(hints[1].contains("unlock om -n data --reason WHY"), "{said}: {hints:?}");
        assert!(hints[2].contains(said) && hints[2].contains("rollback om 1"), "{said}: {hints:?}");
        is_refused(refused, said, &format!("with {said} it would be another one"));
        assert_eq!(world.object("deployments", "om").unwrap()["spec"]["replicas"], json!(0), "{said}");
    }
}

/// The road that the refusal names.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_up_the_other_road_is_taken() {
    let (world, _folder) = migrated().await;
    pod(&world, "beside", PodFault::Fails);
    assert!(command(&world, &args(&world)).await.is_err());
    let in_place = Args { in_place: true, ..args(&world) };
    is_refused(command(&world, &in_place).await, "in place", "would be another one");
    give_up(&world).await;
    assert_eq!(command(&world, &in_place).await.unwrap(), Exit::Done);
    as_before(&world, "in place");
    world.with_database(|d| assert_eq!((d.state.as_str(), d.old.len()), (STATE, 0)));
}

/// Killed anywhere, before or after what was said.
#[test]
fn killed_at_any_write_without_a_dump_it_ends_in_the_same_place() {
    let points = many::all((1..60).step_by(many::step(4)), async |at| {
        let (world, _folder) = migrated().await;
        pod(&world, "dump", PodFault::Fails);
        assert!(command(&world, &args(&world)).await.is_err(), "{at}");
        let without = Args { no_dump: true, ..args(&world) };
        let killed = world.process(Some(Kill::AfterWrite(at)), command(&world, &without)).await.is_none();
        until_done(&format!("{at}"), async || command(&world, &without).await).await;
        as_before(&world, &format!("{at}"));
        assert_eq!(world.violations(), Vec::<String>::new(), "{at}");
        world.with_database(|d| assert_eq!((d.state.as_str(), d.dumps.len(), d.old.len()), (STATE, 0, 1), "{at}"));
        killed
    });
    assert!(points.iter().filter(|killed| **killed).count() >= 6, "{points:?}");
}
