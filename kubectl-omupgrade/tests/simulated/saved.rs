//! A look that `rollback --facts` saved: judged without a cluster as the cluster was, and without a secret in it.

use crate::cluster::{World, release_secret};
use crate::rollback::{STATE, TERMS, manifest, world};
use crate::typed::run;
use kubectl_omupgrade::adapters::journal::record_fingerprint;
use kubectl_omupgrade::commands::rollback::{Args, roll_back};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::fingerprint::Fingerprint;
use serde_json::Value;

/// A look at the way back to revision 1, saved, and how that command ended.
async fn saved(world: &World, folder: &tempfile::TempDir) -> (String, Exit) {
    let file = folder.path().join("look.json");
    let args = Args {
        release: Some("om".into()),
        revision: Some(1),
        dry_run: true,
        helm: Some(world.helm()),
        facts: Some(file.clone()),
        ..Args::default()
    };
    let exit = Box::pin(roll_back(&world.cluster(), &args, TERMS)).await.unwrap();
    (file.to_str().unwrap().to_owned(), exit)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_look_is_judged_as_the_cluster_was() {
    for (now, way, code) in [
        (STATE.to_owned(), "code-only", 0),
        (STATE.replace("9:bb", "10:bb"), "impossible", 5),
        (STATE.replace("head\t1.12.3", "head\t1.13.0"), "impossible", 5),
    ] {
        let (world, folder) = world();
        let state = Fingerprint::parse(shared::backup::Engine::Postgresql, STATE).unwrap();
        record_fingerprint(&world.cluster(), "om", 1, "server:1.12.3", state, "anna").await.unwrap();
        world.database(&now);
        let (file, live) = saved(&world, &folder).await;
        assert_eq!(i32::from(live.code()), code, "{way}");
        let (exit, text, said) = run(&["rollback", "--from-facts", &file]);
        assert_eq!(exit, code, "{text}{said}");
        assert!(text.starts_with("om -n data: revision 2 → 1"), "{text}");
        assert!(said.contains("nothing is done"), "{said}");
        // That there is no claim is in what was saved.
        assert_eq!(text.contains("there is no claim to keep one on"), way == "impossible", "{text}");
        let steps = format!("run {} rollback om 1 --namespace data", world.helm().display());
        assert_eq!(text.contains(&steps), code == 0, "{text}");
        let (exit, text, _) = run(&["rollback", "--from-facts", &file, "-o", "json"]);
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((exit, &answer["verdict"]["way"]), (code, &Value::from(way)));
        assert_eq!(answer["outcome"], if code == 0 { "dry-run" } else { "refused" });
        assert!(run(&["rollback", "--from-facts", &file, "--exit-verdict"]).0 >= 30);
        let (exit, text, _) = run(&["history", "--from-facts", &file]);
        assert_eq!(exit, 0);
        assert!(
            text.contains("revision 1 ") && text.contains("database recorded") && text.contains("by anna"),
            "{text}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_saved_look_holds_no_secret() {
    let (world, folder) = world();
    let text =
        |version: &str| manifest(version).replace("DB_HOST: pg", "DB_HOST: pg, DB_USER_PASSWORD: hunter-two-and-three");
    let said = "pre-upgrade hooks failed: password hunter-two-and-three is refused";
    world.put("secrets", release_secret("om", 1, "superseded", &text("1.12.3"), "Install complete"));
    world.put("secrets", release_secret("om", 2, "deployed", &text("1.12.4"), said));
    world.database(STATE);
    let (file, _) = saved(&world, &folder).await;
    let saved = std::fs::read_to_string(file).unwrap();
    assert!(!saved.contains("hunter-two"), "{saved}");
    assert!(saved.contains("pre-upgrade hooks failed: password (hidden)"), "{saved}");
}

#[test]
fn what_acts_or_needs_a_cluster_takes_no_saved_look() {
    for verb in [&["unlock", "om", "--reason", "x"][..], &["backup", "list"], &["backup", "om"], &["rbac", "status"]] {
        let (code, _, said) = run(&[verb, &["--from-facts", "look.json"]].concat());
        assert_eq!(code, 2, "{verb:?}");
        assert!(said.contains("a saved look is judged by status, precheck"), "{verb:?}: {said}");
    }
    for flag in [&["--restore"][..], &["--yes"], &["om"], &["--facts", "x"]] {
        let (code, _, said) = run(&[&["rollback", "--from-facts", "look.json"], flag].concat());
        assert!(code == 2 && said.contains("cannot be used with"), "{flag:?}: {said}");
    }
    let (code, _, said) = run(&["rollback", "--from-facts", "/nowhere.json"]);
    assert!(code == 2 && said.contains("reading /nowhere.json"), "{said}");
    let moment = concat!(env!("CARGO_MANIFEST_DIR"), "/../testdata/recorded/upgraded/diagnose.json");
    for verb in ["rollback", "history"] {
        let (code, _, said) = run(&[verb, "--from-facts", moment]);
        assert!(
            code == 2 && said.contains("diagnose.json") && said.contains("rollback RELEASE --dry-run --facts"),
            "{said}"
        );
    }
}

/// What would be left out without a word, or would be said by another program's words, is refused before a cluster is asked.
#[test]
fn words_that_cannot_be_meant_are_refused_at_once() {
    for (words, said_of_it) in [
        (&["status", "om", "--watch", "--facts", "x"][..], "cannot be used with"),
        (&["status", "om", "--facts", "/nowhere/x"], "the folder is not there"),
        (&["status", "om", "--request-timeout", "18446744073709551615"], "is no span of time"),
        (&["unlock", "om", "--reason", "  "], "the next person wants to know why"),
        (&["rollback", "om", "last"], "write the number of a revision"),
    ] {
        let (code, _, said) = run(words);
        assert!(code == 2 && said.contains(said_of_it), "{words:?}: {code}: {said}");
    }
}
