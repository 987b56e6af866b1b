//! Short-lived Pods made as the backup Job's pod is, beside the server: the probe, which only reads the
//! database and has no claim, and Pods that look after what lies on the claim.

use super::job::{BACKUP_VOLUME, Job, job};
use super::{BOT_MYSQL, BOT_POSTGRESQL, Engine, FACTS_MYSQL, FACTS_POSTGRESQL};
use crate::marks;
use serde_json::{Value, json};

/// What a probe reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The fingerprint alone: a second or two.
    Fingerprint,
    /// The fingerprint, a line `facts:`, and what [`FACTS_POSTGRESQL`] and [`FACTS_MYSQL`] tell, with the rows of the
    /// tables that hold entities counted.
    Facts,
    /// The same with the rows of every table counted, which can take minutes.
    FactsWithAllRows,
    /// The fingerprint, a line `facts:`, and the ingestion bot's token as the database keeps it.
    Bot,
}

/// A Pod instead of a Job, named `parts.name`, with this value of the role's label.
pub fn pod(parts: &Job<'_>, role: &str) -> Value {
    let mut job = job(parts);
    let template = job.pointer_mut("/spec/template").map(Value::take).unwrap_or_default();
    let mut pod =
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": parts.name}, "spec": template["spec"]});
    let mut labels = template["metadata"]["labels"].clone();
    labels[marks::ROLE] = json!(role);
    pod["metadata"]["labels"] = labels;
    pod["metadata"]["annotations"] = template["metadata"]["annotations"].clone();
    pod["spec"]["activeDeadlineSeconds"] = json!(parts.deadline_seconds);
    pod["spec"]["containers"][0]["name"] = json!(role);
    pod
}

/// The same Pod with a claim that it can only read.
#[must_use]
pub fn only_reading(mut pod: Value) -> Value {
    let mounts = pod.pointer_mut("/spec/containers/0/volumeMounts").and_then(Value::as_array_mut);
    for mount in mounts.into_iter().flatten().filter(|m| m.get("name").and_then(Value::as_str) == Some(BACKUP_VOLUME)) {
        mount["readOnly"] = json!(true);
    }
    pod
}

/// The Pod that only reads: its log is the answer, `key<TAB>value` a line. It writes nothing, has no claim and needs
/// none.
pub fn probe(parts: &Job<'_>, asked: Asked) -> Value {
    let mut pod = pod(parts, marks::ROLE_PROBE);
    without(&mut pod["spec"]["volumes"], BACKUP_VOLUME);
    let container = &mut pod["spec"]["containers"][0];
    without(&mut container["volumeMounts"], BACKUP_VOLUME);
    if let Some(env) = container["env"].as_array_mut() {
        env.extend(variables(parts.engine, asked).iter().map(|(name, value)| json!({"name": name, "value": value})));
    }
    pod
}

fn variables(engine: Engine, asked: Asked) -> Vec<(&'static str, &'static str)> {
    let facts = match (engine, asked) {
        (Engine::Postgresql, Asked::Bot) => ("OMUPGRADE_FACTS_POSTGRESQL", BOT_POSTGRESQL),
        (Engine::Mysql, Asked::Bot) => ("OMUPGRADE_FACTS_MYSQL", BOT_MYSQL),
        (Engine::Postgresql, _) => ("OMUPGRADE_FACTS_POSTGRESQL", FACTS_POSTGRESQL),
        (Engine::Mysql, _) => ("OMUPGRADE_FACTS_MYSQL", FACTS_MYSQL),
    };
    match asked {
        Asked::Fingerprint => vec![("OMUPGRADE_ACTION", "fingerprint")],
        Asked::Facts | Asked::Bot => vec![("OMUPGRADE_ACTION", "facts"), facts],
        Asked::FactsWithAllRows => vec![("OMUPGRADE_ACTION", "facts"), facts, ("OMUPGRADE_COUNT", "all")],
    }
}

fn without(list: &mut Value, name: &str) {
    if let Some(items) = list.as_array_mut() {
        items.retain(|item| item.get("name").and_then(Value::as_str) != Some(name));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Engine;
    use serde_json::Map;

    #[test]
    fn it_reads_and_mounts_no_backup() {
        let parts = Job {
            name: "om-omupgrade-probe",
            release: "om",
            script: crate::backup::script(),
            variables: &[],
            attached: None,
            target: None,
            origin: "omupgrade",
            engine: Engine::Postgresql,
            image: "postgres:18",
            claim: "a-claim-of-nobody",
            deadline_seconds: 90,
            env: &[json!({"name": "DB_USER_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "pw", "key": "k"}}})],
            env_from: &[json!({"secretRef": {"name": "om-db-secret"}})],
            secret: None,
            password_secret: None,
            ca_file: None,
            resources: &json!({}),
            user: Some(999),
            labels: &Map::new(),
            beside: &json!({"spec": {"template": {"spec": {
                "serviceAccountName": "om",
                "initContainers": [{"name": "run-db-migrations", "volumeMounts": [{"name": "ca", "mountPath": "/ca"}]}],
                "volumes": [{"name": "ca", "secret": {"secretName": "ca"}}],
            }}}}),
        };
        let pod = probe(&parts, Asked::Fingerprint);
        assert!(!pod.to_string().contains("a-claim-of-nobody"));
        assert_eq!(pod["metadata"]["labels"][marks::ROLE], "probe");
        assert_eq!(pod["spec"]["serviceAccountName"], "om");
        assert_eq!(pod["spec"]["restartPolicy"], "Never");
        let names = |list: &Value| -> Vec<String> {
            list.as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&pod["spec"]["volumes"]), ["omupgrade-scratch", "ca"]);
        assert_eq!(names(&pod["spec"]["containers"][0]["volumeMounts"]), ["omupgrade-scratch", "ca"]);
        assert_eq!(pod["spec"]["containers"][0]["envFrom"][0]["secretRef"]["optional"], true);
        let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
        assert_eq!(env.iter().filter(|e| e["name"] == "OMUPGRADE_ACTION" && e["value"] == "fingerprint").count(), 1);
        let facts = probe(&parts, Asked::FactsWithAllRows);
        let value = |name: &str| {
            let env = facts["spec"]["containers"][0]["env"].as_array().unwrap();
            env.iter().find(|e| e["name"] == name).map(|e| e["value"].as_str().unwrap().to_owned())
        };
        assert_eq!(value("OMUPGRADE_ACTION").unwrap(), "facts");
        assert_eq!(value("OMUPGRADE_COUNT").unwrap(), "all");
        assert_eq!(value("OMUPGRADE_FACTS_POSTGRESQL").unwrap(), FACTS_POSTGRESQL);
        assert_eq!(value("OMUPGRADE_FACTS_MYSQL"), None);
    }
}
