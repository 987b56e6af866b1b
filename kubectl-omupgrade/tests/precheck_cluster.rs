//! What a precheck gathers, by the real client before a mock service: the server with what stands around it, drift,
//! objects of others; and that what is forbidden becomes unknown, one by one, with nothing written.
#![allow(clippy::unwrap_used)]

#[path = "precheck_cluster/beside.rs"]
mod beside;
#[path = "precheck_cluster/ingestion.rs"]
mod ingestion;
#[path = "precheck_cluster/revisions.rs"]
mod revisions;
#[path = "precheck_cluster/words.rs"]
mod words;

use http::{Request, Response};
use kube::client::Body;
use kubectl_omupgrade::adapters::cluster::{Cluster, Pointers};
use kubectl_omupgrade::adapters::precheck::{Look, gather};
use kubectl_omupgrade::checks::Outcome;
use kubectl_omupgrade::checks::precheck::{self, Asked, Case, Facts, Key, Tables};
use kubectl_omupgrade::facts::{Chart, Driver, Fact, Hook, Release, Revision, Secret, Status};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

const MANIFEST: &str = "apiVersion: v1\nkind: Secret\nmetadata: {name: om-config}\nstringData: {DB_SCHEME: postgresql, FERNET_KEY: hunter2}\n\
    ---\napiVersion: v1\nkind: Service\nmetadata: {name: om}\nspec: {ports: [{name: http, port: 8585}]}\n\
    ---\napiVersion: apps/v1\nkind: Deployment\nmetadata: {name: om}\nspec:\n  replicas: 2\n  template:\n    spec:\n      \
    initContainers: [{name: run-db-migrations, image: 'server:1.12.14', envFrom: [{secretRef: {name: om-config}}]}]\n      \
    containers: [{name: om, image: 'server:1.12.14', ports: [{containerPort: 8585}]}]\n";

fn deployment() -> Value {
    let container = json!({"name": "om", "image": "server:1.12.14", "ports": [{"containerPort": 8585}],
        "livenessProbe": {"httpGet": {"path": "/ping", "port": "http-admin"}, "timeoutSeconds": 10}});
    let migrate = json!({"name": "run-db-migrations", "image": "server:1.12.14", "envFrom": [{"secretRef": {"name": "om-config"}}]});
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "om", "generation": 1, "annotations": {"meta.helm.sh/release-name": "om", "meta.helm.sh/release-namespace": "data"}},
        "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "om"}}, "template": {"metadata": {"labels": {"app": "om"}},
            "spec": {"initContainers": [migrate], "containers": [container]}}},
        "status": {"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}})
}

fn list(items: &Value) -> (u16, Value) {
    (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
}

/// The answer to a path: lists by their last word, objects by name.
fn answer(path: &str) -> (u16, Value) {
    let owned =
        json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "om-1", "uid": "u", "controller": true}]);
    match path.trim_start_matches("/apis/").trim_start_matches("/api/") {
        "/version" => (
            200,
            json!({"major": "1", "minor": "35", "gitVersion": "v1.35.4", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}),
        ),
        "apps/v1/namespaces/data/deployments" => list(&json!([deployment()])),
        "apps/v1/namespaces/data/deployments/om" => (200, deployment()),
        // Somebody changed a port by hand; the Secret is gone.
        "v1/namespaces/data/services/om" => (200, json!({"spec": {"ports": [{"name": "http", "port": 9999}]}})),
        "v1/namespaces/data/secrets/om-config" => {
            (404, json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": ""}))
        }
        "v1/namespaces/data/pods" => {
            list(&json!([{"metadata": {"name": "om-1-a", "labels": {"app": "om"}, "ownerReferences": owned},
            "spec": {"containers": []}, "status": {"phase": "Running"}}]))
        }
        "policy/v1/namespaces/data/poddisruptionbudgets" => list(&json!([{"metadata": {"name": "om"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "om"}}}, "status": {"disruptionsAllowed": 1,
            "currentHealthy": 2, "desiredHealthy": 1, "expectedPods": 2}}])),
        _ => list(&json!([])),
    }
}

