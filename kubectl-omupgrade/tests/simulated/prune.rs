//! `backup prune` and the Secrets that are kept beside backups: a Secret goes with its own backup, on its own claim, and
//! with no other.

use crate::backup::{TERMS, record, world};
use crate::cluster::{Kill, World};
use kubectl_omupgrade::adapters::journal;
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::backup::{ListArgs, Of, PruneArgs, list, prune};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;
use kubectl_omupgrade::journal::{Phase, Run};
use serde_json::{Value, json};

const OLD: &str = "om-old";

/// Two backups; the older one names a Secret.
fn listed(world: &World, old: bool, also: &str) {
    let of = r#","of":{"revision":1,"chart":"c","chart_version":"1","app_version":"1","images":{},"keys":{"salt":"","hmac":{}},"secrets":{"secret":"kept"}}"#;
    let with =
        |record: String, secret: &str| record.strip_suffix('}').unwrap().to_owned() + &of.replace("kept", secret) + "}";
    let first = format!("backup\t{OLD}\t{}\n", with(record("a", "2020-11-01T10:00:00Z"), "kept"));
    let first = if old { first } else { String::new() };
    let newest = with(record("b", "2020-11-20T10:00:00Z"), also);
    world.says("claim", &format!("{first}backup\tom-new\t{newest}\nroom\t10\t5\nend\n"));
}

fn kept(world: &World, annotations: &Value) {
    for (name, annotations) in [("kept", annotations), ("newest", &json!({}))] {
        let labels = json!({"omupgrade.io/role": "backup-secrets", "omupgrade.io/release": "om"});
        let metadata = json!({"name": name, "labels": labels, "annotations": annotations});
        let secret =
            json!({"apiVersion": "v1", "kind": "Secret", "type": "omupgrade.io/backup-secrets", "metadata": metadata});
        world.put("secrets", secret);
    }
}

fn of() -> Of {
    Of { release: Some("om".into()), ..Of::default() }
}

async fn pruned(world: &World) -> anyhow::Result<Exit> {
    let args = PruneArgs { of: of(), keep_last: 1, ..PruneArgs::default() };
    Box::pin(prune(&world.cluster(), &args, TERMS.lock, Output::Text)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_goes_with_its_own_backup_and_with_no_other() {
    let here = json!({"omupgrade.io/claim": "om-omupgrade-backup", "omupgrade.io/backup": OLD});
    let going =
        json!({"omupgrade.io/claim": "om-omupgrade-backup", "omupgrade.io/backup": OLD, "omupgrade.io/going": "true"});
    let elsewhere = json!({"omupgrade.io/claim": "another", "omupgrade.io/backup": OLD});
    let of_another = json!({"omupgrade.io/claim": "om-omupgrade-backup", "omupgrade.io/backup": "om-other"});
    for (case, old, also, annotations, stays) in [
        ("its own", true, "newest", &here, false),
        ("the original lies on another claim, this is a copy", true, "newest", &elsewhere, true),
        ("the record was changed to name another's", true, "newest", &of_another, true),
        ("nothing tells whose it is", true, "newest", &json!({}), true),
        ("a backup that stays names it, too", true, "kept", &here, true),
        ("a killed run left it after the files were gone", false, "newest", &going, false),
        ("its backup is not there, and nobody took it away", false, "newest", &here, true),
    ] {
        let (world, _folder) = world();
        kept(&world, annotations);
        listed(&world, old, also);
        assert_eq!(pruned(&world).await.unwrap(), Exit::Done, "{case}");
        assert_eq!(world.object("secrets", "kept").is_some(), stays, "{case}");
        let removing = |p: &str| p.starts_with("POST ") && p.contains("/pods");
        assert_eq!(world.log().iter().filter(|r| removing(r)).count(), if old { 2 } else { 1 }, "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_upgrade_may_rely_on_by_its_receipt_stays() {
    for (hours, goes) in [(3, false), (5, true)] {
        let (world, _folder) = world();
        let made = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours);
        let now = jiff::Timestamp::now().to_string();
        let (old, new) = (record("a", &made.to_string()), record("b", &now));
        world.says("claim", &format!("backup\t{OLD}\t{old}\nbackup\tom-new\t{new}\nroom\t10\t5\nend\n"));
        assert_eq!(pruned(&world).await.unwrap(), Exit::Done, "{hours} h");
        // The second Pod takes files away.
        let pods = world.log().iter().filter(|r| r.starts_with("POST ") && r.contains("/pods")).count();
        assert_eq!(pods == 2, goes, "{hours} h");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_while_a_restore_is_open() {
    let (world, _folder) = world();
    listed(&world, true, "newest");
    let now = jiff::Timestamp::now();
    let mut run = Run::new("r", "om", "data", "rollback", "rollback om to revision 1", "anna", now);
    let plan = json!({"id": "r", "backup": "om-other", "claim": "c", "road": "beside", "dump": true, "admin_secret": null,
        "workloads": {}, "unnamed": [], "schedules": [], "images": []});
    run.remembered.insert("restore".to_owned(), plan.to_string());
    run.write("quiesce", Phase::About, "", now);
    journal::open(&world.cluster(), None, run).await.unwrap();
    let refused = pruned(&world).await.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
    assert!(refused.to_string().contains("did not end"), "{refused:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_secret_a_backup_is_listed_and_not_complete() {
    let (world, _folder) = world();
    listed(&world, true, "newest");
    assert_eq!(list(&world.cluster(), &ListArgs { of: of() }, Output::Text).await.unwrap(), Exit::Done);
    let text = format!("backup\t{OLD}\t{}\nend\n", record("a", "2020-11-01T10:00:00Z"));
    let listing = kubectl_omupgrade::backup::read(&text).unwrap();
    let mut entry = listing.backups[0].clone();
    entry.record.of =
        serde_json::from_value(json!({"revision": 1, "chart": "c", "chart_version": "1", "app_version": "1",
        "images": {}, "keys": {"salt": "", "hmac": {}}, "secrets": {"secret": "kept"}}))
        .unwrap();
    let listing = kubectl_omupgrade::backup::Listing { backups: vec![entry], ..Default::default() };
    let there = listing.clone().with_secrets(&["kept".to_owned()]);
    assert!(there.backups[0].words().contains("complete"), "{}", there.backups[0].words());
    let gone = listing.with_secrets(&[]);
    assert!(!gone.backups[0].words().contains("complete"), "{}", gone.backups[0].words());
    assert!(gone.backups[0].held().contains("NOT in this namespace"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_no_secret_is_left_behind() {
    let mut points = 0;
    for at in 1.. {
        let mut survived = false;
        for kill in [Kill::BeforeWrite(at), Kill::AfterWrite(at)] {
            let (world, _folder) = world();
            kept(&world, &json!({"omupgrade.io/claim": "om-omupgrade-backup", "omupgrade.io/backup": OLD}));
            listed(&world, true, "newest");
            survived |= world.process(Some(kill), pruned(&world)).await.is_some();
            // Its second Pod takes the files away.
            let pods = world.log().iter().filter(|r| r.starts_with("POST ") && r.contains("/pods")).count();
            let arrived = pods > 2 || (pods == 2 && kill != Kill::BeforeWrite(world.writes()));
            listed(&world, !arrived, "newest");
            assert_eq!(pruned(&world).await.unwrap(), Exit::Done, "{kill:?}");
            assert!(world.object("secrets", "kept").is_none(), "{kill:?}");
            assert!(world.object("secrets", "newest").is_some(), "{kill:?}");
            points += 1;
        }
        if survived {
            break;
        }
    }
    assert!(points >= 14, "only {points} points");
}
