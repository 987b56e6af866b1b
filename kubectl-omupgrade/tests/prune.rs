//! Pruning, over any backups, marks, runs and wishes: what must stay stays, and what no rule keeps goes.
#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use jiff::{SignedDuration, Timestamp};
use kubectl_omupgrade::backup::{Keep, Listing, State, prune, read};
use kubectl_omupgrade::journal::{Outcome, Run};
use kubectl_omupgrade::wayback::restore::Plan;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A backup: hours since the first, whether complete, verified, drilled, and whether of this release.
type Made = (i64, bool, bool, bool, bool);

/// A run: which backup, its verb, whether it is open, and whether a line of it, not a memory, names the backup.
type Ran = (usize, bool, bool, bool);

fn listing(made: &[Made]) -> Listing {
    let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut text = String::new();
    for (number, (hours, complete, verified, drilled, own)) in made.iter().enumerate() {
        let at = begin + SignedDuration::from_hours(*hours);
        let of = r#","of":{"revision":1,"chart":"c","chart_version":"1","app_version":"1","images":{},"keys":{"salt":"","hmac":{}},"secrets":"elsewhere"}"#;
        let (of, release) = (if *complete { of } else { "" }, if *own { "om" } else { "other" });
        let _ = writeln!(
            text,
            "backup\tb{number}\t{{\"v\":1,\"origin\":\"hook\",\"release\":\"{release}\",\"namespace\":\"data\",\"target\":\"\",\"engine\":\"mysql\",\"server_version\":\"9\",\"client_version\":\"9\",\"database\":\"d\",\"host\":\"h\",\"started\":\"{at}\",\"finished\":\"{at}\",\"files\":[],\"fingerprint\":{{}},\"schema_head\":\"\"{of}}}"
        );
        for (mark, is) in [("verified", verified), ("drilled", drilled)] {
            if *is {
                let _ = writeln!(text, "{mark}\tb{number}\t{{\"at\":\"{at}\"}}");
            }
        }
    }
    read(&format!("{text}end\n")).unwrap()
}

fn runs(ran: &[Ran], count: usize) -> Vec<Run> {
    let of = |(which, rollback, open, in_words): &Ran| {
        let name = format!("b{}", which % count.max(1));
        let verb = if *rollback { "rollback" } else { "backup" };
        let mut run = Run::new("r", "om", "data", verb, "p", "anna", Timestamp::UNIX_EPOCH);
        if *in_words {
            let words = format!("the backup {name} on the claim");
            run.write("dump", kubectl_omupgrade::journal::Phase::Done, &words, Timestamp::UNIX_EPOCH);
        } else if *rollback {
            // As a restore remembers it: within its plan.
            let plan = serde_json::json!({"id": "r", "backup": name, "claim": "c", "road": "beside", "dump": true,
                "admin_secret": null, "workloads": {}, "unnamed": [], "schedules": [], "images": []});
            serde_json::from_value::<Plan>(plan).unwrap().remember(&mut run.remembered).unwrap();
        } else {
            run.remembered.insert("backup".to_owned(), name);
        }
        if !open {
            run.end(Outcome::Done, Timestamp::UNIX_EPOCH);
        }
        run
    };
    ran.iter().map(of).collect()
}

proptest! {
    #[test]
    fn what_must_stay_stays_and_what_no_rule_keeps_goes(
        made in prop::collection::vec((0_i64..1500, any::<bool>(), any::<bool>(), any::<bool>(), prop::bool::weighted(0.85)), 0..14),
        ran in prop::collection::vec((0_usize..14, any::<bool>(), any::<bool>(), any::<bool>()), 0..4),
        (last, daily, weekly) in (0_usize..5, 0_usize..5, 0_usize..5),
        now in 0_i64..1600,
    ) {
        let (listing, runs) = (listing(&made), runs(&ran, made.len()));
        let begin: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let now = begin + SignedDuration::from_hours(now);
        let fates = prune(&listing, "om", "data", &runs, Keep { last, daily, weekly }, now);
        let own: Vec<_> = listing.backups.iter().filter(|e| e.record.release == "om").collect();
        // Each of ours has a fate, and no other has one.
        prop_assert_eq!(fates.iter().map(|f| f.name.clone()).collect::<Vec<_>>(), own.iter().map(|e| e.name.clone()).collect::<Vec<_>>());

        // Told again, from the rules in the README and not from the code.
        let mut must: BTreeSet<&str> = own.iter().rev().take(last.max(1)).map(|e| e.name.as_str()).collect();
        for state in [State::Complete, State::Verified, State::Drilled] {
            must.extend(own.iter().rev().find(|e| e.states.contains(&state)).map(|e| e.name.as_str()));
        }
        // Four hours from the end of its dump, which began and ended at once.
        let in_force = |at: &str| at.parse::<Timestamp>().unwrap() + SignedDuration::from_hours(4) > now;
        must.extend(own.iter().filter(|e| in_force(&e.record.started)).map(|e| e.name.as_str()));
        for (which, rollback, open, _) in &ran {
            let name = format!("b{}", which % made.len().max(1));
            must.extend(own.iter().filter(|e| e.name == name && (*rollback || *open)).map(|e| e.name.as_str()));
        }
        for (count, form) in [(daily, "%F"), (weekly, "%G-%V")] {
            let mut periods = BTreeSet::new();
            for entry in own.iter().rev() {
                let period = entry.record.started.parse::<Timestamp>().unwrap().strftime(form).to_string();
                if periods.len() < count && periods.insert(period) {
                    must.insert(&entry.name);
                }
            }
        }
        let kept: BTreeSet<&str> = fates.iter().filter(|f| f.kept.is_some()).map(|f| f.name.as_str()).collect();
        prop_assert_eq!(kept, must);
    }
}
