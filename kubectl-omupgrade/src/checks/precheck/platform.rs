//! Checks of what OpenMetadata runs on beside its database and search: Kubernetes, Helm, Airflow, Kafka, the
//! dependencies' release.

use super::case::Case;
use super::facts::{IN_KUBERNETES, Ingestion};
use crate::checks::why::{WITH_TOKEN, wants_token};
use crate::checks::{Answer, Check, Outcome, Row, fail, pass, skip, unknown, warn};
use shared::versions::{Dotted, Version};

const GROUP: &str = "platform";
const KUBERNETES: &str = "https://docs.open-metadata.org/v1.12.x/deployment/kubernetes";

/// What the chart's annotation asks for; helm does not enforce it.
const KUBERNETES_MIN: &str = "1.24";

/// The first Helm 4 whose post-renderers keep documents apart (helm/helm#31868).
const HELM4_MIN: &str = "4.2.0";

/// The first Helm 3 that these checks were tried with a neighbour of.
const HELM3_MIN: &str = "3.8.0";

/// The first Helm that knows `--reset-then-reuse-values`: the new chart's defaults with your values over them.
const HELM3_KEEPS_VALUES: &str = "3.14.0";

const fn row(id: &'static str, fact: &'static str, guide: &'static str, hint: &'static str) -> Row {
    Row { id, group: GROUP, fact, guide, hint, docs: KUBERNETES, needed: false }
}

/// The rows.
pub const CHECKS: &[Check<Case>] = &[
    Check {
        row: row(
            "kubernetes-version",
            "the cluster is new enough for the chart",
            "Prerequisites: Kubernetes version",
            "kubectl version",
        ),
        ask: kubernetes,
    },
    Check {
        row: row(
            "helm-version",
            "helm is one that takes a post-renderer well",
            "Prerequisites: Helm version",
            "helm version # take 4.2.0 or newer, or a Helm 3 from 3.8.0 on; one that is not on the PATH: --helm FILE",
        ),
        ask: helm,
    },
    Check {
        row: row(
            "airflow-version",
            "Airflow is of the major version that the target's ingestion is built for",
            "Prerequisites: Airflow version",
            "helm list -n {namespace} # upgrade openmetadata-dependencies, or your own Airflow, with OpenMetadata",
        ),
        ask: airflow,
    },
    Check {
        row: row(
            "ingestion-version",
            "ingestion images are of the target's minor version, or will be",
            "Post-upgrade: ingestion client of the same version",
            "kubectl get cronjobs -n {namespace} # redeploy the pipelines after the upgrade",
        ),
        ask: ingestion,
    },
    Check {
        row: row(
            "kafka",
            "no setting names Kafka, or it is reachable",
            "Prerequisites: Kafka where it is used",
            "helm get values {release} -n {namespace}",
        ),
        ask: kafka,
    },
    Check {
        row: row(
            "dependencies",
            "the release of openmetadata-dependencies can follow without a search major or another Airflow chart",
            "Upgrade the dependencies first",
            "helm list -n {namespace}",
        ),
        ask: super::dependencies::check,
    },
];

fn at_least(name: &str, has: &str, least: &str) -> Answer {
    match (Dotted::parse(has), Dotted::parse(least)) {
        (Some(is), Some(min)) if is >= min => pass(format!("{name} {has}")),
        (Some(_), Some(_)) => fail(format!("{name} {has}; {least} or newer is needed")),
        _ => unknown(format!("{name} calls itself `{has}`")),
    }
}

fn kubernetes(case: &Case) -> Answer {
    case.facts.kubernetes.judge(|version| at_least("Kubernetes", version, KUBERNETES_MIN))
}

fn helm(case: &Case) -> Answer {
    case.facts.helm_version.judge(|version| match Dotted::parse(version).map(|v| v.major()) {
        Some(4) => at_least("Helm", version, HELM4_MIN),
        Some(3) => {
            let answer = at_least("Helm", version, HELM3_MIN);
            if answer.outcome != Outcome::Pass || keeps_values(case) || case.facts.asked.values_file.is_some() {
                return answer;
            }
            warn(format!(
                "Helm {version} does not know --reset-then-reuse-values ({HELM3_KEEPS_VALUES} does): the steps take your values from a file"
            ))
            .next(format!("helm version # or take {HELM3_KEEPS_VALUES} or newer; one that is not on the PATH: --helm FILE"))
        }
        _ => fail(format!("`{version}` is neither Helm 3 nor Helm 4")),
    })
}

