//! The decision of a way back: which revision, which replica counts need care, which pods stop at the guard, when there
//! is nothing left to do.

#![allow(clippy::unwrap_used, reason = "a test stops where something is wrong")]

use kubectl_omupgrade::facts::{Chart, Driver, Release, Revision, Secret, Status};
use kubectl_omupgrade::fingerprint::Fingerprint;
use kubectl_omupgrade::journal::{Outcome, Phase, Recorded, Run};
use kubectl_omupgrade::verdict::Way;
use kubectl_omupgrade::wayback::restore::{COUNT, HELM, Plan, QUIESCE, Road, step_of_count, unfinished};
use kubectl_omupgrade::wayback::saved::{SCHEMA, Saved};
use kubectl_omupgrade::wayback::{self, Asked, Choice, Contents, Decision, Live, Look, as_before, choose, decided};
use shared::backup::Engine;
use std::collections::BTreeMap;

/// Decides; and a saved look is decided alike, without what is secret in its manifests.
fn decide(look: &Look, asked: Asked) -> Result<Decision, String> {
    let decision = wayback::decide(look, asked)?;
    let saved = Saved {
        schema: SCHEMA.to_owned(),
        made: "2026-11-22T12:00:00Z".parse().unwrap(),
        command: String::new(),
        lock: None,
        given_up: None,
        notes: Vec::new(),
        contents: Contents::of(look)?,
        look: look.clone(),
    };
    let again = Saved::from_text(&saved.to_text().unwrap()).unwrap();
    assert_eq!(again.look.current.manifest.expose(), None);
    assert_eq!(format!("{:#?}", decided(&again.look, &again.contents, asked)), format!("{decision:#?}"));
    Ok(decision)
}

fn release(number: u64, status: Status, version: &str, replicas: &str, guard: &str) -> Release {
    let text = format!(
        "kind: Deployment\napiVersion: apps/v1\nmetadata: {{name: om}}\nspec:\n  {replicas}\n  template:\n    spec:\n      \
         initContainers: [{guard} {{name: run-db-migrations, image: 'server:{version}'}}]\n      containers: [{{name: om, image: 'server:{version}'}}]\n"
    );
    Release {
        workloads: Vec::new(),
        images: BTreeMap::new(),
        revision: Revision {
            number,
            status,
            chart: Chart::default(),
            updated: format!("2026-11-22T10:{number:02}:00Z").parse().ok(),
            description: String::new(),
            object: String::new(),
            driver: Driver::Secrets,
            apply_method: Some("ssa".into()),
        },
        name: "om".into(),
        namespace: "data".into(),
        values: Secret::gone(),
        manifest: Secret::new(text),
        hooks: Vec::new(),
        holds_openmetadata: true,
    }
}

/// Helm 3 only logs a delete that fails; neither deletes what is to be kept; and a right in a namespace reaches nothing beyond it.
#[test]
fn what_helm_needs_is_read_off_both_manifests() {
    let mut look = look("");
    let more = "---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: new}\n---\nkind: PersistentVolumeClaim\napiVersion: v1\nmetadata: {name: kept, annotations: {helm.sh/resource-policy: keep}}\n";
    let role = "---\nkind: ClusterRole\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: {name: om}\n";
    look.current.manifest = Secret::new(format!("{}{more}", look.current.manifest.expose().unwrap()));
    look.target.manifest = Secret::new(format!("{}{role}", look.target.manifest.expose().unwrap()));
    let said =
        |look: &Look| wayback::needs(look).iter().map(|n| format!("{n} in '{}'", n.namespace)).collect::<Vec<_>>();
    let four = said(&look);
    assert!(four.contains(&"create clusterroles.rbac.authorization.k8s.io in ''".to_owned()), "{four:?}");
    let deletes = |said: &[String]| said.iter().filter(|need| need.starts_with("delete")).cloned().collect::<Vec<_>>();
    assert_eq!(deletes(&four), ["delete configmaps in 'data'"]);
    look.helm = 3;
    assert_eq!(deletes(&said(&look)), Vec::<String>::new());
}

const GUARD: &str = "{name: omupgrade-schema-guard, image: 'mysql:8.4'},";