async fn look(answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> (Facts, Vec<String>) {
    look_at(MANIFEST, answer).await
}

async fn look_at(manifest: &str, answer: impl Fn(&str) -> (u16, Value) + Send + 'static) -> (Facts, Vec<String>) {
    look_of(manifest, |_| (), answer).await
}

/// A look at a release that is another one.
async fn look_of(
    manifest: &str,
    other: impl FnOnce(&mut Release),
    answer: impl Fn(&str) -> (u16, Value) + Send + 'static,
) -> (Facts, Vec<String>) {
    let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    tokio::spawn(async move {
        while let Some((request, respond)) = handle.next_request().await {
            let path = request.uri().path().to_owned();
            log.lock().unwrap().push(format!("{} {path}", request.method()));
            let (code, body) = answer(&path);
            let body = Body::from(serde_json::to_vec(&body).unwrap());
            respond.send_response(Response::builder().status(code).body(body).unwrap());
        }
    });
    let client = kube::Client::new(service, "data");
    let cluster = Cluster { client, namespace: "data".to_owned(), patience: None, pointers: Pointers::default() };
    let chart =
        Chart { name: "openmetadata".to_owned(), version: "1.12.12".to_owned(), app_version: "1.12.14".to_owned() };
    let revision = Revision {
        number: 3,
        status: Status::Deployed,
        chart,
        updated: None,
        description: "Upgrade \"om\" failed: password=hunter2 is refused".to_owned(),
        object: "Secret s".to_owned(),
        driver: Driver::Secrets,
        apply_method: None,
    };
    let mut release = Release {
        workloads: Vec::new(),
        images: BTreeMap::new(),
        revision,
        name: "om".to_owned(),
        namespace: "data".to_owned(),
        values: Secret::new(json!({"replicaCount": 2, "auth": {"password": 81_273_645}})),
        manifest: Secret::new(manifest.to_owned()),
        hooks: Vec::new(),
        holds_openmetadata: true,
    };
    other(&mut release);
    let made = "2026-11-22T10:00:00Z".parse().unwrap();
    let tables = Tables::read(|_| None).unwrap();
    let asked_for: Asked = serde_json::from_value(json!({"to": "1.13.1"})).unwrap();
    let helm = Path::new("/nonexistent/helm");
    let look = Look {
        asked: asked_for,
        values: None,
        probe: false,
        probe_image: None,
        search_image: None,
        token_secret: None,
        ingestion_bot: false,
        registry: false,
        helm: Some(helm),
        tables: &tables,
    };
    let facts = Box::pin(gather(&cluster, "om", &Fact::known(release, "test", made), look)).await.unwrap();
    let asked = asked.lock().unwrap().clone();
    (facts, asked)
}

#[tokio::test]
async fn the_server_and_what_stands_around_it() {
    let (facts, asked) = look(answer).await;
    let server = facts.server.value().unwrap();
    assert_eq!(
        (server.workload.as_str(), server.replicas, server.ready, server.settled),
        ("Deployment/om", 2, 2, true)
    );
    assert_eq!((server.liveness.as_str(), server.of_release), ("/ping on http-admin, 10 s", Some(2)));
    assert_eq!((server.budgets.len(), server.budgets[0].ours), (1, false));
    assert_eq!(facts.foreign.value().unwrap(), &["PodDisruptionBudget/om"]);
    let drift = facts.drift.value().unwrap();
    assert_eq!(drift, &["Secret/om-config is not there", "Service/om spec.ports[http].port"]);
    assert_eq!(facts.keys.value().unwrap().fernet, Key::Own);
    assert_eq!(facts.backup.value().unwrap().phase, "");
    assert_eq!(facts.database.known(), Err("not asked (--no-probe)"));
    assert!(facts.helm_version.known().is_err());
    let text = facts.to_text().unwrap();
    assert!(!text.contains("hunter2") && !text.contains("81273645") && text.contains("is refused"), "{text}");
    assert!(asked.iter().all(|a| a.starts_with("GET ")), "{asked:?}");
}

#[tokio::test]
async fn what_is_forbidden_is_unknown_and_the_rest_is_there() {
    let (facts, _) = look(|path| {
        let last = path.rsplit('/').next().unwrap();
        if ["nodes", "poddisruptionbudgets", "persistentvolumeclaims", "secrets"].contains(&last) {
            let message = format!("{last} is forbidden");
            return (
                403,
                json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": message}),
            );
        }
        answer(path)
    })
    .await;
    assert!(facts.server.value().is_some() && facts.drift.value().is_some());
    for reason in [
        facts.backup.known().err(),
        facts.foreign.known().err(),
        facts.images.known().err(),
        facts.neighbours.known().err(),
    ] {
        assert!(reason.unwrap().contains("forbidden"), "{reason:?}");
    }
    let room = facts.room.value().unwrap();
    assert!(room.nodes.is_none() && room.nodes_unseen.as_ref().unwrap().contains("forbidden"), "{room:?}");
    // Unseen is not "none".
    let server = facts.server.value().unwrap();
    assert!(server.budgets_unseen.as_ref().unwrap().contains("forbidden") && server.autoscaler_unseen.is_none());
}

/// The values of the upgrade say where its image comes from, and not the server that runs.
#[tokio::test]
async fn the_image_is_looked_for_where_the_values_say() {
    let nodes = |path: &str| match path {
        "/api/v1/nodes" => list(&json!([{"metadata": {"name": "a"}, "status": {"images": [
            {"names": ["docker.io/library/server:1.13.1"]}, {"names": ["registry.example/om:1.13.1"]}]}}])),
        _ => answer(path),
    };
    assert_eq!(look(nodes).await.0.images.value().unwrap(), &["docker.io/library/server:1.13.1"]);
    let moved = |release: &mut Release| {
        release.values = Secret::new(json!({"image": {"repository": "registry.example/om"}}));
    };
    assert_eq!(look_of(MANIFEST, moved, nodes).await.0.images.value().unwrap(), &["registry.example/om:1.13.1"]);
}

/// Right after `backup init` the claim is Pending and has no event yet: its storage class tells whether that is well.
#[tokio::test]
async fn a_claim_that_is_not_bound_yet_is_judged_by_its_storage_class() {
    let of = async |binds: Option<&'static str>| {
        let (facts, _) = look(move |path| match (path.rsplit('/').next().unwrap(), binds) {
            ("persistentvolumeclaims", _) => list(&json!([{"metadata": {"name": "om-omupgrade-backup"},
                "spec": {"storageClassName": "local"}, "status": {"phase": "Pending"}}])),
            ("storageclasses", Some(binds)) => {
                list(&json!([{"metadata": {"name": "local"}, "provisioner": "p", "volumeBindingMode": binds}]))
            }
            ("storageclasses", None) => (
                403,
                json!({"kind": "Status", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "no"}),
            ),
            _ => answer(path),
        })
        .await;
        let case = Case { facts, tables: Tables::read(|_| None).unwrap() };
        let report = precheck::report(&case);
        let found = report.checks.into_iter().find(|f| f.id == "backup-claim").unwrap();
        (found.outcome, found.evidence)
    };
    assert_eq!(of(Some("WaitForFirstConsumer")).await.0, Outcome::Pass);
    assert_eq!(of(Some("Immediate")).await.0, Outcome::Fail);
    let (outcome, words) = of(None).await;
    assert!(outcome == Outcome::Unknown && words.contains("storageclasses: forbidden"), "{outcome:?}: {words}");
}

