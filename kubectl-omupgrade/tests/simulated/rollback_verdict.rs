//! What `rollback` does by what the database says: goes back by itself, or stops with what is needed.

use crate::cluster::release_secret;
use crate::rollback::{STATE, args, command, manifest, runs, world};
use kubectl_omupgrade::adapters::journal::{open, record_fingerprint, record_validated};
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::exit_of;
use kubectl_omupgrade::fingerprint::Fingerprint;
use kubectl_omupgrade::journal::{Outcome, Run};
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_writes_nothing() {
    let (world, _folder) = world();
    let args = Args { dry_run: true, ..args(&world) };
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    assert!(world.helm_calls().is_empty());
    assert!(world.log().iter().all(|r| r.starts_with("GET ")), "{:?}", world.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn code_only_goes_back_by_itself_to_the_validated_revision_and_leaves_no_pod() {
    let (world, _folder) = world();
    let state = Fingerprint::parse(shared::backup::Engine::Postgresql, STATE).unwrap();
    record_fingerprint(&world.cluster(), "om", 1, "server:1.12.3", state, "anna").await.unwrap();
    record_validated(&world.cluster(), "om", 1, "all good", "anna", std::collections::BTreeMap::new()).await.unwrap();
    world.database(STATE);
    let args = Args { revision: None, no_probe: false, accept_unproven: false, ..args(&world) };
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    assert_eq!(world.helm_calls().len(), 1);
    assert!(world.all("pods").is_empty());
    let run = runs(&world).into_iter().find(|r| r["verb"] == "rollback").unwrap();
    assert_eq!(run["verdict"], "code-only");
    assert_eq!(run["recorded"]["revision"], 2, "the next way back has something to compare with: {run:#}");
}

/// It may never have served: a state beside the image that it names would be a proof of nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_state_is_recorded_of_a_revision_that_helm_gave_up_on() {
    let (world, _folder) = world();
    world.put("secrets", release_secret("om", 2, "failed", &manifest("1.12.4"), "Upgrade failed: timed out"));
    let state = Fingerprint::parse(shared::backup::Engine::Postgresql, STATE).unwrap();
    record_fingerprint(&world.cluster(), "om", 1, "server:1.12.3", state, "anna").await.unwrap();
    world.database(STATE);
    let args = Args { no_probe: false, accept_unproven: false, ..args(&world) };
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    let run = runs(&world).into_iter().find(|r| r["verb"] == "rollback").unwrap();
    assert_eq!(run["verdict"], "code-only");
    assert!(run["recorded"].is_null(), "{run:#}");
}

/// A claim of another name may hold what is looked for, and so may one that the journal's backups went to.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_way_back_is_impossible_while_backups_may_lie_on_another_claim() {
    for (case, code) in [("none", 32), ("another claim", 31), ("a backup of the journal", 31), ("unread", 31)] {
        let (world, _folder) = world();
        match case {
            "another claim" => {
                let mut claim = super::backup::claim();
                claim["metadata"] =
                    json!({"name": "mine", "labels": {"omupgrade.io/role": "backup", "omupgrade.io/release": "om"}});
                world.put("persistentvolumeclaims", claim);
            }
            "a backup of the journal" => {
                let now = jiff::Timestamp::now();
                let mut run = Run::new("r", "om", "data", "backup", "back up om", "anna", now);
                run.end(Outcome::Done, now);
                open(&world.cluster(), None, run).await.unwrap();
            }
            "unread" => world.answers(Some("/persistentvolumeclaims"), 403),
            _ => {}
        }
        world.database(&STATE.replace("head\t1.12.3", "head\t1.13.0"));
        let args = Args { no_probe: false, exit_verdict: true, ..args(&world) };
        assert_eq!(command(&world, &args).await.unwrap(), Exit::Verdict(code), "{case}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_moved_stops_with_what_is_needed() {
    let backup = |origin: &str| {
        let record = super::backup::record("om-1", "2026-11-22T10:01:30Z").replace("omupgrade", origin);
        format!("backup\tom-1\t{record}\nend\n")
    };
    for (now, recorded, listed, way, code) in [
        // a failed migration: no new version
        (STATE.replace("9:bb", "10:bb"), true, Some(backup("omupgrade")), "restore", 31),
        (STATE.replace("9:bb", "10:bb"), true, Some("end\n".to_owned()), "impossible", 32),
        // no claim at all, so none is listed
        (STATE.replace("9:bb", "10:bb"), true, None, "impossible", 32),
        // what could not be listed is not called impossible
        (STATE.replace("9:bb", "10:bb"), true, Some("backup\tom-1".to_owned()), "restore", 31),
        // an upgrade without us
        (STATE.replace("head\t1.12.3", "head\t1.13.0"), false, Some(backup("omupgrade")), "restore", 31),
    ] {
        let (world, _folder) = world();
        if let Some(listed) = &listed {
            world.put("persistentvolumeclaims", super::backup::claim());
            world.says("claim", listed);
        }
        if recorded {
            let state = Fingerprint::parse(shared::backup::Engine::Postgresql, STATE).unwrap();
            record_fingerprint(&world.cluster(), "om", 1, "server:1.12.3", state, "anna").await.unwrap();
        }
        world.database(&now);
        // Accepting what is unproven is not accepting what is disproven.
        let args = Args { no_probe: false, accept_unproven: true, ..args(&world) };
        let refused = command(&world, &args).await.unwrap_err();
        assert_eq!(exit_of(&refused), Exit::Refused);
        assert!(refused.to_string().contains(&format!("the way back to revision 1 is `{way}`")), "{refused:#}");
        assert!(world.helm_calls().is_empty());
        assert!(world.all("pods").is_empty());
        let verdict = Args { exit_verdict: true, ..args.clone() };
        assert_eq!(command(&world, &verdict).await.unwrap(), Exit::Verdict(code));
    }
}