fn look(replicas: &str) -> Look {
    let target = release(1, Status::Superseded, "1.12.3", replicas, GUARD);
    let current = release(2, Status::Deployed, "1.13.1", replicas, GUARD);
    let text = "change_log\t1:a\nsql_logs\t1:b\nschema\t1:c\nflowable\tabsent\nhead\t1.13.1\n";
    let live = Live {
        kind: "Deployment".into(),
        name: "om".into(),
        replicas: 5,
        manager: Some("hpa".into()),
        ..Live::default()
    };
    Look {
        migrating: Ok(Vec::new()),
        history: vec![target.clone(), current.clone()],
        current,
        target,
        runs: Vec::new(),
        claim: "om-omupgrade-backup".into(),
        no_claim: false,
        backups: Ok(Vec::new()),
        database: Ok(Fingerprint::parse(Engine::Mysql, text).unwrap()),
        live: Ok(vec![live]),
        running: Vec::new(),
        folders: BTreeMap::new(),
        kept: Vec::new(),
        helm: 4,
    }
}

#[test]
fn pods_that_stop_at_the_guard_are_named() {
    let decision = decide(&look("replicas: 1"), Asked::default()).unwrap();
    assert_eq!(decision.verdict.way, Way::Impossible);
    assert!(
        decision.stops[0].contains("its pods stop at the schema guard, the database is at 1.13.1"),
        "{:?}",
        decision.stops
    );
    assert!(decision.verdict.bare.contains("stop its new pods at the schema guard"), "{}", decision.verdict.bare);
    let mut unguarded = look("replicas: 1");
    unguarded.target = release(1, Status::Superseded, "1.12.3", "replicas: 1", "");
    let decision = decide(&unguarded, Asked::default()).unwrap();
    assert!(decision.stops.is_empty());
    assert!(decision.verdict.cautions.iter().any(|c| c.contains("carries no schema guard")));
}

#[test]
fn a_conflict_over_replicas_is_seen_coming_where_there_is_one() {
    type Change = fn(&mut Look);
    let hpa: Change = |l| l.live.as_mut().unwrap()[0].autoscaler = Some("om".into());
    for (case, replicas, change, conflict, put_back) in [
        ("another manager", "replicas: 1", (|_| ()) as Change, true, false),
        ("an autoscaler", "replicas: 1", hpa, true, true),
        ("an autoscaler, no replicas in the manifest", "minReadySeconds: 1", hpa, false, true),
        ("no replicas in the manifest", "minReadySeconds: 1", |_| (), false, false),
        ("the same count", "replicas: 5", |_| (), false, false),
        (
            "helm's own field",
            "replicas: 1",
            |l| l.live.as_mut().unwrap()[0].manager = Some("helm".into()),
            false,
            false,
        ),
        ("Helm 3", "replicas: 1", |l| l.helm = 3, false, false),
        (
            "client-side apply",
            "replicas: 1",
            |l| {
                l.current.revision.apply_method = Some("csa".into());
                l.target.revision.apply_method = None;
            },
            false,
            false,
        ),
    ] {
        let mut look = look(replicas);
        change(&mut look);
        let decision = decide(&look, Asked::default()).unwrap();
        assert_eq!(decision.conflicts(), conflict, "{case}");
        assert_eq!(decision.counts.iter().any(|c| c.autoscaler.is_some()), put_back, "{case}");
    }
}

#[test]
fn it_is_there_already_only_when_helm_finished_with_the_same_content() {
    let same = |status| {
        let mut look = look("replicas: 1");
        look.database = Err("not asked".into());
        look.current = release(3, status, "1.12.3", "replicas: 1", GUARD);
        decide(&look, Asked::default()).unwrap().already
    };
    assert!(same(Status::Deployed));
    assert!(!same(Status::Failed) && !same(Status::PendingRollback));
    assert!(!decide(&look("replicas: 1"), Asked::default()).unwrap().already);
}

#[test]
fn unread_workloads_and_the_newest_revision_are_refused() {
    let mut unread = look("replicas: 1");
    unread.live = Err("forbidden".into());
    let refusals = decide(&unread, Asked::default()).unwrap().refusals;
    assert!(refusals[0].why.contains("cannot be looked at"), "{refusals:?}");
    let mut newest = look("replicas: 1");
    newest.target = newest.current.clone();
    let refusals = decide(&newest, Asked::default()).unwrap().refusals;
    assert!(refusals[0].why.contains("is the newest one"), "{refusals:?}");
}

#[test]
fn the_revision_is_given_or_validated_or_asked_for_and_never_just_the_one_before() {
    let history: Vec<Revision> =
        [(1, Status::Superseded), (2, Status::Superseded), (3, Status::Failed), (4, Status::Deployed)]
            .map(|(number, status)| release(number, status, "1.12.3", "replicas: 1", "").revision)
            .into();
    let validated = |revision| {
        let mut run = Run::new("r", "om", "data", "validate", "p", "anna", "2026-11-22T10:00:00Z".parse().unwrap());
        run.validated = Some(revision);
        run.end(Outcome::Done, run.began);
        [run]
    };
    assert_eq!(choose(Some(3), &history, &[]), Choice::Given(3));
    assert_eq!(choose(Some(9), &history, &[]), Choice::Absent(9, vec![2, 1]));
    assert_eq!(choose(None, &history, &validated(1)), Choice::Validated(1));
    assert_eq!(choose(None, &history, &validated(4)), Choice::Ask(vec![2, 1]), "the newest is no way back");
    assert_eq!(choose(None, &history, &validated(7)), Choice::Ask(vec![2, 1]), "helm has it no more");
    assert_eq!(choose(None, &history, &[]), Choice::Ask(vec![2, 1]), "a failed one is not offered");
}

