//! `backup` killed at every write, and the same command again: one Job, one backup, nothing left over. And what it says
//! where a dump fails, what it refuses, and that the real helm-postrender takes its receipt.

use crate::cluster::{Kill, NAMESPACE, World, release_secret};
use base64::Engine as _;
use kubectl_omupgrade::adapters::lock::Timing;
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::backup::{
    DrillArgs, InitArgs, ListArgs, MakeArgs, Of, Terms, VerifyArgs, back_up, drill, init, list, verify,
};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::{Value, json};
use std::time::Duration;

pub const TERMS: Terms = Terms {
    output: Output::Text,
    lock: Timing { duration: Duration::from_millis(60), renew: Duration::from_millis(20) },
    pace: Duration::from_millis(5),
    live: false,
};

pub const MANIFEST: &str = "---\napiVersion: v1\nkind: Secret\nmetadata: {name: om-db-secret}\nstringData: {DB_SCHEME: postgresql}\n\
    ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: om}\nspec:\n  selector: {matchLabels: {app: om}}\n  template:\n    spec:\n      \
    initContainers: [{name: run-db-migrations, image: 'server:1.12.3', env: [{name: FERNET_KEY, valueFrom: {secretKeyRef: {name: keys, key: fernet}}}]}]\n      \
    containers: [{name: om, image: 'server:1.12.3', ports: [{containerPort: 8585}]}]\n";

/// What a probe tells of the server.
pub const FACTS: &str = "change_log\t3:aa\nsql_logs\t9:bb\nschema\t70:cc\nflowable\tabsent\nhead\t1.12.3\nfacts:\nengine\tpostgresql\nversion\t15.4 (Debian 15.4-1)\ndatabase\td\nuser\tom\nbytes\t1\ncharset\tUTF8\ncollation\tC\nsort_buffer\t1\nread_only\tno\nbytes t\t1\nrows t\t2\n";

pub fn claim() -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "om-omupgrade-backup"}})
}

pub fn record(name: &str, at: &str) -> String {
    format!(
        r#"{{"v":1,"origin":"omupgrade","release":"om","namespace":"{NAMESPACE}","target":"","engine":"postgresql","server_version":"15.1","client_version":"18.0","database":"d","host":"{name}","started":"{at}","finished":"{at}","files":[{{"name":"database.dump","bytes":7,"sha256":"aa"}}],"fingerprint":{{"change_log":"3:aa","flowable":"absent","schema":"70:cc","sql_logs":"9:bb"}},"schema_head":"1.12.3","rows":{{"t":2}}}}"#
    )
}

pub fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.put("secrets", release_secret("om", 1, "deployed", MANIFEST, "Install complete"));
    let key = base64::engine::general_purpose::STANDARD.encode("hunter2");
    world.put(
        "secrets",
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": {"fernet": key}}),
    );
    world.put("persistentvolumeclaims", claim());
    let now = jiff::Timestamp::now();
    let (name, record) = ("om-1.13.1-20261122T120000Z", record("h", &now.to_string()));
    world.says(
        "backup",
        &format!("omupgrade-progress: dumping 5 10\nomupgrade-backup: catalog {record}\nomupgrade-backup: complete {name} bytes=7 sha256=aa\n"),
    );
    world.says("probe", FACTS);
    world.says("claim", &format!("backup\t{name}\t{record}\nroom\t10\t5\nend\n"));
    (world, folder)
}

pub fn args(folder: &tempfile::TempDir) -> MakeArgs {
    MakeArgs {
        of: Of { release: Some("om".into()), ..Of::default() },
        to: Some("1.13.1".into()),
        receipt: Some(folder.path().join("receipt.json")),
        with_secrets: true,
        ..MakeArgs::default()
    }
}

pub async fn command(world: &World, args: &MakeArgs) -> anyhow::Result<Exit> {
    Box::pin(back_up(&world.cluster(), args, TERMS)).await
}

