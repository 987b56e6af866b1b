//! What ingests metadata: who runs it, where, with which images, and what of it is at work.

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use shared::component::{image_base, image_tag};
use shared::versions::tables::Tables;
use shared::versions::{Dotted, Version};
use std::collections::{BTreeMap, BTreeSet};

use crate::checks::Seen;
use crate::checks::precheck::{IN_KUBERNETES, MASK};

/// Who runs pipelines: `airflow`, [`IN_KUBERNETES`], `none`, or what stands there.
pub fn pipeline_client(settings: &BTreeMap<String, String>) -> String {
    let of = |name: &str| settings.get(name).map(|v| v.to_lowercase());
    if of("PIPELINE_SERVICE_CLIENT_ENABLED").as_deref() == Some("false") {
        return "none".to_owned();
    }
    match of("PIPELINE_SERVICE_CLIENT_CLASS_NAME") {
        None => "airflow".to_owned(),
        Some(class) if class.contains("airflow") => "airflow".to_owned(),
        Some(class) if class.contains("k8s") => IN_KUBERNETES.to_owned(),
        Some(class) => class.rsplit('.').next().unwrap_or_default().to_owned(),
    }
}

/// The setting that tells the server in which namespace it starts ingestion.
pub const PLACE: &str = "K8S_NAMESPACE";

/// The namespace in which the server starts ingestion: as it says itself, else as it is set. Without the setting it is
/// what its image holds, which no manifest tells.
pub fn place(settings: &BTreeMap<String, String>, said: Option<&str>) -> Seen<String> {
    let set = settings.get(PLACE).map(String::as_str);
    match said.or(set) {
        Some(name) if is_namespace(name) => Seen::Known(name.to_owned()),
        Some(MASK) => Seen::Unknown(format!("the server's {PLACE} comes from what the release does not hold")),
        Some(_) => Seen::Unknown(format!("what the server has for it ({PLACE}) is no namespace's name")),
        None => Seen::Unknown(format!("no setting of the server names it ({PLACE})")),
    }
}

/// A name as the API server takes one for a namespace: it becomes a piece of a path.
fn is_namespace(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len()) && text.chars().all(inner) && !text.starts_with('-') && !text.ends_with('-')
}

