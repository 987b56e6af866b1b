//! A restore under the revision that runs: no helm, the servers come back as they were, killed at every point it has.

use crate::cluster::{Kill, PodFault, World};
use crate::many;
use crate::restore::{args, command, migrated, until_done, untouched};
use crate::rollback::{STATE, is_refused, runs};
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::{Value, json};
use std::time::Duration;

/// Data went wrong under 1.12.4; the backup is of the same schema.
async fn gone_wrong() -> (World, tempfile::TempDir) {
    let (world, folder) = migrated().await;
    keyed(&world, "dGhlLWtleQ==");
    world.with_database(|d| {
        d.backup.clone_from(&d.state);
        d.state = d.state.replace("4:ab", "9:zz");
        d.check = d.check.replace("\"schema_head\":\"1.12.3\"", "\"schema_head\":\"1.12.4\"");
    });
    (world, folder)
}

/// The Secret that the servers would start with: no helm brings another one.
fn keyed(world: &World, key: &str) {
    world.put(
        "secrets",
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "om-fernet"}, "data": {"FERNET_KEY": key}}),
    );
}

fn under(world: &World) -> Args {
    Args { revision: None, stay: true, ..args(world) }
}

fn ended_well(world: &World, case: &str) {
    assert_eq!(world.violations(), Vec::<String>::new(), "{case}");
    assert!(world.helm_calls().is_empty(), "{case}");
    world.with_database(|d| {
        assert_eq!(d.state, d.backup, "{case}");
        assert_ne!(d.state, STATE);
        assert_eq!((d.beside.len(), d.old.len()), (0, 1), "{case}: one old database is kept");
    });
    let live = world.object("deployments", "om").unwrap();
    assert_eq!(live["spec"]["replicas"], 5, "{case}");
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "server:1.12.4", "{case}");
    assert_eq!(world.object("cronjobs", "cron-reindex").unwrap()["spec"]["suspend"], false, "{case}");
    let runs: Vec<Value> = runs(world).into_iter().filter(|r| r["verb"] == "rollback").collect();
    assert_eq!((runs.len(), &runs[0]["outcome"]), (1, &Value::from("done")), "{case}: {runs:#?}");
}

type Fault = Option<(&'static str, PodFault)>;
const FAULTS: [Fault; 4] = [
    None,
    Some(("beside", PodFault::Vanishes)),
    Some(("swap", PodFault::Fails)),
    Some(("swap", PodFault::FailsAfterwards)),
];

/// How many writes its first process had.
async fn one((fault, kill): (Fault, Option<Kill>)) -> usize {
    let case = format!("{fault:?}, {kill:?}");
    let (world, _folder) = gone_wrong().await;
    world.with_database(|d| d.fault = fault.map(|(action, fault)| (action.to_owned(), fault)));
    let args = under(&world);
    let first = world.process(kill, command(&world, &args)).await;
    assert_eq!(first.is_none(), kill.is_some(), "{case}");
    let writes = world.writes();
    until_done(&case, async || command(&world, &args).await).await;
    ended_well(&world, &case);
    // Typed once more after its end it does not begin anew.
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{case}");
    ended_well(&world, &format!("{case}, again"));
    writes
}

/// Up to the swap it is the restore whose every write is a kill point in `restore_kills`; so here every third one is enough.
#[test]
fn every_kill_point_has_one_end() {
    let undisturbed = async |nth: usize| (nth, one((FAULTS[nth], None)).await);
    let cases = many::all(0..FAULTS.len(), undisturbed).into_iter().flat_map(|(nth, writes)| {
        let step = many::step(if nth == 0 { 3 } else { 9 });
        let at = (1 + nth % step..=writes).step_by(step);
        let kills = at.flat_map(|at| [Kill::BeforeWrite(at), Kill::AfterWrite(at)]);
        kills.map(move |kill| (FAULTS[nth], Some(kill)))
    });
    let cases: Vec<_> = cases.collect();
    let points = |fault: Fault| cases.iter().filter(|(of, _)| *of == fault).count();
    assert!(points(None) >= 12 && FAULTS.iter().all(|fault| points(*fault) >= 4), "only {} points", cases.len());
    many::all(cases, one);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_says_what_becomes_of_the_servers_and_only_reads() {
    let (world, _folder) = gone_wrong().await;
    assert_eq!(command(&world, &Args { dry_run: true, ..under(&world) }).await.unwrap(), Exit::Done);
    untouched(&world, "dry run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_schema_is_not_brought_under_an_older_server() {
    let (world, _folder) = gone_wrong().await;
    world.with_database(|d| d.check = d.check.replace("\"schema_head\":\"1.12.4\"", "\"schema_head\":\"1.13.0\""));
    let refused = command(&world, &under(&world)).await.unwrap_err();
    assert!(refused.to_string().contains("the backup's schema is 1.13.0"), "{refused:#}");
    untouched(&world, "newer");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_key_that_is_there_counts_and_not_the_manifests() {
    let (world, _folder) = gone_wrong().await;
    keyed(&world, "YW5vdGhlci1rZXk=");
    let refused = command(&world, &under(&world)).await.unwrap_err();
    assert!(refused.to_string().contains("the Fernet key of revision 2 is another one"), "{refused:#}");
    untouched(&world, "another key in the cluster");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_its_middle_another_backup_is_refused() {
    let (world, _folder) = gone_wrong().await;
    world.with_database(|d| d.fault = Some(("swap".to_owned(), PodFault::Fails)));
    assert!(command(&world, &under(&world)).await.is_err());
    let other = Args { backup: Some("om-another".into()), ..under(&world) };
    let refused = command(&world, &other).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
    assert!(hints_of(&refused).iter().any(|h| h.contains("goes on with it")), "{:?}", hints_of(&refused));
    assert_eq!(command(&world, &under(&world)).await.unwrap(), Exit::Done);
    ended_well(&world, "after the refusal");
}

/// Both looked at the same database. The check of the one still reads while the other restores, ends, and gives the lock
/// back; the servers then write.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_looked_before_anothers_restore_ended_does_not_restore_again() {
    let (world, _folder) = gone_wrong().await;
    world.with_database(|d| d.fault = Some(("check".to_owned(), PodFault::Waits)));
    let (args, check) = (under(&world), world.with_database(|d| d.check.clone()));
    let other = async {
        let reading = loop {
            if let Some(pod) = world.all("pods").into_iter().find(|p| p["status"]["phase"] == "Pending") {
                break pod;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        };
        assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
        ended_well(&world, "the other one");
        world.with_database(|d| d.state = d.state.replace("4:ab", "5:cd"));
        world.ends(reading, &check);
    };
    let (one, ()) = tokio::join!(command(&world, &args), other);
    is_refused(one, "two operators", "ended while this one looked");
    world.with_database(|d| {
        assert!(d.state.contains("5:cd"), "what was written since is still there: {}", d.state);
        assert_eq!((d.dumps.len(), d.old.len(), d.beside.len()), (1, 1, 0));
    });
    let lease = world.object("leases", "omupgrade-om").unwrap();
    assert!(lease["spec"].get("holderIdentity").is_none_or(Value::is_null), "{lease}");
    assert_eq!(runs(&world).iter().filter(|r| r["verb"] == "rollback").count(), 1);
}
