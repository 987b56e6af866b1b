//! Every folder of `testdata/cluster` is one moment of a rollout: objects as YAML, and what `status` says of them at
//! 100 and at 60 columns, as lines, and as a verdict.
#![allow(clippy::unwrap_used)]

mod moment;

use kubectl_omupgrade::facts::{Autoscaler, Fact, Facts, Meta};
use kubectl_omupgrade::rollout::{Cause, Kind, Verdict, Why, judge};
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

/// Nothing that `-o wide` adds is dropped or cut where it does not fit: it takes a line of its own.
#[test]
fn wide_shows_whole_images_and_lines_of_logs() {
    for case in cases() {
        let (facts, now) = facts(&case);
        let rollout = judge(&facts, now);
        let said = plain(&lines(&rollout, Shape { width: 60, wide: true, live: false }));
        let mut open = vec![&rollout.tree];
        while let Some(node) = open.pop() {
            assert!(node.image.as_ref().is_none_or(|image| said.contains(&**image)), "{said}");
            let whole = |line: &String| said.contains(line.trim());
            assert!(node.why.iter().flat_map(|why| &why.lines).all(whole), "{said}");
            open.extend(&node.children);
        }
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
        "helm-gave-up-serves",
        "image-beside-helm",
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
        "helm-gave-up",
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

/// What others wrote may hold ends of lines and what a terminal obeys: a change stays one line.
#[test]
fn a_change_is_one_line() {
    let (facts, now) = facts(&cases().into_iter().find(|case| case.ends_with("done")).unwrap());
    let mut rollout = judge(&facts, now);
    rollout.tree.why.push(Why::new(Cause::Helm, "one:\n\t* two\u{1b}[2J\r\nthree"));
    "gone\nby".clone_into(&mut rollout.tree.words);
    let said = changes(None, &rollout).join("\n");
    let clock = now.strftime("%H:%M:%S ").to_string();
    assert!(said.lines().all(|line| line.starts_with(&clock)) && !said.contains('\u{1b}'), "{said}");
    assert!(said.contains("one: * two[2J three") && said.contains("gone by"), "{said}");
}

/// A server that somebody stopped is of no rollout, and an upgrade that left it so is not rolled out.
#[test]
fn a_server_at_zero_is_not_rolled_out() {
    let (mut facts, now) = facts(&cases().into_iter().find(|case| case.ends_with("scaled-to-zero")).unwrap());
    let said = |facts: &Facts| {
        let rollout = judge(facts, now);
        assert!(matches!(rollout.verdict, Verdict::NotReady | Verdict::Blocked), "{:?}", rollout.verdict);
        let server = rollout.tree.children.into_iter().find(|node| node.kind == Kind::Deployment).unwrap();
        let why = server.why.into_iter().next().unwrap();
        (why.text, why.hint.unwrap())
    };
    let (text, hint) = said(&facts);
    assert!(text.starts_with("it is scaled to zero: nobody serves"), "{text}");
    assert!(hint.contains("scale deployment/openmetadata --replicas=1"), "{hint}");
    let target = ("Deployment".to_owned(), "openmetadata".to_owned());
    let meta = Meta { name: "om-scaler".to_owned(), ..Meta::default() };
    facts.autoscalers = Fact::known(vec![Autoscaler { meta, target, min: 2, ..Autoscaler::default() }], "test", now);
    assert!(said(&facts).0.contains("its autoscaler om-scaler is off"), "{:?}", said(&facts));
    // Who has to go on is whoever stopped it, and no hand between.
    facts.open = self::facts(&cases().into_iter().find(|case| case.ends_with("way-back-open")).unwrap()).0.open;
    let (text, hint) = said(&facts);
    assert!(text.contains("`rollback om to revision 2` is open"), "{text}");
    assert_eq!(hint, "kubectl omupgrade history om -n data");
}

/// However often it was started again: it goes on once its database is there.
#[test]
fn a_migration_that_waits_for_its_database_has_not_failed() {
    let (mut facts, now) = facts(&cases().into_iter().find(|c| c.ends_with("migration-without-database")).unwrap());
    let mut pods = facts.pods.items().to_vec();
    pods.iter_mut().flat_map(|pod| &mut pod.containers).for_each(|c| c.restarts *= 6);
    facts.pods = Fact::known(pods, "test", now);
    assert_eq!(judge(&facts, now).verdict, Verdict::Blocked);
}

/// Helm waited for its time and gave up, and the pods came up later: they serve, and nothing is gone back from.
#[test]
fn pods_that_came_up_after_helm_gave_up_are_told_with_the_same_upgrade() {
    for (words, late, step) in [
        ("Upgrade \"om\" failed: context deadline exceeded", true, "helm upgrade om CHART --version 1.13.1 -n data"),
        ("Release \"om\" failed: timed out waiting for the condition", true, "kubectl omupgrade history om -n data"),
        ("Upgrade \"om\" failed: cannot patch \"openmetadata\"", false, "kubectl omupgrade rollback om -n data"),
        (
            "Rollback \"om\" failed: pre-rollback hooks failed: timed out waiting",
            false,
            "kubectl omupgrade rollback om",
        ),
    ] {
        let (mut facts, now) = facts(&cases().into_iter().find(|case| case.ends_with("helm-gave-up-serves")).unwrap());
        let mut release = facts.release.value().cloned().unwrap();
        words.clone_into(&mut release.revision.description);
        facts.release = Fact::known(release.clone(), "test", now);
        let rollout = judge(&facts, now);
        assert_eq!(rollout.verdict, Verdict::Failed);
        assert_eq!(rollout.sentence.starts_with("om serves revision 3, but helm gave up on it: the same `helm "), late);
        let said = changes(None, &rollout).join("\n");
        assert!(said.contains(&format!("release/om: try: {step}")), "{said}");
        assert_eq!(said.contains("ready by now and serve"), late, "{said}");
        // Somebody went back with kubectl since: what serves is not what helm made.
        for (image, its) in [
            ("mirror:5000/openmetadata/server:1.13.1", late),
            ("mirror:5000/openmetadata/server:1.13.2", false),
            ("mirror:5000/another/server:1.13.1", false),
        ] {
            let mut release = release.clone();
            release.images.insert("Deployment/openmetadata".to_owned(), image.to_owned());
            facts.release = Fact::known(release, "test", now);
            assert_eq!(judge(&facts, now).sentence.starts_with("om serves revision 3"), its, "{image}");
        }
        // A pod that is not ready any more is of no rollout.
        facts.release = Fact::known(release, "test", now);
        let mut workloads = facts.workloads.items().to_vec();
        workloads[0].available = 0;
        let progressing = workloads[0].conditions.iter().position(|c| c.kind == "Progressing").unwrap();
        "NewReplicaSetAvailable".clone_into(&mut workloads[0].conditions[progressing].reason);
        facts.workloads = Fact::known(workloads.clone(), "test", now);
        let rollout = judge(&facts, now);
        let said = changes(None, &rollout).join("\n");
        assert_eq!(rollout.verdict, Verdict::Failed, "{said}");
        assert_eq!(said.contains("came up since, and not all are ready now: the same"), late, "{said}");
        // One that is not ready yet is no end, and no word of a way back.
        "ReplicaSetUpdated".clone_into(&mut workloads[0].conditions[progressing].reason);
        facts.workloads = Fact::known(workloads, "test", now);
        let rollout = judge(&facts, now);
        let said = changes(None, &rollout).join("\n");
        assert_eq!(rollout.verdict, Verdict::Progressing, "{said}");
        assert!(said.contains("the rollout goes on without it") && !said.contains("rollback om"), "{said}");
    }
}

/// What a silent migration's next step promises is said: whether the database does something.
#[test]
fn a_probe_beside_a_migration_tells_of_open_transactions() {
    let of = |name: &str| facts(&cases().into_iter().find(|case| case.ends_with(name)).unwrap()).0;
    for (open, words) in [
        (Some(0), "no transaction is open for a second or longer"),
        (Some(90), "the oldest transaction is open for 90s"),
        (None, "open transactions may not be seen"),
    ] {
        for case in ["migrating-silent", "done"] {
            let mut facts = of(case);
            let mut database = of("database").database.value().cloned().unwrap();
            database.oldest_transaction_seconds = open;
            facts.database = Fact::known(database, "test", facts.made);
            let rollout = judge(&facts, facts.made);
            let said = changes(None, &rollout).join("\n");
            assert_eq!(said.contains(words), case == "migrating-silent", "{said}");
            let page = plain(&lines(&rollout, Shape { width: 100, wide: false, live: false }));
            let page =
                page.split_whitespace().filter(|w| w.chars().any(char::is_alphanumeric)).collect::<Vec<_>>().join(" ");
            assert_eq!(page.contains(words), case == "migrating-silent", "{page}");
        }
    }
}

/// A bare rollback below pods that serve on: what is named is never what the guard stops.
#[test]
fn what_the_guard_stops_is_not_named_as_what_serves() {
    let revision = |number: u64, status: &str, version: &str| {
        json!({"number": number, "status": status, "object": "s", "driver": "secrets",
            "chart": {"name": "openmetadata", "version": version, "appVersion": version}})
    };
    let cases: [(&[_], &str, &str); 7] = [
        (&[revision(2, "superseded", "1.12.0"), revision(3, "superseded", "1.13.0")], "rollback om 3 -n data", "om 2"),
        // The pods that serve are of 1.13.1.
        (
            &[revision(2, "superseded", "1.12.0"), revision(3, "failed", "1.13.1")],
            "helm upgrade om CHART --version 1.13.1 -n data",
            "rollback om ",
        ),
        (&[revision(2, "superseded", "1.13.1"), revision(3, "failed", "1.13.2")], "rollback om 2 -n data", "1.13.2"),
        (&[revision(2, "superseded", "1.13.1"), revision(3, "superseded", "1.12.0")], "rollback om 2 -n data", "om 3"),
        (&[revision(3, "superseded", "1.12.0")], "kubectl omupgrade rollback om -n data", "om 3"),
        // As a cluster tells it, without their content.
        (&[revision(2, "superseded", ""), revision(3, "superseded", "")], "rollback om 3 -n data", "om 2"),
        (&[revision(2, "superseded", ""), revision(3, "failed", "")], "history om -n data", "rollback om "),
    ];
    let case = self::cases().into_iter().find(|case| case.ends_with("guard-refuses")).unwrap();
    for (history, named, not) in cases {
        let (mut facts, now) = facts(&case);
        facts.history = Fact::known(serde_json::from_value(json!(history)).unwrap(), "test", now);
        let said = changes(None, &judge(&facts, now)).join("\n");
        let hint = said.lines().find(|line| line.contains("schema-guard: try: ")).unwrap();
        assert!(hint.contains(named) && !hint.contains(not), "{hint}");
    }
}

/// A backup that a person makes is told, and rolls nothing out: not while it runs, and not when it failed.
#[test]
fn a_backup_of_no_hook_is_beside_the_release() {
    let of = |name: &str| facts(&cases().into_iter().find(|case| case.ends_with(name)).unwrap());
    for case in ["backup-running", "backup-failed"] {
        let (mut done, now) = of("done");
        let mut job = of(case).0.jobs.items().first().cloned().unwrap();
        job.meta.created = Some(now);
        done.jobs = Fact::known(vec![job.clone()], "test", now);
        assert_ne!(judge(&done, now).verdict, Verdict::RolledOut, "{case}: a hook's counts");
        job.events.clear();
        let name = job.meta.name.clone();
        done.jobs = Fact::known(vec![job], "test", now);
        let rollout = judge(&done, now);
        assert_eq!(rollout.verdict, Verdict::RolledOut, "{case}: {}", rollout.sentence);
        assert!(rollout.tree.children.iter().any(|node| node.name == name && node.words.starts_with("backup: ")));
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

/// What `diagnose` saved is of the same schema.
#[test]
fn a_look_of_diagnose_is_judged_too() {
    for (case, expected) in [("upgraded", Verdict::RolledOut), ("migrate-fails", Verdict::Failed)] {
        let file = format!("{}/../testdata/recorded/{case}/diagnose.json", env!("CARGO_MANIFEST_DIR"));
        let facts = Facts::from_text(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(judge(&facts, facts.made).verdict, expected, "{case}");
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
