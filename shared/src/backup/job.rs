//! The backup Job's manifest. Everything it knows of the database comes by reference to the server's own Secrets.

use super::{Engine, FINGERPRINT_MYSQL, FINGERPRINT_POSTGRESQL};
use crate::marks;
use serde_json::{Map, Value, json};

/// What a backup Job is made of.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// The Job's name: [`job_name`], or one of the caller's that no other Job has.
    pub name: &'a str,
    /// The Helm release.
    pub release: &'a str,
    /// What runs in it: [`script`](super::script), or another script of this room.
    pub script: &'a str,
    /// More variables for the script.
    pub variables: &'a [(&'a str, &'a str)],
    /// A Secret with files for the script, mounted at [`ATTACHED`]. The pod does not start without it.
    pub attached: Option<&'a str>,
    /// The version that the upgrade goes to, where it is known.
    pub target: Option<String>,
    /// `hook` or `omupgrade`.
    pub origin: &'a str,
    /// The database's engine.
    pub engine: Engine,
    /// The client image: it must be at least as new as the server.
    pub image: &'a str,
    /// The claim that takes the backup. It must exist: one made together with the Job would be deleted with it.
    pub claim: &'a str,
    /// Seconds after which Kubernetes ends the Job.
    pub deadline_seconds: u64,
    /// `env` entries with the database's settings.
    pub env: &'a [Value],
    /// `envFrom` entries with the database's settings.
    pub env_from: &'a [Value],
    /// The Secret with the settings, for messages.
    pub secret: Option<&'a str>,
    /// The Secret with the password, for messages.
    pub password_secret: Option<&'a str>,
    /// A PEM file with the database's certificate authority, mounted in the container that migrates.
    pub ca_file: Option<&'a str>,
    /// Resources of the one container.
    pub resources: &'a Value,
    /// The numeric user and group; none leaves the choice to the image or the cluster.
    pub user: Option<i64>,
    /// Labels for the pod, for network policies and the like.
    pub labels: &'a Map<String, Value>,
    /// The server: its pod's placement, service account and pull secrets are taken over, and the Secrets and
    /// `ConfigMap`s that its migration container mounts (certificates).
    pub beside: &'a Value,
}

/// Where the files of [`Job::attached`] stand.
pub const ATTACHED: &str = "/omupgrade-attached";

/// The volume that takes the backup.
pub(super) const BACKUP_VOLUME: &str = "omupgrade-backup";

/// The volume with the attached files.
const ATTACHED_VOLUME: &str = "omupgrade-attached";

/// What a backup pod takes over from the server's pod: where it may run, and with what rights it pulls.
const TAKEN_OVER: &[&str] = &[
    "serviceAccountName",
    "imagePullSecrets",
    "tolerations",
    "nodeSelector",
    "priorityClassName",
    "dnsPolicy",
    "dnsConfig",
    "hostAliases",
    "schedulerName",
    "runtimeClassName",
];

/// A Job name of at most 63 characters of a DNS label, from any release and version.
///
/// ```
/// use shared::backup::job_name;
/// assert_eq!(job_name("om", Some("1.13.1")), "om-omupgrade-backup-1-13-1");
/// assert!(job_name(&"x".repeat(80), Some("1.13.1")).len() <= 63);
/// ```
pub fn job_name(release: &str, target: Option<&str>) -> String {
    let clean = |text: &str| -> String {
        text.to_ascii_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    };
    let tail = target.map(|t| format!("-{}", clean(t))).unwrap_or_default();
    let tail = format!("-omupgrade-backup{tail}");
    let tail: String = tail.chars().take(50).collect();
    let head: String = clean(release).chars().take(63 - tail.len()).collect();
    format!("{head}{tail}").trim_matches('-').to_owned()
}

/// The Job. It carries none of the labels that a server's Service or budget selects.
pub fn job(parts: &Job<'_>) -> Value {
    let labels = labels(parts);
    let spec = parts.beside.pointer("/spec/template/spec").unwrap_or(&Value::Null);
    let (volumes, mounts) = files(parts.beside, spec);
    let mut pod = Map::new();
    for key in TAKEN_OVER {
        if let Some(value) = spec.get(*key).filter(|v| !is_empty(v)) {
            pod.insert((*key).to_owned(), value.clone());
        }
    }
    // Of its affinity only what speaks of nodes: what speaks of pods keeps servers apart.
    if let Some(nodes) = spec.pointer("/affinity/nodeAffinity").filter(|v| !is_empty(v)) {
        pod.insert("affinity".to_owned(), json!({"nodeAffinity": nodes}));
    }
    pod.insert("restartPolicy".to_owned(), json!("Never"));
    pod.insert("automountServiceAccountToken".to_owned(), json!(false));
    pod.insert("securityContext".to_owned(), pod_security(parts.user));
    pod.insert("containers".to_owned(), json!([container(parts, mounts)]));
    let own = [
        json!({"name": BACKUP_VOLUME, "persistentVolumeClaim": {"claimName": parts.claim}}),
        json!({"name": "omupgrade-scratch", "emptyDir": {}}),
    ];
    let attached = parts.attached.map(|secret| json!({"name": ATTACHED_VOLUME, "secret": {"secretName": secret}}));
    pod.insert("volumes".to_owned(), own.into_iter().chain(volumes).chain(attached).collect());
    json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": parts.name, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": parts.deadline_seconds,
            "template": {
                "metadata": {
                    "labels": labels,
                    // A sidecar would keep the pod running after the backup, and so the Job from completing.
                    "annotations": {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"},
                },
                "spec": pod,
            },
        },
    })
}

