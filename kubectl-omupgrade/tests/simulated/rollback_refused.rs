//! What `rollback` refuses before its first write, and the next step that leads on.

use crate::cluster::{World, release_secret};
use crate::rollback::{TERMS, args, command, is_refused, manifest, world};
use kubectl_omupgrade::commands::rollback::{Args, rolled_back};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::hints_of;
use serde_json::json;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_decision_is_refused_before_the_first_write() {
    type Change = fn(&World, &mut Args);
    let cases: &[(&str, Change, &str)] = &[
        ("without a revision", |_, a| a.revision = None, "the journal knows no validated revision"),
        ("nothing served before", nothing_before, "so there is none to go back to"),
        ("unproven", |_, a| a.accept_unproven = false, "is `unproven`"),
        ("flux", |w, _| mark(w, "labels", "helm.toolkit.fluxcd.io/name", "om"), "Flux's HelmRelease"),
        (
            "argo",
            |w, _| mark(w, "annotations", "argocd.argoproj.io/tracking-id", "shop:apps/Deployment:data/om"),
            "Argo CD's application shop",
        ),
        ("a helm at work", |w, _| at_work(w), "revision 3 is pending-upgrade"),
        ("definitions", |w, _| definitions(w), "every OMJob in the cluster goes with it"),
        (
            "a backup under what serves",
            |w, a| {
                w.put("secrets", release_secret("om", 2, "superseded", &manifest("1.12.4"), ""));
                w.put("secrets", release_secret("om", 3, "deployed", &manifest("1.12.3"), "Rollback to 1"));
                (a.restore, a.backup) = (true, Some("om-1".into()));
            },
            "revision 1 serves already, so nothing goes back, and om-1 is not restored",
        ),
    ];
    for (case, change, words) in cases {
        let (world, _folder) = world();
        world.put("customresourcedefinitions", json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "omjobs.pipelines.openmetadata.org"}}));
        let mut args = args(&world);
        change(&world, &mut args);
        is_refused(command(&world, &args).await, case, words);
        assert!(world.helm_calls().is_empty(), "{case}");
        let writes: Vec<String> = world.log().into_iter().filter(|r| !r.starts_with("GET ")).collect();
        assert!(writes.is_empty(), "{case}: {writes:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pending_revision_is_cleared_by_going_back_once_a_person_says_that_no_helm_runs() {
    let (world, _folder) = world();
    at_work(&world);
    let args = Args { clear_pending: true, ..args(&world) };
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    let status = |number: u64| {
        let secret = world.object("secrets", &format!("sh.helm.release.v1.om.v{number}")).unwrap();
        secret["metadata"]["labels"]["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(status(4), "deployed");
}

/// Who names no revision is led to the list of them, and to previews that do nothing yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_validated_revision_the_next_steps_are_the_history_and_a_preview() {
    for dry_run in [true, false] {
        let (world, _folder) = world();
        let args = Args { revision: None, dry_run, ..args(&world) };
        let hints = hints_of(&command(&world, &args).await.unwrap_err());
        assert_eq!(
            hints,
            ["kubectl omupgrade history om -n data", "kubectl omupgrade rollback om 1 -n data --dry-run"]
        );
    }
}

/// Helm needs more than omupgrade does: what is surely missing is said before anything is written, by name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_helm_lacks_are_refused_before_the_first_write() {
    for (denied, refused) in [
        (&[][..], None),
        (&["patch deployments", "update secrets"][..], Some("patch deployments.apps, update secrets")),
        // Nothing is deleted, and what is the same in both revisions is not changed.
        (&["delete deployments", "patch services", "create services"][..], None),
    ] {
        let (world, _folder) = world();
        world.denies(denied);
        let preview = Args { dry_run: true, ..args(&world) };
        assert_eq!(command(&world, &preview).await.unwrap(), Exit::Done, "a preview is shown all the same");
        let asked = || world.log().iter().filter(|asked| asked.contains("selfsubject")).count();
        assert!((1..=20).contains(&asked()), "{}", asked());
        let done = command(&world, &args(&world)).await;
        let Some(words) = refused else {
            assert_eq!(done.unwrap(), Exit::Done, "{denied:?}");
            continue;
        };
        let error = done.unwrap_err();
        let hints = hints_of(&error);
        assert!(hints[0].contains("--verb=patch,update --resource=deployments.apps,secrets"), "{hints:?}");
        is_refused(Err(error), "rights", words);
        assert!(world.helm_calls().is_empty() && world.log().iter().all(|asked| asked.starts_with("GET ")));
    }
    // What cannot be asked stands in nobody's way.
    let (world, _folder) = world();
    world.denies(&["patch deployments"]);
    world.answers(Some("POST /apis/authorization.k8s.io"), 403);
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
}

