//! `rollback --confirm`: the database from before stays until a person lets it go; killed anywhere, the same command again
//! lets it go once.

use crate::cluster::{ApiFault, Kill, PodFault, World};
use crate::many;
use crate::restore::{args, command, ended_well, migrated, pod, until_done};
use crate::rollback::{STATE, TERMS, runs};
use kubectl_omupgrade::commands::rollback::{Args, confirmed, dropped};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use kubectl_omupgrade::wayback::restore::DROPPED;
use serde_json::Value;

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

/// What happens to a confirmation: where its first process is killed, what its Pod meets, and what a request of the next one.
#[derive(Debug, Clone, Copy)]
struct Case {
    kill: Option<Kill>,
    pod: Option<PodFault>,
    api: Option<(usize, ApiFault)>,
}

/// Of what was restored: how many writes its first process had, and how many requests the next one.
async fn one(restored: &World, of: Case) -> (usize, usize) {
    let case = format!("{of:?}");
    let folder = tempfile::tempdir().unwrap();
    let world = restored.copy(folder.path());
    let args = args(&world);
    if let Some(fault) = of.pod {
        pod(&world, "clean-up", fault);
    }
    world.process(of.kill, Box::pin(confirmed(&world.cluster(), &args, TERMS))).await;
    let writes = world.writes();
    world.meets(of.api);
    world.process(None, Box::pin(confirmed(&world.impatient(), &args, TERMS))).await;
    let asked = world.asked();
    world.meets(None);
    until_done(&case, async || Box::pin(confirmed(&world.cluster(), &args, TERMS)).await).await;
    is_dropped(&world, &case);
    (writes, asked)
}

fn is_dropped(world: &World, case: &str) {
    assert_eq!(world.violations(), Vec::<String>::new(), "{case}");
    world.with_database(|d| assert_eq!((d.state.as_str(), d.old.len(), d.beside.len()), (STATE, 0, 0), "{case}"));
    let restores: Vec<Value> = runs(world).into_iter().filter(|r| r["verb"] == "rollback").collect();
    assert_eq!((restores.len(), &restores[0]["outcome"]), (1, &Value::from("done")), "{case}: {restores:#?}");
    let entries = restores[0]["entries"].as_array().unwrap();
    let last = entries.iter().rfind(|e| e["step"] == DROPPED).unwrap();
    assert_eq!(last["phase"], "done", "{case}: {entries:#?}");
    let lease = world.object("leases", "omupgrade-om").unwrap();
    assert!(lease["spec"].get("holderIdentity").is_none_or(Value::is_null), "{case}: {lease}");
    assert!(world.all("pods").iter().all(|p| p["metadata"]["name"] == "om-server"), "{case}: {:#?}", world.all("pods"));
}

#[test]
fn every_kill_point_of_a_confirmation_under_every_fault_has_one_end() {
    let restored = many::all([()], async |()| {
        let (world, _folder) = migrated().await;
        assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
        world
    });
    let one = |case| one(&restored[0], case);
    let (writes, _) = many::all([Case { kill: None, pod: None, api: None }], one)[0];
    assert!(writes >= 5, "only {writes} writes");
    let kills: Vec<Kill> = (1..=writes).flat_map(|write| [Kill::BeforeWrite(write), Kill::AfterWrite(write)]).collect();
    let pods = [None, Some(PodFault::Fails), Some(PodFault::FailsAfterwards), Some(PodFault::Vanishes)];
    let by_pod = kills.iter().flat_map(|kill| pods.map(|pod| Case { kill: Some(*kill), pod, api: None }));
    many::all(by_pod.collect::<Vec<_>>(), one);
    // At another request each time.
    let faults: Vec<ApiFault> = ApiFault::ALL.into_iter().filter(|fault| *fault != ApiFault::Says(404)).collect();
    let by_api = kills.iter().enumerate().flat_map(|(nth, kill)| {
        let at = move |of: usize| 1 + (nth * 3 + of * 5) % 16;
        let case =
            move |(of, fault): (usize, ApiFault)| Case { kill: Some(*kill), pod: None, api: Some((at(of), fault)) };
        faults.clone().into_iter().enumerate().map(case)
    });
    let met = many::all(by_api.collect::<Vec<_>>(), one).into_iter().filter(|(_, asked)| *asked >= 16).count();
    assert!(met >= kills.len(), "only {met}");
}
