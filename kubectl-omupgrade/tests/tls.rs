//! Handshakes with a real TLS server: what its certificates say, and what is said of them; straight, through a forwarded port,
//! and at the Gateways that carry a release's routes.
#![allow(clippy::unwrap_used)]

mod forwarded;
mod websocket;

use forwarded::{NAMESPACE, cluster, list, says};
use kubectl_omupgrade::adapters::tls::{edges, shake};
use kubectl_omupgrade::diagnose::edges::{Edge, Soundness, judge};
use kubectl_omupgrade::facts::{Chart, Driver, Release, Revision, Secret, Status};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::TcpListener;

fn file(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../testdata/tls").join(name)).unwrap()
}

/// The server's side, with a certificate for `opensearch` and its issuer's.
fn acceptor() -> tokio_rustls::TlsAcceptor {
    let chain = vec![CertificateDer::from(file("leaf.der")), CertificateDer::from(file("ca.der"))];
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(file("leaf-key.der")));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_no_client_auth().with_single_cert(chain, key).unwrap()).into()
}

/// The same on a port of this machine.
async fn listener() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(acceptor().accept(stream));
        }
    });
    address
}

fn release(manifest: &str) -> Release {
    let chart =
        Chart { name: "openmetadata".to_owned(), version: "1.13.1".to_owned(), app_version: "1.13.1".to_owned() };
    let revision = Revision {
        number: 1,
        status: Status::Deployed,
        chart,
        updated: None,
        description: String::new(),
        object: "Secret s".to_owned(),
        driver: Driver::Secrets,
        apply_method: None,
    };
    Release {
        workloads: Vec::new(),
        images: BTreeMap::new(),
        revision,
        name: "om".to_owned(),
        namespace: NAMESPACE.to_owned(),
        values: Secret::new(json!({})),
        manifest: Secret::new(manifest.to_owned()),
        hooks: Vec::new(),
        holds_openmetadata: true,
    }
}

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: om}\n---\n";

fn server(settings: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: om}}\nspec: {{template: {{spec: {{containers: [{{name: om, image: 'server:1'}}],\n\
         initContainers: [{{name: run-db-migrations, image: 'server:1', env: [{settings}]}}]}}}}}}\n---\n"
    )
}

/// The search engine behind its Service: the port that its pod calls `https` is asked, by the API server's forward.
#[tokio::test]
async fn a_certificate_behind_a_service_is_seen_through_a_forwarded_port() {
    let there = listener().await;
    let service = json!({"metadata": {"name": "opensearch"}, "spec": {"selector": {"app": "os"},
        "ports": [{"port": 9200, "targetPort": "https"}]}});
    let pod = |name: &str, phase: &str| {
        json!({"metadata": {"name": name}, "status": {"phase": phase},
            "spec": {"containers": [{"name": "os", "ports": [{"name": "https", "containerPort": 9201}]}]}})
    };
    let pods = json!([pod("os-gone", "Failed"), pod("os-0", "Running")]);
    let answers = move |path: &str| match path {
        "/api/v1/namespaces/data/services/opensearch" => (200, service.clone()),
        "/api/v1/namespaces/data/pods" => list(&pods),
        _ => says(404, "NotFound"),
    };
    let set = "{name: ELASTICSEARCH_SCHEME, value: https}, {name: ELASTICSEARCH_HOST, value: opensearch}";
    let through = cluster(answers.clone(), vec![("data/os-0:9201", there)]).await;
    let seen = edges(&through, &release(&server(set))).await.unwrap();
    assert_eq!((seen.len(), seen[0].name.as_str()), (1, "search engine, https://opensearch:9200"));
    assert_eq!((seen[0].unseen.as_deref(), seen[0].chain.len()), (None, 2));
    assert!(seen[0].chain[0].names.contains(&"opensearch".to_owned()));
    // A pod that does not listen there is not seen, and its certificate is not called broken.
    let closed = cluster(answers, Vec::new()).await;
    let seen = edges(&closed, &release(&server(set))).await.unwrap();
    assert!(seen[0].chain.is_empty() && seen[0].unseen.is_some(), "{seen:?}");
    assert_eq!(judge(&seen[0], jiff::Timestamp::now()).soundness, Soundness::Unseen);
}

fn resources(names: &[&str]) -> (u16, Value) {
    let all: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "singularName": "", "kind": "K", "namespaced": true, "verbs": ["list"]}))
        .collect();
    (200, json!({"kind": "APIResourceList", "groupVersion": "v", "resources": all}))
}

const ROUTES: &str = "/apis/gateway.networking.k8s.io/v1";

