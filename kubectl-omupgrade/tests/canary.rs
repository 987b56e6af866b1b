//! Canary secrets in every place that a look passes: none is in the bundle, the facts file or the answer. The real
//! client over a mock service.
#![allow(clippy::unwrap_used)]

use base64::Engine;
use http::{Request, Response};
use kube::client::Body;
use kubectl_omupgrade::adapters::archive;
use kubectl_omupgrade::adapters::cluster::{Cluster, Pointers, release_facts};
use kubectl_omupgrade::adapters::evidence::{Asked, evidence};
use kubectl_omupgrade::adapters::release;
use kubectl_omupgrade::adapters::validation::Asking;
use kubectl_omupgrade::diagnose::{bundle, diagnose, rule};
use kubectl_omupgrade::view;
use serde_json::{Value, json};
use std::io::Read;
use std::time::Duration;

/// Every canary holds this word, so that one that slipped through in part is found too.
const WORD: &str = "kanarie";

fn canary(place: &str) -> String {
    format!("{WORD}-{place}-7Q")
}

/// A canary of digits: no look tells that it is one.
const DIGITS: &str = "602214076";

fn digits(place: u64, revision: u64) -> String {
    format!("{DIGITS}{place}{revision}")
}

fn encoded(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Secrets as people make them: names, words, numbers, addresses, short ones. Each stands in a Secret under the name
/// before it, and in a log.
const SHAPES: &[(&str, &str)] = &[
    ("password", "kanarie_password"),
    ("mysql-password", "my-kanarie-password"),
    ("passphrase", "kanarietoken"),
    ("note", "kanarievogel"),
    ("pin", "8127364509"),
    ("hook", "https://hooks.example/services/KANARIE/T0/b1"),
    ("class", "kanarie.Vogel"),
    ("token", "k4n7"),
    ("credentials", "openmetadata-kanarie-key"),
];

/// A template with canaries in environment, arguments, annotations and a probe.
fn template() -> Value {
    let container = json!({
        "name": "openmetadata", "image": "docker.getcollate.io/openmetadata/server:1.13.1",
        "args": ["--db-password", canary("argument")],
        "env": [
            {"name": "DB_USER_PASSWORD", "value": canary("environment")},
            {"name": "SOME_SETTING", "value": canary("setting")},
            {"name": "ELASTICSEARCH_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "es", "key": "password"}}},
            {"name": "OTHER", "valueFrom": {"secretKeyRef": {"name": "outside", "key": "note"}}},
        ],
        "envFrom": [{"secretRef": {"name": "om-db-secret"}}],
        "livenessProbe": {"exec": {"command": ["curl", "-u", format!("admin:{}", canary("probe"))]}},
    });
    let migrates = json!({"name": "run-db-migrations", "image": "docker.getcollate.io/openmetadata/server:1.13.1",
        "command": ["/bin/bash", "-c", format!("PASSWORD={} ./bootstrap/openmetadata-ops.sh migrate", canary("command"))]});
    json!({"metadata": {"labels": {"app": "om"}, "annotations": {"note": canary("template-annotation")}},
        "spec": {"initContainers": [migrates], "containers": [container]}})
}

fn revision(number: u64) -> Value {
    let mut deployment = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "openmetadata"},
        "spec": {"replicas": number, "selector": {"matchLabels": {"app": "om"}}, "template": template()}});
    // Of one the name tells that it is secret, of the other nothing does.
    let env = deployment.pointer_mut("/spec/template/spec/containers/0/env").and_then(Value::as_array_mut).unwrap();
    env.push(json!({"name": "SMTP_PASS", "value": digits(1, number)}));
    env.push(json!({"name": "SOME_NUMBER", "value": digits(2, number)}));
    let extra = json!([{"name": "MAIL_PWD", "value": digits(3, number)},
        {"name": "SIM_PIN", "value": digits(4, number).parse::<u64>().unwrap()}, {"name": "OTHER", "value": digits(5, number)}]);
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "om-db-secret"},
        "data": {"DB_USER": encoded(&canary("rendered")), "DB_HOST": encoded(&format!("db{number}.example"))},
        "stringData": {"FERNET_KEY": canary(&format!("fernet{number}"))}});
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "openmetadata"}});
    let manifest = format!("---\n{deployment}\n---\n{secret}\n---\n{service}\n");
    let status = if number == 3 { "deployed" } else { "superseded" };
    json!({"name": "om", "namespace": "data", "version": number, "manifest": manifest,
        "config": {"extraEnvs": extra, "smtp": {"pass": digits(6, number), "dbPass": digits(7, number).parse::<u64>().unwrap()},
            "auth": {"password": canary(&format!("value{number}"))}, "note": format!("{} {number}", canary("note")),
            "openmetadata": {"config": {"elasticsearch": {"host": format!("search{number}.example")}}}},
        "info": {"status": status, "description": format!("Upgrade failed: --set token={}", canary("description"))},
        "hooks": [{"name": "h", "kind": "Job", "events": ["pre-upgrade"], "manifest": format!("kind: Job\nmetadata: {{name: h}}\nspec: {{password: {}}}\n", canary("hook"))}],
        "chart": {"metadata": {"name": "openmetadata", "version": "1.13.1", "appVersion": "1.13.1"}}})
}

