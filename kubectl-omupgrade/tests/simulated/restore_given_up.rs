//! A restore that failed and was given up with `unlock`: the zeros that it left are never taken for the counts of before.

use crate::cluster::{Kill, PodFault, World, applied_on_the_server, owned, release_secret};
use crate::many;
use crate::restore::{args, command, migrated, pod, until_done, with_schedule};
use crate::rollback::{STATE, TERMS, runs};
use crate::typed::run;
use kubectl_omupgrade::adapters::journal;
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::commands::unlock;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;
use kubectl_omupgrade::journal::{Outcome, Run};

pub async fn give_up(world: &World) {
    // Two of one second would have one name in the journal.
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let asked = unlock::Args { release: Some("om".into()), reason: "it fails again".into(), even_alive: false };
    assert_eq!(unlock::unlock(&world.cluster(), &asked, Output::Text, TERMS.lock).await.unwrap(), Exit::Done);
}

/// Loading beside failed, somebody gave it up: servers at zero, the schedule suspended.
async fn given_up() -> (World, tempfile::TempDir) {
    let (world, folder) = migrated().await;
    pod(&world, "beside", PodFault::Fails);
    assert!(command(&world, &args(&world)).await.is_err());
    give_up(&world).await;
    assert_eq!(world.object("deployments", "om").unwrap()["spec"]["replicas"], 0);
    assert_eq!(world.object("cronjobs", "cron-reindex").unwrap()["spec"]["suspend"], true);
    (world, folder)
}

