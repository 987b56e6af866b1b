//! The verdict of a way back over every combination of what can be known, against the law written down once more; and
//! the cases that people meet, by name.

#![allow(clippy::unwrap_used)]

use kubectl_omupgrade::fingerprint::Fingerprint;
use kubectl_omupgrade::verdict::{Backup, Before, Facts, Moment, Reach, Running, Source, Way, from_before, judge};
use shared::backup::{Engine, Record};
use shared::versions::Version;

fn state(engine: Engine, mark: &str, head: &str) -> Fingerprint {
    let text = format!("change_log\t3:{mark}\nsql_logs\t9:bb\nschema\t70:cc\nflowable\tabsent\nhead\t{head}\n");
    Fingerprint::parse(engine, &text).unwrap()
}

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

fn backup(name: &str) -> Backup {
    Backup {
        name: name.into(),
        release: "om".into(),
        namespace: "data".into(),
        engine: Engine::Postgresql,
        from_before: true,
        head: Some(version("1.12.3")),
        fingerprint: None,
    }
}

/// Revision 1 is 1.12.3, the database is as it was, a backup from before is there.
fn facts() -> Facts {
    let before = state(Engine::Postgresql, "aa", "1.12.3");
    Facts {
        release: "om".into(),
        namespace: "data".into(),
        revision: 1,
        now: Ok(before.clone()),
        before: Some(Before {
            fingerprint: before,
            source: Source::Journal("run".into()),
            at: "2026-11-22T10:00:00Z".into(),
        }),
        head: Ok(Some(version("1.12.3"))),
        reach: Reach { folders: Vec::new(), tag: Some("1.12.3".into()) },
        claim: "om-omupgrade-backup".into(),
        no_claim: false,
        backups: Ok(vec![backup("om-1")]),
        running: Vec::new(),
        elsewhere: Vec::new(),
        guarded: true,
    }
}

/// The same command again would meet the same refusal.
#[test]
fn who_may_start_no_pod_is_led_to_the_rights() {
    for (reason, forbidden) in
        [("pods is forbidden: User \"u\" cannot create resource", true), ("not asked (--no-probe)", false)]
    {
        let verdict = judge(&Facts { now: Err(reason.into()), ..facts() });
        let next: Vec<&str> = verdict.next.iter().map(|step| step.command.as_str()).collect();
        assert_eq!(next.contains(&"kubectl omupgrade rbac rollback"), forbidden, "{next:?}");
        assert_eq!(next.contains(&"kubectl omupgrade rollback om 1 -n data --dry-run"), !forbidden, "{next:?}");
    }
}

/// The law in the fewest words, written without looking at the code.
fn law(now: &str, before: bool, head: &str, reach: bool, backups: &str, elsewhere: bool) -> Way {
    let comparable = before && matches!(now, "same" | "moved");
    // The image's folders are not listed here, so a head above its tag makes equal states doubtful and no more.
    if comparable && now == "same" {
        return if elsewhere || (head == "above" && reach) { Way::Unproven } else { Way::CodeOnly };
    }
    let moved = (comparable && now == "moved") || (head == "above" && reach);
    match (moved, backups) {
        (false, _) => Way::Unproven,
        (true, "from before" | "unread") => Way::Restore,
        (true, _) => Way::Impossible,
    }
}