/// What the server and others wrote into their logs.
fn log() -> String {
    [
        "INFO started, and this line stays".to_owned(),
        format!("DEBUG environment {}", canary("environment")),
        format!("DEBUG outside {}", canary("outside")),
        format!("DEBUG rendered {}", canary("rendered")),
        format!("DEBUG encoded {}", encoded(&canary("fernet3"))),
        format!("Authorization: Bearer {}", canary("bearer")),
        format!("connecting to jdbc:postgresql://om:{}@db:5432/om", canary("address")),
        format!("{{\"password\": \"{}\", \"user\": \"om\"}}", canary("json")),
        format!("search as {} refused", canary("search")),
        format!("pulling with {} and {}", canary("pull"), encoded(&format!("puller:{}", canary("pulls")))),
        format!("pulls as {}", canary("pulls")),
        format!("a bot sent {}", canary("token")),
        format!("login with client_secret={} done", canary("assigned")),
        "-----BEGIN PRIVATE KEY-----".to_owned(),
        format!("MII{}", canary("key")),
        "-----END PRIVATE KEY-----".to_owned(),
        format!(
            "DEBUG mail with {}, {}, {}, {} and {}",
            digits(1, 3),
            digits(3, 3),
            digits(4, 3),
            digits(6, 3),
            digits(7, 3)
        ),
        "java.lang.OutOfMemoryError: Java heap space".to_owned(),
    ]
    .into_iter()
    .chain(SHAPES.iter().map(|(name, secret)| format!("DEBUG shaped {name} is {secret}, as it stands")))
    .collect::<Vec<_>>()
    .join("\n")
}

/// What nodes pull with: a password in clear, and one in base64 with its user.
fn registries() -> String {
    let pair = encoded(&format!("puller:{}", canary("pulls")));
    json!({"auths": {"r.example": {"username": "puller", "password": canary("pull")}, "s.example": {"auth": pair}}})
        .to_string()
}

