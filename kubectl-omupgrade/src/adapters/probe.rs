//! Asks the database for its state by a short-lived Pod beside the server, which carries references to the server's own
//! Secrets. The plugin itself never connects to a database and never reads what the Pod is given.

use super::cluster::Cluster;
use crate::facts::Release;
use crate::fingerprint::Fingerprint;
use crate::preview::{Object, engine, objects, servers};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, LogParams, PostParams};
use serde_json::{Map, Value, json};
use shared::backup::{Engine, Job, probe};
use shared::{component, marks};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Seconds for which the Pod may live: pulling an image included. Chosen.
const DEADLINE: u64 = 150;

/// The client images where neither the user nor a guard names one; the post-renderer's defaults.
const IMAGES: [(Engine, &str); 2] = [(Engine::Postgresql, "postgres:18"), (Engine::Mysql, "mysql:8.4")];

/// The clients' numeric user, as in the backup Job.
const USER: i64 = 999;

/// Reasons for which a container will not start, however long one waits.
const HOPELESS: &[&str] = &[
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
];

/// The state of the database of a release, with the image of the server that was asked beside.
pub async fn of_release(
    cluster: &Cluster,
    release: &Release,
    image: Option<&str>,
) -> Result<(String, Fingerprint), String> {
    let text = release.manifest.expose().ok_or("the manifest is not here")?;
    let objects = objects(text, &release.namespace)?;
    let found = servers(&objects).into_iter().next().ok_or("the release holds no OpenMetadata server to ask beside")?;
    let server = objects.iter().find(|o| o.label() == found.label).ok_or("the release holds no OpenMetadata server")?;
    Ok((found.image, fingerprint(cluster, &release.name, &objects, server, image).await?))
}

