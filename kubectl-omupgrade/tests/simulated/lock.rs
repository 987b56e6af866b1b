//! The lock before the real client and a cluster in memory: two operators at once, an expiry that is observed, a fence
//! that is lost between two steps.

use crate::cluster::World;
use kubectl_omupgrade::adapters::lock::{Claim, Lock, Released, Timing, force};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;
use serde_json::{Value, json};
use std::time::Duration;

const QUICK: Timing = Timing { duration: Duration::from_millis(120), renew: Duration::from_millis(15) };

fn claim(holder: &str, plan: &str) -> Claim {
    Claim { holder: holder.into(), plan: plan.into() }
}

fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (World::new(folder.path()), folder)
}

fn lease(world: &World) -> Value {
    world.object("leases", "omupgrade-om").unwrap()
}

/// A lock whose process was killed: nobody renews it.
async fn left_behind(world: &World, plan: &str) -> i32 {
    let lock = Lock::acquire(&world.cluster(), "om", &claim("dead", plan), QUICK).await.unwrap();
    let fence = lock.fence();
    drop(lock);
    fence
}

#[tokio::test]
async fn of_many_operators_at_once_one_gets_it() {
    let (world, _folder) = world();
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..8 {
        let world = world.clone();
        tasks.spawn(async move {
            let plan = format!("plan {}", i % 2);
            let lock = Lock::acquire(&world.cluster(), "om", &claim(&format!("operator {i}"), &plan), QUICK).await;
            if lock.is_ok() {
                tokio::time::sleep(QUICK.duration * 4).await;
            }
            lock.map(|l| l.fence())
        });
    }
    let all: Vec<_> = tasks.join_all().await;
    assert_eq!(all.iter().filter(|l| l.is_ok()).count(), 1, "{all:?}");
    for refused in all.iter().filter_map(|l| l.as_ref().err()) {
        assert_eq!(exit_of(refused), Exit::Refused, "{refused:#}");
        assert!(refused.to_string().contains("is locked: operator "), "{refused:#}");
    }
}

#[tokio::test]
async fn a_holder_that_renews_keeps_it_for_as_long_as_it_lives() {
    let (world, _folder) = world();
    let lock = Lock::acquire(&world.cluster(), "om", &claim("anna", "p"), QUICK).await.unwrap();
    tokio::time::sleep(QUICK.duration * 2).await;
    let refused = Lock::acquire(&world.cluster(), "om", &claim("bert", "p"), QUICK).await.unwrap_err();
    assert!(refused.to_string().contains("it renews it, so it is at work"), "{refused:#}");
    lock.check().await.unwrap();
    lock.release().await.unwrap();
    let next = Lock::acquire(&world.cluster(), "om", &claim("bert", "other"), QUICK).await.unwrap();
    assert_eq!(next.fence(), 2);
}

#[tokio::test]
async fn the_same_plan_takes_over_what_a_dead_holder_left_and_another_does_not() {
    let (world, _folder) = world();
    let old = left_behind(&world, "p").await;
    let begun = std::time::Instant::now();
    let refused = Lock::acquire(&world.cluster(), "om", &claim("bert", "q"), QUICK).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused);
    assert!(kubectl_omupgrade::failure::hints_of(&refused).iter().any(|h| h.contains("unlock om -n data --reason")));
    let lock = Lock::acquire(&world.cluster(), "om", &claim("carl", "p"), QUICK).await.unwrap();
    assert_eq!(lock.fence(), old + 1);
    assert!(begun.elapsed() >= QUICK.duration * 2, "an expiry is observed for its whole duration");
}

#[tokio::test]
async fn clocks_decide_nothing() {
    for renewed in ["1999-01-01T00:00:00.000000Z", "2099-01-01T00:00:00.000000Z"] {
        let (world, _folder) = world();
        left_behind(&world, "p").await;
        let mut wrong = lease(&world);
        wrong["spec"]["renewTime"] = json!(renewed);
        world.put("leases", wrong);
        let begun = std::time::Instant::now();
        Lock::acquire(&world.cluster(), "om", &claim("bert", "p"), QUICK).await.unwrap();
        let took = begun.elapsed();
        assert!(took >= QUICK.duration && took < QUICK.duration * 4, "{renewed}: {took:?}");
    }
}

#[tokio::test]
async fn a_fence_lost_between_two_steps_stops_the_second() {
    let (world, _folder) = world();
    let slow = Timing { duration: QUICK.duration, renew: Duration::from_mins(1) };
    let lock = Lock::acquire(&world.cluster(), "om", &claim("anna", "p"), slow).await.unwrap();
    lock.check().await.unwrap();
    let other = Lock::acquire(&world.cluster(), "om", &claim("bert", "p"), QUICK).await.unwrap();
    let lost = lock.check().await.unwrap_err();
    assert_eq!(exit_of(&lost), Exit::Refused);
    assert!(lost.to_string().contains("was taken away: bert holds it; nothing more is written"), "{lost:#}");
    // Giving back what is not ours any more leaves it alone.
    lock.release().await.unwrap();
    other.check().await.unwrap();
}

#[tokio::test]
async fn a_deleted_lease_is_a_lost_lock() {
    let (world, _folder) = world();
    let lock = Lock::acquire(&world.cluster(), "om", &claim("anna", "p"), QUICK).await.unwrap();
    let api: kube::Api<k8s_openapi::api::coordination::v1::Lease> = world.cluster().api();
    api.delete("omupgrade-om", &kube::api::DeleteParams::default()).await.unwrap();
    assert!(lock.check().await.unwrap_err().to_string().contains("the Lease was deleted"));
}

#[tokio::test]
async fn unlock_leaves_the_living_alone_and_fences_the_dead_off() {
    let (world, _folder) = world();
    let cluster = world.cluster();
    assert_eq!(force(&cluster, "om", false, QUICK).await.unwrap(), Released::WasFree);
    let lock = Lock::acquire(&cluster, "om", &claim("anna", "p"), QUICK).await.unwrap();
    assert!(matches!(force(&cluster, "om", false, QUICK).await.unwrap(), Released::Alive(h) if h.name == "anna"));
    lock.check().await.unwrap();
    assert!(matches!(force(&cluster, "om", true, QUICK).await.unwrap(), Released::Taken(h) if h.name == "anna"));
    assert!(lock.check().await.unwrap_err().to_string().contains("it was released"));
    left_behind(&world, "p").await;
    assert!(matches!(force(&cluster, "om", false, QUICK).await.unwrap(), Released::Taken(h) if h.name == "dead"));
    assert_eq!(lease(&world)["spec"]["leaseTransitions"], json!(4));
}
