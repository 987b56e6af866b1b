//! `rollback --restore` under every fault of the API, each at another of its requests: what it says of itself is true, and
//! the same command again ends in the one place; no server ever ran on a schema newer than itself.

use crate::cluster::{ApiFault, World};
use crate::restore::{args, came_back, migrated};
use crate::rollback::{self, runs};
use futures::{FutureExt as _, StreamExt as _};
use kubectl_omupgrade::adapters::lock::Timing;
use kubectl_omupgrade::commands::rollback::{Args, Terms, roll_back};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

/// A lock, and a patience with servers, that outlive a moment in which many cases want the processor.
const TERMS: Terms = Terms {
    lock: Timing { duration: Duration::from_millis(200), renew: Duration::from_millis(50) },
    drain: Duration::from_secs(10),
    ..rollback::TERMS
};

/// The requests of a restore; how often it renews its lock meanwhile depends on the machine.
const REQUESTS: usize = 160;
const EVERY: usize = 17;
const AT_ONCE: usize = 8;

/// An error is one that is told, and none of arguments.
fn said(error: &anyhow::Error, case: &str) {
    let exit = exit_of(error);
    assert!(matches!(exit, Exit::No | Exit::Unknown | Exit::Refused), "{case}: {exit:?} {error:#}");
}

/// Whether there was such a request.
async fn one((fault, at): (ApiFault, usize)) -> bool {
    let case = format!("{fault:?} at {at}");
    let (world, _folder) = migrated().await;
    let args = args(&world);
    world.meets(Some((at, fault)));
    let met = world.process(None, Box::pin(roll_back(&world.impatient(), &args, TERMS))).await;
    let there = world.asked() >= at;
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
        match Box::pin(roll_back(&world.cluster(), args, TERMS)).await {
            Ok(exit) => return assert_eq!(exit, Exit::Done, "{case}"),
            Err(error) => said(&error, case),
        }
    }
    panic!("{case}: it never ended: {:#?}", runs(world));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_of_the_api_has_one_end() {
    // What is said not to be there and is, is another matter.
    let faults = ApiFault::ALL.into_iter().filter(|fault| *fault != ApiFault::Says(404)).enumerate();
    let cases = faults.flat_map(|(nth, fault)| (1 + nth..=REQUESTS).step_by(EVERY).map(move |at| (fault, at)));
    let running = cases.map(|case| AssertUnwindSafe(one(case)).catch_unwind());
    let ended: Vec<_> = futures::stream::iter(running).buffer_unordered(AT_ONCE).collect().await;
    let wrong = ended.iter().filter(|case| case.is_err()).count();
    assert_eq!(wrong, 0, "of {} cases; each is told above", ended.len());
    let met = ended.iter().filter(|met| matches!(met, Ok(true))).count();
    assert!(met >= 32, "only {met}");
}