/// A policy may name the claim: the release's own backup hook knows it, and so does `backup`.
#[tokio::test]
async fn the_claim_is_the_one_that_the_release_s_hook_names() {
    let hooked = |release: &mut Release| {
        let job = json!({"apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": "om-omupgrade-backup", "labels": {"omupgrade.io/role": "backup"}},
            "spec": {"template": {"spec": {"volumes": [{"name": "b", "persistentVolumeClaim": {"claimName": "ours"}}]}}}});
        let manifest = Secret::new(job.to_string());
        release.hooks =
            vec![Hook { kind: "Job".to_owned(), name: String::new(), events: Vec::new(), manifest, last_run: None }];
    };
    let claims = |path: &str| match path.rsplit('/').next().unwrap() {
        "persistentvolumeclaims" => list(&json!([{"metadata": {"name": "ours"}, "status": {"phase": "Bound"}}])),
        _ => answer(path),
    };
    let place = |facts: &Facts| facts.backup.value().map(|b| (b.claim.clone(), b.phase.clone())).unwrap();
    let (facts, _) = look_of(MANIFEST, hooked, claims).await;
    assert_eq!(place(&facts), ("ours".to_owned(), "Bound".to_owned()));
    assert_eq!(place(&look(claims).await.0), ("om-omupgrade-backup".to_owned(), String::new()));
}

