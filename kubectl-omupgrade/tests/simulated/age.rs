//! Secrets that were encrypted to a recipient, with the real `age`: only its owner reads them, and a restore can be made
//! with what he reads.

use crate::backup;
use crate::cluster::{Kill, World};
use crate::restore::{BACKUP, args, check, command, ended_well, migrated, with_schedule};
use base64::Engine as _;
use kubectl_omupgrade::commands::backup::MakeArgs;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A key of age's, and its recipient.
fn keypair(folder: &Path, name: &str) -> (PathBuf, String) {
    let file = folder.join(name);
    let made = Command::new("age-keygen").arg("-o").arg(&file).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let recipient = Command::new("age-keygen").arg("-y").arg(&file).output().unwrap();
    (file, String::from_utf8(recipient.stdout).unwrap().trim().to_owned())
}

fn decrypt(identity: &Path, text: &[u8]) -> Output {
    let mut age = Command::new("age");
    age.arg("--decrypt").arg("--identity").arg(identity);
    let mut child = age.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text).unwrap();
    child.wait_with_output().unwrap()
}

/// What the Job was given to put beside the dump: killed while it works, or nobody would see it.
async fn given(world: &World, asked: &MakeArgs) -> Vec<u8> {
    for at in 1..60 {
        world.process(Some(Kill::AfterWrite(at)), backup::command(world, asked)).await;
        let text = world.all("secrets").iter().find_map(|s| s["data"]["secrets.age"].as_str().map(str::to_owned));
        if let Some(text) = text {
            return base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        }
    }
    panic!("no Job was given a secrets.age");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs age: testdata/databases/run.sh"]
async fn what_was_encrypted_for_a_recipient_only_he_reads_and_restores_with() {
    let base64 = &base64::engine::general_purpose::STANDARD;
    let (world, folder) = backup::world();
    let key = base64.encode("the-key");
    let mut keys = world.object("secrets", "keys").unwrap();
    keys["data"]["fernet"] = json!(key);
    world.put("secrets", keys);
    let (own, recipient) = keypair(folder.path(), "own.key");
    let (foreign, _) = keypair(folder.path(), "foreign.key");
    let asked = MakeArgs { recipients: vec![recipient.clone()], ..backup::args(&folder) };

    // One letter less is no recipient, and age says so before anything is written.
    let wrong = MakeArgs { recipients: vec![recipient[..recipient.len() - 1].to_owned()], ..asked.clone() };
    let refused = backup::command(&world, &wrong).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Usage, "{refused:#}");
    assert!(refused.to_string().contains("malformed recipient"), "{refused:#}");
    assert!(world.log().iter().all(|r| r.starts_with("GET ")), "{:?}", world.log());

    let text = given(&world, &asked).await;
    assert!(!String::from_utf8_lossy(&text).contains(&key), "it lies there in the clear");
    let refused = decrypt(&foreign, &text);
    assert!(!refused.status.success() && refused.stdout.is_empty());
    let read = decrypt(&own, &text);
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let secret: Value = serde_json::from_slice(&read.stdout).unwrap();
    assert_eq!((&secret["kind"], &secret["data"]["env.FERNET_KEY"]), (&json!("Secret"), &json!(key)));
    assert_eq!(backup::command(&world, &asked).await.unwrap(), Exit::Done);

    // A cluster that lost the key: the refusal tells where it is, and with it the restore goes.
    let (world, _folder) = migrated().await;
    let held = format!("\"secrets\":{{\"encrypted\":[\"{recipient}\"]}}");
    let said = check(Some("the-key")).replace("\"secrets\":{\"secret\":\"omupgrade-backup-om-x\"}", &held);
    assert!(said.contains(&held), "{said}");
    world.with_database(|database| database.check = said);
    let with_key = |key: &str| {
        for (number, status, version) in [(1, "superseded", "1.12.3"), (2, "deployed", "1.12.4")] {
            let manifest = with_schedule(version).replace("the-key", key);
            world.put("secrets", crate::cluster::release_secret("om", number, status, &manifest, "complete"));
        }
    };
    with_key("a-new-key");
    let refused = command(&world, &args(&world)).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
    let hint = format!("age --decrypt --identity KEY {BACKUP}/secrets.age | kubectl apply -n data -f -");
    assert!(hints_of(&refused).iter().any(|h| h.contains(&hint)), "{:?}", hints_of(&refused));
    let found = base64.decode(secret["data"]["env.FERNET_KEY"].as_str().unwrap()).unwrap();
    with_key(std::str::from_utf8(&found).unwrap());
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    ended_well(&world, "with the decrypted key");
}
