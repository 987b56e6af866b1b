//! `rollback --restore` under every fault of the API, alone and after every kill: what it says of itself is true, and the
//! same command again ends in the one place; no server ever ran on a schema newer than itself.

use crate::cluster::{ApiFault, Kill, World};
use crate::many;
use crate::restore::{args, came_back, command, migrated};
use crate::rollback::{TERMS, runs};
use kubectl_omupgrade::commands::rollback::{Args, roll_back};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;
use std::collections::BTreeMap;

/// The requests of a restore, one that renews its lock now and then.
const REQUESTS: usize = 160;
const EVERY: usize = 17;

/// What is said not to be there and is, is another matter.
fn faults() -> impl Iterator<Item = (usize, ApiFault)> + Send {
    ApiFault::ALL.into_iter().filter(|fault| *fault != ApiFault::Says(404)).enumerate()
}

/// An error is one that is told, and none of arguments.
fn said(error: &anyhow::Error, case: &str) {
    let exit = exit_of(error);
    assert!(matches!(exit, Exit::No | Exit::Unknown | Exit::Refused), "{case}: {exit:?} {error:#}");
}

/// What happens to a restore.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// Where its first process is killed, if it is.
    kill: Option<Kill>,
    /// Which request of the next process meets the fault.
    at: usize,
    fault: ApiFault,
}

/// Then all is well again. Whether there was such a request.
async fn one(of: Case) -> bool {
    let case = format!("{of:?}");
    let (world, _folder) = migrated().await;
    let args = args(&world);
    if of.kill.is_some() {
        assert!(world.process(of.kill, command(&world, &args)).await.is_none(), "{case}: nobody killed it");
    }
    world.meets(Some((of.at, of.fault)));
    let met = world.process(None, Box::pin(roll_back(&world.impatient(), &args, TERMS))).await;
    let there = world.asked() >= of.at;
    world.meets(None);
    if let Some(Err(error)) = met {
        said(&error, &case);
        assert_eq!(world.violations(), Vec::<String>::new(), "{case}");
        again(&world, &args, &format!("{case}: {error:#}")).await;
    }
    came_back(&world, &case);
    there
}

/// The same command, as a person would type it again.
async fn again(world: &World, args: &Args, case: &str) {
    for _ in 0..4 {
        match command(world, args).await {
            Ok(exit) => return assert_eq!(exit, Exit::Done, "{case}"),
            Err(error) => said(&error, case),
        }
    }
    panic!("{case}: it never ended: {:#?}", runs(world));
}

#[test]
fn every_fault_of_the_api_has_one_end() {
    let cases = faults().flat_map(|(nth, fault)| {
        (1 + nth % many::step(EVERY)..=REQUESTS).step_by(many::step(EVERY)).map(move |at| Case {
            kill: None,
            at,
            fault,
        })
    });
    let met = many::all(cases, one).into_iter().filter(|met| *met).count();
    assert!(met >= 32, "only {met}");
}

/// For so many writes it is looked once how many requests are left.
const SAME: usize = 6;

/// How many requests the next process makes that goes on after this write.
async fn asks(write: usize) -> (usize, usize) {
    let (world, _folder) = migrated().await;
    let args = args(&world);
    world.process(Some(Kill::AfterWrite(write)), command(&world, &args)).await;
    world.process(None, command(&world, &args)).await;
    (write, world.asked())
}

/// Around every write each fault: half of them where the process was killed before it, half where it was after it. Of the
/// requests that the next process makes each fault has its stretch, and the kills go through it.
#[test]
fn every_kill_point_under_every_fault_of_the_api_has_one_end() {
    let writes = many::all([()], async |()| {
        let (world, _folder) = migrated().await;
        let args = args(&world);
        world.process(None, command(&world, &args)).await;
        world.writes()
    });
    assert!(writes[0] >= 30, "only {} writes", writes[0]);
    // The later it was killed, the fewer requests are left; from one write to the next it is nearly the same.
    let asked: BTreeMap<usize, usize> = many::all((1..=writes[0]).step_by(SAME), asks).into_iter().collect();
    let kills =
        (1..=writes[0]).flat_map(|write| [(0, write, Kill::BeforeWrite(write)), (1, write, Kill::AfterWrite(write))]);
    let cases = kills.flat_map(|(half, write, kill)| {
        let asked = asked[&(1 + (write - 1) / SAME * SAME)];
        let stretch = asked.div_ceil(faults().count());
        let at = move |of: usize| 1 + (of * stretch + write * 7) % asked;
        faults().skip(half).step_by(2).map(move |(of, fault)| Case { kill: Some(kill), at: at(of), fault })
    });
    let met = many::all(cases, one);
    let count = met.iter().filter(|met| **met).count();
    assert!(count * 10 >= met.len() * 9, "only {count} of {}", met.len());
}