#[test]
fn every_combination_follows_the_law() {
    let mut seen = 0;
    for now in ["unread", "same", "moved", "other engine"] {
        for before in [false, true] {
            for head in ["unread", "none", "below", "equal", "above"] {
                for reach in [false, true] {
                    for backups in [
                        "unread",
                        "none",
                        "from before",
                        "after",
                        "other release",
                        "other engine",
                        "newer than the image",
                    ] {
                        for (elsewhere, guarded) in [(false, false), (false, true), (true, false), (true, true)] {
                            // A backup's engine is judged by what serves; one that does not fit fits nothing.
                            let mut facts = facts();
                            facts.now = match now {
                                "unread" => Err("not asked".into()),
                                "same" => Ok(state(Engine::Postgresql, "aa", "1.12.3")),
                                "moved" => Ok(state(Engine::Postgresql, "ff", "1.12.3")),
                                _ => Ok(state(Engine::Mysql, "aa", "1.12.3")),
                            };
                            let serving = if now == "other engine" { Engine::Mysql } else { Engine::Postgresql };
                            facts.before = facts.before.filter(|_| before);
                            facts.head = match head {
                                "unread" => Err("not asked".into()),
                                "none" => Ok(None),
                                "below" => Ok(Some(version("1.9.9"))),
                                "equal" => Ok(Some(version("1.12.3"))),
                                _ => Ok(Some(version("1.13.0"))),
                            };
                            if !reach {
                                facts.reach = Reach { folders: Vec::new(), tag: Some("latest".into()) };
                            }
                            let own = Backup { engine: serving, ..backup("om-1") };
                            facts.backups = match backups {
                                "unread" => Err("forbidden".into()),
                                "none" => Ok(Vec::new()),
                                "from before" => Ok(vec![own]),
                                "after" => Ok(vec![Backup { from_before: false, ..own }]),
                                "other release" => Ok(vec![Backup { release: "other".into(), ..own }]),
                                "other engine" if now == "unread" && !before => Ok(Vec::new()),
                                "other engine" => {
                                    let other =
                                        if serving == Engine::Mysql { Engine::Postgresql } else { Engine::Mysql };
                                    Ok(vec![Backup { engine: other, ..own }])
                                }
                                _ if !reach => Ok(Vec::new()),
                                _ => Ok(vec![Backup { head: Some(version("1.13.0")), ..own }]),
                            };
                            facts.elsewhere = if elsewhere { vec!["DB_HOST".into()] } else { Vec::new() };
                            facts.guarded = guarded;
                            let verdict = judge(&facts);
                            let case = format!(
                                "now {now}, before {before}, head {head}, reach {reach}, backups {backups}, elsewhere {elsewhere}"
                            );
                            assert_eq!(verdict.way, law(now, before, head, reach, backups, elsewhere), "{case}");
                            assert!(
                                !verdict.reasons.is_empty() && !verdict.next.is_empty() && !verdict.bare.is_empty(),
                                "{case}"
                            );
                            for reason in &verdict.reasons {
                                assert!(!reason.text.is_empty() && !reason.evidence.is_empty(), "{case}: {reason:?}");
                            }
                            for step in &verdict.next {
                                assert!(
                                    step.command.starts_with("kubectl omupgrade ") && step.command.contains(" -n data"),
                                    "{case}: {step:?}"
                                );
                            }
                            if verdict.way == Way::CodeOnly {
                                assert!(now == "same" && before && !elsewhere, "{case}");
                            }
                            seen += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(seen, 2240);
}

#[test]
fn an_upgrade_without_us_that_migrated_needs_a_restore() {
    let mut facts = facts();
    facts.now = Ok(state(Engine::Postgresql, "ff", "1.13.1"));
    facts.head = Ok(Some(version("1.13.1")));
    facts.before = None;
    facts.guarded = false;
    let verdict = judge(&facts);
    assert_eq!(verdict.way, Way::Restore);
    assert!(
        verdict.reasons[0].text.contains("the database is at 1.13.1, newer than what revision 1 reaches (1.12.3)"),
        "{verdict:#?}"
    );
    assert!(verdict.bare.contains("quietly on the newer schema"), "{}", verdict.bare);
    facts.backups = Ok(Vec::new());
    for no_claim in [false, true] {
        facts.no_claim = no_claim;
        let verdict = judge(&facts);
        assert_eq!(verdict.way, Way::Impossible);
        assert_eq!(verdict.reasons.iter().any(|r| r.text.contains("there is no claim to keep one on")), no_claim);
        let next: Vec<&str> = verdict.next.iter().map(|step| step.command.as_str()).collect();
        assert_eq!(next[0] == "kubectl omupgrade backup init om -n data", no_claim, "{next:?}");
        assert!(next.contains(&"kubectl omupgrade backup import om -n data --from FOLDER"), "{next:?}");
    }
}

#[test]
fn a_failed_migration_that_wrote_no_version_is_seen() {
    let mut facts = facts();
    facts.now = Ok(Fingerprint {
        parts: [("sql_logs".into(), "11:dd".into())]
            .into_iter()
            .chain(facts.now.unwrap().parts.into_iter().filter(|(k, _)| k != "sql_logs"))
            .collect(),
        ..state(Engine::Postgresql, "aa", "1.12.3")
    });
    let verdict = judge(&facts);
    assert_eq!(verdict.way, Way::Restore);
    assert!(verdict.reasons[0].text.contains("migration statements ran"), "{verdict:#?}");
}

#[test]
fn a_folder_above_the_tag_is_reached() {
    let mut facts = facts();
    facts.before = None;
    facts.reach.folders = vec!["1.9.9/".into(), "1.10.2/".into()];
    facts.reach.tag = Some("1.10.1".into());
    facts.head = Ok(Some(version("1.10.2")));
    assert_eq!(judge(&facts).way, Way::Unproven);
    facts.reach.folders.pop();
    facts.backups = Ok(vec![Backup { head: Some(version("1.9.9")), ..backup("om-1") }]);
    assert_eq!(judge(&facts).way, Way::Restore);
}

#[test]
fn the_backup_with_the_recorded_state_is_named_before_a_newer_one() {
    let mut facts = facts();
    facts.now = Ok(state(Engine::Postgresql, "ff", "1.13.1"));
    let exact = Backup { fingerprint: facts.before.as_ref().map(|b| b.fingerprint.clone()), ..backup("exact") };
    facts.backups = Ok(vec![backup("older"), exact, backup("newer")]);
    let verdict = judge(&facts);
    assert!(verdict.reasons.iter().any(|r| r.text.contains("backup exact is from before")), "{verdict:#?}");
}

#[test]
fn a_state_recorded_under_an_older_server_on_a_newer_schema_is_no_way_back() {
    let mut facts = facts();
    facts.head = Ok(Some(version("1.13.1")));
    assert_eq!(judge(&facts).way, Way::Unproven, "by the tag alone: its folders may run ahead of it");
    facts.reach.folders = vec!["1.12.3".into()];
    let verdict = judge(&facts);
    assert_eq!(verdict.way, Way::Restore);
    assert!(verdict.reasons[0].text.contains("newer than what revision 1 reaches"), "{verdict:#?}");
}

#[test]
fn running_images_older_than_the_database_are_named() {
    let mut facts = facts();
    facts.head = Ok(Some(version("1.13.1")));
    let reach = Reach { folders: Vec::new(), tag: Some("1.12.3".into()) };
    facts.running = vec![Running { image: "server:1.12.3".into(), pods: 2, reach }];
    assert!(judge(&facts).cautions[0].contains("2 pods run server:1.12.3 (1.12.3), older than the database (1.13.1)"));
}

fn record(origin: &str, started: &str, finished: &str) -> Record {
    serde_json::from_value(serde_json::json!({
        "v": 1, "origin": origin, "release": "om", "namespace": "data", "target": "", "engine": "mysql",
        "server_version": "9", "client_version": "9", "database": "d", "host": "h",
        "started": format!("2026-11-22T{started}Z"), "finished": format!("2026-11-22T{finished}Z"),
        "files": [], "fingerprint": {}, "schema_head": "",
    }))
    .unwrap()
}

fn at(revision: u64, time: &str, version: &str) -> Moment {
    Moment {
        revision,
        began: format!("2026-11-22T{time}Z").parse().ok(),
        version: Version::parse(version),
        served: true,
    }
}

#[test]
fn only_what_was_made_while_the_revision_served_is_from_before() {
    // Revision 2 fails after it migrated, revision 3 tries again.
    let history = [at(1, "10:00:00", "1.12.14"), at(2, "11:00:00", "1.13.1"), at(3, "12:00:00", "1.13.1")];
    for (origin, started, finished, of) in [
        ("omupgrade", "09:00:00", "09:10:00", None), // before revision 1 itself
        ("omupgrade", "10:30:00", "10:40:00", Some(1)),
        ("omupgrade", "10:59:00", "11:01:00", None), // ended while revision 2 worked
        ("omupgrade", "11:30:00", "11:40:00", Some(2)),
        ("omupgrade", "13:00:00", "13:02:00", Some(3)), // nothing followed yet
        ("hook", "11:00:05", "11:02:00", Some(1)),      // revision 2's own first step
        ("hook", "12:00:05", "12:02:00", Some(2)),      // revision 3's: after revision 2 migrated
        ("hook", "09:00:05", "09:02:00", None),
    ] {
        for revision in 1..=4 {
            let credited = from_before(&record(origin, started, finished), revision, &history);
            assert_eq!(credited, of == Some(revision), "{origin} {started} for revision {revision}");
        }
    }
    let unknown = [at(1, "10:00:00", "1.12.14"), Moment { began: None, ..at(2, "11:00:00", "1.13.1") }];
    assert!(
        !from_before(&record("omupgrade", "10:30:00", "10:40:00"), 1, &unknown),
        "a time that is not known proves nothing"
    );
    assert!(!from_before(&record("hook", "11:00:05", "11:02:00"), 1, &unknown), "nor for the hook's");
}

#[test]
fn a_try_that_its_hook_stopped_never_served() {
    // Revision 2's hook had no room; revision 3 is the same upgrade once there was.
    let stopped = Moment { served: false, ..at(2, "11:00:00", "1.13.1") };
    let history = [at(1, "10:00:00", "1.12.14"), stopped, at(3, "12:00:00", "1.13.1")];
    let of: Vec<u64> =
        (1..=3).filter(|revision| from_before(&record("hook", "12:00:05", "12:02:00"), *revision, &history)).collect();
    assert_eq!(of, [1], "the database is as revision 1 left it");
}

#[test]
fn a_clock_that_is_ahead_on_helms_machine_credits_no_other_revision() {
    let history = [at(1, "10:00:00", "1.12.14"), at(2, "11:00:00", "1.12.14"), at(3, "12:00:00", "1.13.1")];
    let hook = Record { target: "1.13.1".into(), ..record("hook", "11:58:00", "11:59:00") };
    let of: Vec<u64> = (1..=3).filter(|revision| from_before(&hook, *revision, &history)).collect();
    assert_eq!(of, [2], "by its time it was of revision 2, whose server is of another version than it was made for");
    // A record that names its revision is of no other one, and of that one only if the times agree.
    let mut ours = record("omupgrade", "12:30:00", "12:31:00");
    assert!(from_before(&ours, 3, &history));
    let of = serde_json::json!({ "revision": 2, "chart": "", "chart_version": "", "app_version": "", "images": {},
        "keys": { "salt": "", "hmac": {} } });
    ours.of = serde_json::from_value(of).unwrap();
    assert!((1..=3).all(|revision| !from_before(&ours, revision, &history)), "neither of 2, by its time, nor of 3");
}

#[test]
fn of_two_backups_of_the_hook_the_first_tells_the_state_from_before() {
    let history = [at(1, "10:00:00", "1.12.14"), at(2, "11:00:00", "1.13.1"), at(3, "12:00:00", "1.13.1")];
    // Both seem to be of revision 2's first step: the clock of the second try's machine was ahead.
    let made = |started: &str, finished: &str, head: &str| {
        let parts = state(Engine::Mysql, "aa", head).parts;
        let (target, schema_head) = ("1.13.1".to_owned(), head.to_owned());
        (head.to_owned(), Record { fingerprint: parts, schema_head, target, ..record("hook", started, finished) })
    };
    let backups = [made("11:58:00", "11:59:00", "1.13.1"), made("11:00:05", "11:02:00", "1.12.14")];
    let before = Before::newest([], &backups, 1, &history).unwrap();
    assert_eq!(before.source, Source::Backup("1.12.14".into()));
}