pub fn as_before(world: &World, case: &str) {
    assert_eq!(world.object("deployments", "om").unwrap()["spec"]["replicas"], 5, "{case}");
    assert_eq!(world.object("cronjobs", "cron-reindex").unwrap()["spec"]["suspend"], false, "{case}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_road_puts_the_counts_of_before_back() {
    let (world, _folder) = given_up().await;
    let again = Args { in_place: true, ..args(&world) };
    assert_eq!(command(&world, &again).await.unwrap(), Exit::Done);
    as_before(&world, "in place");
    assert_eq!(world.violations(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_up_twice_they_are_still_known() {
    let (world, _folder) = given_up().await;
    pod(&world, "beside", PodFault::Fails);
    assert!(command(&world, &args(&world)).await.is_err());
    give_up(&world).await;
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    as_before(&world, "given up twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_back_of_code_alone_puts_them_back_as_well() {
    let (world, _folder) = given_up().await;
    let code = Args { restore: false, backup: None, no_probe: true, accept_unproven: true, ..args(&world) };
    assert_eq!(command(&world, &code).await.unwrap(), Exit::Done);
    as_before(&world, "code alone");
}

/// The revision names the count of before, so nothing differs; and yet helm meets our zero on the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_takes_over_what_stands_at_zero_on_the_server() {
    let (world, folder) = migrated().await;
    let named = |version: &str| with_schedule(version).replace("replicas: 1", "replicas: 5");
    for (number, status, version) in [(1, "superseded", "1.12.3"), (2, "deployed", "1.12.4")] {
        let secret = release_secret("om", number, status, &named(version), "Upgrade complete");
        world.put("secrets", applied_on_the_server(secret));
    }
    let api: kube::Api<k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler> = world.cluster().api();
    api.delete("om", &kube::api::DeleteParams::default()).await.unwrap();
    pod(&world, "beside", PodFault::Fails);
    assert!(command(&world, &args(&world)).await.is_err());
    give_up(&world).await;
    let code = Args { restore: false, backup: None, no_probe: true, accept_unproven: true, ..args(&world) };
    let file = folder.path().join("look.json");
    let dry = Args { dry_run: true, facts: Some(file.clone()), ..code.clone() };
    assert_eq!(command(&world, &dry).await.unwrap(), Exit::Done);
    assert_eq!(command(&world, &code).await.unwrap(), Exit::Done);
    let calls = world.helm_calls();
    assert!(calls.len() == 1 && calls[0].contains("--force-conflicts"), "{calls:?}");
    as_before(&world, "on the server");
    // What was saved then says the same: what stood at zero, and what is let go on.
    let file = file.to_str().unwrap();
    let (exit, text, said) = run(&["rollback", "--from-facts", file, "--accept-unproven"]);
    assert_eq!(exit, 0, "{text}{said}");
    assert!(text.contains("--force-conflicts"), "{text}");
    assert!(said.contains("Deployment/om stands at zero since the restore"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_the_revision_that_stays_they_come_back() {
    let (world, _folder) = given_up().await;
    let stays = Args { revision: None, stay: true, accept_other_fernet_key: true, ..args(&world) };
    world.with_database(|d| d.backup.clone_from(&d.state));
    assert_eq!(command(&world, &stays).await.unwrap(), Exit::Done);
    as_before(&world, "the revision stays");
}

/// Given up long ago, and put right by hand: what stands still since then was stilled by somebody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_somebody_set_since_then_stays() {
    for (replicas, suspended) in [(0, true), (3, true), (3, false)] {
        let (world, _folder) = given_up().await;
        let set = |plural: &str, name: &str, field: &str, value: serde_json::Value| {
            let mut object = world.object(plural, name).unwrap();
            object["spec"][field] = value;
            owned(&mut object, &format!("f:{field}"), "kubectl-patch");
            world.put(plural, object);
        };
        set("deployments", "om", "replicas", replicas.into());
        set("cronjobs", "cron-reindex", "suspend", suspended.into());
        let code = Args { restore: false, backup: None, no_probe: true, accept_unproven: true, ..args(&world) };
        assert_eq!(command(&world, &code).await.unwrap(), Exit::Done);
        let cron = world.object("cronjobs", "cron-reindex").unwrap();
        assert_eq!(cron["spec"]["suspend"], suspended, "{replicas}, {suspended}");
        // Zero is what helm overwrites; any other count of an autoscaled workload is put back.
        let then = if replicas == 0 { 1 } else { replicas };
        assert_eq!(world.object("deployments", "om").unwrap()["spec"]["replicas"], then, "{replicas}, {suspended}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_cannot_be_read_is_no_restore_less() {
    let (world, _folder) = migrated().await;
    let now = jiff::Timestamp::now();
    let mut run = Run::new("r", "om", "data", "rollback", "rollback om to revision 1", "anna", now);
    run.remembered.insert("restore".to_owned(), r#"{"v": 2}"#.to_owned());
    run.write("quiesce", kubectl_omupgrade::journal::Phase::About, "", now);
    run.end(Outcome::Failed, now);
    journal::open(&world.cluster(), None, run).await.unwrap();
    let refused = command(&world, &args(&world)).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
    assert!(refused.to_string().contains("cannot read"), "{refused:#}");
    assert_eq!(runs(&world).iter().filter(|r| r["verb"] == "rollback").count(), 1);
}

/// Killed anywhere, also after helm, given up, and another road taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn given_up_at_any_write_the_counts_of_before_come_back() {
    let at = |write: usize| async move {
        let (world, _folder) = migrated().await;
        let killed = world.process(Some(Kill::AfterWrite(write)), command(&world, &args(&world))).await;
        if killed.is_some() {
            return false;
        }
        give_up(&world).await;
        let again = Args { in_place: true, ..args(&world) };
        assert_eq!(command(&world, &again).await.unwrap(), Exit::Done, "{write}");
        as_before(&world, &format!("given up after write {write}"));
        assert_eq!(world.violations(), Vec::<String>::new(), "{write}");
        true
    };
    let points = futures::future::join_all((1..80).step_by(many::step(3)).map(at)).await;
    assert!(points.iter().filter(|reached| **reached).count() >= 12, "{points:?}");
}

/// The road on which the database is empty in between.
#[test]
fn in_place_every_kill_point_under_every_fault_has_one_end() {
    let faults = [
        None,
        Some(PodFault::Fails),
        Some(PodFault::FailsAfterwards),
        Some(PodFault::Vanishes),
        Some(PodFault::NoImage),
    ];
    let cases = faults
        .into_iter()
        .enumerate()
        .flat_map(|(nth, fault)| (1 + nth % many::step(5)..40).step_by(many::step(5)).map(move |at| (fault, at)));
    let one = async |(fault, at): (Option<PodFault>, usize)| {
        let case = format!("{fault:?}, {at}");
        let (world, _folder) = migrated().await;
        world.with_database(|d| {
            d.check = d.check.replace("way\tbeside", "way\tin-place");
            d.fault = fault.map(|fault| ("in-place".to_owned(), fault));
        });
        let again = Args { in_place: true, ..args(&world) };
        world.process(Some(Kill::AfterWrite(at)), command(&world, &again)).await;
        until_done(&case, async || command(&world, &again).await).await;
        as_before(&world, &case);
        assert_eq!(world.violations(), Vec::<String>::new(), "{case}");
        world.with_database(|d| assert_eq!((d.state.as_str(), d.dumps.len()), (STATE, 1), "{case}"));
    };
    many::all(cases, one);
}
