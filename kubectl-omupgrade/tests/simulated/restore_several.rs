//! A restore where more than the server could migrate or write: every count is remembered, all of them stand still, and each
//! comes back as its revision or its autoscaler wants it.

use crate::cluster::{Kill, PodFault, World, release_secret};
use crate::many;
use crate::restore::{args, came_back, command, migrated, pod, with_schedule};
use kubectl_omupgrade::commands::rollback::Args;
use kubectl_omupgrade::exit::Exit;
use serde_json::{Value, json};

/// A workload of the server's image, beside the server itself.
struct Other {
    kind: &'static str,
    name: &'static str,
    /// Its count in the manifest.
    named: Option<u64>,
    /// Its count in the cluster, which an autoscaler may have chosen.
    live: u64,
    scaled: bool,
    /// Its count under the revision that a way back leads to.
    then: u64,
}

const OTHERS: [Other; 5] = [
    Other { kind: "Deployment", name: "om-scaled", named: None, live: 3, scaled: true, then: 3 },
    Other { kind: "StatefulSet", name: "om-jobs", named: None, live: 4, scaled: false, then: 4 },
    Other { kind: "StatefulSet", name: "om-queue", named: Some(2), live: 6, scaled: false, then: 2 },
    Other { kind: "StatefulSet", name: "om-busy", named: Some(2), live: 7, scaled: true, then: 7 },
    Other { kind: "Deployment", name: "om-idle", named: None, live: 0, scaled: false, then: 0 },
];

impl Other {
    fn plural(&self) -> String {
        format!("{}s", self.kind.to_lowercase())
    }

    fn manifest(&self, version: &str) -> String {
        let Self { kind, name, .. } = self;
        let replicas = self.named.map(|n| format!("  replicas: {n}\n")).unwrap_or_default();
        format!(
            "---\napiVersion: apps/v1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n{replicas}  serviceName: {name}\n  \
             selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}\n    \
             spec: {{containers: [{{name: worker, image: 'server:{version}'}}]}}\n"
        )
    }
}

fn several(version: &str) -> String {
    OTHERS.iter().fold(with_schedule(version), |text, other| text + &other.manifest(version))
}

async fn world() -> (World, tempfile::TempDir) {
    let (world, folder) = migrated().await;
    world.put("secrets", release_secret("om", 1, "superseded", &several("1.12.3"), "Install complete"));
    world.put("secrets", release_secret("om", 2, "deployed", &several("1.12.4"), "Upgrade complete"));
    for other in &OTHERS {
        let mut live = shared::manifest::read(other.manifest("1.12.4").trim_start_matches("---\n")).unwrap();
        live["spec"]["replicas"] = json!(other.live);
        world.put(&other.plural(), live);
        if other.scaled {
            let target = json!({"apiVersion": "apps/v1", "kind": other.kind, "name": other.name});
            world.put(
                "horizontalpodautoscalers",
                json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": other.name},
                       "spec": {"scaleTargetRef": target, "maxReplicas": 9}}),
            );
        }
    }
    (world, folder)
}

fn counts(world: &World) -> Vec<(&'static str, u64)> {
    let of = |other: &Other| world.object(&other.plural(), other.name).unwrap()["spec"]["replicas"].as_u64().unwrap();
    OTHERS.iter().map(|other| (other.name, of(other))).collect()
}

fn expected(of: impl Fn(&Other) -> u64) -> Vec<(&'static str, u64)> {
    OTHERS.iter().map(|other| (other.name, of(other))).collect()
}

fn versions(world: &World) -> Vec<Value> {
    let image = |other: &Other| {
        world.object(&other.plural(), other.name).unwrap()["spec"]["template"]["spec"]["containers"][0]["image"].clone()
    };
    OTHERS.iter().map(image).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_of_them_stand_still_and_come_back_as_the_revision_and_their_autoscalers_want_them() {
    let (world, _folder) = world().await;
    let autoscalers = world.all("horizontalpodautoscalers");
    assert_eq!(autoscalers.len(), 3);
    pod(&world, "dump", PodFault::Fails);
    assert!(command(&world, &args(&world)).await.is_err());
    assert_eq!(counts(&world), expected(|_| 0), "nothing runs that could write while the database is dumped");
    assert_eq!(world.object("deployments", "om").unwrap()["spec"]["replicas"], 0);
    assert!(!world.all("pods").iter().any(|p| p["metadata"]["name"].as_str().unwrap().ends_with("-server")));
    assert_eq!(command(&world, &args(&world)).await.unwrap(), Exit::Done);
    came_back(&world, "several");
    assert_eq!(counts(&world), expected(|other| other.then));
    assert!(versions(&world).iter().all(|image| image == "server:1.12.3"), "{:?}", versions(&world));
    assert_eq!(world.all("horizontalpodautoscalers"), autoscalers, "no autoscaler was touched");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_the_revision_that_stays_each_comes_back_as_it_was() {
    let (world, _folder) = world().await;
    world.with_database(|d| d.backup.clone_from(&d.state));
    let stays = Args { revision: None, stay: true, accept_other_fernet_key: true, ..args(&world) };
    pod(&world, "beside", PodFault::Fails);
    assert!(command(&world, &stays).await.is_err());
    assert_eq!(counts(&world), expected(|_| 0));
    assert_eq!(command(&world, &stays).await.unwrap(), Exit::Done);
    assert_eq!(counts(&world), expected(|other| other.live));
    assert!(versions(&world).iter().all(|image| image == "server:1.12.4"), "{:?}", versions(&world));
}

async fn killed(kill: Option<Kill>) -> usize {
    let (world, _folder) = world().await;
    let args = args(&world);
    let case = format!("several, {kill:?}");
    let first = world.process(kill, command(&world, &args)).await;
    let writes = world.writes();
    assert_eq!(first.is_none(), kill.is_some(), "{case}");
    assert_eq!(command(&world, &args).await.unwrap(), Exit::Done, "{case}");
    came_back(&world, &case);
    assert_eq!(counts(&world), expected(|other| other.then), "{case}");
    writes
}

/// The way of one workload is killed at its every write in `restore_kills`; here the steps of many stand between.
#[test]
fn killed_between_any_two_of_them_each_comes_back() {
    let writes = many::all([None], killed)[0];
    let kills = (1..=writes).step_by(2).map(|write| Some(Kill::AfterWrite(write)));
    assert!(many::all(kills.collect::<Vec<_>>(), killed).len() >= 20, "only {writes} writes");
}
