//! Every folder of `testdata/cluster` is one moment of a rollout: objects as YAML, and what `status` says of them at
//! 100 and at 60 columns, as lines, and as a verdict.
#![allow(clippy::unwrap_used)]

mod moment;

use kubectl_omupgrade::facts::Facts;
use kubectl_omupgrade::rollout::{Verdict, judge};
use kubectl_omupgrade::view::{Shape, changes, lines, plain};
use moment::{cases, facts};
use serde_json::json;

#[test]
fn what_status_says() {
    let cases = cases();
    assert!(cases.len() >= 20);
    for case in cases {
        let (facts, now) = facts(&case);
        let rollout = judge(&facts, now);
        insta::with_settings!({snapshot_path => &case, prepend_module_to_snapshot => false, omit_expression => true}, {
            for width in [100, 60] {
                let shape = Shape { width, wide: false, live: false };
                insta::assert_snapshot!(format!("columns-{width}"), plain(&lines(&rollout, shape)));
            }
            insta::assert_snapshot!("lines", changes(None, &rollout).join("\n"));
        });
        let painted = lines(&rollout, Shape { width: 60, wide: true, live: true });
        assert!(painted.iter().all(|l| l.width() <= 60), "{}", case.display());
    }
}

/// What must not be said wrongly, beside the words of the snapshots.
#[test]
fn verdicts() {
    let failed = [
        "backup-deadline",
        "backup-failed",
        "older-image",
        "migration-broke-off",
        "crash-loop",
        "deadline",
        "uninstalled",
        "guard-refuses",
        "image-missing",
        "killed-by-probe",
        "migration-failed",
        "out-of-memory",
    ];
    let rolled_out =
        ["database", "done", "evicted", "foreign-pods", "forbidden-release", "older-image-recorded", "restored"];
    let progressing = [
        "backup-running",
        "daemon-set",
        "deadline-while-migrating",
        "first-crash",
        "forbidden-in-part",
        "many-pods",
        "migrating",
        "migrating-silent",
        "min-ready",
        "older-image-rolling",
        "missing-fields",
        "previous-generation",
        "rolling",
        "startup-probe",
        "stateful-set",
    ];
    let not_ready = ["not-ready", "not-ready-set"];
    let unknown = ["forbidden-workloads", "mistyped"];
    for case in cases() {
        let name = case.file_name().unwrap().to_str().unwrap();
        let (facts, now) = facts(&case);
        let expected = match name {
            _ if failed.contains(&name) => Verdict::Failed,
            _ if rolled_out.contains(&name) => Verdict::RolledOut,
            _ if progressing.contains(&name) => Verdict::Progressing,
            _ if not_ready.contains(&name) => Verdict::NotReady,
            _ if unknown.contains(&name) => Verdict::Unknown,
            _ => Verdict::Blocked,
        };
        assert_eq!(judge(&facts, now).verdict, expected, "{name}");
    }
}

/// A saved file gives the same answer, and holds nothing that was secret.
#[test]
fn a_facts_file_judges_alike() {
    for case in cases() {
        let (facts, now) = facts(&case);
        let again = Facts::from_text(&facts.to_text().unwrap()).unwrap();
        assert_eq!(judge(&again, now), judge(&facts, now), "{}", case.display());
    }
}

/// Whatever is missing from what was found: an answer, and no panic.
#[test]
fn every_fact_may_be_unknown() {
    for case in cases() {
        let (facts, now) = facts(&case);
        let whole = serde_json::to_value(&facts).unwrap();
        for key in whole.as_object().unwrap().keys() {
            if whole[key].get("known").is_none() {
                continue;
            }
            let mut less = whole.clone();
            less[key] = json!({"unknown": {"reason": "forbidden", "source": "test", "at": now}});
            let less: Facts = serde_json::from_value(less).unwrap();
            let rollout = judge(&less.narrowed(), now);
            assert!(key == "history" || rollout.unseen.len() + usize::from(key == "release") > 0, "{key}");
        }
    }
}
