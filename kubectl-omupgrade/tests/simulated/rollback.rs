//! `rollback` killed at every point it has, and the same command again: it ends in the same place.

use crate::cluster::{HelmDies, Kill, World, release_secret};
use crate::many;
use kubectl_omupgrade::adapters::lock::Timing;
use kubectl_omupgrade::cli::flags::Output;
use kubectl_omupgrade::commands::rollback::{Args, Terms, roll_back};
use kubectl_omupgrade::exit::Exit;
use kubectl_omupgrade::failure::{exit_of, hints_of};
use serde_json::{Value, json};
use std::time::Duration;

/// What a probe finds in the database while revision 1 serves.
pub const STATE: &str = "change_log\t3:aa\nsql_logs\t9:bb\nschema\t70:cc\nflowable\tabsent\nhead\t1.12.3\n";

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

pub fn args(world: &World) -> Args {
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

pub async fn command(world: &World, args: &Args) -> anyhow::Result<Exit> {
    Box::pin(roll_back(&world.cluster(), args, TERMS)).await
}

/// What the command ended with is a refusal with these words and a next step.
pub fn is_refused(ended: anyhow::Result<Exit>, case: &str, words: &str) {
    let refused = ended.unwrap_err();
    assert_eq!(exit_of(&refused), Exit::Refused, "{case}: {refused:#}");
    assert!(refused.to_string().contains(words), "{case}: {refused:#}");
    assert!(!hints_of(&refused).is_empty(), "{case}");
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
pub fn ended_well(world: &World, case: &str) {
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

#[test]
fn killed_twice_it_still_ends_there() {
    many::all((1..=9).flat_map(|a| (1..=9).map(move |b| (a, b))), async |(first, second)| {
        let (world, _folder) = world();
        let args = args(&world);
        world.process(Some(Kill::AfterWrite(first)), command(&world, &args)).await;
        world.process(Some(Kill::AfterWrite(second)), command(&world, &args)).await;
        assert_eq!(command(&world, &args).await.unwrap(), Exit::Done);
        ended_well(&world, &format!("{first}, {second}"));
    });
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