/// The Secrets and `ConfigMap`s that the migration container mounts, as volumes and mounts of the backup's pod. All
/// optional: one that this upgrade makes first is not there yet.
fn files(server: &Value, spec: &Value) -> (Vec<Value>, Vec<Value>) {
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let mut volumes: Vec<Value> = list(spec, "volumes");
    volumes.retain(|v| v.get("secret").is_some() || v.get("configMap").is_some());
    for volume in &mut volumes {
        for kind in ["secret", "configMap"] {
            if let Some(Value::Object(source)) = volume.get_mut(kind) {
                source.insert("optional".to_owned(), json!(true));
            }
        }
    }
    let mut mounts = crate::component::migration_container(server).map(|c| list(c, "volumeMounts")).unwrap_or_default();
    mounts.retain(|m| volumes.iter().any(|v| v.get("name") == m.get("name")));
    volumes.retain(|v| mounts.iter().any(|m| v.get("name") == m.get("name")));
    for mount in mounts.iter_mut().filter_map(Value::as_object_mut) {
        mount.insert("readOnly".to_owned(), json!(true));
    }
    (volumes, mounts)
}

fn labels(parts: &Job<'_>) -> Value {
    let mut labels = parts.labels.clone();
    labels.insert("app.kubernetes.io/managed-by".to_owned(), json!("omupgrade"));
    labels.insert(marks::ROLE.to_owned(), json!(marks::ROLE_BACKUP));
    labels.insert(marks::RELEASE.to_owned(), json!(parts.release));
    labels.insert("sidecar.istio.io/inject".to_owned(), json!("false"));
    Value::Object(labels)
}

fn pod_security(user: Option<i64>) -> Value {
    match user {
        Some(user) => json!({
            "runAsNonRoot": true, "runAsUser": user, "runAsGroup": user, "fsGroup": user,
            "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
        }),
        None => json!({"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}),
    }
}

fn container(parts: &Job<'_>, mounts: Vec<Value>) -> Value {
    let (variable, fingerprint) = match parts.engine {
        Engine::Postgresql => ("OMUPGRADE_FINGERPRINT_POSTGRESQL", FINGERPRINT_POSTGRESQL),
        Engine::Mysql => ("OMUPGRADE_FINGERPRINT_MYSQL", FINGERPRINT_MYSQL),
    };
    let target = parts.target.as_deref().unwrap_or_default();
    let mut env: Vec<Value> = parts.env.iter().map(optional).collect();
    for (name, value) in [
        ("OMUPGRADE_ORIGIN", parts.origin),
        ("OMUPGRADE_RELEASE", parts.release),
        ("OMUPGRADE_TARGET", target),
        ("OMUPGRADE_BACKUP_NAME", &backup_name(parts.release, target)),
        ("OMUPGRADE_BACKUP_DIR", "/backup"),
        ("OMUPGRADE_DB_SECRET", parts.secret.unwrap_or_default()),
        ("OMUPGRADE_PASSWORD_SECRET", parts.password_secret.unwrap_or_default()),
        ("OMUPGRADE_CA_FILE", parts.ca_file.unwrap_or_default()),
        ("TMPDIR", "/scratch"),
        ("HOME", "/scratch"),
        (variable, fingerprint),
    ] {
        env.push(json!({"name": name, "value": value}));
    }
    env.extend(parts.variables.iter().map(|(name, value)| json!({"name": name, "value": value})));
    env.push(json!({"name": "OMUPGRADE_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}));
    let own = [
        json!({"name": BACKUP_VOLUME, "mountPath": "/backup"}),
        json!({"name": "omupgrade-scratch", "mountPath": "/scratch"}),
    ];
    let attached = parts.attached.map(|_| json!({"name": ATTACHED_VOLUME, "mountPath": ATTACHED, "readOnly": true}));
    json!({
        "name": "backup",
        "image": parts.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", parts.script],
        "env": env,
        "envFrom": parts.env_from.iter().map(optional).collect::<Vec<_>>(),
        "resources": parts.resources,
        "securityContext": {
            "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "capabilities": {"drop": ["ALL"]},
        },
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": own.into_iter().chain(mounts).chain(attached).collect::<Vec<_>>(),
    })
}

/// What a backup's directory is called, before its time: letters, digits, dots and dashes.
fn backup_name(release: &str, target: &str) -> String {
    let text = if target.is_empty() { release.to_owned() } else { format!("{release}-{target}") };
    text.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect()
}

/// An `env` or `envFrom` entry whose missing Secret or ConfigMap lets the container start, so that the script can
/// say which one is missing instead of a pod that waits for ever.
fn optional(entry: &Value) -> Value {
    let mut entry = entry.clone();
    for path in ["/secretRef", "/configMapRef", "/valueFrom/secretKeyRef", "/valueFrom/configMapKeyRef"] {
        if let Some(Value::Object(reference)) = entry.pointer_mut(path) {
            reference.insert("optional".to_owned(), json!(true));
        }
    }
    entry
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    }
}