/// The refusal's own next step leads on: what is suspended undoes nothing. What only looks like it does not count.
#[tokio::test]
async fn a_release_whose_flux_is_suspended_may_be_upgraded() {
    const HELM: &str = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/data/helmreleases/om";
    const OLDER: &str = "/apis/helm.toolkit.fluxcd.io/v2beta2/namespaces/data/helmreleases/om";
    const ELSEWHERE: &str = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/flux-system/helmreleases/om";
    const KUSTOMIZE: &str = "/apis/kustomize.toolkit.fluxcd.io/v1/namespaces/data/kustomizations/om";
    let helm = json!({"helm.toolkit.fluxcd.io/name": "om"});
    let far = json!({"helm.toolkit.fluxcd.io/name": "om", "helm.toolkit.fluxcd.io/namespace": "flux-system"});
    let kustomize = json!({"kustomize.toolkit.fluxcd.io/name": "om"});
    let both = json!({"helm.toolkit.fluxcd.io/name": "om", "kustomize.toolkit.fluxcd.io/name": "om"});
    let suspended = json!({"spec": {"suspend": true}});
    for (case, marks, place, code, owner, refused) in [
        ("suspended", &helm, HELM, 200, suspended.clone(), None),
        ("in an older version of its API", &helm, OLDER, 200, suspended.clone(), None),
        ("elsewhere", &far, ELSEWHERE, 200, suspended.clone(), None),
        ("a Kustomization", &kustomize, KUSTOMIZE, 200, suspended.clone(), None),
        ("at work", &helm, HELM, 200, json!({"spec": {"suspend": false}}), Some("HelmRelease")),
        ("it says nothing of it", &helm, HELM, 200, json!({"spec": {}}), Some("HelmRelease")),
        ("a word and no truth", &helm, HELM, 200, json!({"spec": {"suspend": "true"}}), Some("HelmRelease")),
        ("another of the same name", &far, HELM, 200, suspended.clone(), Some("flux-system/om")),
        ("one of two", &both, HELM, 200, suspended.clone(), Some("Kustomization")),
        (
            "it may not be looked at",
            &helm,
            HELM,
            403,
            json!({"kind": "Status", "code": 403, "message": ""}),
            Some("HelmRelease"),
        ),
    ] {
        let marks = marks.clone();
        let (facts, _) = look(move |path| {
            let mut marked = deployment();
            marked["metadata"]["labels"] = marks.clone();
            match path {
                "/apis/apps/v1/namespaces/data/deployments" => {
                    let meta = json!({"resourceVersion": "1"});
                    (200, json!({"kind": "List", "apiVersion": "v1", "metadata": meta, "items": [marked]}))
                }
                "/apis/apps/v1/namespaces/data/deployments/om" => (200, marked),
                path if path == place && code == 200 => {
                    let mut owner = owner.clone();
                    owner["metadata"] = json!({"name": "om"});
                    (200, owner)
                }
                path if path == place => (code, owner.clone()),
                path if path.contains(".toolkit.fluxcd.io/") => (
                    404,
                    json!({"kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound", "message": ""}),
                ),
                path => answer(path),
            }
        })
        .await;
        let owner = facts.owner.known().unwrap().clone();
        assert_eq!(owner.is_some(), refused.is_some(), "{case}: {owner:?}");
        assert!(refused.is_none_or(|word| owner.as_ref().unwrap().contains(word)), "{case}: {owner:?}");
        let report = precheck::report(&Case { facts, tables: Tables::read(|_| None).unwrap() });
        let finding = report.checks.iter().find(|finding| finding.id == "gitops").unwrap();
        let expected = if refused.is_some() { Outcome::Fail } else { Outcome::Pass };
        assert_eq!(finding.outcome, expected, "{case}: {finding:?}");
    }
}