/// A route that the release does not hold leads to its Service, and its Gateway lies in another namespace.
#[tokio::test]
async fn the_gateway_behind_a_route_is_looked_at() {
    let port = listener().await.port();
    let route = |name: &str, to: &str| {
        json!({"metadata": {"name": name}, "spec": {"parentRefs": [{"name": "edge", "namespace": "infra"}],
            "hostnames": ["localhost"], "rules": [{"backendRefs": [{"name": to, "port": 8585}]}]}})
    };
    let routes = json!([route("ours", "om"), route("theirs", "other")]);
    let gateway = json!({"metadata": {"name": "edge"}, "spec": {"listeners": [{"name": "https", "port": port, "protocol": "HTTPS",
        "tls": {"certificateRefs": [{"name": "cert"}]}}]}});
    let answers = move |code: u16| {
        let (routes, gateway) = (routes.clone(), gateway.clone());
        move |path: &str| match path {
            ROUTES => resources(&["gateways", "httproutes", "httproutes/status"]),
            "/apis/gateway.networking.k8s.io/v1/namespaces/data/httproutes" => list(&routes),
            "/apis/gateway.networking.k8s.io/v1/namespaces/infra/gateways/edge" if code == 200 => {
                (200, gateway.clone())
            }
            path if path.ends_with("/gateways/edge") => says(code, if code == 403 { "Forbidden" } else { "NotFound" }),
            _ => says(404, "NotFound"),
        }
    };
    let found = async |code: u16| {
        let there = cluster(answers(code), Vec::new()).await;
        edges(&there, &release(&format!("{SERVICE}{}", server("")))).await.unwrap()
    };
    let seen = found(200).await;
    let name = format!("HTTPRoute ours, Gateway infra/edge, Secret infra/cert, https://localhost:{port}");
    assert_eq!(seen.iter().map(|edge| edge.name.as_str()).collect::<Vec<_>>(), [&name]);
    assert_eq!((seen[0].host.as_str(), seen[0].chain.len()), ("localhost", 2));
    let broken = judge(&seen[0], seen[0].chain[0].begins);
    assert_eq!(broken.soundness, Soundness::Broken, "it names opensearch: {broken:?}");
    for (code, reason) in [(403, "forbidden: "), (404, "it is not there")] {
        let seen = found(code).await;
        assert_eq!((seen.len(), seen[0].name.as_str()), (1, "HTTPRoute ours, Gateway infra/edge"));
        assert!(seen[0].unseen.as_ref().is_some_and(|why| why.contains(reason)), "{seen:?}");
    }
}

/// No API, no route: nothing is said. An API whose routes may not be listed is said to be not seen.
#[tokio::test]
async fn an_api_that_is_not_served_holds_no_route_and_one_that_may_not_be_read_is_told() {
    let held = release(&format!("{SERVICE}{}", server("")));
    let nothing = cluster(|_| says(404, "NotFound"), Vec::new()).await;
    assert!(edges(&nothing, &held).await.unwrap().is_empty());
    let answers = |path: &str| match path {
        ROUTES => resources(&["gateways", "httproutes"]),
        path if path.ends_with("/httproutes") => says(403, "Forbidden"),
        _ => says(404, "NotFound"),
    };
    let seen = edges(&cluster(answers, Vec::new()).await, &held).await.unwrap();
    assert_eq!((seen.len(), seen[0].name.as_str()), (1, "what of the kind HTTPRoute leads to the release"));
    assert!(seen[0].unseen.as_ref().is_some_and(|why| why.starts_with("forbidden: ")), "{seen:?}");
}

#[tokio::test]
async fn a_handshake_shows_the_chain() {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let server = tokio::spawn(acceptor().accept(theirs));
    let seen = shake(ours, "opensearch").await.unwrap();
    drop(server);
    let own = &seen[0];
    assert_eq!((own.issuer.as_str(), seen[1].subject.as_str()), ("CN=test CA", "CN=test CA"));
    assert!(own.subject.contains("CN=opensearch") && own.subject.contains("O=omupgrade tests"), "{}", own.subject);
    assert_eq!(own.names, ["opensearch", "*.data.svc", "127.0.0.1"]);

    let edge = |host: &str| Edge { name: "e".to_owned(), host: host.to_owned(), chain: seen.clone(), unseen: None };
    let before = own.ends - jiff::SignedDuration::from_hours(24 * 400);
    let judged = |host: &str, at| judge(&edge(host), at).soundness;
    let valid = before.max(own.begins);
    assert_eq!(judged("other", valid), Soundness::Broken);
    assert_eq!(judged("opensearch", own.ends + jiff::SignedDuration::from_hours(1)), Soundness::Broken);
    assert_eq!(judged("opensearch", own.ends - jiff::SignedDuration::from_hours(24)), Soundness::Soon);
}

#[tokio::test]
async fn who_speaks_no_tls_is_not_seen() {
    let (ours, theirs) = tokio::io::duplex(1024);
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let mut theirs = theirs;
        let _ = theirs.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
    });
    let why = shake(ours, "opensearch").await.unwrap_err();
    assert!(why.starts_with("shaking hands: "), "{why}");
}
