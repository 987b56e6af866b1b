//! What the journal's model promises: it stays small, it finds what was validated and recorded, a run left open is found
//! by its plan.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use jiff::Timestamp;
use kubectl_omupgrade::fingerprint::Fingerprint;
use kubectl_omupgrade::journal::{
    Outcome, Phase, RESTORED, Recorded, Run, last_recorded, last_validated, open_run, recorded, search_due,
};
use kubectl_omupgrade::wayback::restore::{DROPPED, Plan, QUIESCE, unfinished};
use kubectl_omupgrade::wayback::{NEWEST, surplus};
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
    // As a terminal's colours are written down: six bytes a character.
    for (phase, second) in [Phase::Note, Phase::About].into_iter().flat_map(|p| (0..1000).map(move |s| (p, s))) {
        run.write("watch", phase, &"\u{1b}".repeat(5000), at(second));
    }
    let size = serde_json::to_vec(&run).unwrap().len();
    assert!(size < 900_000, "{size}");
    let mut notes = self::run("r", 0);
    notes.write("helm", Phase::About, "helm rollback om 1", at(1));
    for second in 0..1000 {
        notes.write("watch", Phase::Note, "waits", at(second));
    }
    assert!(notes.begun("helm") && !notes.is_done("helm"));
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

/// A run that ended and that nobody needs.
fn backup(began: i64) -> Run {
    let mut run = Run::new(&format!("b{began}"), "om", "data", "backup", "back up om", "anna", at(began));
    run.end(Outcome::Done, at(began));
    run
}

fn validated(began: i64, revision: u64) -> Run {
    let mut run = backup(began);
    run.validated = Some(revision);
    run
}

fn served(began: i64, revision: u64, image: &str) -> Run {
    let text = "change_log\t1:a\nsql_logs\t1:b\nschema\t1:c\nflowable\tabsent\nhead\t1.12.3\n";
    let fingerprint = Fingerprint::parse(Engine::Mysql, text).unwrap();
    let recorded = Some(Recorded { revision, image: image.to_owned(), fingerprint, at: at(began) });
    Run { recorded, ..backup(began) }
}

/// A way back; with a restore, as far as these steps.
fn way_back(began: i64, outcome: Outcome, steps: &[(&str, Phase)]) -> Run {
    let mut run = run("w", began);
    if !steps.is_empty() {
        let plan = serde_json::json!({"id": "r", "backup": "b", "claim": "c", "road": "beside", "dump": true,
            "admin_secret": null, "workloads": {}, "unnamed": [], "schedules": [], "images": []});
        serde_json::from_value::<Plan>(plan).unwrap().remember(&mut run.remembered).unwrap();
    }
    for (step, phase) in steps {
        run.write(step, *phase, "", at(began));
    }
    if outcome != Outcome::Open {
        run.end(outcome, at(began));
    }
    run
}

const STILLED: &[(&str, Phase)] = &[(QUIESCE, Phase::About)];
const SWAPPED: &[(&str, Phase)] = &[(QUIESCE, Phase::About), (RESTORED, Phase::Done)];
const CONFIRMED: &[(&str, Phase)] = &[(QUIESCE, Phase::About), (RESTORED, Phase::Done), (DROPPED, Phase::Done)];