/// The state of the release's database, or in words why it is not known.
pub async fn fingerprint(
    cluster: &Cluster,
    release: &str,
    objects: &[Object],
    server: &Object,
    image: Option<&str>,
) -> Result<Fingerprint, String> {
    let none = Vec::new();
    let list = |key: &str| {
        server.value.pointer(&format!("/spec/template/spec/{key}")).and_then(Value::as_array).unwrap_or(&none)
    };
    let migrate = component::migration_container(&server.value);
    let serving = component::serving_index(&server.value).and_then(|i| list("containers").get(i));
    let container = migrate.or(serving).ok_or("the server has no container whose settings could be taken")?;
    let guard =
        list("initContainers").iter().find(|c| c.get("name").and_then(Value::as_str) == Some(marks::GUARD_CONTAINER));
    let client = image.or_else(|| guard.and_then(|g| g.get("image")?.as_str()));
    let engine = engine(objects).or_else(|| client.and_then(engine_of));
    let engine =
        engine.ok_or("the manifest does not tell the database's engine: name a client image with --probe-image")?;
    let client =
        client.or_else(|| IMAGES.iter().find(|(e, _)| *e == engine).map(|(_, image)| *image)).unwrap_or_default();
    let entries = |key: &str| container.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let (env, env_from) = (entries("env"), entries("envFrom"));
    let password = env.iter().find(|e| e.get("name").and_then(Value::as_str) == Some("DB_USER_PASSWORD"));
    let user = guard.and_then(|g| g.pointer("/securityContext/runAsUser")?.as_i64());
    let head: String = release.chars().take(30).collect();
    let name = format!("{head}-omupgrade-probe-{:x}", Timestamp::now().as_millisecond() & 0xfff_ffff);
    let ca_file = guard.and_then(|g| {
        g.get("env")?.as_array()?.iter().find(|e| e.get("name").and_then(Value::as_str) == Some("OMUPGRADE_CA_FILE"))
    });
    let parts = Job {
        name: &name,
        ca_file: ca_file.and_then(|e| e.get("value")?.as_str()),
        release,
        target: None,
        origin: "omupgrade",
        engine,
        image: client,
        claim: "",
        deadline_seconds: DEADLINE,
        secret: env_from.iter().find_map(|e| e.pointer("/secretRef/name")?.as_str().filter(|n| n.contains("db"))),
        password_secret: password.and_then(|e| e.pointer("/valueFrom/secretKeyRef/name")?.as_str()),
        env: &env,
        env_from: &env_from,
        resources: &json!({"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}),
        user: if guard.is_some() { user } else { Some(USER) },
        labels: &Map::new(),
        beside: &server.value,
    };
    let pod = serde_json::from_value(probe(&parts)).map_err(|e| format!("preparing the probe: {e}"))?;
    let answer = ask(cluster, release, &name, &pod).await;
    Fingerprint::parse(engine, &answer?).map_err(|e| e.to_string())
}

fn engine_of(image: &str) -> Option<Engine> {
    match component::image_base(image) {
        "postgres" | "postgresql" => Some(Engine::Postgresql),
        "mysql" => Some(Engine::Mysql),
        _ => None,
    }
}

/// Starts the Pod, waits for its end, reads its log, and takes it away whatever came of it.
async fn ask(cluster: &Cluster, release: &str, name: &str, pod: &Pod) -> Result<String, String> {
    let api: Api<Pod> = cluster.api();
    clean_up(cluster, &api, release).await;
    let doing = format!("starting the probe Pod {name}");
    cluster.within(api.create(&PostParams::default(), pod)).await.map_err(|r| format!("{doing}: {r}"))?;
    let answer = wait(cluster, &api, name).await;
    let _ = cluster.within(api.delete(name, &DeleteParams::background().grace_period(0))).await;
    answer
}

async fn wait(cluster: &Cluster, api: &Api<Pod>, name: &str) -> Result<String, String> {
    let until = Instant::now() + Duration::from_secs(DEADLINE);
    let mut pause = Duration::from_millis(150);
    loop {
        sleep(pause).await;
        pause = (pause * 3 / 2).min(Duration::from_secs(2));
        let pod = cluster.within(api.get(name)).await.map_err(|r| format!("waiting for the probe Pod {name}: {r}"))?;
        let status = pod.status.unwrap_or_default();
        let phase = status.phase.unwrap_or_default();
        if phase == "Succeeded" || phase == "Failed" {
            let log = cluster.within(api.logs(name, &LogParams::default())).await;
            let log = log.map_err(|r| format!("reading the log of the probe Pod {name}: {r}"))?;
            let last = || log.lines().rfind(|l| !l.trim().is_empty()).unwrap_or("it said nothing").to_owned();
            return if phase == "Succeeded" {
                Ok(log)
            } else {
                Err(format!("the probe failed: {}", status.message.unwrap_or_else(last)))
            };
        }
        let state = status.container_statuses.and_then(|all| all.into_iter().next()?.state).unwrap_or_default();
        if let Some(reason) = hopeless(&state) {
            return Err(format!("the probe Pod cannot start: {reason}"));
        }
        if Instant::now() >= until {
            let condition = status.conditions.unwrap_or_default().into_iter().rev().find_map(|c| c.message);
            return Err(format!("the probe Pod did not end within {DEADLINE} s: {}", condition.unwrap_or(phase)));
        }
    }
}

fn hopeless(state: &ContainerState) -> Option<String> {
    let waiting = state.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().filter(|r| HOPELESS.contains(r))?;
    let hint = if reason.contains("Image") { "; name an image that is there with --probe-image" } else { "" };
    Some(format!("{reason}: {}{hint}", waiting.message.as_deref().unwrap_or_default()))
}

/// Takes away what killed processes left: probes that ended.
async fn clean_up(cluster: &Cluster, api: &Api<Pod>, release: &str) {
    let labels = format!("{}={},{}={release}", marks::ROLE, marks::ROLE_PROBE, marks::RELEASE);
    for pod in cluster.all(api, ListParams::default().labels(&labels)).await.unwrap_or_default() {
        let ended = pod.status.and_then(|s| s.phase).is_some_and(|p| p == "Succeeded" || p == "Failed");
        if let Some(name) = pod.metadata.name.filter(|_| ended) {
            let _ = cluster.within(api.delete(&name, &DeleteParams::background())).await;
        }
    }
}
