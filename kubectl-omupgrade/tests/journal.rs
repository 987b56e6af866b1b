//! What the journal's model promises: it stays small, it finds what was validated and recorded, a run left open is found
//! by its plan.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use jiff::Timestamp;
use kubectl_omupgrade::fingerprint::Fingerprint;
use kubectl_omupgrade::journal::{
    Outcome, Phase, RESTORED, Recorded, Run, last_recorded, last_validated, open_run, recorded,
};
use shared::backup::Engine;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_795_000_000 + second).unwrap()
}

fn run(id: &str, began: i64) -> Run {
    Run::new(id, "om", "data", "rollback", "rollback om to 1", "anna", at(began))
}

#[test]
fn a_run_stays_far_below_a_mebibyte_and_keeps_its_steps() {
    let mut run = run("r", 0);
    run.write("helm", Phase::About, "helm rollback om 1", at(1));
    for second in 0..10_000 {
        run.write("watch", Phase::Note, &"ü".repeat(5000), at(second));
    }
    assert!(run.begun("helm") && !run.is_done("helm"));
    let size = serde_json::to_vec(&run).unwrap().len();
    assert!(size < 700_000, "{size}");
}

#[test]
fn the_last_validated_revision_is_the_newest_that_helm_still_has() {
    let validated = |id: &str, began: i64, revision: u64, outcome: Outcome| {
        let mut run = run(id, began);
        run.validated = Some(revision);
        run.end(outcome, at(began + 1));
        run
    };
    let runs = [
        validated("b", 20, 5, Outcome::Done),
        validated("a", 10, 3, Outcome::Done),
        validated("c", 30, 6, Outcome::Failed),
        run("d", 40),
    ];
    assert_eq!(last_validated(&runs, |_| true), Some(5));
    assert_eq!(last_validated(&runs, |r| r != 5), Some(3));
    assert_eq!(last_validated(&runs[3..], |_| true), None);
}

#[test]
fn states_are_found_by_the_revision_that_served() {
    let text = "change_log\t1:a\nsql_logs\t1:b\nschema\t1:c\nflowable\tabsent\nhead\t1.12.3\n";
    let fingerprint = Fingerprint::parse(Engine::Mysql, text).unwrap();
    let state = |id: &str, revision: u64, second: i64| {
        let mut run = run(id, second);
        run.recorded = Some(Recorded {
            revision,
            image: "server:1.12.3".into(),
            fingerprint: fingerprint.clone(),
            at: at(second),
        });
        run
    };
    let runs = [state("new", 1, 30), state("old", 1, 10), state("other", 2, 40)];
    let times = |began: i64, image: &str| -> Vec<String> {
        recorded(&runs, 1, Some(at(began)), image).into_iter().map(|b| b.at).collect()
    };
    assert_eq!(times(5, "server:1.12.3"), [at(10).to_string(), at(30).to_string()]);
    assert_eq!(times(20, "server:1.12.3"), [at(30).to_string()], "an earlier life of the release is another one");
    assert!(times(5, "server:1.13.1").is_empty(), "so is a revision of another image");
}

#[test]
fn what_was_recorded_before_a_restore_is_of_another_database() {
    let text = "change_log\t1:a\nsql_logs\t1:b\nschema\t1:c\nflowable\tabsent\nhead\t1.13.1\n";
    let fingerprint = Fingerprint::parse(Engine::Mysql, text).unwrap();
    let state = |second| Recorded {
        revision: 1,
        image: "server:1.13.1".into(),
        fingerprint: fingerprint.clone(),
        at: at(second),
    };
    let mut restore = run("restore", 20);
    restore.verb = "rollback".into();
    restore.recorded = Some(state(20));
    assert_eq!(last_recorded(&[restore.clone()]).map(|s| s.at), Some(at(20)), "nothing was swapped yet");
    restore.write(RESTORED, Phase::Done, "", at(25));
    assert_eq!(last_recorded(&[restore.clone()]), None);
    let mut after = run("record", 30);
    after.recorded = Some(state(30));
    assert_eq!(last_recorded(&[restore, after]).map(|s| s.at), Some(at(30)));
}

#[test]
fn only_an_open_run_of_the_same_plan_is_gone_on_with() {
    let mut ended = run("ended", 50);
    ended.end(Outcome::Done, at(51));
    let mut other = run("other", 60);
    other.plan = "rollback om to 2".into();
    let found = open_run(vec![run("older", 1), ended, run("newer", 2), other], "rollback om to 1").unwrap();
    assert_eq!(found.id, "newer");
    let text = serde_json::to_string(&found).unwrap();
    assert_eq!(serde_json::from_str::<Run>(&text).unwrap(), found);
}