#[test]
fn a_journal_stays_bounded_and_keeps_what_is_needed() {
    let counts = |run: Run| Run { remembered: [("counts".to_owned(), "{}".to_owned())].into(), ..run };
    // Each by itself among the oldest, and what of it may go. Helm still has the revisions 7 and 8.
    let cases: Vec<(&str, Vec<Run>, &[usize])> = vec![
        ("what nobody needs", vec![backup(0), backup(1)], &[0, 1]),
        ("an open run", vec![run("open", 0)], &[]),
        ("validated revisions", vec![validated(0, 7), validated(1, 7), validated(2, 8), validated(3, 3)], &[0]),
        ("the newest validation, whatever Helm has", vec![validated(0, 3), validated(1, 4)], &[0]),
        ("one that failed", vec![Run { outcome: Outcome::Failed, ..validated(0, 7) }], &[0]),
        ("counts to compare with", vec![counts(validated(0, 7)), validated(1, 7)], &[]),
        ("states of revisions", vec![served(0, 7, "a"), served(1, 7, "a"), served(2, 7, "b"), served(3, 8, "a")], &[0]),
        ("the newest state, whatever Helm has", vec![served(0, 3, "a"), served(1, 4, "a")], &[0]),
        (
            "a restore that nobody confirmed",
            vec![way_back(0, Outcome::Done, SWAPPED), way_back(1, Outcome::Done, &[])],
            &[],
        ),
        (
            "the newest of those that were",
            vec![way_back(0, Outcome::Done, CONFIRMED), way_back(1, Outcome::Done, CONFIRMED)],
            &[0],
        ),
        (
            "a restore that was refused",
            vec![way_back(0, Outcome::Failed, &[("begin", Phase::Done)]), way_back(1, Outcome::Done, &[])],
            &[0],
        ),
        ("given up", vec![way_back(0, Outcome::Failed, STILLED), way_back(1, Outcome::Failed, &[])], &[]),
        (
            "ended well since",
            vec![way_back(0, Outcome::Failed, &[]), way_back(1, Outcome::Done, &[]), way_back(2, Outcome::Failed, &[])],
            &[0],
        ),
        ("failed ones alone", vec![way_back(0, Outcome::Failed, &[])], &[0]),
    ];
    for (case, old, gone) in cases {
        let newer = (0..).take(NEWEST).map(|n| backup(1000 + n));
        let runs: Vec<Run> = old.into_iter().chain(newer).collect();
        assert_eq!(surplus(&runs, &[7, 8]), gone, "{case}");
    }
    let unread = Run { remembered: [("restore".to_owned(), "{}".to_owned())].into(), ..backup(0) };
    let runs: Vec<Run> = [unread].into_iter().chain((0..).take(NEWEST).map(|n| backup(1000 + n))).collect();
    assert!(surplus(&runs, &[7, 8]).is_empty(), "what cannot be read is never taken for less");
}

proptest::proptest! {
    /// Whatever happened: what is read off a journal is the same after what may go went.
    #[test]
    fn what_a_journal_tells_stays_the_same(kinds in proptest::collection::vec((0_usize..12, 6_u64..9), NEWEST..NEWEST + 60)) {
        let of = |(began, (kind, revision)): (i64, (usize, u64))| match kind {
            0 => validated(began, revision),
            1 => served(began, revision, "a"),
            2 => served(began, revision, "b"),
            3 => way_back(began, Outcome::Failed, STILLED),
            4 => way_back(began, Outcome::Done, SWAPPED),
            5 => way_back(began, Outcome::Done, CONFIRMED),
            6 => way_back(began, Outcome::Failed, &[]),
            7 => way_back(began, Outcome::Done, &[]),
            8 => run("open", began),
            _ => backup(began),
        };
        let runs: Vec<Run> = (0..).zip(kinds).map(of).collect();
        let gone = surplus(&runs, &[7, 8]);
        let (mut place, mut left) = (0.., runs.clone());
        left.retain(|_| !gone.contains(&place.next().unwrap()));
        proptest::prop_assert!(left.len() >= NEWEST);
        proptest::prop_assert_eq!(last_validated(&left, |r| r != 6), last_validated(&runs, |r| r != 6));
        proptest::prop_assert_eq!(search_due(&left), search_due(&runs));
        proptest::prop_assert_eq!(last_recorded(&left), last_recorded(&runs));
        proptest::prop_assert_eq!(unfinished(&left).unwrap(), unfinished(&runs).unwrap());
        for (revision, image) in [(7, "a"), (7, "b"), (8, "a"), (8, "b")] {
            let newest = |runs: &[Run]| recorded(runs, revision, None, image).pop();
            proptest::prop_assert_eq!(newest(&left), newest(&runs));
        }
        let unconfirmed = |runs: &[Run]| runs.iter().filter(|r| r.begun(QUIESCE) && !r.is_done(DROPPED)).count();
        proptest::prop_assert_eq!(unconfirmed(&left), unconfirmed(&runs));
    }
}
