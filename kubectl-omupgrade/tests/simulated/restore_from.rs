//! From what a restore is made: a backup under another Fernet key, or of another release, is refused before the first
//! write unless somebody says that it is meant; nothing of a key is ever shown.

use crate::cluster::{Kill, PodFault, World, release_secret};
use crate::restore::{BACKUP, args, check, check_with, command, migrated, pod, untouched, with_schedule};
use crate::rollback::runs;
use base64::Engine as _;
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::Duration;

async fn refused(world: &World, args: &Args, case: &str, words: &str, hint: &str) {
    let error = command(world, args).await.unwrap_err();
    assert_eq!(exit_of(&error), Exit::Refused, "{case}: {error:#}");
    let hints = hints_of(&error).join("\n");
    let said = format!("{error:#}");
    assert!(said.contains(words), "{case}: {said}");
    assert!(hints.contains(hint), "{case}: {hints}");
    for key in ["the-key", "another-key", "signing key, as long"] {
        assert!(!said.contains(key) && !hints.contains(key), "{case} shows a key: {said} {hints}");
    }
    untouched(world, case);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_fernet_key_is_refused_and_so_is_an_unknown_one() {
    for (case, fernet, words) in [
        ("another", Some("another-key"), "is another one than the one of om-1.12.4"),
        ("unknown", None, "it is not known whether revision 1 runs with the Fernet key"),
    ] {
        let (world, _folder) = migrated().await;
        world.with_database(|d| d.check = check(fernet));
        refused(&world, &args(&world), case, words, "--accept-other-fernet-key").await;
        let accepted = Args { accept_other_fernet_key: true, ..args(&world) };
        assert_eq!(command(&world, &accepted).await.unwrap(), Exit::Done, "{case}");
    }
}

/// Mounted as the chart mounts them: of this length a file is a key.
const SIGNING: [&str; 2] =
    ["the signing key, as long as such keys are", "another signing key, as long as such keys are"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_signing_key_is_refused_until_it_is_accepted() {
    let mounted = |version: &str| {
        with_schedule(version).replace(
            "      containers: [{name: om,",
            "      volumes: [{name: jwt, secret: {secretName: om-jwt}}]\n      containers: [{name: om,",
        )
    };
    for (backup, stands) in [(SIGNING[0], true), (SIGNING[1], false)] {
        let (world, _folder) = migrated().await;
        world.put("secrets", release_secret("om", 1, "superseded", &mounted("1.12.3"), "Install complete"));
        world.put("secrets", release_secret("om", 2, "deployed", &mounted("1.12.4"), "Upgrade complete"));
        let key = base64::engine::general_purpose::STANDARD.encode(SIGNING[0]);
        world.put(
            "secrets",
            json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "om-jwt"}, "data": {"private.der": key}}),
        );
        world.with_database(|d| d.check = check_with(Some("the-key"), backup));
        if !stands {
            let words = "file/jwt/private.der of revision 1 is another key than the one of om-1.12.4";
            refused(&world, &args(&world), "another signing key", words, "--accept-other-jwt-key").await;
            // The word for one key is none for the other.
            let fernet = Args { accept_other_fernet_key: true, ..args(&world) };
            refused(&world, &fernet, "the other word", words, "--accept-other-fernet-key --yes --accept-other-jwt-key")
                .await;
        }
        let accepted = Args { accept_other_jwt_key: !stands, ..args(&world) };
        assert_eq!(command(&world, &accepted).await.unwrap(), Exit::Done, "{backup}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_with_the_right_key_is_named_where_it_is() {
    let (world, _folder) = migrated().await;
    world.with_database(|d| d.check = check(Some("another-key")));
    refused(&world, &args(&world), "lost", "another one", "it is not in data").await;
    world.put(
        "secrets",
        json!({"apiVersion": "v1", "kind": "Secret", "type": "omupgrade.io/backup-secrets", "metadata": {"name": "omupgrade-backup-om-x"}}),
    );
    let error = command(&world, &args(&world)).await.unwrap_err();
    assert!(
        hints_of(&error).iter().any(|h| h.contains("<(kubectl get secret omupgrade-backup-om-x -n data")),
        "{:?}",
        hints_of(&error)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_another_release_comes_in_only_where_it_is_said_whose_it_is() {
    let (world, _folder) = migrated().await;
    let says = |words: &str| world.with_database(|d| d.refuses = Some(words.to_owned()));
    let of = "b is of another release: 'lost/om', not 'data/om'; nothing was changed";
    says(of);
    refused(&world, &args(&world), "another release", "another release", &format!("{BACKUP} --backup-of lost/om"))
        .await;
    says("b is of another host: 'pg1', not 'pg2'; nothing was changed");
    refused(&world, &args(&world), "another address", "another host", "--backup-of data/om").await;
    world.with_database(|d| d.refuses = None);
    let said = Args { backup_of: Some("lost/om".into()), ..args(&world) };
    assert_eq!(command(&world, &said).await.unwrap(), Exit::Done);
    world.with_database(|d| {
        assert_eq!(d.of.iter().filter(|of| *of == "lost/om").count(), 3, "check, beside, swap: {:?}", d.of);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_killed_before_it_changed_anything_is_looked_at_anew() {
    let mut killed_early = 0;
    for at in 1..12 {
        let (world, _folder) = migrated().await;
        world.process(Some(Kill::AfterWrite(at)), command(&world, &args(&world))).await;
        let left: Vec<_> = runs(&world).into_iter().filter(|r| r["verb"] == "rollback").collect();
        let stilled = |run: &Value| run["entries"].as_array().unwrap().iter().any(|e| e["step"] == "quiesce");
        if left.len() != 1 || stilled(&left[0]) {
            continue;
        }
        killed_early += 1;
        world.with_database(|d| d.check = check(Some("another-key")));
        let error = command(&world, &args(&world)).await.unwrap_err();
        assert_eq!(exit_of(&error), Exit::Refused, "{at}: {error:#}");
        assert!(error.to_string().contains("is another one than the one of"), "{at}: {error:#}");
        assert!(world.with_database(|d| d.dumps.is_empty()), "{at}");
    }
    assert!(killed_early > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_dump_of_now_is_a_backup_as_any_other() {
    let (world, _folder) = migrated().await;
    // What its node pulled is known while it runs, and no more when it is dumped.
    let status = json!({"name": "om", "ready": true, "restartCount": 0, "image": "server:1.12.4", "imageID": "server@sha256:aa"});
    world.put(
        "pods",
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "om-1", "labels": {"app": "om"}},
               "spec": {"containers": []}, "status": {"phase": "Succeeded", "containerStatuses": [status]}}),
    );
    pod(&world, "dump", PodFault::Waits);
    let dumps = |p: &&Value| p["metadata"]["name"].as_str().unwrap().ends_with("-dump");
    let waits = async {
        while world.all("pods").iter().find(dumps).is_none() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let args_of_it = args(&world);
    tokio::select! {
        ended = command(&world, &args_of_it) => panic!("it does not wait: {ended:?}"),
        waited = tokio::time::timeout(Duration::from_mins(1), waits) => assert!(waited.is_ok(), "its Pod comes"),
    }
    let there = world.all("pods").iter().find(dumps).unwrap().clone();
    let name = there["metadata"]["name"].as_str().unwrap();
    let container = &there["spec"]["containers"][0];
    let counts = |e: &Value| e["name"] == "OMUPGRADE_ROWS_POSTGRESQL";
    assert!(container["env"].as_array().unwrap().iter().any(counts), "rows of its own moment");
    let mounted = |v: &Value| v["secret"]["secretName"] == name;
    assert!(there["spec"]["volumes"].as_array().unwrap().iter().any(mounted), "what it tells of the release");
    let files = world.object("secrets", name).unwrap()["data"].clone();
    let file = |name: &str| base64::engine::general_purpose::STANDARD.decode(files[name].as_str().unwrap()).unwrap();
    let told = String::from_utf8(file("record.part")).unwrap();
    assert!(told.contains("\"revision\":2") && told.contains("\"hmac\":{") && !told.contains("the-key"), "{told}");
    assert!(told.contains(r#""images":{"server:1.12.4":["server@sha256:aa"]}"#), "{told}");
    let packed = file("release.json.gz");
    let release: Value = serde_json::from_reader(flate2::read::GzDecoder::new(packed.as_slice())).unwrap();
    assert!(release["values"].is_object() && release["computed_values"].is_object(), "{release:#}");
    // Only a dump may write to the claim.
    let writes = |p: &Value| {
        let mounts = p["spec"]["containers"][0]["volumeMounts"].as_array().unwrap().clone();
        mounts.iter().any(|m| m["mountPath"] == "/backup" && m["readOnly"] != true)
    };
    assert!(writes(&there));
    let mut failed = there.clone();
    failed["status"] = json!({"phase": "Failed", "message": "its node came back"});
    world.put("pods", failed);
    pod(&world, "swap", PodFault::FailsAfterwards);
    assert!(command(&world, &args(&world)).await.is_err());
    let beside = |p: &&Value| p["metadata"]["name"].as_str().unwrap().ends_with("-beside");
    assert!(!writes(world.all("pods").iter().find(beside).unwrap()), "what loads an archive only reads the claim");
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    assert!(world.object("secrets", name).is_none(), "nothing of it is left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_the_revision_that_stays_no_helm_is_needed() {
    let (world, _folder) = migrated().await;
    world.with_database(|d| d.backup.clone_from(&d.state));
    let stays = Args {
        revision: None,
        stay: true,
        helm: Some("/nowhere/helm".into()),
        accept_other_fernet_key: true,
        ..args(&world)
    };
    assert_eq!(command(&world, &stays).await.unwrap(), Exit::Done);
    let error = command(&world, &Args { stay: false, revision: Some(1), ..stays }).await.unwrap_err();
    assert!(error.to_string().contains("starting /nowhere/helm"), "{error:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_check_that_could_not_be_made_is_no_refusal() {
    let (world, _folder) = migrated().await;
    pod(&world, "check", PodFault::NoImage);
    let failed = command(&world, &args(&world)).await.unwrap_err();
    assert_eq!(exit_of(&failed), Exit::Unknown, "{failed:#}");
    assert!(failed.to_string().contains("can be restored is not known: the restore Pod cannot start"), "{failed:#}");
    untouched(&world, "no image for the check");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_labels_that_were_said_are_on_every_pod() {
    let (world, _folder) = migrated().await;
    let selecting = Args { pod_labels: vec![("app".into(), "om".into())], ..args(&world) };
    let refused = command(&world, &selecting).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Usage, "{refused:#}");
    untouched(&world, "a label of the server's own pods");
    let labelled = Args { pod_labels: vec![("net".into(), "db".into())], ..args(&world) };
    assert_eq!(command(&world, &labelled).await.unwrap(), Exit::Done);
    let labels = world.with_database(|d| d.labels.clone());
    let roles: BTreeSet<&str> = labels.iter().filter_map(|l| l["omupgrade.io/role"].as_str()).collect();
    assert_eq!(roles.into_iter().collect::<Vec<_>>(), ["folders", "probe", "restore"]);
    assert!(labels.iter().all(|l| l["net"] == "db"), "{labels:#?}");
}
