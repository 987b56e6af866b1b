//! Snapshots that somebody else keeps, with commands that are real programs: each must end well before anything is
//! recorded, what they print is kept nowhere, and what comes back is compared.

use crate::backup::{TERMS, another_second, kept, runs, world};
use crate::cluster::{Kill, World};
use crate::restore::said_in;
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::backup::{
    BringBackArgs, DrillArgs, ListArgs, MakeArgs, Of, SnapshotArgs, VerifyArgs, back_up, bring_back, drill, list,
    snapshot, verify,
};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::Value;
use shared::backup::{Held, Record};
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

fn answer(head: &str, rows: u64) -> String {
    format!(
        "change_log\t3:aa\nsql_logs\t9:bb\nschema\t70:cc\nflowable\tabsent\nhead\t{head}\nfacts:\nengine\tpostgresql\nversion\t15.1\ndatabase\td\nuser\tom\nbytes\t1\ncharset\tUTF8\ncollation\tC\nsort_buffer\t1\nread_only\tno\nbytes t\t1\nrows t\t{rows}\n"
    )
}

fn of() -> Of {
    Of { release: Some("om".into()), ..Of::default() }
}

fn commands(folder: &tempfile::TempDir, create: &str, restore: &str) -> PathBuf {
    let file = folder.path().join("commands.yaml");
    let log = folder.path().join("ran").display().to_string();
    let text = format!(
        "provider: rds\ncreate: [sh, -c, 'echo token-hunter2; echo token-hunter2 >&2; echo create $1 >>{log}; {create}', sh, '{{snapshot}}']\nwait: [sh, -c, 'echo wait $OMUPGRADE_SNAPSHOT >>{log}']\nrestore: [sh, -c, 'echo restore $OMUPGRADE_SNAPSHOT >>{log}; {restore}']\n"
    );
    std::fs::write(&file, text).unwrap();
    file
}

fn args(folder: &tempfile::TempDir, create: &str) -> SnapshotArgs {
    SnapshotArgs {
        of: of(),
        commands: commands(folder, create, "echo omupgrade-host: new.example:5433"),
        to: Some("1.13.1".into()),
        receipt: Some(folder.path().join("receipt.json")),
        with_secrets: true,
        fernet_key_held_elsewhere: false,
        timeout: Duration::from_secs(20),
        show_output: false,
        dry_run: false,
    }
}

fn record(map: &Value) -> Record {
    serde_json::from_str(map["data"]["catalog.json"].as_str().unwrap()).unwrap()
}