#[test]
fn the_folders_of_an_image_say_more_than_its_tag() {
    let mut look = look("replicas: 1");
    // 1.12.3 by its tag, and it carries 1.13.1: its pods do not stop at the guard, and "above" is not said.
    assert_eq!(decide(&look, Asked::default()).unwrap().stops.len(), 1);
    assert_eq!(decide(&look, Asked::default()).unwrap().verdict.way, Way::Impossible);
    look.folders.insert("server:1.12.3".into(), vec!["1.12.3".into(), "1.13.1".into()]);
    let decision = decide(&look, Asked::default()).unwrap();
    assert!(decision.stops.is_empty(), "{:?}", decision.stops);
    assert_eq!(decision.verdict.way, Way::Unproven);
    // An image that cannot be listed has no folders: the tag counts again.
    look.folders.insert("server:1.12.3".into(), Vec::new());
    assert_eq!(decide(&look, Asked::default()).unwrap().stops.len(), 1);
}

#[test]
fn what_was_recorded_of_the_same_content_proves_a_later_revision_of_it() {
    // Revision 1 was recorded, 2 upgraded, 3 went back to 1, 4 upgraded again: is the way back to 3 proven?
    let mut look = look("replicas: 1");
    let text = "change_log\t1:a\nsql_logs\t1:b\nschema\t1:c\nflowable\tabsent\nhead\t1.12.3\n";
    let database = Fingerprint::parse(Engine::Mysql, text).unwrap();
    look.database = Ok(database.clone());
    let (third, fourth) = (
        release(3, Status::Superseded, "1.12.3", "replicas: 1", GUARD),
        release(4, Status::Deployed, "1.13.1", "replicas: 1", GUARD),
    );
    look.history.extend([third.clone(), fourth.clone()]);
    (look.target, look.current) = (third, fourth);
    let now = "2026-11-22T10:01:30Z".parse().unwrap();
    let mut run = Run::new("r", "om", "data", "record", "record", "x@y", now);
    run.recorded = Some(Recorded { revision: 1, image: "server:1.12.3".into(), fingerprint: database, at: now });
    run.end(Outcome::Done, now);
    look.runs = vec![run];
    assert_eq!(decide(&look, Asked::default()).unwrap().verdict.way, Way::CodeOnly);
    // Other content proves nothing.
    look.history[0] = release(1, Status::Superseded, "1.12.2", "replicas: 1", GUARD);
    assert_ne!(decide(&look, Asked::default()).unwrap().verdict.way, Way::CodeOnly);
}

#[test]
fn nothing_goes_back_while_a_migration_runs() {
    let mut look = look("replicas: 1");
    for (migrating, words) in [
        (Ok(vec!["om-1".to_owned()]), "a migration runs in om-1"),
        (Err("pods is forbidden".to_owned()), "whether a migration runs is not known"),
    ] {
        look.migrating = migrating;
        let restoring = Asked { restoring: true, ..Asked::default() };
        let whys = |asked: Asked| decide(&look, asked).unwrap().refusals.into_iter().map(|r| r.why).collect::<String>();
        assert!(whys(Asked::default()).contains(words), "{}", whys(Asked::default()));
        assert!(!whys(restoring).contains(words), "a restore that was begun looks after the servers itself");
    }
}

#[test]
fn after_a_bare_rollback_the_code_is_there_and_the_database_is_not() {
    let mut look = look("replicas: 1");
    look.current = release(3, Status::Deployed, "1.12.3", "replicas: 1", GUARD);
    look.history.push(look.current.clone());
    let decision = decide(&look, Asked::default()).unwrap();
    assert_eq!(decision.verdict.way, Way::Impossible, "1.13.1 in the database, no backup");
    assert!(!decision.already && !decision.refusals.is_empty(), "{decision:#?}");
    // Where nothing tells of a newer schema there is nothing to do.
    look.database = Err("not asked".into());
    assert!(decide(&look, Asked::default()).unwrap().already);
}

