//! The journal in the cluster: what nothing needs goes with the next verb that writes, what is needed stays, and that it
//! cannot be taken away is no failure.

use crate::cluster::{NAMESPACE, World};
use crate::rollback::{STATE, args, command, runs, world};
use jiff::Timestamp;
use kubectl_omupgrade::adapters::journal::{open, prune};
use kubectl_omupgrade::commands::status;
use kubectl_omupgrade::commands::status::record::record;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::journal::{Outcome, Run};
use kubectl_omupgrade::wayback::NEWEST;

/// A journal of so many old backups; the oldest run is one that a way back needs.
async fn aged(world: &World, old: usize) {
    let cluster = world.cluster();
    for number in 0..old {
        let began = Timestamp::from_second(1_000_000_000 + i64::try_from(number).unwrap()).unwrap();
        let mut run = Run::new(&format!("old-{number:03}"), "om", NAMESPACE, "backup", "back up om", "anna", began);
        run.validated = (number == 0).then_some(1);
        run.end(Outcome::Done, began);
        open(&cluster, None, run).await.unwrap();
    }
}

fn there(world: &World, id: &str) -> bool {
    runs(world).iter().any(|run| run["id"] == id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_way_back_takes_the_oldest_runs_away() {
    let (world, _folder) = world();
    aged(&world, NEWEST + 20).await;
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    assert_eq!(runs(&world).len(), NEWEST + 1);
    assert!(there(&world, "old-000"), "revision 1 was validated by it");
    assert!(!there(&world, "old-020") && there(&world, "old-021"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_takes_no_more_than_fifty_away_at_a_time() {
    let (world, _folder) = world();
    world.database(STATE);
    aged(&world, NEWEST + 70).await;
    let asked = status::Args { record: true, ..status::Args::default() };
    for left in [NEWEST + 21, NEWEST + 1, NEWEST + 1] {
        record(&world.cluster(), "om", &asked, &[]).await.unwrap();
        assert_eq!(runs(&world).len(), left);
        tokio::time::sleep(std::time::Duration::from_millis(1100)).await; // a run's name holds its second
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_may_not_take_runs_away_has_done_the_work_all_the_same() {
    let (world, _folder) = world();
    aged(&world, NEWEST + 20).await;
    world.answers(Some("DELETE"), 403);
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    assert_eq!(runs(&world).len(), NEWEST + 21);
    let refused = prune(&world.cluster(), None, "om").await.unwrap_err();
    assert!(refused.to_string().contains("taking old runs out of the journal"), "{refused:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_journal_is_left_alone() {
    let (world, _folder) = world();
    aged(&world, NEWEST).await;
    assert_eq!(prune(&world.cluster(), None, "om").await.unwrap(), 0);
    assert!(world.log().iter().all(|asked| !asked.starts_with("DELETE")));
}