fn maps(world: &World) -> Vec<Value> {
    world.all("configmaps")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_recorded_once_both_commands_ended_well_and_comes_back_compared() {
    let (world, folder) = world();
    world.says("probe", &answer("1.12.3", 7));
    let asked = args(&folder, "true");
    assert_eq!(Box::pin(snapshot(&world.cluster(), &asked, TERMS)).await.unwrap(), Exit::Done);
    let all = maps(&world);
    let record = record(&all[0]);
    let name = record.external.as_ref().unwrap().snapshot.clone();
    let ran = std::fs::read_to_string(folder.path().join("ran")).unwrap();
    assert_eq!(ran, format!("create {name}\nwait {name}\n"));
    assert_eq!((record.rows.unwrap()["t"], record.schema_head.as_str()), (7, "1.12.3"));
    assert!(record.files.is_empty());
    let everything = format!("{:?}{:?}", world.all("secrets"), maps(&world));
    assert!(!everything.contains("token-hunter2"), "what a command printed was kept");
    let receipt: Value = serde_json::from_slice(&std::fs::read(folder.path().join("receipt.json")).unwrap()).unwrap();
    assert_eq!(receipt["backup"], name.as_str());
    assert_eq!(list(&world.cluster(), &ListArgs { of: of() }, Output::Text).await.unwrap(), Exit::Done);

    // What nobody here can do is said, and with what can be done.
    let verified = verify(
        &world.cluster(),
        &VerifyArgs { of: of(), name: Some(name.clone()), ..VerifyArgs::default() },
        Output::Text,
    )
    .await
    .unwrap_err();
    let drilled = drill(
        &world.cluster(),
        &DrillArgs { of: of(), name: Some(name.clone()), ..DrillArgs::default() },
        Output::Text,
    )
    .await
    .unwrap_err();
    for failed in [verified, drilled] {
        assert_eq!(exit_of(&failed), Exit::Unknown, "{failed:#}");
        assert!(
            failed.to_string().contains("is a snapshot that rds keeps") && hints_of(&failed)[0].contains("bring-back"),
            "{failed:#}"
        );
    }

    let back = BringBackArgs {
        of: of(),
        name: Some(name.clone()),
        commands: Some(asked.commands.clone()),
        host: None,
        timeout: Duration::from_secs(20),
        show_output: false,
    };
    world.says("probe", &answer("1.12.3", 6));
    assert_eq!(Box::pin(bring_back(&world.cluster(), &back, TERMS)).await.unwrap(), Exit::No);
    assert!(maps(&world)[0]["data"].get("drilled.json").is_none());
    world.says("probe", &answer("1.12.3", 7));
    world.deaf(Some("PATCH "));
    Box::pin(bring_back(&world.cluster(), &back, TERMS)).await.unwrap_err();
    world.deaf(None);
    assert!(runs(&world).iter().all(|r| r["outcome"] != "open"), "nothing goes on with it: {:#?}", runs(&world));
    assert_eq!(Box::pin(bring_back(&world.cluster(), &back, TERMS)).await.unwrap(), Exit::Done);
    assert!(maps(&world)[0]["data"]["drilled.json"].is_string());
    let failing = commands(&folder, "true", "exit 4");
    let failed = Box::pin(bring_back(&world.cluster(), &BringBackArgs { commands: Some(failing), ..back }, TERMS))
        .await
        .unwrap_err();
    assert!(failed.to_string().contains("nothing was brought back"), "{failed:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_that_fails_or_hangs_records_nothing() {
    for (create, words) in [("exit 3", "exit status: 3"), ("exec sleep 30", "did not end within 1 s")] {
        let (world, folder) = world();
        world.says("probe", &answer("1.12.3", 7));
        let asked = SnapshotArgs { timeout: Duration::from_secs(1), ..args(&folder, create) };
        let failed = Box::pin(snapshot(&world.cluster(), &asked, TERMS)).await.unwrap_err();
        assert_eq!(exit_of(&failed), Exit::No, "{failed:#}");
        assert!(failed.to_string().contains(words) && !format!("{failed:#}").contains("hunter2"), "{failed:#}");
        assert_eq!(maps(&world), Vec::<Value>::new());
        assert!(!folder.path().join("receipt.json").exists());
        let kept = |s: &Value| s["type"] == "omupgrade.io/backup-secrets";
        assert!(!world.all("secrets").iter().any(kept), "its Secret is left");
        let lease = world.object("leases", "omupgrade-om").unwrap();
        assert!(lease["spec"].get("holderIdentity").is_none_or(Value::is_null));
    }
}

/// Whether there was such a write.
async fn killed(kill: Kill) -> bool {
    let (world, folder) = world();
    world.says("probe", &answer("1.12.3", 7));
    let asked = args(&folder, "true");
    if world.process(Some(kill), Box::pin(snapshot(&world.cluster(), &asked, TERMS))).await.is_some() {
        return false;
    }
    another_second().await;
    let recorded_before = maps(&world);
    assert_eq!(Box::pin(snapshot(&world.cluster(), &asked, TERMS)).await.unwrap(), Exit::Done, "{kill:?}");
    let runs = runs(&world);
    assert!(runs.iter().all(|r| r["outcome"] != "open"), "{kill:?}: {runs:#?}");
    let lease = world.object("leases", "omupgrade-om").unwrap();
    assert!(lease["spec"].get("holderIdentity").is_none_or(Value::is_null), "{kill:?}: {lease}");
    let records: Vec<Record> = maps(&world).iter().map(record).collect();
    let secret = |record: &Record| match record.of.as_ref().and_then(|of| of.secrets.clone()) {
        Some(Held::Secret(name)) => name,
        other => panic!("{kill:?}: {other:?}"),
    };
    let name = |s: &Value| s["metadata"]["name"].as_str().unwrap().to_owned();
    let held: BTreeSet<String> = kept(&world).iter().map(name).collect();
    assert_eq!(
        held,
        records.iter().map(secret).collect(),
        "{kill:?}: a Secret of no record, or a record without its own"
    );
    let receipt: Value = serde_json::from_slice(&std::fs::read(folder.path().join("receipt.json")).unwrap()).unwrap();
    let snapshots: Vec<&str> = records.iter().map(|r| r.external.as_ref().unwrap().snapshot.as_str()).collect();
    assert!(snapshots.iter().any(|name| receipt["backup"] == *name), "{kill:?}: {receipt}");
    // What was recorded before it was killed is the snapshot, unless its run had ended.
    let ended = runs.len() == 2 && runs.iter().all(|r| r["outcome"] == "done");
    assert_eq!(records.len(), if ended { 2 } else { 1 }, "{kill:?}: {runs:#?}");
    let ran = std::fs::read_to_string(folder.path().join("ran")).unwrap();
    let made = ran.lines().filter(|line| line.starts_with("create ")).count();
    assert!(made <= if recorded_before.is_empty() || ended { 2 } else { 1 }, "{kill:?}: {ran}");
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_the_same_command_records_one_and_leaves_no_keys_of_another() {
    let kills = (1..=24).flat_map(|write| [Kill::BeforeWrite(write), Kill::AfterWrite(write)]);
    let points = futures::future::join_all(kills.map(killed)).await;
    let reached = points.iter().filter(|reached| **reached).count();
    assert!(reached >= 24 && !points[points.len() - 1], "{reached} points");
}

/// Killed while the provider is at work, it names what may be left there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_the_provider_works() {
    let (world, folder) = world();
    world.says("probe", &answer("1.12.3", 7));
    let slow = args(&folder, "sleep 5");
    let works = async {
        while !std::fs::read_to_string(folder.path().join("ran")).is_ok_and(|ran| ran.contains("create ")) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let cluster = world.cluster();
    tokio::select! {
        ended = Box::pin(snapshot(&cluster, &slow, TERMS)) => panic!("it does not work: {ended:?}"),
        waited = tokio::time::timeout(Duration::from_mins(1), works) => assert!(waited.is_ok(), "it begins"),
    }
    assert_eq!(maps(&world), Vec::<Value>::new());
    another_second().await;
    let quick = args(&folder, "true");
    assert_eq!(Box::pin(snapshot(&world.cluster(), &quick, TERMS)).await.unwrap(), Exit::Done);
    assert_eq!((maps(&world).len(), kept(&world).len()), (1, 1));
    let ran = std::fs::read_to_string(folder.path().join("ran")).unwrap();
    assert_eq!(ran.lines().filter(|line| line.starts_with("create ")).count(), 2, "{ran}");
}

#[test]
fn the_snapshot_of_a_killed_one_is_named() {
    let said = said_in("snapshot::killed_while_the_provider_works");
    assert!(said.contains("a run that did not end may have left the snapshot om-om-1-13-1-"), "{said}");
}

/// Whether there was such a write.
async fn brought_back_after(kill: Kill) -> bool {
    let (world, folder) = world();
    world.says("probe", &answer("1.12.3", 7));
    let asked = args(&folder, "true");
    assert_eq!(Box::pin(snapshot(&world.cluster(), &asked, TERMS)).await.unwrap(), Exit::Done);
    let back = BringBackArgs {
        of: of(),
        name: None,
        commands: Some(asked.commands.clone()),
        host: None,
        timeout: Duration::from_secs(20),
        show_output: false,
    };
    if world.process(Some(kill), Box::pin(bring_back(&world.cluster(), &back, TERMS))).await.is_some() {
        return false;
    }
    let is_left = |r: &Value| r["outcome"] == "open" && r["remembered"]["host"] == "new.example:5433";
    let made = runs(&world).iter().any(is_left);
    assert_eq!(Box::pin(bring_back(&world.cluster(), &back, TERMS)).await.unwrap(), Exit::Done, "{kill:?}");
    let runs = runs(&world);
    assert!(runs.iter().all(|r| r["outcome"] != "open"), "{kill:?}: {runs:#?}");
    let lease = world.object("leases", "omupgrade-om").unwrap();
    assert!(lease["spec"].get("holderIdentity").is_none_or(Value::is_null), "{kill:?}: {lease}");
    assert!(maps(&world)[0]["data"]["drilled.json"].is_string(), "{kill:?}");
    let ran = std::fs::read_to_string(folder.path().join("ran")).unwrap();
    let restored = ran.lines().filter(|line| line.starts_with("restore ")).count();
    assert!(restored <= if made { 1 } else { 2 }, "{kill:?}: the server was made already: {ran}");
    true
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_the_same_command_brings_it_back() {
    let kills = (1..=16).flat_map(|write| [Kill::BeforeWrite(write), Kill::AfterWrite(write)]);
    let points = futures::future::join_all(kills.map(brought_back_after)).await;
    let reached = points.iter().filter(|reached| **reached).count();
    assert!(reached >= 14 && !points[points.len() - 1], "{reached} points");
}

/// An age that only wraps: what reaches it is what must not stand on the claim in the clear.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn secrets_for_a_recipient_go_beside_the_dump_and_nowhere_else() {
    let (world, folder) = world();
    let age = folder.path().join("age");
    let text = "#!/bin/sh\ncase $* in *age1bad*) echo 'malformed recipient' >&2; exit 1 ;; esac\nprintf 'age-encryption.org/v1\\n'; base64\n";
    std::fs::write(&age, text).unwrap();
    std::fs::set_permissions(&age, std::fs::Permissions::from_mode(0o755)).unwrap();
    let asked = |recipient: &str| MakeArgs {
        of: of(),
        with_secrets: true,
        recipients: vec![recipient.to_owned()],
        age: Some(age.clone()),
        ..MakeArgs::default()
    };
    for bad in ["age1bad", "--identity"] {
        let before = world.log().len();
        let refused = Box::pin(back_up(&world.cluster(), &asked(bad), TERMS)).await.unwrap_err();
        assert_eq!(exit_of(&refused), Exit::Usage, "{refused:#}");
        assert!(world.log()[before..].iter().all(|r| r.starts_with("GET ")), "something was written");
    }
    world.jobs_fail("BackoffLimitExceeded");
    let _ = Box::pin(back_up(&world.cluster(), &asked("age1good"), TERMS)).await;
    world.jobs_fail("");
    assert_eq!(Box::pin(back_up(&world.cluster(), &asked("age1good"), TERMS)).await.unwrap(), Exit::Done);
    let kept = |s: &Value| s["type"] == "omupgrade.io/backup-secrets";
    assert!(!world.all("secrets").iter().any(kept), "no Secret is kept");
}