#[test]
fn a_named_backup_decides_where_the_verdict_would_not_but_never_over_another_database() {
    let asked = Asked { restore: true, named: true, ..Asked::default() };
    let look_ = look("replicas: 1");
    assert!(!decide(&look_, Asked { named: false, ..asked }).unwrap().refusals.is_empty(), "no backup is listed");
    let decision = decide(&look_, asked).unwrap();
    assert!(decision.refusals.is_empty() && !decision.stay, "{:?}", decision.refusals);

    let mut newest = look("replicas: 1");
    newest.target = newest.current.clone();
    assert!(decide(&newest, Asked::default()).unwrap().refusals[0].why.contains("is the newest one"));
    let decision = decide(&newest, asked).unwrap();
    assert!(decision.refusals.is_empty() && decision.stay, "{:?}", decision.refusals);
    assert_eq!(decision.put_back(), ["Deployment/om"]);

    let mut elsewhere = look("replicas: 1");
    for (release, host) in [(&mut elsewhere.current, "pg1"), (&mut elsewhere.target, "pg2")] {
        let text = release.manifest.expose().unwrap();
        release.manifest = Secret::new(format!(
            "kind: Secret\napiVersion: v1\nmetadata: {{name: om-db-secret}}\nstringData: {{DB_HOST: {host}}}\n---\n{text}"
        ));
    }
    let refusals = decide(&elsewhere, asked).unwrap().refusals;
    assert!(refusals.iter().any(|r| r.why.contains("uses another database than now (DB_HOST differ)")), "{refusals:?}");
}

/// A way back from revision 2 to 1 with a restore that was given up after helm, with these further entries.
fn given_up(entries: &[(&str, Phase)]) -> Run {
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let mut run = Run::new("r", "om", "data", "rollback", "rollback om to revision 1", "anna", now);
    (run.from, run.to) = (Some(2), Some(1));
    let plan = Plan {
        id: "r".into(),
        backup: "b".into(),
        claim: "c".into(),
        of: None,
        road: Road::Beside,
        dump: true,
        admin_secret: None,
        workloads: [("Deployment/om".to_owned(), 5)].into(),
        unnamed: Vec::new(),
        schedules: Vec::new(),
        images: Vec::new(),
        pulled: BTreeMap::new(),
        image: None,
        labels: Vec::new(),
    };
    plan.remember(&mut run.remembered).unwrap();
    run.remembered.insert(format!("{COUNT}Deployment/om"), "5".into());
    for (step, phase) in [(QUIESCE, Phase::About), (HELM, Phase::About)].iter().chain(entries) {
        run.write(step, *phase, "", now);
    }
    run.end(Outcome::Failed, now);
    run
}

/// The helm of the restore made revision 3; whatever came after it was wanted by somebody.
#[test]
fn what_a_later_helm_gave_stays() {
    for (newest, replicas, then) in [(3, "replicas: 1", 5), (3, "replicas: 2", 1), (4, "replicas: 1", 1)] {
        let mut look = look("replicas: 1");
        look.current = release(newest, Status::Deployed, "1.12.3", replicas, GUARD);
        look.history.push(look.current.clone());
        let live = &mut look.live.as_mut().unwrap()[0];
        (live.replicas, live.manager) = (1, Some("helm".into()));
        let found = unfinished(&[given_up(&[])]).unwrap().unwrap();
        let told = as_before(&mut look, &found);
        assert_eq!(look.live.unwrap()[0].replicas, then, "revision {newest}, {replicas}: {told:?}");
    }
}

/// The same command goes on with one that is open: nobody gave it up.
#[test]
fn a_killed_restore_is_not_called_given_up() {
    for (outcome, words) in [(Outcome::Open, "which did not end"), (Outcome::Failed, "which was given up")] {
        let mut run = given_up(&[]);
        run.outcome = outcome;
        let mut look = look("replicas: 1");
        let live = &mut look.live.as_mut().unwrap()[0];
        (live.replicas, live.manager) = (0, None);
        look.runs = vec![run];
        let found = unfinished(&look.runs).unwrap().unwrap();
        let told = as_before(&mut look, &found);
        assert!(told.len() == 1 && told[0].contains(words), "{told:?}");
    }
}

#[test]
fn a_count_that_a_second_helm_undid_is_not_put_back_yet() {
    let label = "Deployment/om";
    let step = step_of_count(label);
    for (entries, open) in
        [(vec![(step.as_str(), Phase::Done)], false), (vec![(step.as_str(), Phase::Done), (HELM, Phase::About)], true)]
    {
        let found = unfinished(&[given_up(&entries)]).unwrap().unwrap();
        assert_eq!(found.counts.contains_key(label), open, "{entries:?}");
    }
}
