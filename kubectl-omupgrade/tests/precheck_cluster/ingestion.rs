//! Where the server starts ingestion itself it is looked at there; what cannot be seen is never called idle.

use super::{MANIFEST, answer, look_at, says};
use kubectl_omupgrade::checks::precheck::{self, Case, Tables};
use kubectl_omupgrade::checks::{Finding, Outcome};
use serde_json::{Value, json};

const CLIENT: &str =
    "PIPELINE_SERVICE_CLIENT_CLASS_NAME: org.openmetadata.service.clients.pipeline.k8s.K8sPipelineClient";

/// A release whose server starts ingestion in this namespace; charts write quotes around it.
fn manifest(place: Option<&str>) -> String {
    let place = place.map(|place| format!(", K8S_NAMESPACE: '\"{place}\"'")).unwrap_or_default();
    MANIFEST.replace("DB_SCHEME: postgresql", &format!("DB_SCHEME: postgresql, {CLIENT}{place}"))
}

/// What a check says of a manifest, and what was asked in the namespace `jobs`.
async fn check(
    id: &str,
    manifest: &str,
    there: impl Fn(&str) -> Option<(u16, Value)> + Send + 'static,
) -> (Finding, Vec<String>) {
    let (facts, asked) = look_at(manifest, move |path| there(path).unwrap_or_else(|| answer(path))).await;
    let report = precheck::report(&Case { facts, tables: Tables::read(|_| None).unwrap() });
    let found = report.checks.into_iter().find(|f| f.id == id).unwrap();
    (found, asked.into_iter().filter(|path| path.contains("/namespaces/jobs/")).collect())
}

async fn idle(
    place: Option<&str>,
    there: impl Fn(&str) -> Option<(u16, Value)> + Send + 'static,
) -> (Finding, Vec<String>) {
    check("ingestion-idle", &manifest(place), there).await
}

fn list(items: &Value) -> (u16, Value) {
    (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
}

const JOBS: &str = "/apis/batch/v1/namespaces/jobs/jobs";

#[tokio::test]
async fn what_runs_in_another_namespace_is_seen() {
    let job = json!({"metadata": {"name": "om-job-a", "labels": {"app.kubernetes.io/managed-by": "openmetadata"}},
        "spec": {"template": {"spec": {"containers": []}}}, "status": {"active": 1}});
    let (found, asked) = idle(Some("jobs"), move |path| (path == JOBS).then(|| list(&json!([job])))).await;
    assert_eq!(found.outcome, Outcome::Warn, "{found:?}");
    assert!(found.evidence.starts_with("Job/om-job-a in jobs run"), "{}", found.evidence);
    let wanted = ["/api/v1/namespaces/jobs/pods", "/apis/batch/v1/namespaces/jobs/cronjobs", JOBS];
    let mut asked: Vec<&str> = asked.iter().map(|a| a.strip_prefix("GET ").unwrap()).collect();
    asked.sort_unstable();
    assert_eq!(asked, wanted);

    let (found, _) = idle(Some("jobs"), |_| None).await;
    assert_eq!((found.outcome, found.evidence.as_str()), (Outcome::Pass, "none runs in jobs"));
}

#[tokio::test]
async fn a_namespace_that_may_not_be_looked_at_is_no_idle_one() {
    for kind in ["pods", "cronjobs", "jobs"] {
        let last = format!("/namespaces/jobs/{kind}");
        let (found, _) = idle(Some("jobs"), move |path| path.ends_with(&last).then(|| says(403, "Forbidden"))).await;
        assert_eq!(found.outcome, Outcome::Unknown, "{found:?}");
        assert!(found.evidence.contains(&format!("{kind}: forbidden: ")), "{}", found.evidence);
        let next = found.next.unwrap();
        assert!(next.starts_with("kubectl omupgrade rbac precheck-ingestion -n jobs"), "{next}");
    }
}

#[tokio::test]
async fn where_nobody_names_the_namespace_it_is_not_known() {
    let (found, asked) = idle(None, |_| None).await;
    assert_eq!((found.outcome, asked.len()), (Outcome::Unknown, 0), "{found:?}");
    assert!(found.next.unwrap().starts_with("kubectl get jobs,pods --all-namespaces"));
}

/// The operator starts pods without Jobs.
#[tokio::test]
async fn a_pod_of_the_operator_is_seen_beside_the_release() {
    let pod = json!({"metadata": {"name": "om-job-a-main", "labels": {"app.kubernetes.io/managed-by": "omjob-operator"}},
        "spec": {"containers": []}, "status": {"phase": "Running"}});
    let (found, _) =
        idle(Some("data"), move |path| (path == "/api/v1/namespaces/data/pods").then(|| list(&json!([pod])))).await;
    assert_eq!(found.outcome, Outcome::Warn, "{found:?}");
    assert!(found.evidence.starts_with("Pod/om-job-a-main run"), "{}", found.evidence);
}

/// Why a version was not told stands in the evidence.
#[tokio::test]
async fn who_does_not_tell_its_version_is_said_with_the_reason() {
    let at = MANIFEST.replace(
        "DB_SCHEME: postgresql",
        "DB_SCHEME: postgresql, PIPELINE_SERVICE_CLIENT_ENDPOINT: 'http://airflow:8080'",
    );
    let service = |path: &str| (path == "/api/v1/namespaces/data/services/airflow").then(|| says(404, "NotFound"));
    let refused = |path: &str| (path == "/api/v1/namespaces/data/services/airflow").then(|| says(403, "Forbidden"));
    for (manifest, reason) in
        [(MANIFEST, "the release names no address of it"), (at.as_str(), "no Service of this namespace")]
    {
        let (found, _) = check("airflow-version", manifest, service).await;
        assert_eq!(found.outcome, Outcome::Unknown, "{found:?}");
        assert!(found.evidence.contains(&format!("nor did Airflow itself: {reason}")), "{}", found.evidence);
    }
    let (found, _) = check("airflow-version", &at, refused).await;
    assert!(found.evidence.contains("the Service airflow: forbidden: "), "{}", found.evidence);
    // Neither an image nor the server: that is not "nothing ingests".
    let (found, _) = check("ingestion-version", &at, service).await;
    assert_eq!(found.outcome, Outcome::Unknown, "{found:?}");
    assert!(found.evidence.contains("nobody told its version: "), "{}", found.evidence);
}
