//! What differs between the last good revision and the present one: values, settings of the server, objects. Texts are
//! shown only where their name says that they are no secret; all others are said to differ.

use crate::facts::Release;
use crate::preview::{Field, Object, Preview, fields, objects, preview, sensitive, servers, settings};
use crate::redact::HIDDEN;
use serde::{Deserialize, Serialize};

/// Keys of values and manifests whose texts are no secret.
const PLAIN_KEYS: &str = "\
    accessModes apiEndpoint apiVersion basePath className clusterAlias cpu databaseName dbScheme driverClass \
    failurePolicy host image imagePullPolicy kind logLevel maxSurge maxUnavailable memory minAvailable path port \
    provider pullPolicy replicas repository restartPolicy schedule scheme searchType secretName \
    serviceAccountName storage storageClassName tag targetPort type";
/// Settings of the server whose texts are no secret.
const PLAIN_SETTINGS: &str = "\
    AIRFLOW_VERIFY_SSL AUTHENTICATION_PROVIDER AUTHORIZER_CLASS_NAME BASE_PATH DB_CONNECTION_POOL_MAX_SIZE \
    DB_DRIVER_CLASS DB_HOST DB_PORT DB_SCHEME ELASTICSEARCH_CLUSTER_ALIAS ELASTICSEARCH_HOST ELASTICSEARCH_PORT \
    ELASTICSEARCH_SCHEME LOG_LEVEL MIGRATION_LIMIT_PARAM OM_DATABASE OPENMETADATA_CLUSTER_NAME \
    OPENMETADATA_HEAP_OPTS PIPELINE_SERVICE_CLIENT_CLASS_NAME PIPELINE_SERVICE_CLIENT_ENABLED \
    PIPELINE_SERVICE_CLIENT_ENDPOINT SEARCH_TYPE SECRET_MANAGER SERVER_ADMIN_PORT SERVER_HOST \
    SERVER_HOST_API_URL SERVER_PORT";
/// Labels that change with every chart and tell nothing.
const NOISE: &[&str] = &["helm.sh/chart", "app.kubernetes.io/version", "checksum/"];

/// The differences.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// The last good revision.
    pub from: u64,
    /// Why it is called so.
    pub because: String,
    /// The present revision.
    pub to: u64,
    /// The user's values.
    pub values: Vec<Field>,
    /// What the server is given as environment.
    pub settings: Vec<Field>,
    /// Objects.
    pub objects: Preview,
}

/// Compares two revisions. `because` says why the first is the last good one.
pub fn changes(good: &Release, present: &Release, because: &str) -> Result<Changes, String> {
    let read = |release: &Release| -> Result<Vec<Object>, String> {
        let text = release.manifest.expose().ok_or("the manifest is not here")?;
        objects(text, &release.namespace)
            .map_err(|e| format!("reading the manifest of revision {}: {e}", release.revision.number))
    };
    let (then, now) = (read(good)?, read(present)?);
    let values = match (good.values.expose(), present.values.expose()) {
        (Some(a), Some(b)) => fields(a, b).into_iter().map(masked).collect(),
        _ => Vec::new(),
    };
    let mut objects = preview(&then, &now);
    for change in &mut objects.changed {
        change.fields.retain(|f| !NOISE.iter().any(|noise| f.path.contains(noise)));
        // The environment is compared as a whole below; contents of Secrets are only said there.
        let secret = change.object.starts_with("Secret/");
        change.fields.retain(|f| !(secret && (f.path.starts_with("data") || f.path.starts_with("stringData"))));
        change.fields = std::mem::take(&mut change.fields).into_iter().map(masked).collect();
    }
    objects.changed.retain(|c| !c.fields.is_empty());
    let (from, to) = (good.revision.number, present.revision.number);
    Ok(Changes { from, because: because.to_owned(), to, values, settings: of_servers(&then, &now), objects })
}

/// The settings of the first server that differ.
fn of_servers(then: &[Object], now: &[Object]) -> Vec<Field> {
    let of = |objects: &[Object]| {
        let label = servers(objects).into_iter().next()?.label;
        Some(settings(objects, objects.iter().find(|o| o.label() == label)?))
    };
    let (Some(then), Some(now)) = (of(then), of(now)) else { return Vec::new() };
    let names = then.keys().chain(now.keys().filter(|k| !then.contains_key(*k)));
    let mut out = Vec::new();
    for name in names {
        let (a, b) = (then.get(name), now.get(name));
        if a == b {
            continue;
        }
        let plain = is_plain_setting(name);
        let show = |value: Option<&Option<crate::facts::Secret<String>>>| {
            let secret = value?;
            let text = secret.as_ref().and_then(|s| s.expose());
            Some(text.filter(|t| plain && !t.contains('@')).map_or_else(|| HIDDEN.to_owned(), |t| shown(t)))
        };
        out.push(Field { path: name.clone(), now: show(a), then: show(b) });
    }
    out
}

fn shown(text: &str) -> String {
    if text.is_empty() { "(empty)".to_owned() } else { text.to_owned() }
}

/// A field whose texts are hidden unless its name is one of those that hold none.
fn masked(field: Field) -> Field {
    let key = field.path.rsplit('.').find(|word| word.parse::<usize>().is_err()).unwrap_or_default();
    let open = holds(PLAIN_KEYS, key);
    // A password of digits is a number: that of an entry (`env`, `extraEnvs`) may be one, whatever its name says.
    let counts = key != "value" && !field.path.split('.').any(sensitive);
    let mask = |text: Option<String>| {
        text.map(|t| {
            let simple =
                counts && t.parse::<f64>().is_ok() || matches!(t.as_str(), "true" | "false" | "null" | "{}" | "[]");
            if open || simple { t } else { HIDDEN.to_owned() }
        })
    };
    Field { path: field.path, now: mask(field.now), then: mask(field.then) }
}

/// Whether the text of a setting of this name is no secret.
pub fn is_plain_setting(name: &str) -> bool {
    holds(PLAIN_SETTINGS, name)
}

fn holds(list: &str, name: &str) -> bool {
    list.split_whitespace().any(|word| word == name)
}
