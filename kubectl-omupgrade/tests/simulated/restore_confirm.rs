//! `rollback --confirm`: the database from before stays until a person lets it go.

use crate::cluster::PodFault;
use crate::restore::{args, command, ended_well, migrated, pod};
use crate::rollback::TERMS;
use kubectl_omupgrade::commands::rollback::{Args, confirmed, dropped};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_database_is_kept_until_a_person_confirms() {
    let (world, _folder) = migrated().await;
    let none = confirmed(&world.cluster(), &args(&world), TERMS).await.unwrap_err();
    assert!(none.to_string().contains("knows no restore"), "{none:#}");
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    assert_eq!(world.with_database(|d| d.old.len()), 1);
    // Where nobody can be asked, and nobody said so, it stays.
    let unasked = Args { yes: false, ..args(&world) };
    let refused = confirmed(&world.cluster(), &unasked, TERMS).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
    assert!(hints_of(&refused).iter().any(|h| h.contains("--yes")), "{refused:#}");
    assert_eq!(world.with_database(|d| d.old.len()), 1);
    pod(&world, "clean-up", PodFault::Fails);
    for (outcome, left) in [("failed", 1), ("dropped", 0), ("already", 0)] {
        let (answer, done) = dropped(&world.cluster(), &args(&world), TERMS).await.unwrap();
        let answer = serde_json::to_value(answer).unwrap();
        assert_eq!(answer["schema"], "omupgrade.io/confirm/v1");
        assert_eq!((&answer["outcome"], &answer["restores"][0]["outcome"]), (&outcome.into(), &outcome.into()));
        assert_eq!(answer["restores"][0]["backup"], args(&world).backup.unwrap());
        assert_eq!((done.is_err(), world.with_database(|d| d.old.len())), (outcome == "failed", left));
    }
    assert!(world.all("pods").iter().all(|p| p["metadata"]["name"] == "om-server"));
    // Nothing is left to ask about.
    assert_eq!(confirmed(&world.cluster(), &unasked, TERMS).await.unwrap(), Exit::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_go_on_with_a_killed_one_and_the_confirmation_drops_what_it_kept() {
    let (world, _folder) = migrated().await;
    let args = args(&world);
    pod(&world, "swap", PodFault::Fails);
    assert!(command(&world, &args).await.is_err());
    let (one, other) = tokio::join!(command(&world, &args), command(&world, &args));
    assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    for refused in [one, other].into_iter().filter_map(Result::err) {
        assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
    }
    ended_well(&world, "two operators after a fault");
    assert_eq!(confirmed(&world.cluster(), &args, TERMS).await.unwrap(), Exit::Done);
    assert_eq!(world.with_database(|d| d.old.len()), 0);
}
