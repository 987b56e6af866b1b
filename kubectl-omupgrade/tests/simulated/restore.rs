//! `rollback --restore`: its one end, its words, what it refuses before the first write, and who may disturb it.

use crate::cluster::{PodFault, World, release_secret};
pub use crate::rollback::command;
use crate::rollback::{STATE, is_refused, manifest, runs, world};
use kubectl_omupgrade::adapters::journal::record_fingerprint;
use kubectl_omupgrade::adapters::keys;
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::facts::Secret;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use kubectl_omupgrade::fingerprint::Fingerprint;
use serde_json::{Value, json};

/// The name of the backup.
pub const BACKUP: &str = "om-1.12.4-20261122T100000Z";

/// What the check says of a backup that was made under this Fernet key; none: its record tells nothing of it.
pub fn check(fernet: Option<&str>) -> String {
    check_with(fernet, "jwt")
}

/// The same, with this key to sign tokens.
pub fn check_with(fernet: Option<&str>, signing: &str) -> String {
    let mut found = keys::Found::default();
    if let Some(key) = fernet {
        found.content.insert("env/FERNET_KEY".to_owned(), Secret::new(key.as_bytes().to_vec()));
        found.content.insert("file/jwt/private.der".to_owned(), Secret::new(signing.as_bytes().to_vec()));
    }
    let of = json!({"revision": 1, "chart": "openmetadata", "chart_version": "1.12.3", "app_version": "1.12.3", "images": {},
        "keys": keys::fingerprints(&found, b"salt"), "secrets": {"secret": "omupgrade-backup-om-x"}});
    let mut record = json!({"v": 1, "origin": "omupgrade", "release": "om", "namespace": "data", "target": "", "engine": "postgresql",
        "server_version": "15", "client_version": "15", "database": "om", "host": "pg", "started": "2026-11-22T10:00:00Z",
        "finished": "2026-11-22T10:01:00Z", "files": [], "fingerprint": {}, "schema_head": "1.12.3"});
    if fernet.is_some() {
        record["of"] = of;
    }
    format!(
        "written\tentity\t3\nway\tbeside\nbecause\t'om' may create and rename databases\ndatabase_bytes\t5000000\n\
         dump_bytes\t1000000\nclaim_free_bytes\t90000000\nbackup_started\t2026-11-22T10:00:00Z\nrecord\t{record}\n\
         omupgrade-restore: check done way=beside\n"
    )
}

/// With a `CronJob`, and a Fernet key that the manifest brings along.
pub fn with_schedule(version: &str) -> String {
    let fernet = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: om-fernet}\nstringData: {FERNET_KEY: the-key}\n";
    let schedule = format!(
        "---\napiVersion: batch/v1\nkind: CronJob\nmetadata: {{name: cron-reindex}}\nspec:\n  suspend: false\n  \
         jobTemplate: {{spec: {{template: {{spec: {{containers: [{{name: c, image: 'server:{version}'}}]}}}}}}}}\n"
    );
    let keyed = manifest(version)
        .replace("containers: [{name: om,", "containers: [{name: om, envFrom: [{secretRef: {name: om-fernet}}],");
    keyed.replacen("---\n", &format!("{fernet}{schedule}---\n"), 1)
}

/// Revision 1 is 1.12.3 and is recorded; revision 2 is 1.12.4, migrated the database and serves.
pub async fn migrated() -> (World, tempfile::TempDir) {
    let (world, folder) = world();
    world.put("secrets", release_secret("om", 1, "superseded", &with_schedule("1.12.3"), "Install complete"));
    world.put("secrets", release_secret("om", 2, "deployed", &with_schedule("1.12.4"), "Upgrade complete"));
    world.put(
        "cronjobs",
        json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "cron-reindex"}, "spec": {
            "schedule": "0 0 * * *", "suspend": false, "jobTemplate": {},
        }}),
    );
    let state = Fingerprint::parse(shared::backup::Engine::Postgresql, STATE).unwrap();
    record_fingerprint(&world.cluster(), "om", 1, "server:1.12.3", state, "anna").await.unwrap();
    world.with_database(|database| {
        database.state = STATE.replace("3:aa", "4:ab").replace("1.12.3", "1.12.4");
        STATE.clone_into(&mut database.backup);
        database.check = check(Some("the-key"));
    });
    (world, folder)
}