/// Whether this helm can take the new chart's defaults with the release's values over them; none seen counts as new.
pub fn keeps_values(case: &Case) -> bool {
    let has = case.facts.helm_version.value().and_then(|v| Dotted::parse(v));
    has.zip(Dotted::parse(HELM3_KEEPS_VALUES)).is_none_or(|(has, least)| has >= least)
}

fn airflow(case: &Case) -> Answer {
    case.facts.ingestion.judge(|ingestion| {
        if ingestion.client != "airflow" {
            return skip(format!("pipelines run by `{}`, not by Airflow", ingestion.client));
        }
        if let Some(beyond) = case.beyond() {
            return beyond;
        }
        let Some(needs) = case.tables.versions.requirement(case.to()) else {
            return unknown(format!("the tables name no requirement of {}", case.to()));
        };
        let Some(has) = ingestion.airflow.as_deref().and_then(Dotted::parse) else {
            let why = ingestion.airflow_unseen.as_deref().map(|why| format!(", nor did Airflow itself: {why}"));
            return unknown(format!("no image of it in this namespace tells its version{}", why.unwrap_or_default()));
        };
        let said = format!("Airflow {has}; ingestion {} is built for Airflow {}", case.to(), needs.airflow);
        if has.major() == needs.airflow { pass(said) } else { warn(format!("{said}: DAGs and settings differ")) }
    })
}

fn ingestion(case: &Case) -> Answer {
    case.facts.ingestion.judge(|ingestion| {
        let old = |image: &str| {
            let tag = shared::component::image_tag(image).and_then(Version::parse);
            tag.is_some_and(|v| v.line() != case.to().line())
        };
        let mut images: Vec<String> = ingestion.images.iter().filter(|image| old(image)).cloned().collect();
        let pinned = case.facts.values.value().filter(|_| ingestion.client == IN_KUBERNETES);
        let pinned = pinned.and_then(|values| values.get(PINNED)?.as_str());
        images.extend(pinned.filter(|image| old(image)).map(|image| format!("{image} (pinned in the values)")));
        let managed = ingestion.managed.as_deref().and_then(Version::parse);
        if let Some(version) = managed.filter(|v| v.line() != case.to().line()) {
            images.push(format!("what runs the pipelines ({version}, as the server knows it)"));
        }
        match images.as_slice() {
            [] if ingestion.images.is_empty() && managed.is_none() && pinned.is_none() => unseen(ingestion),
            [] => pass("all are of its minor version"),
            some => warn(format!(
                "{}: client and server have to be of the same minor version, so these fail until they are redeployed",
                some.join(", ")
            )),
        }
    })
}

/// The image of what the server starts, where values name one; the chart's own is of the chart's release.
const PINNED: &str = "openmetadata.config.pipelineServiceClientConfig.k8s.ingestionImage";

/// Where no image and no version of ingestion was seen: nothing ingests, or somebody did not tell.
fn unseen(ingestion: &Ingestion) -> Answer {
    let why = match ingestion.client.as_str() {
        "none" => None,
        IN_KUBERNETES => ingestion.place.known().err().or(ingestion.place_unseen.as_deref()),
        _ => ingestion.managed_unseen.as_deref(),
    };
    let Some(why) = why else { return skip("no image of ingestion was seen") };
    let answer = unknown(format!("no image of ingestion was seen, and nobody told its version: {why}"));
    if wants_token(why) { answer.next(WITH_TOKEN) } else { answer }
}

fn kafka(case: &Case) -> Answer {
    case.facts.settings.judge(|settings| {
        let named: Vec<&str> = settings.keys().filter(|k| k.contains("KAFKA")).map(String::as_str).collect();
        if named.is_empty() {
            skip("no setting names it; OpenMetadata itself needs none")
        } else {
            warn(format!("{} are set: look yourself whether it is reachable", named.join(", ")))
        }
    })
}
