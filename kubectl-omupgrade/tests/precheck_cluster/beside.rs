//! What stands beside the server. A search engine that did not answer itself: only what its own host stands for tells of
//! it, and not what else of its kind the namespace holds. Kinds that the cluster no longer serves. How the server rolls out,
//! and what scales it.

use super::{FOREIGN, MANIFEST, answer, deployment, list, look, look_at, says, with_foreign};
use kubectl_omupgrade::checks::Outcome;
use kubectl_omupgrade::checks::precheck::{self, Case, Tables};
use serde_json::{Value, json};

/// What `search-version` says where the settings name a host, and a left-over engine of an older version lies beside.
async fn version(host: &str, service: Option<&'static str>) -> (Outcome, String) {
    let manifest =
        MANIFEST.replace("DB_SCHEME: postgresql", &format!("DB_SCHEME: postgresql, ELASTICSEARCH_HOST: '{host}'"));
    let (facts, _) = look_at(&manifest, move |path| match (path, service) {
        ("/apis/apps/v1/namespaces/data/statefulsets", _) => {
            let engine = |name: &str, version: &str| {
                json!({"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": name}}, "serviceName": name,
                    "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [
                        {"name": "opensearch", "image": format!("opensearchproject/opensearch:{version}")}]}}}})
            };
            list(&json!([engine("left-over", "2.19.1"), engine("search", "3.3.2")]))
        }
        ("/api/v1/namespaces/data/services/search", Some("forbidden")) => says(403, "Forbidden"),
        ("/api/v1/namespaces/data/services/search", Some(app)) => {
            (200, json!({"metadata": {"name": "search"}, "spec": {"selector": {"app": app}, "ports": [{"port": 9200}]}}))
        }
        (path, None) if path.contains("/services/search") => says(404, "NotFound"),
        _ => answer(path),
    })
    .await;
    let report = precheck::report(&Case { facts, tables: Tables::read(|_| None).unwrap() });
    let found = report.checks.into_iter().find(|f| f.id == "search-version").unwrap();
    (found.outcome, found.evidence)
}

#[tokio::test]
async fn an_engine_of_somebody_else_tells_nothing() {
    for (host, service) in [("search.aws.example", Some("left-over")), ("search", None), ("", None)] {
        let (outcome, words) = version(host, service).await;
        assert!(outcome == Outcome::Unknown && !words.contains("2.19.1"), "{host}: {outcome:?}: {words}");
    }
    // That it may not be looked behind the host is said, too.
    let (outcome, words) = version("search", Some("forbidden")).await;
    assert!(outcome == Outcome::Unknown && words.contains("nor do its pods tell it: the Service search"), "{words}");
}

#[tokio::test]
async fn the_engine_behind_its_host_tells_its_version() {
    for (host, app, outcome, has) in [
        ("search", "search", Outcome::Pass, "OpenSearch 3.3.2 (image of search"),
        ("search.data.svc:9200", "search", Outcome::Pass, "OpenSearch 3.3.2 (image of search"),
        ("search", "left-over", Outcome::Fail, "OpenSearch 2.19.1"),
    ] {
        let (is, words) = version(host, Some(app)).await;
        assert!(is == outcome && words.contains(has), "{host}, {app}: {is:?}: {words}");
    }
}

#[tokio::test]
async fn a_kind_that_the_cluster_no_longer_serves_is_told() {
    let manifest = format!("{MANIFEST}{FOREIGN}");
    let of = async |answer: fn(&str) -> (u16, Value)| look_at(&manifest, answer).await.0.kinds;
    let kinds = of(with_foreign).await;
    assert_eq!((kinds.gone, kinds.unasked.len()), (vec!["Gone/om (example.com/v1)".to_owned()], 0));
    let kinds = of(|path| if path == "/apis/example.com/v1" { says(404, "NotFound") } else { answer(path) }).await;
    assert_eq!((kinds.gone.len(), kinds.unasked.len()), (3, 0));
    // Where nothing at all of a release may be read, this is still told.
    let kinds = of(|path| if path.ends_with("/version") { answer(path) } else { says(403, "Forbidden") }).await;
    assert!(kinds.gone.is_empty() && kinds.unasked.len() == 3, "{kinds:?}");
    assert!(kinds.unasked[0].starts_with("Chassis/om (example.com/v1): forbidden: "), "{kinds:?}");
}

#[tokio::test]
async fn how_the_server_rolls_out_and_what_makes_its_autoscaler() {
    let of = async |mut live: Value, meta: Value| {
        live["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"] = "Always".into();
        let scaler = json!({"metadata": meta, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "om"}, "minReplicas": 2, "maxReplicas": 4}});
        let (facts, _) = look(move |path| match path.rsplit('/').next().unwrap() {
            "deployments" => list(&json!([live])),
            "horizontalpodautoscalers" => list(&json!([scaler])),
            _ => answer(path),
        })
        .await;
        facts.server.value().unwrap().clone()
    };
    let release = json!({"meta.helm.sh/release-name": "om", "meta.helm.sh/release-namespace": "data"});
    let owner = json!([{"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "om", "uid": "u", "controller": true}]);
    let server = of(deployment(), json!({"name": "om", "annotations": release})).await;
    assert_eq!(
        (server.strategy.as_str(), server.paused, server.pull_policy.as_str()),
        ("RollingUpdate", false, "Always")
    );
    let scaler = server.autoscaler.unwrap();
    assert_eq!((scaler.ours, scaler.maker.as_str()), (true, ""));
    let mut live = deployment();
    live["spec"]["paused"] = true.into();
    live["spec"]["strategy"] = json!({"type": "Recreate"});
    let server = of(live, json!({"name": "keda-hpa-om", "annotations": release, "ownerReferences": owner})).await;
    assert_eq!((server.strategy.as_str(), server.paused), ("Recreate", true));
    let scaler = server.autoscaler.unwrap();
    assert_eq!((scaler.ours, scaler.maker.as_str()), (false, "ScaledObject/om"));
}