pub fn runs(world: &World) -> Vec<Value> {
    let journal = world.all("secrets").into_iter().filter(|s| s["type"] == "omupgrade.io/journal");
    let engine = base64::engine::general_purpose::STANDARD;
    journal
        .map(|s| serde_json::from_slice(&engine.decode(s["data"]["run.json"].as_str().unwrap()).unwrap()).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_the_same_command_ends_in_the_same_place() {
    let mut points = 0;
    for at in 1.. {
        let mut survived = false;
        for kill in [Kill::BeforeWrite(at), Kill::AfterWrite(at)] {
            let (world, folder) = world();
            let args = args(&folder);
            let first = world.process(Some(kill), command(&world, &args)).await;
            if let Some(done) = first {
                assert_eq!(done.unwrap(), Exit::Done);
                survived = true;
            } else {
                points += 1;
                assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{kill:?}");
            }
            // Killed after the journal had its end, the same command is another backup.
            let (ended, fresh) = (runs(&world).len(), base64::engine::general_purpose::STANDARD.encode("hunter2"));
            assert!(ended == 1 || (ended == 2 && points >= 17), "{kill:?}: {ended} runs");
            let jobs = world.log().into_iter().filter(|r| r.starts_with("POST ") && r.contains("/jobs")).count();
            assert!(jobs <= ended + 1, "{kill:?}: {jobs} Jobs"); // one that was there already is asked for again
            for secret in world.all("secrets").iter().filter(|s| s["type"].is_null()) {
                assert_eq!(secret["metadata"]["name"], "keys", "{kill:?}: a Job's files are left");
            }
            for kind in ["jobs", "pods"] {
                // A probe that was killed only reads, and the next one takes it away.
                let left =
                    world.all(kind).into_iter().filter(|o| o["metadata"]["labels"]["omupgrade.io/role"] != "probe");
                assert_eq!(left.collect::<Vec<_>>(), Vec::<Value>::new(), "{kill:?}: {kind} are left");
            }
            let runs = runs(&world);
            assert!(runs.iter().all(|r| r["outcome"] == "done"), "{kill:?}: {runs:#?}");
            assert_eq!(runs[0]["recorded"]["revision"], 1, "a later way back compares with it");
            let kept: Vec<Value> =
                world.all("secrets").into_iter().filter(|s| s["type"] == "omupgrade.io/backup-secrets").collect();
            assert_eq!(kept.len(), ended, "{kill:?}");
            assert_eq!(kept[0]["data"]["env.FERNET_KEY"], fresh);
            let receipt: Value =
                serde_json::from_slice(&std::fs::read(folder.path().join("receipt.json")).unwrap()).unwrap();
            assert_eq!(
                (&receipt["backup"], &receipt["target"]),
                (&json!("om-1.13.1-20261122T120000Z"), &json!("1.13.1"))
            );
        }
        if survived {
            break;
        }
    }
    assert!(points >= 18, "only {points} points");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_fails_is_said_with_its_words_and_leaves_nothing() {
    for (reason, said, hint) in [
        ("BackoffLimitExceeded", "omupgrade backup: pg_dump failed with 1: the claim is full", "patch pvc"),
        ("BackoffLimitExceeded", "omupgrade backup: the user or the password is wrong", ""),
        ("DeadlineExceeded", "omupgrade-progress: dumping 5 10", "--timeout"),
    ] {
        let (world, folder) = world();
        world.jobs_fail(reason);
        world.says("backup", said);
        let failed = command(&world, &args(&folder)).await.unwrap_err();
        assert_eq!(exit_of(&failed), Exit::No, "{failed:#}");
        let words = if reason == "DeadlineExceeded" { reason } else { said };
        assert!(failed.to_string().contains(words), "{failed:#}");
        assert!(hint.is_empty() || hints_of(&failed).iter().any(|h| h.contains(hint)), "{:?}", hints_of(&failed));
        assert!(world.all("jobs").is_empty() && !folder.path().join("receipt.json").exists());
        assert!(world.all("secrets").iter().all(|s| s["type"] != "omupgrade.io/backup-secrets"));
        assert_eq!(runs(&world)[0]["outcome"], "failed");
        let lease = world.object("leases", "omupgrade-om").unwrap();
        assert!(lease["spec"].get("holderIdentity").is_none_or(Value::is_null));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_broke_off_is_no_backup() {
    for log in [
        "",
        "unable to retrieve container logs for containerd://ab",
        "omupgrade-backup: complete x bytes=1 sha256=a\n",
        "omupgrade-backup: catalog {\"v\":1\nomupgrade-backup: complete x b\n",
    ] {
        let (world, folder) = world();
        let whole = world.said("backup");
        world.says("backup", log);
        let failed = command(&world, &args(&folder)).await.unwrap_err();
        assert!(failed.to_string().contains("ended well, but its"), "{failed:#}");
        assert!(!folder.path().join("receipt.json").exists());
        // It will never say more, so the same command makes another one; what that backup may need stays.
        assert_eq!(runs(&world)[0]["outcome"], "failed", "{log}");
        assert!(world.all("jobs").is_empty() && kept(&world).len() == 1, "{log}");
        another_second().await;
        world.says("backup", &whole);
        assert_eq!(command(&world, &args(&folder)).await.unwrap(), Exit::Done, "{log}");
    }
}

/// Two runs of one second would have one name in the journal.
pub async fn another_second() {
    tokio::time::sleep(Duration::from_millis(1100)).await;
}

/// The Secrets that keep keys.
pub fn kept(world: &World) -> Vec<Value> {
    world.all("secrets").into_iter().filter(|s| s["type"] == "omupgrade.io/backup-secrets").collect()
}

/// One in which a process was killed at the first write after which this holds.
async fn killed_when(holds: impl Fn(&World) -> bool) -> (World, tempfile::TempDir) {
    for at in 1..20 {
        let (world, folder) = world();
        let killed = world.process(Some(Kill::AfterWrite(at)), command(&world, &args(&folder))).await;
        if holds(&world) {
            assert!(killed.is_none(), "it ended");
            return (world, folder);
        }
    }
    panic!("it never came so far");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_that_was_taken_away_is_not_waited_for() {
    let made = |world: &World| runs(world).iter().any(|r| r["remembered"]["backup"].is_string());
    let (world, folder) = killed_when(made).await;
    let args = args(&folder);
    let whole = world.said("claim");
    world.says("claim", "room\t10\t5\nend\n");
    let failed = command(&world, &args).await.unwrap_err();
    assert!(failed.to_string().contains("is not on the claim"), "{failed:#}");
    assert_eq!(runs(&world)[0]["outcome"], "failed");
    another_second().await;
    world.says("claim", &whole);
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    assert_eq!(runs(&world).len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_to_another_claim_is_another_one() {
    let (world, folder) = killed_when(|world| !world.all("jobs").is_empty()).await;
    let mut other = claim();
    other["metadata"]["name"] = json!("other");
    world.put("persistentvolumeclaims", other);
    let mut there = args(&folder);
    there.of.claim = Some("other".into());
    assert_eq!(command(&world, &there).await.unwrap(), Exit::Done);
    let claims = |outcome: &str| {
        let runs = runs(&world).into_iter().filter(|r| r["outcome"] == outcome);
        runs.map(|r| r["remembered"]["claim"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((claims("done"), claims("open")), (vec!["other".to_owned()], vec!["om-omupgrade-backup".to_owned()]));
    assert_eq!(command(&world, &args(&folder)).await.unwrap(), Exit::Done);
    assert_eq!(claims("open"), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_cannot_be_taken_away_does_not_undo_a_backup() {
    let (world, folder) = world();
    world.deaf(Some("DELETE /apis/batch/v1/namespaces/data/jobs"));
    assert_eq!(command(&world, &args(&folder)).await.unwrap(), Exit::Done);
    assert_eq!((runs(&world)[0]["outcome"].as_str(), world.all("jobs").len()), (Some("done"), 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_changed_since_it_was_killed_are_kept_in_a_secret_of_their_own() {
    let (world, folder) = killed_when(|world| kept(world).len() == 1).await;
    let args = args(&folder);
    let encoded = |key: &str| base64::engine::general_purpose::STANDARD.encode(key);
    let rotated = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": {"fernet": encoded("rotated")}});
    world.put("secrets", rotated);
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    let runs = runs(&world);
    let name = runs[0]["remembered"]["secrets"].as_str().unwrap();
    assert!(name.ends_with("-2"), "{name}");
    let key = |name: &str| world.object("secrets", name).unwrap()["data"]["env.FERNET_KEY"].clone();
    assert_eq!((key(name), key(name.trim_end_matches("-2"))), (json!(encoded("rotated")), json!(encoded("hunter2"))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_claim_nothing_is_written_and_init_makes_one() {
    let (world, folder) = world();
    let api: kube::Api<k8s_openapi::api::core::v1::PersistentVolumeClaim> = world.cluster().api();
    api.delete("om-omupgrade-backup", &kube::api::DeleteParams::default()).await.unwrap();
    let before = world.log().len();
    let refused = command(&world, &args(&folder)).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused);
    assert!(hints_of(&refused)[0].contains("backup init om -n data"));
    assert!(world.log()[before..].iter().all(|r| r.starts_with("GET ")));
    let asked = InitArgs {
        of: Of { release: Some("om".into()), ..Of::default() },
        size: Some("7Gi".into()),
        access_mode: "ReadWriteOnce".into(),
        ..InitArgs::default()
    };
    assert_eq!(init(&world.cluster(), &asked, Output::Text).await.unwrap(), Exit::Done);
    let made = world.object("persistentvolumeclaims", "om-omupgrade-backup").unwrap();
    assert_eq!(made["spec"]["resources"]["requests"]["storage"], "7Gi");
    assert!(made["metadata"].get("ownerReferences").is_none(), "it is not the release's");
    assert_eq!(init(&world.cluster(), &asked, Output::Text).await.unwrap(), Exit::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_writes_nothing() {
    let (world, folder) = world();
    let args = MakeArgs { dry_run: true, ..args(&folder) };
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    assert!(world.log().iter().all(|r| r.starts_with("GET ")), "{:?}", world.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_a_pod_that_says_so_has_verified() {
    let (world, _folder) = world();
    let of = Of { release: Some("om".into()), ..Of::default() };
    assert_eq!(list(&world.cluster(), &ListArgs { of: of.clone() }, Output::Text).await.unwrap(), Exit::Done);
    // The simulated Pod says the list again, and not that it verified.
    let asked = VerifyArgs { of, ..VerifyArgs::default() };
    let failed = verify(&world.cluster(), &asked, Output::Text).await.unwrap_err();
    assert_eq!(exit_of(&failed), Exit::No, "{failed:#}");
    assert!(world.all("pods").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_fernet_key_nothing_is_called_complete_and_nothing_begins() {
    let (world, folder) = world();
    world.put("secrets", json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"}, "data": {}}));
    for dry_run in [true, false] {
        let refused = command(&world, &MakeArgs { dry_run, ..args(&folder) }).await.unwrap_err();
        assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
        assert!(refused.to_string().contains("the Fernet key is not to be had"), "{refused:#}");
        assert!(hints_of(&refused)[0].contains("--fernet-key-held-elsewhere"));
    }
    assert!(world.log().iter().all(|r| r.starts_with("GET ")), "{:?}", world.log());
    let elsewhere = MakeArgs { with_secrets: false, fernet_key_held_elsewhere: true, ..args(&folder) };
    assert_eq!(command(&world, &elsewhere).await.unwrap(), Exit::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_dumped_by_the_client_of_its_major_unless_somebody_chose_one() {
    for (case, facts, named, image) in [
        ("known", FACTS, None, "postgres:15"),
        ("not known", "nothing", None, "postgres:18"),
        ("chosen", FACTS, Some("mirror/postgres:17"), "mirror/postgres:17"),
    ] {
        let (world, folder) = world();
        world.says("probe", facts);
        let mut asked = args(&folder);
        asked.of.client_image = named.map(str::to_owned);
        // Killed once the Job is there, or nobody would see it.
        let mut at = 1;
        let job = loop {
            world.process(Some(Kill::AfterWrite(at)), command(&world, &asked)).await;
            if let Some(job) = world.all("jobs").pop() {
                break job;
            }
            at += 1;
        };
        assert_eq!(job["spec"]["template"]["spec"]["containers"][0]["image"], image, "{case}");
    }
}

/// Without rows nothing was compared; and where rows differ, what was proven of the backup before holds no more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_drill_marks_what_it_proved_and_takes_marks_from_what_it_found_broken() {
    for (rows, ends, last) in [
        (json!({"t": 2}), Exit::Done, "mark"),
        (json!({"t": 3}), Exit::No, "unmark"),
        // The look at its files is the last that a Pod is told a word for.
        (json!({}), Exit::Done, "verify"),
        (Value::Null, Exit::Done, "verify"),
    ] {
        let (world, _folder) = world();
        let mut made: Value = serde_json::from_str(&record("h", "2026-11-22T12:00:00Z")).unwrap();
        made["rows"] = rows.clone();
        world.says("claim", &format!("backup\tom-b\t{made}\nomupgrade-backup: verified om-b\nend\n"));
        world.says("drill", &format!("{FACTS}omupgrade-drill: restored om-b\n"));
        let asked = DrillArgs { of: Of { release: Some("om".into()), ..Of::default() }, ..DrillArgs::default() };
        assert_eq!(Box::pin(drill(&world.cluster(), &asked, Output::Text)).await.unwrap(), ends, "{rows}");
        assert_eq!(world.actions().last().map(String::as_str), Some(last), "{rows}: {:?}", world.actions());
    }
}

/// A name that was mistyped says nothing of the backup, and is found before an hour of reading.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_who_is_not_there_refuses_a_drill_before_anything_is_read() {
    for (data, words) in [
        (None, "the Secret nope with an administrator is not there"),
        (Some(json!({"username": "cm9vdA=="})), "the Secret nope with an administrator holds no password"),
    ] {
        let (world, _folder) = world();
        if let Some(data) = data {
            world.put(
                "secrets",
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "nope"}, "data": data}),
            );
        }
        world.says("claim", &format!("backup\tom-b\t{}\nend\n", record("h", "2026-11-22T12:00:00Z")));
        let of = Of { release: Some("om".into()), ..Of::default() };
        let asked = DrillArgs { of, same_server: true, admin_secret: Some("nope".into()), ..DrillArgs::default() };
        let refused = Box::pin(drill(&world.cluster(), &asked, Output::Text)).await.unwrap_err();
        assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
        assert!(refused.to_string().contains(words) && !refused.to_string().contains("proven"), "{refused:#}");
        assert!(
            hints_of(&refused).iter().all(|h| h.contains("backup drill om -n data om-b")),
            "{:?}",
            hints_of(&refused)
        );
        // The claim was listed, and that is all.
        assert_eq!(world.log().iter().filter(|r| r.starts_with("POST ") && r.contains("/pods")).count(), 1);
    }
}
