//! `status --record`: what goes into the journal, and when nothing may.

use crate::cluster::{NAMESPACE, release_secret};
use crate::rollback::{STATE, manifest, runs, world};
use kubectl_omupgrade::adapters::probe;
use kubectl_omupgrade::commands::status::Args;
use kubectl_omupgrade::commands::status::database::{ask, recorded};
use kubectl_omupgrade::commands::status::record::record;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::facts::{Fact, NOT_ASKED};
use kubectl_omupgrade::failure::{exit_of, hints_of};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_of_the_database_goes_into_the_journal() {
    let (world, _folder) = world();
    world.database(STATE);
    let cluster = world.cluster();
    assert_eq!(recorded(&cluster, "om").await, (None, None, None));
    let args = Args { record: true, validated: true, ..Args::default() };
    record(&cluster, "om", &args, &[]).await.unwrap();
    let runs = runs(&world);
    assert_eq!(runs.len(), 2);
    let of = |verb: &str| runs.iter().find(|r| r["verb"] == verb).unwrap();
    assert_eq!(of("record")["recorded"]["revision"], 2);
    assert_eq!(of("record")["recorded"]["image"], "server:1.12.4");
    assert_eq!(of("validate")["validated"], 2);
    assert!(world.all("pods").is_empty(), "the probe is taken away");
    let found = recorded(&cluster, "om").await.0.unwrap();
    assert_eq!(found.fingerprint.head.as_deref(), Some("1.12.3"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revision_that_does_not_serve_is_not_recorded() {
    for status in ["failed", "pending-upgrade", "pending-rollback", "uninstalled"] {
        let (world, _folder) = world();
        world.database(STATE);
        world.put("secrets", release_secret("om", 3, status, &manifest("1.13.0"), "x"));
        let refused = record(&world.cluster(), "om", &Args::default(), &[]).await.unwrap_err();
        assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
        assert!(refused.to_string().contains(&format!("revision 3 is {status}")), "{refused:#}");
        assert_eq!(hints_of(&refused), [format!("kubectl omupgrade status om -n {NAMESPACE} --watch --record")]);
        assert!(world.log().iter().all(|r| r.starts_with("GET ")), "{:?}", world.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_probe_nothing_is_started_and_the_database_is_not_known() {
    let (world, _folder) = world();
    let cluster = world.cluster();
    let release = kubectl_omupgrade::adapters::release::latest(&cluster, "om").await.unwrap().unwrap();
    let release = Fact::known(release, "test", jiff::Timestamp::now());
    let (database, folders) = Box::pin(ask(&cluster, &release, None)).await;
    assert_eq!(database.reason(), Some(NOT_ASKED));
    assert!(folders.is_empty());
    assert!(world.log().iter().all(|r| r.starts_with("GET ")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_image_itself_says_which_migrations_it_carries() {
    let (world, _folder) = world();
    world.database("1.11.0\n1.12.3\n1.12.4-collate\nREADME.md\n");
    let cluster = world.cluster();
    let release = kubectl_omupgrade::adapters::release::latest(&cluster, "om").await.unwrap().unwrap();
    let (image, folders) = probe::folders(&cluster, &release, &[]).await.unwrap();
    assert_eq!((image.as_str(), folders.len()), ("server:1.12.4", 3), "{folders:?}");
    assert!(world.all("pods").is_empty());
    let made = world.log().into_iter().filter(|r| r.starts_with("POST ")).count();
    assert_eq!(made, 1);
}
