//! From what a restore is made: a backup under another Fernet key, or of another release, is refused before the first
//! write unless somebody says that it is meant; nothing of a key is ever shown.

use crate::cluster::World;
use crate::restore::{BACKUP, args, check, command, migrated, untouched};
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::json;

async fn refused(world: &World, args: &Args, case: &str, words: &str, hint: &str) {
    let error = command(world, args).await.unwrap_err();
    assert_eq!(exit_of(&error), Exit::Refused, "{case}: {error:#}");
    let hints = hints_of(&error).join("\n");
    let said = format!("{error:#}");
    assert!(said.contains(words), "{case}: {said}");
    assert!(hints.contains(hint), "{case}: {hints}");
    for key in ["the-key", "another-key"] {
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
