//! `rollback` killed at every point it has, and the same command again: it ends in the same place. And what it refuses.

use crate::cluster::{HelmDies, Kill, NAMESPACE, World, release_secret};
use kubectl_omupgrade::adapters::journal::{record_fingerprint, record_validated};
use kubectl_omupgrade::adapters::lock::Timing;
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::history::{Args as HistoryArgs, history};
use kubectl_omupgrade::commands::rollback::{Args, Terms, roll_back};
use kubectl_omupgrade::commands::unlock;
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use kubectl_omupgrade::fingerprint::Fingerprint;
use serde_json::{Value, json};
use std::time::Duration;

pub const TERMS: Terms = Terms {
    output: Output::Text,
    width: None,
    can_ask: false,
    lock: Timing { duration: Duration::from_millis(60), renew: Duration::from_millis(20) },
    settle: Duration::from_millis(400),
    drain: Duration::from_millis(400),
};

pub fn manifest(version: &str) -> String {
    format!(
        "---\napiVersion: v1\nkind: Secret\nmetadata: {{name: om-db-secret}}\nstringData: {{DB_SCHEME: postgresql, DB_HOST: pg}}\n\
         ---\n# Source: openmetadata/templates/service.yaml\napiVersion: v1\nkind: Service\nmetadata: {{name: om}}\nspec: {{ports: [{{name: http, port: 8585}}]}}\n\
         ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: om}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: om}}}}\n  template:\n    metadata: {{labels: {{app: om}}}}\n    spec:\n      \
         initContainers: [{{name: run-db-migrations, image: 'server:{version}'}}]\n      containers: [{{name: om, image: 'server:{version}', ports: [{{containerPort: 8585}}]}}]\n"
    )
}

/// Revision 1 is 1.12.3, revision 2 is 1.12.4 and serves; an autoscaler has made five of the one replica.
pub fn world() -> (World, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let world = World::new(folder.path());
    world.put("secrets", release_secret("om", 1, "superseded", &manifest("1.12.3"), "Install complete"));
    world.put("secrets", release_secret("om", 2, "deployed", &manifest("1.12.4"), "Upgrade complete"));
    let text = manifest("1.12.4");
    let mut live = shared::manifest::read(text.split("---\n").last().unwrap()).unwrap();
    live["spec"]["replicas"] = json!(5);
    world.put("deployments", live);
    world.put(
        "horizontalpodautoscalers",
        json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "om"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "om"}, "maxReplicas": 9},
        }),
    );
    (world, folder)
}

fn args(world: &World) -> Args {
    Args {
        release: Some("om".into()),
        revision: Some(1),
        no_probe: true,
        accept_unproven: true,
        yes: true,
        helm: Some(world.helm()),
        ..Args::default()
    }
}

async fn command(world: &World, args: &Args) -> anyhow::Result<Exit> {
    Box::pin(roll_back(&world.cluster(), args, TERMS)).await
}

pub fn runs(world: &World) -> Vec<Value> {
    use base64::Engine;
    let journal = world.all("secrets").into_iter().filter(|s| s["type"] == "omupgrade.io/journal");
    journal
        .map(|s| {
            let text =
                base64::engine::general_purpose::STANDARD.decode(s["data"]["run.json"].as_str().unwrap()).unwrap();
            serde_json::from_slice(&text).unwrap()
        })
        .collect()
}

