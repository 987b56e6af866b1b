//! `backup` where the API server says no for good, and says so again: each ends with words and a next step, and what is
//! left is what the same command goes on with.

use crate::backup::{another_second, args, command, kept, runs, world};
use crate::cluster::World;
use kubectl_omupgrade::commands::backup::MakeArgs;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::Value;

/// The log of the Job's pod, and the look for that pod.
const UNREAD: [&str; 2] = ["-x/log", "labelSelector=job-name"];

fn lock_is_free(world: &World) -> bool {
    let lease = world.object("leases", "omupgrade-om").unwrap();
    lease["spec"].get("holderIdentity").is_none_or(Value::is_null)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_cannot_be_read_is_told_and_the_same_command_has_only_to_read_it() {
    for (path, code) in UNREAD.into_iter().flat_map(|path| [(path, 403), (path, 500)]) {
        let (world, folder) = world();
        let args = args(&folder);
        world.answers(Some(path), code);
        let failed = command(&world, &args).await.unwrap_err();
        assert_eq!(exit_of(&failed), Exit::Unknown, "{failed:#}");
        assert!(
            failed.to_string().contains("ended well, and its log, which holds the record, cannot be read"),
            "{failed:#}"
        );
        let hints = hints_of(&failed);
        assert_eq!(hints[0].contains("rbac backup"), code == 403, "{hints:?}");
        assert!(hints.iter().any(|h| h.contains("kubectl logs job/om-omupgrade-backup-")), "{hints:?}");
        assert!(hints.iter().any(|h| h.contains("unlock om -n data")), "{hints:?}");
        assert_eq!(
            (runs(&world)[0]["outcome"].as_str(), world.all("jobs").len(), kept(&world).len()),
            (Some("open"), 1, 1)
        );
        assert!(lock_is_free(&world) && !folder.path().join("receipt.json").exists(), "{path} {code}");
        world.answers(None, code);
        assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{path} {code}");
        let runs = runs(&world);
        assert_eq!((runs.len(), runs[0]["outcome"].as_str()), (1, Some("done")), "{path} {code}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dump_that_failed_is_told_also_where_its_log_cannot_be_read() {
    for (path, code) in UNREAD.into_iter().flat_map(|path| [(path, 403), (path, 500)]) {
        let (world, folder) = world();
        world.jobs_fail("BackoffLimitExceeded");
        world.answers(Some(path), code);
        let failed = command(&world, &args(&folder)).await.unwrap_err();
        assert_eq!(exit_of(&failed), Exit::No, "{failed:#}");
        assert!(failed.to_string().contains("no backup was made: BackoffLimitExceeded"), "{failed:#}");
        assert_eq!(
            (runs(&world)[0]["outcome"].as_str(), world.all("jobs").len(), kept(&world).len()),
            (Some("failed"), 0, 0)
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_is_refused_leaves_nothing_and_the_next_command_begins_anew() {
    let (world, folder) = world();
    let args = args(&folder);
    world.answers(Some("POST /apis/batch/v1/namespaces/data/jobs"), 403);
    let failed = command(&world, &args).await.unwrap_err();
    assert!(failed.to_string().contains("creating the Job om-omupgrade-backup-"), "{failed:#}");
    assert!(hints_of(&failed)[0].contains("rbac backup"), "{:?}", hints_of(&failed));
    assert_eq!((runs(&world)[0]["outcome"].as_str(), kept(&world).len()), (Some("failed"), 0), "its keys are not kept");
    assert!(lock_is_free(&world));
    world.answers(None, 403);
    another_second().await;
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    assert_eq!((runs(&world).len(), kept(&world).len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_journal_cannot_be_written_the_lock_is_given_back() {
    let (world, folder) = world();
    world.answers(Some("POST /api/v1/namespaces/data/secrets"), 403);
    let failed = command(&world, &args(&folder)).await.unwrap_err();
    assert!(failed.to_string().contains("writing the journal"), "{failed:#}");
    assert!(lock_is_free(&world));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_client_repeats_of_a_secret_is_shown_nowhere() {
    let (world, folder) = world();
    world.jobs_fail("BackoffLimitExceeded");
    world.says("backup", "it cannot be read. The client's words: postgres://om:hunter22x@db/om password=hunter22x");
    let failed = command(&world, &args(&folder)).await.unwrap_err();
    assert!(failed.to_string().contains("The client's words"), "{failed:#}");
    assert!(!format!("{failed:#}{:?}", runs(&world)).contains("hunter22x"), "{failed:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_that_cannot_be_written_is_told_before_anything_is_asked() {
    let (world, folder) = world();
    for receipt in [folder.path().join("nowhere/receipt.json"), folder.path().to_owned()] {
        let failed = command(&world, &MakeArgs { receipt: Some(receipt), ..args(&folder) }).await.unwrap_err();
        assert_eq!(exit_of(&failed), Exit::Usage, "{failed:#}");
    }
    assert!(world.log().is_empty(), "{:?}", world.log());
}
