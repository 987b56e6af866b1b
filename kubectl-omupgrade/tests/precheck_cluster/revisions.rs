//! After a try that helm gave up on: what is looked at is what helm begins from, and what the try applied was nobody's hand.

use super::{MANIFEST, answer, deployment, list, look_of};
use base64::Engine;
use kubectl_omupgrade::checks::precheck::{self, Case, Facts, Tables, decide};
use kubectl_omupgrade::checks::{Outcome, Report};
use kubectl_omupgrade::facts::{Release, Secret, Status};
use serde_json::{Value, json};

const HOOK: &str =
    "Upgrade \"om\" failed: pre-upgrade hooks failed: resource Job/data/om-omupgrade-backup-1-13-1 not ready";
const LATE: &str = "Upgrade \"om\" failed: resource Deployment/data/om not ready: context deadline exceeded";

fn encoded(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// The newest revision, 4, as a try of another chart, other values and another image.
fn tried(status: Status, description: &'static str) -> impl FnOnce(&mut Release) {
    move |release| {
        release.revision.number = 4;
        release.revision.status = status;
        description.clone_into(&mut release.revision.description);
        "1.13.1".clone_into(&mut release.revision.chart.version);
        "1.13.1".clone_into(&mut release.revision.chart.app_version);
        release.values = Secret::new(json!({"replicaCount": 5}));
        release.manifest = Secret::new(MANIFEST.replace("1.12.14", "1.13.1"));
    }
}

/// The storage with a deployed revision 3, and a server of this version.
fn stored(serving: &'static str) -> impl Fn(&str) -> (u16, Value) + Send + 'static {
    move |path| {
        let meta = |number: u64, status: &str| {
            json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {"name": format!("sh.helm.release.v1.om.v{number}"),
                "labels": {"owner": "helm", "name": "om", "version": number.to_string(), "status": status}}})
        };
        let live: Value = serde_json::from_str(&deployment().to_string().replace("1.12.14", serving)).unwrap();
        match path {
            "/api/v1/namespaces/data/secrets" => {
                list(&json!([meta(2, "superseded"), meta(3, "deployed"), meta(4, "failed")]))
            }
            "/api/v1/namespaces/data/secrets/sh.helm.release.v1.om.v3" => {
                let release = json!({"name": "om", "namespace": "data", "version": 3, "manifest": MANIFEST,
                    "config": {"replicaCount": 2}, "info": {"status": "deployed"},
                    "chart": {"metadata": {"name": "openmetadata", "version": "1.12.12", "appVersion": "1.12.14"}}});
                let data = encoded(&encoded(&release.to_string()));
                (
                    200,
                    json!({"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "s"}, "data": {"release": data}}),
                )
            }
            "/apis/apps/v1/namespaces/data/deployments" => list(&json!([live])),
            "/apis/apps/v1/namespaces/data/deployments/om" => (200, live),
            _ => answer(path),
        }
    }
}

fn decided(facts: Facts) -> Report {
    let case = Case { facts, tables: Tables::read(|_| None).unwrap() };
    let mut report = precheck::report(&case);
    decide(&case, &mut report);
    report
}

#[tokio::test]
async fn what_a_hook_stopped_is_not_what_helm_begins_from() {
    let (facts, asked) = look_of(MANIFEST, tried(Status::Failed, HOOK), stored("1.12.14")).await;
    let helm = facts.helm.value().unwrap();
    assert_eq!((helm.revision, helm.status, helm.taken), (4, Status::Failed, Some(3)));
    assert_eq!((helm.chart.as_str(), helm.app.as_str()), ("1.12.12", "1.12.14"));
    assert_eq!(facts.values.value().unwrap().get("replicaCount"), Some(&json!(2)));
    assert_eq!(facts.drift.value().unwrap(), &["Secret/om-config is not there", "Service/om spec.ports[http].port"]);
    assert!(!asked.iter().any(|a| a.ends_with("om.v2")), "what is before it says nothing: {asked:?}");
    let report = decided(facts);
    let of = |id: &str| report.checks.iter().find(|f| f.id == id).unwrap().clone();
    let state = of("helm-state");
    assert!(state.outcome == Outcome::Warn && state.evidence.contains("helm begins from revision 3"), "{state:?}");
    assert!(state.next.unwrap().starts_with("helm get values om --revision 4 -n data # "));
    assert!(of("drift").next.unwrap().starts_with("helm get manifest om -n data --revision 3 # "));
    assert!(of("values-accepted").evidence.contains("in the values of revision 3"));
    let commands: Vec<&str> = report.steps.iter().map(|s| s.command.as_str()).collect();
    assert!(commands.contains(&"(umask 077 && helm get values om -n data --revision 3 -o yaml > om-values.yaml)"));
    let upgrades: Vec<&&str> = commands.iter().filter(|c| c.contains("helm upgrade om ")).collect();
    assert!(!upgrades.is_empty() && upgrades.iter().all(|c| c.contains(" -f om-values.yaml") && !c.contains("reuse")));
}

/// Its hooks passed: some of it was applied, and is no change by hand.
#[tokio::test]
async fn what_a_later_failure_applied_is_no_drift() {
    for (status, words, serving) in
        [(Status::Failed, LATE, "1.13.1"), (Status::Failed, LATE, "1.12.14"), (Status::PendingUpgrade, "", "1.13.1")]
    {
        let (facts, _) = look_of(MANIFEST, tried(status, words), stored(serving)).await;
        let drift = facts.drift.value().unwrap();
        assert_eq!(
            drift,
            &["Secret/om-config is not there", "Service/om spec.ports[http].port"],
            "{status:?} {serving}"
        );
        let helm = facts.helm.value().unwrap();
        // What serves is told by its image, and by no chart.
        assert_eq!((helm.taken, helm.chart.as_str(), helm.app.as_str()), (Some(3), "1.12.12", ""));
        assert_eq!(facts.values.value().unwrap().get("replicaCount"), Some(&json!(2)));
    }
    // What neither has was somebody's hand.
    let (facts, _) = look_of(MANIFEST, tried(Status::Failed, LATE), stored("1.13.0")).await;
    let drift = facts.drift.value().unwrap();
    assert!(drift.iter().any(|d| d.ends_with("containers[om].image")), "{drift:?}");
    // What the hook stopped was never applied: its image in the cluster is somebody's hand, too.
    let (facts, _) = look_of(MANIFEST, tried(Status::Failed, HOOK), stored("1.13.1")).await;
    assert!(facts.drift.value().unwrap().iter().any(|d| d.ends_with("containers[om].image")));
}

#[tokio::test]
async fn revisions_that_may_not_be_read_are_not_guessed() {
    let (facts, _) = look_of(MANIFEST, tried(Status::Failed, HOOK), |path| match path {
        "/api/v1/namespaces/data/secrets" | "/api/v1/namespaces/data/configmaps" => super::says(403, "Forbidden"),
        _ => stored("1.12.14")(path),
    })
    .await;
    for reason in [facts.helm.known().err(), facts.values.known().err(), facts.drift.known().err()] {
        assert!(reason.unwrap().contains("forbidden"), "{reason:?}");
    }
    assert!(facts.server.value().is_some());
}
