//! `backup` under every fault of the API, alone and after every kill: what it says of itself is true, and the same command
//! again ends with one whole backup and nothing left over.

use crate::backup::{TERMS, args, command, runs, world};
use crate::cluster::{ApiFault, Kill, World};
use crate::many;
use kubectl_omupgrade::commands::backup::{MakeArgs, back_up};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

fn receipt(folder: &Path) -> Option<Value> {
    Some(serde_json::from_slice(&std::fs::read(folder.join("receipt.json")).ok()?).unwrap())
}

/// What is said of a backup is said of one that was made: no receipt and no end in the journal without it.
fn says_the_truth(world: &World, folder: &Path, case: &str) {
    let runs = runs(world);
    let made = |run: &&Value| run["remembered"]["backup"] == "om-1.13.1-20261122T120000Z";
    for run in runs.iter().filter(|r| r["outcome"] == "done") {
        assert!(made(&run) && run["recorded"]["revision"] == 1, "{case}: {run:#}");
    }
    if let Some(receipt) = receipt(folder) {
        assert_eq!(receipt["backup"], "om-1.13.1-20261122T120000Z", "{case}");
        assert!(runs.iter().any(|r| made(&r) && r["outcome"] == "done"), "{case}: a receipt of nothing: {runs:#?}");
    }
}

/// One end: nothing of a Job is left, the lock is free, every Secret that is kept is that of a backup.
fn ended_well(world: &World, folder: &Path, case: &str, deceived: bool) {
    says_the_truth(world, folder, case);
    assert!(receipt(folder).is_some(), "{case}");
    if !deceived {
        nothing_is_left(world, case);
    }
    let lease = world.object("leases", "omupgrade-om").unwrap();
    assert!(lease["spec"].get("holderIdentity").is_none_or(Value::is_null), "{case}: {lease}");
}

fn nothing_is_left(world: &World, case: &str) {
    // One that only reads and ended; the next one of its kind takes it away.
    let read = |o: &Value| matches!(o["metadata"]["labels"]["omupgrade.io/role"].as_str(), Some("probe" | "claim"));
    let ours = |o: &Value| !(read(o) && o["status"]["phase"] == "Succeeded");
    for kind in ["jobs", "pods"] {
        assert_eq!(world.all(kind).into_iter().filter(ours).collect::<Vec<_>>(), Vec::<Value>::new(), "{case}: {kind}");
    }
    let runs = runs(world);
    assert!(runs.iter().all(|r| r["outcome"] != "open"), "{case}: {runs:#?}");
    let of_a_backup: BTreeSet<&str> =
        runs.iter().filter(|r| r["outcome"] == "done").filter_map(|r| r["remembered"]["secrets"].as_str()).collect();
    let secrets = world.all("secrets");
    let name = |s: &'_ Value| s["metadata"]["name"].as_str().unwrap().to_owned();
    let kept: BTreeSet<String> =
        secrets.iter().filter(|s| s["type"] == "omupgrade.io/backup-secrets").map(name).collect();
    assert_eq!(kept.iter().map(String::as_str).collect::<BTreeSet<_>>(), of_a_backup, "{case}: Secrets of no backup");
    for secret in secrets.iter().filter(|s| s["type"].is_null()) {
        assert_eq!(name(secret), "keys", "{case}: a Job's files are left");
    }
}

/// The same command, as a person would type it again.
async fn until_done(world: &World, folder: &Path, args: &MakeArgs, case: &str, deceived: bool) {
    for _ in 0..4 {
        match command(world, args).await {
            Ok(exit) => {
                assert_eq!(exit, Exit::Done, "{case}");
                return ended_well(world, folder, case, deceived);
            }
            Err(error) => said(&error, case),
        }
        says_the_truth(world, folder, case);
    }
    panic!("{case}: it never ended: {:#?}", runs(world));
}

/// An error is one that is told, and none of arguments.
fn said(error: &anyhow::Error, case: &str) {
    let exit = exit_of(error);
    assert!(matches!(exit, Exit::No | Exit::Unknown | Exit::Refused), "{case}: {exit:?} {error:#}");
    assert!(!error.to_string().is_empty(), "{case}");
}

/// What happens to a backup.
#[derive(Debug, Clone, Copy)]
struct Case {
    /// Where its first process is killed, if it is.
    kill: Option<Kill>,
    /// Whether the dump fails.
    dump_fails: bool,
    /// Which request of the next process meets the fault.
    at: usize,
    fault: ApiFault,
}

/// Then all is well again. Whether there was such a request.
async fn one(of: Case) -> bool {
    let Case { kill, dump_fails, at, fault } = of;
    let case = format!("{of:?}");
    // A Job that is said not to be there is not taken away.
    let deceived = fault == ApiFault::Says(404);
    let (world, folder) = world();
    let args = args(&folder);
    world.jobs_fail(if dump_fails { "BackoffLimitExceeded" } else { "" });
    if kill.is_some() {
        world.process(kill, command(&world, &args)).await;
        says_the_truth(&world, folder.path(), &case);
    }
    let before = receipt(folder.path());
    world.meets(Some((at, fault)));
    let met = world.process(None, Box::pin(back_up(&world.impatient(), &args, TERMS))).await;
    let there = world.asked() >= at;
    world.meets(None);
    world.jobs_fail("");
    says_the_truth(&world, folder.path(), &case);
    match met {
        Some(Ok(_)) if deceived => {}
        Some(Ok(_)) => nothing_is_left(&world, &case),
        Some(Err(error)) => {
            assert_eq!(receipt(folder.path()), before, "{case}: {error:#}");
            said(&error, &case);
            until_done(&world, folder.path(), &args, &case, deceived).await;
        }
        None => panic!("{case}: nobody killed it"),
    }
    there
}

/// The requests of a process, one that renews its lock now and then.
const REQUESTS: usize = 40;
const WRITES: usize = 20;

/// How many met their fault.
fn all(cases: impl Iterator<Item = Case> + Send) -> usize {
    many::all(cases, one).into_iter().filter(|met| *met).count()
}

/// Every fault, at every so many of the requests, each fault beginning at another one.
fn faults(every: usize, shift: usize) -> impl Iterator<Item = (ApiFault, usize)> + Send {
    let (every, faults) = (many::step(every), ApiFault::ALL.into_iter().enumerate());
    faults
        .flat_map(move |(nth, fault)| (1 + (nth + shift) % every..=REQUESTS).step_by(every).map(move |at| (fault, at)))
}

#[test]
fn every_request_under_every_fault_has_one_end() {
    let met = all(faults(2, 0).map(|(fault, at)| Case { kill: None, dump_fails: false, at, fault }));
    assert!(met >= 12 * ApiFault::ALL.len(), "only {met}");
}

#[test]
fn a_dump_that_fails_under_every_fault_leaves_nothing() {
    let met = all(faults(5, 0).map(|(fault, at)| Case { kill: None, dump_fails: true, at, fault }));
    assert!(met >= 4 * ApiFault::ALL.len(), "only {met}");
}

#[test]
fn every_kill_point_under_every_fault_has_one_end() {
    let kills = (1..=WRITES).flat_map(|write| [Kill::BeforeWrite(write), Kill::AfterWrite(write)]).enumerate();
    let cases = kills.flat_map(|(nth, kill)| {
        faults(REQUESTS, nth * 7).map(move |(fault, at)| Case { kill: Some(kill), dump_fails: false, at, fault })
    });
    let met = all(cases);
    assert!(met >= 15 * ApiFault::ALL.len(), "only {met}");
}