fn shapes() -> Value {
    SHAPES
        .iter()
        .map(|(name, secret)| ((*name).to_owned(), json!(encoded(secret))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

fn answer(path: &str) -> (u16, Value) {
    let list = |items: Value| {
        (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
    };
    let meta = |name: &str| {
        json!({"name": name, "uid": name, "namespace": "data", "labels": {"app": "om", "app.kubernetes.io/instance": "om"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": canary("annotation"), "skip.omupgrade.io/pdb": format!("password={}", canary("own-annotation"))}})
    };
    if path.ends_with("/log") {
        return (200, json!(log()));
    }
    if path == "/apis/gateway.networking.k8s.io/v1" {
        let routes = json!({"name": "httproutes", "singularName": "", "kind": "HTTPRoute", "namespaced": true, "verbs": ["list"]});
        return (
            200,
            json!({"kind": "APIResourceList", "groupVersion": "gateway.networking.k8s.io/v1", "resources": [routes]}),
        );
    }
    match path.rsplit('/').next().unwrap() {
        "secrets" => list(json!([
            stored(2), stored(3),
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "outside"}, "data": {"note": encoded(&canary("outside"))}},
            // As people call users and kinds: no secret, and words that looks are written in.
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "words"}, "data": {"username": encoded("postgres"), "engine": encoded("mysql"), "kind": encoded("Deployment")}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "shapes"}, "data": shapes()},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "es"}, "data": {"password": encoded(&canary("search"))}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "pull"}, "data": {".dockerconfigjson": encoded(&registries())}},
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "om-omupgrade-token"}, "data": {"token": encoded(&canary("token"))}},
        ])),
        "om-omupgrade-token" => (
            200,
            json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "om-omupgrade-token"}, "data": {"token": encoded(&canary("token"))}}),
        ),
        name if name.starts_with("sh.helm") => {
            let number: u64 = name.rsplit('v').next().unwrap().parse().unwrap();
            (
                200,
                json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": name}, "data": {"release": encoded(&encoded(&revision(number).to_string()))}}),
            )
        }
        "deployments" => list(
            json!([{"metadata": meta("openmetadata"), "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "om"}}, "template": template()},
            "status": {"conditions": [{"type": "Progressing", "status": "True", "message": format!("token: {}", canary("condition"))}]}}]),
        ),
        "replicasets" => {
            let mut set = meta("rs");
            set["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": "Deployment", "name": "openmetadata", "uid": "openmetadata", "controller": true}]);
            list(
                json!([{"metadata": set, "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "om"}}, "template": template()}}]),
            )
        }
        "pods" => {
            let mut pod = meta("om-1");
            pod["ownerReferences"] =
                json!([{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "rs", "uid": "rs", "controller": true}]);
            let ended = json!({"terminated": {"exitCode": 1, "reason": "Error", "message": format!("secret={}", canary("termination"))}});
            let statuses = json!([{"name": "openmetadata", "state": ended, "ready": false, "restartCount": 7, "image": "", "imageID": ""}]);
            let beside = json!({"metadata": {"name": "mysql-0", "uid": "mysql-0", "annotations": {"a": canary("neighbour")}}, "spec": {"containers": [
                {"name": "mysql", "image": "mysql:8.4", "env": [{"name": "MYSQL_ROOT_PASSWORD", "value": canary("neighbours-environment")}]}]},
                "status": {"phase": "Running", "containerStatuses": [{"name": "mysql", "state": {"running": {}}, "ready": true, "restartCount": 0, "image": "", "imageID": ""}]}});
            list(
                json!([{"metadata": pod, "spec": template()["spec"], "status": {"phase": "Running", "message": format!("pwd={}", canary("status")), "containerStatuses": statuses}}, beside]),
            )
        }
        "events" => list(
            json!([{"metadata": {"name": "e", "annotations": {"x": canary("event-annotation")}}, "involvedObject": {"kind": "Pod", "name": "om-1", "uid": "om-1"},
            "type": "Warning", "reason": "Failed", "message": format!("Error: cannot start, api_key={} given; this stays", canary("event"))}]),
        ),
        // What our journal, other people's objects and a Job's arguments hold is never taken up.
        "configmaps" => list(json!([{"metadata": meta("om-omupgrade-guard"), "data": {"mode": canary("config-map"),
            "application.yaml": format!("password: {}", canary("config-file"))}}])),
        "jobs" | "cronjobs" => {
            let mut spec = template()["spec"].clone();
            spec["containers"][0]["args"] = json!([
                "--token",
                canary("job-argument"),
                format!("--dsn=postgresql://om:{}@db/om", canary("job-address"))
            ]);
            let job = json!({"template": {"spec": spec}});
            list(
                json!([{"metadata": meta("om-job"), "spec": {"jobTemplate": {"spec": job}, "template": job["template"], "schedule": "@daily"},
                "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded", "message": format!("secret: {}", canary("job-condition"))}]}}]),
            )
        }
        // Who leads to the server may put its login into every request.
        "httproutes" => {
            let header = json!({"type": "RequestHeaderModifier", "requestHeaderModifier": {"set": [
                {"name": "Authorization", "value": format!("Basic {}", canary("route"))}]}});
            let rules = json!([{"backendRefs": [{"name": "openmetadata"}], "filters": [header]}]);
            list(json!([{"metadata": meta("om-route"), "spec": {"parentRefs": [{"name": "edge"}], "rules": rules}}]))
        }
        "edge" => (
            200,
            json!({"metadata": meta("edge"), "spec": {"listeners": [{"port": 1, "hostname": "localhost",
                "tls": {"certificateRefs": [{"name": "certificate"}], "options": {"key": canary("gateway")}}}]}}),
        ),
        // The Pods that ask: the client repeats the address that it was given.
        name if name.starts_with("om-omupgrade-") => (
            200,
            json!({"metadata": {"name": name}, "status": {"phase": "Failed",
                "message": format!("psql: connection to postgresql://om:{}@db:5432/om failed, as {}; asked and refused", canary("probe-address"), canary("outside"))}}),
        ),
        _ => list(json!([])),
    }
}

