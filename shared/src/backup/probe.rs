//! The Pod that only reads the database's fingerprint: the backup Job's pod with another action, without its volume. It
//! writes nothing and its log is the answer, `key<TAB>value` a line.

use super::job::{Job, job};
use crate::marks;
use serde_json::{Value, json};

/// The Pod. Of `parts` it leaves out the claim, the target and the origin.
pub fn probe(parts: &Job<'_>, name: &str) -> Value {
    let mut job = job(parts);
    let template = job.pointer_mut("/spec/template").map(Value::take).unwrap_or_default();
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": template["spec"]});
    let mut labels = template["metadata"]["labels"].clone();
    labels[marks::ROLE] = json!(marks::ROLE_PROBE);
    pod["metadata"]["labels"] = labels;
    pod["metadata"]["annotations"] = template["metadata"]["annotations"].clone();
    let spec = &mut pod["spec"];
    spec["activeDeadlineSeconds"] = json!(parts.deadline_seconds);
    spec["volumes"] = json!([{"name": "scratch", "emptyDir": {}}]);
    let container = &mut spec["containers"][0];
    container["name"] = json!("probe");
    container["volumeMounts"] = json!([{"name": "scratch", "mountPath": "/scratch"}]);
    if let Some(env) = container["env"].as_array_mut() {
        env.push(json!({"name": "OMUPGRADE_ACTION", "value": "fingerprint"}));
    }
    pod
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backup::Engine;
    use serde_json::Map;

    #[test]
    fn it_reads_and_mounts_no_backup() {
        let parts = Job {
            release: "om",
            target: None,
            origin: "omupgrade",
            engine: Engine::Postgresql,
            image: "postgres:18",
            claim: "backups",
            deadline_seconds: 90,
            env: &[json!({"name": "DB_USER_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "pw", "key": "k"}}})],
            env_from: &[json!({"secretRef": {"name": "om-db-secret"}})],
            secret: None,
            password_secret: None,
            resources: &json!({}),
            user: Some(999),
            labels: &Map::new(),
            beside: &json!({"serviceAccountName": "om", "tolerations": [{"operator": "Exists"}], "volumes": [{"name": "x"}]}),
        };
        let pod = probe(&parts, "om-omupgrade-probe");
        let text = pod.to_string();
        assert!(!text.contains("backups") && !text.contains("persistentVolumeClaim"), "{text}");
        assert_eq!(pod["metadata"]["labels"][marks::ROLE], "probe");
        assert_eq!(pod["spec"]["serviceAccountName"], "om");
        assert_eq!(pod["spec"]["restartPolicy"], "Never");
        assert_eq!(pod["spec"]["containers"][0]["envFrom"][0]["secretRef"]["optional"], true);
        let env = pod["spec"]["containers"][0]["env"].as_array().unwrap();
        assert_eq!(env.iter().filter(|e| e["name"] == "OMUPGRADE_ACTION" && e["value"] == "fingerprint").count(), 1);
    }
}