pub fn args(world: &World) -> Args {
    Args {
        release: Some("om".into()),
        revision: Some(1),
        restore: true,
        backup: Some(BACKUP.into()),
        yes: true,
        helm: Some(world.helm()),
        ..Args::default()
    }
}

/// Types the same command until it is through, three times at most; what it says meanwhile is told, and is no refusal.
pub async fn until_done(case: &str, command: impl AsyncFn() -> anyhow::Result<Exit>) {
    for _ in 0..3 {
        match command().await {
            Ok(exit) => return assert_eq!(exit, Exit::Done, "{case}"),
            Err(error) => assert!(matches!(exit_of(&error), Exit::No | Exit::Unknown), "{case}: {error:#}"),
        }
    }
    panic!("{case}: it never ended");
}

/// The one place in which every history has to end, whatever runs it took; those runs.
pub fn came_back(world: &World, case: &str) -> Vec<Value> {
    assert_eq!(world.violations(), Vec::<String>::new(), "{case}");
    world.with_database(|database| {
        assert_eq!(database.state, STATE, "{case}");
        assert_eq!((database.beside.len(), database.old.len()), (0, 1), "{case}: one old database is kept");
        assert!(database.old.values().all(|old| old.contains("1.12.4")), "{case}");
        assert!(!database.dumps.is_empty() && database.dumps.iter().all(|d| d.contains("1.12.4")), "{case}");
    });
    let live = world.object("deployments", "om").unwrap();
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "server:1.12.3", "{case}");
    assert_eq!(live["spec"]["replicas"], 5, "{case}");
    assert_eq!(world.object("cronjobs", "cron-reindex").unwrap()["spec"]["suspend"], false, "{case}");
    let lease = world.object("leases", "omupgrade-om").unwrap();
    assert!(lease["spec"].get("holderIdentity").is_none_or(Value::is_null), "{case}: {lease}");
    let runs: Vec<Value> = runs(world).into_iter().filter(|r| r["verb"] == "rollback").collect();
    assert!(runs.iter().all(|r| r["outcome"] != "open"), "{case}: {runs:#?}");
    assert_eq!(runs.iter().filter(|r| r["outcome"] == "done").count(), 1, "{case}: {runs:#?}");
    let deployed = world.all("secrets").into_iter().filter(|s| s["metadata"]["labels"]["status"] == "deployed");
    assert_eq!(deployed.count(), 1, "{case}");
    runs
}

/// The same, and one run made each step once.
pub fn ended_well(world: &World, case: &str) {
    let runs = came_back(world, case);
    assert_eq!(runs.len(), 1, "{case}: {runs:#?}");
    let done = |step: &str| {
        let entries = runs[0]["entries"].as_array().unwrap();
        entries.iter().filter(|e| e["step"] == step && e["phase"] == "done").count()
    };
    for step in ["quiesce", "dump", "beside", "swap", "helm", "resume CronJob/cron-reindex"] {
        assert_eq!(done(step), 1, "{case}: {step} {runs:#?}");
    }
}

pub fn pod(world: &World, action: &str, fault: PodFault) {
    world.with_database(|database| database.fault = Some((action.to_owned(), fault)));
}