/// The server's API, on an address of its own: it tells others' secrets in its messages and names.
async fn server() -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (mut head, mut byte) = (Vec::new(), [0]);
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).await.unwrap_or(0) > 0 {
                head.push(byte[0]);
            }
            let head = String::from_utf8(head).unwrap();
            let body = said(head.split_whitespace().nth(1).unwrap().split('?').next().unwrap()).to_string();
            let head =
                format!("HTTP/1.1 200 X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n", body.len());
            let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        }
    });
    address
}

fn said(path: &str) -> Value {
    match path {
        "/api/v1/system/status" => json!({"database": {"passed": false, "message":
            format!("cannot log in with {} nor {}; this is said, too", canary("outside"), SHAPES[0].1)}}),
        "/api/v1/apps" => json!({"data": [{"name": "SearchIndexingApplication"}]}),
        "/api/v1/apps/name/SearchIndexingApplication/runs/latest" => json!({"status": "failed", "startTime": 1,
            "failureContext": {"failure": {"message": format!("pwd={} refused", canary("app"))}}}),
        "/api/v1/services/ingestionPipelines" => json!({"data": [{"fullyQualifiedName": format!("p.{}", SHAPES[3].1),
            "enabled": true, "pipelineStatuses": {"pipelineState": "failed", "startDate": 1}}]}),
        _ => json!({"data": [], "paging": {"total": 0}}),
    }
}

fn stored(number: u64) -> Value {
    let status = if number == 3 { "deployed" } else { "superseded" };
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "type": "helm.sh/release.v1", "metadata": {"name": format!("sh.helm.release.v1.om.v{number}"),
        "labels": {"owner": "helm", "name": "om", "version": number.to_string(), "status": status}}})
}

/// A run that nobody can read: what it holds is not repeated in the words about it.
fn journal() -> Value {
    let run = format!("{{\"v\": 1, \"password\": {}", canary("journal"));
    json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": [
        {"apiVersion": "v1", "kind": "Secret", "type": "omupgrade.io/journal", "metadata": {"name": "om-omupgrade-run-1"}, "data": {"run": encoded(&run)}}]})
}