fn says(code: u16, reason: &str) -> (u16, Value) {
    let message = format!("{reason} of what was asked");
    (code, json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message}))
}

const FOREIGN: &str = "---\napiVersion: example.com/v1\nkind: Chassis\nmetadata: {name: om}\nspec: {size: 2}\n\
    ---\napiVersion: example.com/v1\nkind: Fleet\nmetadata: {name: om}\nspec: {size: 2}\n\
    ---\napiVersion: example.com/v1\nkind: Gone\nmetadata: {name: om}\n";

/// No rule of English makes these names.
fn with_foreign(path: &str) -> (u16, Value) {
    let resource = |name: &str, kind: &str, namespaced: bool| json!({"name": name, "singularName": "", "kind": kind, "namespaced": namespaced, "verbs": ["get"]});
    match path {
        "/apis/example.com/v1" => (
            200,
            json!({"kind": "APIResourceList", "groupVersion": "example.com/v1", "resources": [
                resource("chassis/status", "Chassis", true), resource("chassis", "Chassis", true), resource("fleet", "Fleet", false)]}),
        ),
        "/apis/example.com/v1/namespaces/data/chassis/om" => (200, json!({"spec": {"size": 3}})),
        "/apis/example.com/v1/fleet/om" => (200, json!({"spec": {"size": 2}})),
        path if path.starts_with("/apis/example.com/") => says(404, "NotFound"),
        path => answer(path),
    }
}

#[tokio::test]
async fn one_object_that_may_not_be_read_hides_nothing_of_the_others() {
    let (facts, _) =
        look(|path| if path.ends_with("/services/om") { says(403, "Forbidden") } else { answer(path) }).await;
    assert_eq!(facts.drift.value().unwrap(), &["Secret/om-config is not there"]);
    assert_eq!(facts.drift_unread, ["Service/om: forbidden: Forbidden of what was asked"]);
    // Nothing that could be read is no drift that was not there.
    let (facts, _) =
        look(
            |path| {
                if path.ends_with("/om") || path.ends_with("/om-config") {
                    says(403, "Forbidden")
                } else {
                    answer(path)
                }
            },
        )
        .await;
    assert_eq!(facts.drift.known(), Err("Secret/om-config: forbidden: Forbidden of what was asked"));
}

#[tokio::test]
async fn the_cluster_is_asked_for_the_names_of_kinds_that_are_not_its_own() {
    let manifest = format!("{MANIFEST}{FOREIGN}");
    let (facts, asked) = look_at(&manifest, with_foreign).await;
    let of = |facts: &Facts| -> Vec<String> {
        facts.drift.value().unwrap().iter().filter(|d| !d.starts_with("Se")).cloned().collect()
    };
    assert_eq!(of(&facts), ["Chassis/om spec.size", "Gone/om is not there"]);
    assert!(facts.drift_unread.is_empty(), "{:?}", facts.drift_unread);
    assert_eq!(asked.iter().filter(|a| *a == "GET /apis/example.com/v1").count(), 1, "{asked:?}");
    // Where the names may not be asked nothing is guessed, and nothing is called gone.
    let (facts, asked) =
        look_at(&manifest, |path| if path == "/apis/example.com/v1" { says(403, "Forbidden") } else { answer(path) })
            .await;
    assert!(of(&facts).is_empty() && facts.drift_unread.len() == 3, "{:?}", facts.drift_unread);
    assert!(facts.drift_unread[0].starts_with("Chassis/om: the name of its kind cannot be asked: forbidden: "));
    assert!(!asked.iter().any(|a| a.starts_with("GET /apis/example.com/v1/")), "{asked:?}");
    // An API that the cluster does not serve holds no object.
    let (facts, _) =
        look_at(
            &manifest,
            |path| if path.starts_with("/apis/example.com") { says(404, "NotFound") } else { answer(path) },
        )
        .await;
    assert_eq!(of(&facts).len(), 3);
}