/// What is said on standard error while the test of this name runs, in a process of its own.
pub fn said_in(test: &str) -> String {
    let own =
        std::process::Command::new(std::env::current_exe().unwrap()).args(["--exact", test, "--nocapture"]).output();
    let own = own.unwrap();
    assert!(own.status.success(), "{own:?}");
    String::from_utf8(own.stderr).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_undisturbed_one() {
    let (world, _folder) = migrated().await;
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    ended_well(&world, "undisturbed");
}

#[test]
fn each_step_is_told_as_it_begins_and_ends_with_the_name_of_the_dump() {
    let said = said_in("restore::an_undisturbed_one");
    let steps = [
        "Z scale Deployment/om from 5 to 0\n",
        "Z suspend CronJob/cron-reindex\n",
        "Z   nothing runs that could migrate or write\n",
        "Z dump the database as it is now onto the claim om-omupgrade-backup\n",
        "Z   it is kept as om-before-restore-2",
        &format!("Z load {BACKUP} into a database beside and prove it"),
        "Z   it is loaded and proven\n",
        "Z swap both names",
        &format!("Z   the database is that of {BACKUP}\n"),
        "the database from before is kept",
    ];
    let places: Vec<usize> =
        steps.iter().map(|step| said.find(step).unwrap_or_else(|| panic!("{step}: {said}"))).collect();
    assert!(places.is_sorted(), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_at_once_restore_once() {
    let (world, _folder) = migrated().await;
    let args = args(&world);
    let (one, other) = tokio::join!(command(&world, &args), command(&world, &args));
    assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    ended_well(&world, "two operators");
    assert_eq!(world.helm_calls().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_asking_for_it_nothing_is_restored_and_the_way_is_named() {
    let (world, _folder) = migrated().await;
    let mut args = Args { restore: false, ..args(&world) };
    none_named(&world, &mut args);
    let refused = command(&world, &args).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused);
    assert!(
        hints_of(&refused).iter().any(|h| h.contains("--restore --backup NAME --dry-run")),
        "{:?}",
        hints_of(&refused)
    );
    untouched(&world, "without --restore");
}

/// No backup is named, and those of the claim could not be listed whole.
fn none_named(world: &World, args: &mut Args) {
    args.backup = None;
    world.put("persistentvolumeclaims", super::backup::claim());
    world.says("claim", "backup\tom-1");
}

/// Nothing but Pods that read was written.
#[track_caller]
pub fn untouched(world: &World, case: &str) {
    let writes: Vec<String> =
        world.log().into_iter().filter(|r| !r.starts_with("GET ") && !r.contains("/pods")).collect();
    // The one of the recorded fingerprint.
    assert_eq!(writes.len(), 1, "{case}: {writes:?}");
    assert!(world.with_database(|d| d.old.is_empty() && d.beside.is_empty() && d.dumps.is_empty()), "{case}");
    assert!(world.helm_calls().is_empty(), "{case}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_stands_against_it_is_found_before_the_first_write() {
    type Change = fn(&World, &mut Args);
    let cases: &[(&str, Change, &str)] = &[
        (
            "in place",
            |w, _| w.with_database(|d| d.check = d.check.replace("way\tbeside", "way\tin-place")),
            "cannot be made beside",
        ),
        (
            "little room",
            |w, _| w.with_database(|d| d.check = d.check.replace("90000000", "1400000")),
            "too little to dump",
        ),
        ("a broken dump", |w, _| pod(w, "check", PodFault::Fails), "cannot be restored: the restore failed: a fault"),
        ("no backup named", none_named, "which backup"),
        (
            "a backup that is newer than the server",
            |w, _| {
                w.with_database(|d| {
                    d.check = d.check.replace("\"schema_head\":\"1.12.3\"", "\"schema_head\":\"1.12.4\"");
                });
            },
            "the backup's schema is 1.12.4",
        ),
    ];
    for (case, change, words) in cases {
        let (world, _folder) = migrated().await;
        let mut args = args(&world);
        change(&world, &mut args);
        is_refused(command(&world, &args).await, case, words);
        untouched(&world, case);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grants_that_did_not_come_along_are_kept_in_the_journal() {
    for (way, in_place) in [("beside", false), ("in-place", true)] {
        let (world, _folder) = migrated().await;
        world.with_database(|d| {
            d.load_says = "omupgrade restore: some grants could not be repeated: role x\nis not there\n".to_owned();
            d.check = d.check.replace("way\tbeside", &format!("way\t{way}"));
        });
        let args = Args { in_place, ..args(&world) };
        assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{way}");
        let run = runs(&world).into_iter().find(|r| r["verb"] == "rollback").unwrap();
        let kept: Vec<_> = run["entries"].as_array().unwrap().iter().filter(|e| e["step"] == "left out").collect();
        assert_eq!(kept.len(), 1, "{way}: {run:#}");
        assert!(
            kept[0].to_string().contains("some grants could not be repeated: role x is not there"),
            "{way}: {kept:?}"
        );
    }
}

#[test]
fn grants_that_did_not_come_along_are_told() {
    let said = said_in("restore::grants_that_did_not_come_along_are_kept_in_the_journal");
    let told = "Z   some grants could not be repeated: role x is not there\n";
    assert_eq!(said.matches(told).count(), 2, "{said}");
}

/// What was written since the backup is then only in the database from before, which is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn told_not_to_dump_it_does_not_and_needs_no_room_for_it() {
    let (world, _folder) = migrated().await;
    world.with_database(|d| d.check = d.check.replace("90000000", "1400000"));
    is_refused(command(&world, &args(&world)).await, "little room", "too little to dump");
    let args = Args { no_dump: true, ..args(&world) };
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    assert_eq!(world.violations(), Vec::<String>::new());
    world.with_database(|d| {
        assert_eq!((d.state.as_str(), d.dumps.len(), d.old.len()), (STATE, 0, 1));
        assert!(d.old.values().all(|old| old.contains("1.12.4")));
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_only_reads() {
    let (world, _folder) = migrated().await;
    let args = Args { dry_run: true, ..args(&world) };
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    untouched(&world, "dry run");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_place_where_a_person_accepts_it() {
    let (world, _folder) = migrated().await;
    world.with_database(|d| d.check = d.check.replace("way\tbeside", "way\tin-place"));
    pod(&world, "in-place", PodFault::Fails);
    let args = Args { in_place: true, ..args(&world) };
    let failed = command(&world, &args).await.unwrap_err();
    assert_eq!(exit_of(&failed), Exit::No, "{failed:#}");
    assert_eq!(world.object("deployments", "om").unwrap()["spec"]["replicas"], 0, "servers stay still");
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    assert_eq!(world.violations(), Vec::<String>::new());
    world.with_database(|d| assert_eq!((d.state.as_str(), d.old.len(), d.dumps.len()), (STATE, 0, 1)));
    assert_eq!(world.object("deployments", "om").unwrap()["spec"]["replicas"], 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_teammate_at_work_stops_it_before_the_swap() {
    type Change = fn(&World);
    let cases: &[(&str, Change, &str)] = &[
        (
            "helm upgrade",
            |w| w.put("secrets", release_secret("om", 3, "deployed", &with_schedule("1.12.4"), "Upgrade complete")),
            "revision 3 appeared",
        ),
        (
            "a server",
            |w| {
                w.put(
                    "pods",
                    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "om-by-hand"}, "spec": {"containers": [{"name": "om", "image": "server:1.12.4"}]},
                           "status": {"phase": "Pending"}}),
                );
            },
            "om-by-hand was started in between",
        ),
        (
            "a server whose registry an admission webhook changed",
            |w| {
                w.put(
                    "pods",
                    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "om-mirrored", "labels": {"app": "om"}},
                           "spec": {"containers": [{"name": "om", "image": "mirror.example/proxy/om:1.12.4"}]}, "status": {"phase": "Running"}}),
                );
            },
            "om-mirrored was started in between",
        ),
        (
            "another pod of the release with the server's container",
            |w| {
                w.put(
                    "pods",
                    json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "om-job", "labels": {"app.kubernetes.io/instance": "om"}},
                           "spec": {"containers": [{"name": "x", "image": "x"}], "initContainers": [{"name": "run-db-migrations", "image": "mirror.example/om:1.12.4"}]},
                           "status": {"phase": "Pending"}}),
                );
            },
            "om-job was started in between",
        ),
    ];
    for (case, change, words) in cases {
        let (world, _folder) = migrated().await;
        let args = args(&world);
        // Killed after the database beside was loaded, which is the long step.
        pod(&world, "beside", PodFault::FailsAfterwards);
        assert!(command(&world, &args).await.is_err(), "{case}");
        change(&world);
        let refused = command(&world, &args).await.unwrap_err();
        assert_eq!(exit_of(&refused), Exit::Refused, "{case}: {refused:#}");
        assert!(refused.to_string().contains(words), "{case}: {refused:#}");
        assert!(world.with_database(|d| d.old.is_empty() && d.state.contains("1.12.4")), "{case}: not swapped");
        assert!(world.helm_calls().is_empty(), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_way_back_does_not_begin_over_a_restore_in_its_middle() {
    let (world, _folder) = migrated().await;
    pod(&world, "beside", PodFault::Fails);
    assert!(command(&world, &args(&world)).await.is_err());
    world.put("secrets", release_secret("om", 3, "superseded", &with_schedule("1.12.4"), ""));
    world.put("secrets", release_secret("om", 4, "deployed", &with_schedule("1.12.5"), ""));
    let other = Args { revision: Some(3), restore: false, backup: None, accept_unproven: true, ..args(&world) };
    let refused = command(&world, &other).await.unwrap_err();
    assert!(refused.to_string().contains("was begun and did not end"), "{refused:#}");
}