/// An authorizer that cannot list its rules may allow some names: said, and no refusal.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_that_are_not_all_listed_refuse_nothing() {
    let (world, _folder) = world();
    world.denies(&["patch deployments", "incomplete"]);
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
}

/// Who goes back to where the release is already leaves no trace, however often it is typed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_that_is_there_already_is_not_written_down_again() {
    let (world, _folder) = world();
    let ends = async |args: &Args| {
        let ended = Box::pin(rolled_back(&world.cluster(), args, TERMS)).await.unwrap();
        (ended.exit, ended.to_record)
    };
    assert_eq!(ends(&args(&world)).await, (Exit::Done, true));
    // Whoever broke its watch off types the same again: what that would have recorded is recorded now.
    assert_eq!(ends(&args(&world)).await, (Exit::Done, true));
    world.database(crate::rollback::STATE);
    let asked = kubectl_omupgrade::commands::status::Args { record: true, ..Default::default() };
    kubectl_omupgrade::commands::status::record::record(&world.cluster(), "om", &asked, &[]).await.unwrap();
    let (log, secrets) = (world.log().len(), world.all("secrets"));
    for yes in [true, false] {
        let args = Args { yes, ..args(&world) };
        assert_eq!(ends(&args).await, (Exit::Done, false), "nothing is recorded of it afterwards");
    }
    assert!(world.log()[log..].iter().all(|asked| asked.starts_with("GET ")), "{:?}", world.log());
    let nowhere = command(&world, &Args { revision: Some(0), ..args(&world) }).await.unwrap_err();
    assert!(nowhere.to_string().contains("om has no revision 0") && !hints_of(&nowhere).is_empty(), "{nowhere:#}");
    assert_eq!(world.all("secrets"), secrets);
}

/// Somebody's own Job migrates in its one container; a server's that begins with a migration serves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_goes_back_while_a_job_migrates() {
    for (restarts, state, refused) in
        [("Never", "running", true), ("OnFailure", "terminated", false), ("Always", "running", false)]
    {
        let (world, _folder) = world();
        let state = if state == "running" { json!({"running": {}}) } else { json!({"terminated": {"exitCode": 0}}) };
        let status =
            json!({"name": "m", "ready": false, "restartCount": 0, "image": "", "imageID": "", "state": state});
        world.put("pods", json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "by-hand"},
            "spec": {"restartPolicy": restarts, "containers": [{"name": "m", "command": ["sh", "-c", "./bootstrap/openmetadata-ops.sh migrate"]}]},
            "status": {"phase": "Running", "containerStatuses": [status]}}));
        let done = command(&world, &args(&world)).await;
        let said = done.as_ref().map_or_else(ToString::to_string, |exit| format!("{exit:?}"));
        assert_eq!(said.contains("a migration runs in by-hand"), refused, "{restarts}: {said}");
        assert_eq!(world.helm_calls().is_empty(), refused, "{restarts}: {said}");
    }
}

/// The refusal's own next step leads on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_whose_flux_is_suspended_goes_back() {
    for (suspend, served) in [(json!(false), true), (json!(true), false), (json!(true), true)] {
        let (world, _folder) = world();
        mark(&world, "labels", "helm.toolkit.fluxcd.io/name", "om");
        if served {
            world.put("helmreleases", json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": {"name": "om"}, "spec": {"suspend": suspend}}));
        }
        let done = command(&world, &args(&world)).await;
        if served && suspend == json!(true) {
            assert_eq!(done.unwrap(), Exit::Done);
            continue;
        }
        let refused = done.unwrap_err();
        assert!(refused.to_string().contains("Flux's HelmRelease"), "{refused:#}");
        assert!(hints_of(&refused)[0].starts_with("flux suspend helmrelease om"), "{:?}", hints_of(&refused));
        assert!(world.helm_calls().is_empty());
    }
}

/// Revision 2 is the first that helm saw the end of.
fn nothing_before(world: &World, args: &mut Args) {
    world.put("secrets", release_secret("om", 1, "failed", &manifest("1.12.3"), "Install failed"));
    args.revision = None;
}

/// A helm of somebody else's, or what it left.
fn at_work(world: &World) {
    let upgrade = release_secret("om", 3, "pending-upgrade", &manifest("1.12.5"), "Preparing upgrade");
    world.put("secrets", upgrade);
}

/// The newest revision defines a kind that revision 1 does not know.
fn definitions(world: &World) {
    let definition = "---\napiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\n\
                      metadata: {name: omjobs.pipelines.openmetadata.org}\nspec: {names: {kind: OMJob}}\n";
    let text = format!("{}{definition}", manifest("1.12.4"));
    world.put("secrets", release_secret("om", 2, "deployed", &text, ""));
}

fn mark(world: &World, place: &str, key: &str, value: &str) {
    let mut live = world.object("deployments", "om").unwrap();
    live["metadata"][place] = json!({key: value});
    world.put("deployments", live);
}