fn cluster() -> Cluster {
    let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
    tokio::spawn(async move {
        while let Some((request, respond)) = handle.next_request().await {
            let query = request.uri().query().unwrap_or_default().to_owned();
            let (code, mut body) = match *request.method() {
                http::Method::POST => (201, json!({"metadata": {"name": "om-omupgrade-asks"}})),
                _ if query.contains("omupgrade.io%2Fjournal") || query.contains("journal") => (200, journal()),
                _ => answer(request.uri().path()),
            };
            // Labels choose: Helm's storage is listed by its own, the journal (empty) by others.
            if let Some(items) = body.get_mut("items").and_then(Value::as_array_mut) {
                let helm = query.contains("owner%3Dhelm");
                items.retain(|i| {
                    let of_helm = i["kind"] == "PartialObjectMetadata";
                    i["type"] == "omupgrade.io/journal" || of_helm == helm && (helm || !query.contains("labelSelector"))
                });
            }
            let bytes =
                body.as_str().map_or_else(|| serde_json::to_vec(&body).unwrap(), |text| text.as_bytes().to_vec());
            respond.send_response(Response::builder().status(code).body(Body::from(bytes)).unwrap());
        }
    });
    let client = kube::Client::new(service, "data");
    Cluster {
        client,
        namespace: "data".to_owned(),
        patience: Some(Duration::from_secs(5)),
        pointers: Pointers::default(),
    }
}

#[tokio::test]
async fn no_canary_leaves() {
    let cluster = cluster();
    let found = release::find(&cluster, Some("om")).await.unwrap();
    let (newest, history) = release_facts(&found);
    let server = Asking { server: Some(server().await), ..Asking::default() };
    let asked = Asked { probe: true, probe_image: Some("postgres:18"), server: &server, leaves: true };
    let (evidence, redactor) = Box::pin(evidence(&cluster, "om", newest, history, asked)).await.unwrap();
    let diagnosis = diagnose(&evidence, &rule::built_in().unwrap(), evidence.facts.made);
    let shown = view::plain(&view::diagnosis(&diagnosis, 120, true));
    let files = bundle::files(&evidence, &diagnosis, &shown, &redactor).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bundle.tar.gz");
    archive::write(&path, "omupgrade-om", &files, 0).unwrap();
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(std::fs::File::open(&path).unwrap()));
    let mut names = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert!(
            !text.contains(WORD),
            "{name}: {}",
            text.lines().filter(|l| l.contains(WORD)).collect::<Vec<_>>().join("\n")
        );
        for (kind, secret) in SHAPES {
            assert!(!text.contains(secret), "{name} holds the secret under `{kind}`");
        }
        let counted: Vec<&str> = text.lines().filter(|line| line.contains(DIGITS)).collect();
        assert!(counted.is_empty(), "{name}: {}", counted.join("\n"));
        assert!(!text.contains(encoded(WORD).trim_end_matches('=')), "{name} holds one in base64");
        names.push(name);
    }
    assert!(
        names.iter().all(|n| n.starts_with("omupgrade-om/"))
            && names.iter().any(|n| n.ends_with("logs/om-1.openmetadata.log")),
        "{names:?}"
    );
    assert!(!shown.contains(WORD) && !shown.contains(DIGITS), "{shown}");
    // The file of `--facts` is the same evidence.
    let facts = evidence.to_text().unwrap();
    assert!(!facts.contains(WORD) && !facts.contains(DIGITS));

    // What is needed stays: the canaries did not take everything with them.
    let all: String = files.iter().map(|f| f.text.as_str()).collect();
    for kept in [
        "this line stays",
        "this is said, too",
        "last run failed",
        "shaped mysql-password is (hidden), as it stands",
        "cannot start",
        "this stays",
        "OutOfMemoryError",
        "search2.example → search3.example",
        "db2.example → db3.example",
        "FERNET_KEY differs",
        "extraEnvs.OTHER.value",
        "HTTPRoute om-route, Gateway data/edge, Secret data/certificate, https://localhost:1",
        "the probe failed: psql: connection to postgresql://om:(hidden)@db:5432/om failed, as (hidden); asked and refused",
    ] {
        assert!(all.contains(kept), "`{kept}` is gone");
    }
}
