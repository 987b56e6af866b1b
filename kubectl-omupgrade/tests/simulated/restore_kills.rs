//! `rollback --restore` killed at every point it has, under every fault of its Pods and of helm, and the same command again:
//! one end, and no server ever ran on a schema newer than itself.

use crate::cluster::{HelmDies, Kill, PodFault, World};
use crate::many;
use crate::restore::{args, command, ended_well, migrated, pod};
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;

type Fault = fn(&World);
const FAULTS: &[(&str, Fault)] = &[
    ("nothing", |_| ()),
    ("the dump fails", |w| pod(w, "dump", PodFault::Fails)),
    ("loading fails half-way", |w| pod(w, "beside", PodFault::Fails)),
    ("the node dies while it loads", |w| pod(w, "beside", PodFault::Vanishes)),
    ("the node that loads is lost", |w| pod(w, "beside", PodFault::Lost)),
    ("the node that swaps is lost", |w| pod(w, "swap", PodFault::Lost)),
    ("the swap fails", |w| pod(w, "swap", PodFault::Fails)),
    ("the swap is done and its Pod fails", |w| pod(w, "swap", PodFault::FailsAfterwards)),
    ("the node dies in the swap", |w| pod(w, "swap", PodFault::Vanishes)),
    ("the image for loading is not to be had", |w| pod(w, "beside", PodFault::NoImage)),
    ("the image for the swap is not to be had", |w| pod(w, "swap", PodFault::NoImage)),
    ("helm fails", |w| w.helm_dies(HelmDies::Complains)),
    ("helm refuses before it comes to the workload", |w| w.helm_dies(HelmDies::Refuses)),
    ("helm fails at once", |w| w.helm_dies(HelmDies::FailsAtOnce)),
    ("helm leaves its revision pending", |w| w.helm_dies(HelmDies::Pending)),
    ("helm dies after all", |w| w.helm_dies(HelmDies::AfterAll)),
];

/// The same command until it is through, as a person would type it.
async fn until_done(world: &World, args: &Args, case: &str) {
    for _ in 0..4 {
        match world.process(None, command(world, args)).await {
            None => {} // it died with its helm
            Some(Ok(exit)) => {
                assert_eq!(exit, Exit::Done, "{case}");
                ended_well(world, case);
                // And once more there is nothing to do.
                assert_eq!(command(world, args).await.unwrap(), Exit::Done, "{case}");
                ended_well(world, &format!("{case}, again"));
                return;
            }
            Some(Err(error)) => assert!(matches!(exit_of(&error), Exit::No | Exit::Unknown), "{case}: {error:#}"),
        }
    }
    panic!("{case}: it never ended");
}

/// Which fault, and how many writes the process under it has that nobody kills.
async fn undisturbed(nth: usize) -> (usize, usize) {
    let (name, fault) = FAULTS[nth];
    let (world, _folder) = migrated().await;
    fault(&world);
    let args = args(&world);
    world.process(None, command(&world, &args)).await;
    let writes = world.writes();
    until_done(&world, &args, name).await;
    (nth, writes)
}

async fn killed((nth, kill): (usize, Kill)) {
    let (name, fault) = FAULTS[nth];
    let case = format!("{name}, {kill:?}");
    let (world, _folder) = migrated().await;
    fault(&world);
    let args = args(&world);
    assert!(world.process(Some(kill), command(&world, &args)).await.is_none(), "{case}: nobody killed it");
    until_done(&world, &args, &case).await;
}

#[test]
fn every_kill_point_under_every_fault_has_one_end() {
    // Every write of an undisturbed restore; under each fault every eleventh one, each fault beginning at another one.
    let kills = |(nth, writes): (usize, usize)| {
        let step = if nth == 0 { 1 } else { many::step(11) };
        let at = (1 + nth % step..=writes).step_by(step);
        at.flat_map(move |at| [(nth, Kill::BeforeWrite(at)), (nth, Kill::AfterWrite(at))])
    };
    let cases: Vec<_> = many::all(0..FAULTS.len(), undisturbed).into_iter().flat_map(kills).collect();
    for (nth, (name, _)) in FAULTS.iter().enumerate() {
        let points = cases.iter().filter(|(of, _)| *of == nth).count();
        assert!(points >= if nth == 0 { 60 } else { 4 }, "{name}: only {points} points");
    }
    many::all(cases, killed);
}