/// Images of ingestion among these, each once.
pub fn images(all: &[String]) -> Vec<String> {
    let hit = |image: &&String| matches!(image_base(image), "ingestion" | "ingestion-base" | "ingestion-base-slim");
    all.iter().filter(hit).cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

/// The version of Airflow: of its own image, else the major that an ingestion image is built on.
pub fn airflow(all: &[String], tables: &Tables) -> Option<String> {
    let own = all
        .iter()
        .find(|i| image_base(i) == "airflow")
        .and_then(|i| image_tag(i))
        .filter(|t| Dotted::parse(t).is_some());
    own.map(str::to_owned).or_else(|| {
        let tag = images(all).iter().find_map(|i| image_tag(i).and_then(Version::parse))?;
        tables.requirement(tag).map(|needs| needs.airflow.to_string())
    })
}

/// An object that may ingest: its name where it does so now, and its images.
pub type Part = (Option<String>, Vec<String>);

/// Who stands as manager on what the server starts itself, whatever image it is told to take. Source:
/// `K8sPipelineClient.buildLabels`, and `LabelBuilder` of the operator.
const MAKERS: &[&str] = &["openmetadata", "omjob-operator"];

fn is_made(meta: &ObjectMeta) -> bool {
    let manager = meta.labels.as_ref().and_then(|labels| labels.get("app.kubernetes.io/managed-by"));
    manager.is_some_and(|manager| MAKERS.contains(&manager.as_str()))
}

/// A Job. One that waits for its next try, or for its first pod, is at work.
pub fn job(job: &Job) -> Part {
    let spec = job.spec.as_ref();
    let all = images_of(spec.and_then(|s| s.template.spec.as_ref()));
    let status = job.status.as_ref();
    let active = status.and_then(|s| s.active).unwrap_or_default() > 0;
    let ended = status.and_then(|s| s.conditions.as_ref()).into_iter().flatten();
    let ended = ended.into_iter().any(|c| matches!(c.type_.as_str(), "Complete" | "Failed") && c.status == "True");
    let suspended = spec.and_then(|s| s.suspend).unwrap_or_default();
    let ingests = is_made(&job.metadata) || !images(&all).is_empty();
    let at_work = ingests && !ended && (active || !suspended);
    (at_work.then(|| format!("Job/{}", name(&job.metadata))), all)
}

/// A `CronJob`: what it starts is a Job.
pub fn cron_job(cron: &CronJob) -> Part {
    (None, images_of(cron.spec.job_template.spec.as_ref().and_then(|s| s.template.spec.as_ref())))
}

/// A pod: the operator starts them without Jobs, and one whose Job was taken away goes on.
pub fn pod(pod: &Pod) -> Part {
    let of_job = pod.metadata.owner_references.iter().flatten().any(|owner| owner.kind == "Job");
    let ended = matches!(pod.status.as_ref().and_then(|s| s.phase.as_deref()), Some("Succeeded" | "Failed"));
    let at_work = is_made(&pod.metadata) && !of_job && !ended;
    (at_work.then(|| format!("Pod/{}", name(&pod.metadata))), images_of(pod.spec.as_ref()))
}

fn name(meta: &ObjectMeta) -> &str {
    meta.name.as_deref().unwrap_or_default()
}

fn images_of(spec: Option<&PodSpec>) -> Vec<String> {
    let spec = spec.into_iter();
    spec.flat_map(|s| s.containers.iter().chain(s.init_containers.iter().flatten()))
        .filter_map(|c| c.image.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of_job(labels: &Value, image: &str, spec: &Value, status: &Value) -> Option<String> {
        let mut spec = spec.clone();
        spec["template"] = json!({"spec": {"containers": [{"name": "main", "image": image}]}});
        let all = json!({"metadata": {"name": "j", "labels": labels}, "spec": spec, "status": status});
        job(&serde_json::from_value(all).unwrap()).0
    }

    #[test]
    fn a_job_is_at_work_until_it_has_ended() {
        let ended = |kind: &str| json!({"conditions": [{"type": kind, "status": "True"}]});
        let (plain, held) = (json!({}), json!({"suspend": true}));
        let image = "docker.getcollate.io/openmetadata/ingestion:1.13.1";
        for (status, at_work) in [
            (json!({"active": 1}), true),
            // It waits for its next try, or for room.
            (json!({"failed": 1}), true),
            (json!({}), true),
            (ended("Complete"), false),
            (ended("Failed"), false),
        ] {
            assert_eq!(of_job(&json!({}), image, &plain, &status).is_some(), at_work, "{status}");
        }
        assert_eq!(of_job(&json!({}), image, &held, &json!({})), None);
        assert_eq!(of_job(&json!({}), "postgres:18", &plain, &json!({"active": 1})), None);
        // An image of one's own, under any name.
        let made = json!({"app.kubernetes.io/managed-by": "openmetadata"});
        assert_eq!(of_job(&made, "mirror/etl:7", &plain, &json!({"active": 1})).as_deref(), Some("Job/j"));
    }

    #[test]
    fn a_pod_counts_where_no_job_stands_for_it() {
        let of = |manager: &str, owner: &str, phase: &str| {
            let owners = json!([{"apiVersion": "v1", "kind": owner, "name": "o", "uid": "u"}]);
            let meta =
                json!({"name": "p", "labels": {"app.kubernetes.io/managed-by": manager}, "ownerReferences": owners});
            pod(&serde_json::from_value(json!({"metadata": meta, "status": {"phase": phase}})).unwrap()).0
        };
        assert_eq!(of("omjob-operator", "OMJob", "Running").as_deref(), Some("Pod/p"));
        assert!(of("omjob-operator", "OMJob", "Pending").is_some());
        assert_eq!(of("omjob-operator", "OMJob", "Succeeded"), None);
        assert_eq!(of("openmetadata", "Job", "Running"), None);
        assert_eq!(of("Helm", "ReplicaSet", "Running"), None);
    }

    #[test]
    fn where_it_runs_is_told_or_not_known() {
        let set = |value: Option<&str>| -> BTreeMap<String, String> {
            value.map(|v| (PLACE.to_owned(), v.to_owned())).into_iter().collect()
        };
        let of = |value: Option<&str>, said: Option<&str>| place(&set(value), said);
        assert_eq!(of(Some("jobs"), None), Seen::Known("jobs".to_owned()));
        // The server knows best: somebody may have changed the setting since it started.
        assert_eq!(of(Some("jobs"), Some("other")), Seen::Known("other".to_owned()));
        for unknown in [of(None, None), of(Some(MASK), None), of(Some("../x"), None), of(Some(""), None)] {
            assert!(matches!(&unknown, Seen::Unknown(why) if why.contains(PLACE)), "{unknown:?}");
        }
    }
}