/// The one place in which every history of kills has to end.
fn ended_well(world: &World, case: &str) {
    let mut revisions: Vec<Value> =
        world.all("secrets").into_iter().filter(|s| s["metadata"]["labels"]["owner"] == "helm").collect();
    revisions.sort_by_key(|s| s["metadata"]["labels"]["version"].as_str().unwrap().parse::<u64>().unwrap());
    let deployed: Vec<&Value> = revisions.iter().filter(|s| s["metadata"]["labels"]["status"] == "deployed").collect();
    assert_eq!(deployed.len(), 1, "{case}");
    assert_eq!(deployed[0], revisions.last().unwrap(), "{case}");
    let live = world.object("deployments", "om").unwrap();
    assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "server:1.12.3", "{case}");
    assert_eq!(live["spec"]["replicas"], 5, "{case}");
    let lease = world.object("leases", "omupgrade-om").unwrap();
    assert!(lease["spec"].get("holderIdentity").is_none_or(Value::is_null), "{case}: {lease}");
    let runs = runs(world);
    assert_eq!(runs.len(), 1, "{case}: {runs:#?}");
    assert_eq!(runs[0]["outcome"], "done", "{case}: {runs:#?}");
    let done = |step: &str| {
        let entries = runs[0]["entries"].as_array().unwrap();
        entries.iter().filter(|e| e["step"] == step && e["phase"] == "done").count()
    };
    assert_eq!((done("helm"), done("replicas of Deployment/om")), (1, 1), "{case}: {runs:#?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_write_the_same_command_ends_in_the_same_place() {
    let mut points = 0;
    for at in 1.. {
        let mut survived = false;
        for kill in [Kill::BeforeWrite(at), Kill::AfterWrite(at)] {
            let (world, _folder) = world();
            let args = args(&world);
            let first = world.process(Some(kill), command(&world, &args)).await;
            if let Some(done) = first {
                assert_eq!(done.unwrap(), Exit::Done);
                survived = true;
                continue;
            }
            points += 1;
            assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{kill:?}");
            ended_well(&world, &format!("{kill:?}"));
            assert_eq!(world.helm_calls().len(), 1, "{kill:?}: helm has nothing to do twice");
            // And a third time there is nothing to do.
            assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
            ended_well(&world, &format!("{kill:?}, again"));
        }
        if survived {
            break;
        }
    }
    assert!(points >= 18, "only {points} points");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_twice_it_still_ends_there() {
    for (first, second) in (1..=9).flat_map(|a| (1..=9).map(move |b| (a, b))) {
        let (world, _folder) = world();
        let args = args(&world);
        world.process(Some(Kill::AfterWrite(first)), command(&world, &args)).await;
        world.process(Some(Kill::AfterWrite(second)), command(&world, &args)).await;
        assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
        ended_well(&world, &format!("{first}, {second}"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_helm_works_the_same_command_ends_in_the_same_place() {
    for how in [HelmDies::BeforeAnything, HelmDies::Pending, HelmDies::Outlives, HelmDies::AfterAll] {
        let (world, _folder) = world();
        let args = args(&world);
        world.helm_dies(how);
        assert!(world.process(None, command(&world, &args)).await.is_none(), "{how:?}");
        assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{how:?}");
        ended_well(&world, &format!("{how:?}"));
        let again = usize::from(matches!(how, HelmDies::BeforeAnything | HelmDies::Pending));
        assert_eq!(world.helm_calls().len(), 1 + again, "{how:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_a_helm_that_failed_half_way_the_counts_are_put_back_again() {
    for at in 1..=12 {
        let (world, _folder) = world();
        let args = args(&world);
        world.helm_dies(HelmDies::Complains);
        let first = world.process(Some(Kill::AfterWrite(at)), command(&world, &args)).await;
        if let Some(failed) = &first {
            let failed = failed.as_ref().unwrap_err();
            assert_eq!(exit_of(failed), Exit::No, "{failed:#}");
            assert!(failed.to_string().contains("Error: conflict"), "{failed:#}");
        }
        // Killed before helm ran, the same command meets the helm that fails; the next one does not.
        if command(&world, &args).await.is_err() {
            assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{at}");
        }
        let live = world.object("deployments", "om").unwrap();
        assert_eq!(live["spec"]["replicas"], 5, "{at}");
        assert_eq!(live["spec"]["template"]["spec"]["containers"][0]["image"], "server:1.12.3", "{at}");
        assert!(runs(&world).iter().all(|r| r["outcome"] != "open"), "{at}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_operators_at_once_run_helm_once() {
    let (world, _folder) = world();
    let args = args(&world);
    let (one, other) = tokio::join!(command(&world, &args), command(&world, &args));
    assert!(one.is_ok() || other.is_ok(), "{one:?} {other:?}");
    assert_eq!(world.helm_calls().len(), 1);
    for refused in [one, other].into_iter().filter_map(Result::err) {
        assert_eq!(exit_of(&refused), Exit::Refused, "{refused:#}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_revision_is_always_named() {
    let (world, _folder) = world();
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    let expected = format!("rollback om 1 --namespace {NAMESPACE}");
    assert_eq!(world.helm_calls(), [expected]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_needs_a_decision_is_refused_before_the_first_write() {
    type Change = fn(&World, &mut Args);
    let cases: &[(&str, Change, &str)] = &[
        ("without a revision", |_, a| a.revision = None, "the journal knows no validated revision"),
        ("unproven", |_, a| a.accept_unproven = false, "is `unproven`"),
        ("flux", |w, _| mark(w, "labels", "helm.toolkit.fluxcd.io/name", "om"), "Flux's HelmRelease"),
        (
            "argo",
            |w, _| mark(w, "annotations", "argocd.argoproj.io/tracking-id", "shop:apps/Deployment:data/om"),
            "Argo CD's application shop",
        ),
        ("a helm at work", |w, _| at_work(w), "revision 3 is pending-upgrade"),
        ("definitions", |w, _| definitions(w), "every OMJob in the cluster goes with it"),
    ];
    for (case, change, words) in cases {
        let (world, _folder) = world();
        world.put("customresourcedefinitions", json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "omjobs.pipelines.openmetadata.org"}}));
        let mut args = args(&world);
        change(&world, &mut args);
        let refused = command(&world, &args).await.unwrap_err();
        assert_eq!(exit_of(&refused), Exit::Refused, "{case}: {refused:#}");
        assert!(refused.to_string().contains(words), "{case}: {refused:#}");
        assert!(!hints_of(&refused).is_empty(), "{case}");
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_writes_nothing() {
    let (world, _folder) = world();
    let args = Args { dry_run: true, ..args(&world) };
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
    assert!(world.helm_calls().is_empty());
    assert!(world.log().iter().all(|r| r.starts_with("GET ")), "{:?}", world.log());
}

pub const STATE: &str = "change_log\t3:aa\nsql_logs\t9:bb\nschema\t70:cc\nflowable\tabsent\nhead\t1.12.3\n";

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
        (STATE.replace("9:bb", "10:bb"), true, None, "restore", 31),
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlock_keeps_the_reason_ends_what_was_left_open_and_frees_another_plan() {
    let (world, _folder) = world();
    let args = args(&world);
    assert!(world.process(Some(Kill::AfterWrite(3)), command(&world, &args)).await.is_none());
    let another = Args { revision: Some(2), ..args.clone() };
    world.put("secrets", release_secret("om", 3, "deployed", &manifest("1.12.5"), "Upgrade complete"));
    let held = command(&world, &another).await.unwrap_err();
    assert!(held.to_string().contains("it set out to do something else"), "{held:#}");
    let asked = unlock::Args { release: Some("om".into()), reason: "the laptop died".into(), even_alive: false };
    assert_eq!(unlock::unlock(&world.cluster(), &asked, Output::Text, TERMS.lock).await.unwrap(), Exit::Done);
    let outcome = |verb: &str| runs(&world).into_iter().find(|r| r["verb"] == verb).unwrap();
    assert_eq!(outcome("rollback")["outcome"], "failed");
    assert!(outcome("rollback").to_string().contains("unlocked: the laptop died"));
    assert_eq!(outcome("unlock")["outcome"], "done");
    assert_eq!(command(&world, &another).await.unwrap(), Exit::Done);
    assert_eq!(history(&world.cluster(), &HistoryArgs::default(), Output::Text).await.unwrap(), Exit::Done);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unlock_of_a_name_that_was_mistyped_writes_nothing() {
    let (world, _folder) = world();
    let asked = unlock::Args { release: Some("omm".into()), reason: "why".into(), even_alive: false };
    let unknown = unlock::unlock(&world.cluster(), &asked, Output::Text, TERMS.lock).await.unwrap_err();
    assert_eq!(exit_of(&unknown), Exit::Unknown);
    assert!(unknown.to_string().contains("no Helm release omm") && runs(&world).is_empty(), "{unknown:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_helm_that_lost_the_api_server_is_run_again() {
    for how in [HelmDies::FindsNoServer, HelmDies::LosesTheServer] {
        let (world, _folder) = world();
        let args = args(&world);
        world.helm_dies(how);
        assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{how:?}");
        ended_well(&world, "helm lost the server");
        assert_eq!(world.helm_calls().len(), 2, "{how:?}");
    }
}

/// Helm keeps its revisions in Secrets unless it is told otherwise: it has to be told where they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn helm_is_told_where_the_release_is_stored() {
    let (world, _folder) = world();
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    assert_eq!(world.helm_drivers(), ["secret"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_whose_lock_may_not_be_read_is_told_all_the_same() {
    let (world, _folder) = world();
    world.deaf(Some("/leases/"));
    assert_eq!(history(&world.cluster(), &HistoryArgs::default(), Output::Text).await.unwrap(), Exit::Done);
}
