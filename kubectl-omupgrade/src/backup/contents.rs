//! What a backup holds beside the dump: values, manifest and hooks of the release with every secret taken out, and the
//! members of the record that only the plugin knows. The secrets themselves go elsewhere, or nowhere.

use crate::facts::Release;
use crate::preview::{objects, redacted};
use crate::redact::all_without_looks;
use serde_json::{Value, json};
use shared::backup::{Held, Keys, Of};
use std::collections::BTreeMap;
use std::io::Write;

/// What is known of a release besides its own storage.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// The chart's own values, where they could be read.
    pub defaults: Option<Value>,
    /// The images that run, with the digests that the nodes pulled.
    pub images: BTreeMap<String, Vec<String>>,
    /// Fingerprints of keys.
    pub keys: Keys,
    /// Where the secrets are kept.
    pub secrets: Option<Held>,
}

/// Two files for the Job.
#[derive(Debug, Clone)]
pub struct Packed {
    /// Members for `catalog.json`: a JSON object without its braces.
    pub record: String,
    /// `release.json`, compressed.
    pub release: Vec<u8>,
}

impl Packed {
    /// The files that a Pod takes over into the backup; `encrypted` are its secrets for recipients.
    pub fn files(self, encrypted: Option<Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
        let parts = [("record.part", self.record.into_bytes()), ("release.json.gz", self.release)];
        let encrypted = encrypted.map(|text| ("secrets.age", text));
        parts.into_iter().chain(encrypted).map(|(name, bytes)| (name.to_owned(), bytes)).collect()
    }
}

/// Packs them.
pub fn pack(release: &Release, known: Known) -> Result<Packed, String> {
    let chart = &release.revision.chart;
    let manifest = release.manifest.expose().ok_or("the manifest is not here")?;
    let clean = |text: &str| -> Result<Vec<Value>, String> {
        Ok(objects(text, &release.namespace)?.iter().map(|o| without_secrets(&o.kind, &o.value)).collect())
    };
    let mut hooks = Vec::new();
    for hook in &release.hooks {
        hooks.extend(clean(hook.manifest.expose().map_or("", String::as_str))?);
    }
    let values = release.values.expose().cloned().unwrap_or_default();
    let computed = known.defaults.clone().map(|defaults| without_secrets("", &merged(defaults, &values)));
    let content = json!({
        "v": 1,
        "name": release.name,
        "namespace": release.namespace,
        "revision": release.revision.number,
        "chart": chart,
        "values": without_secrets("", &values),
        "computed_values": computed,
        "manifest": clean(manifest)?,
        "hooks": hooks,
    });
    let of = of(release, known);
    let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let text = serde_json::to_vec(&content).map_err(|e| e.to_string())?;
    let packed = zip.write_all(&text).and_then(|()| zip.finish()).map_err(|e| e.to_string())?;
    let of = serde_json::to_string(&of).map_err(|e| e.to_string())?;
    Ok(Packed { record: format!("\"of\":{of}"), release: packed })
}

/// Without what a name calls a secret, and without what looks like one inside of texts: a file in a `ConfigMap`, arguments.
fn without_secrets(kind: &str, value: &Value) -> Value {
    let mut clean = redacted(kind, value);
    all_without_looks(&mut clean);
    clean
}

/// What a record says of the release.
pub fn of(release: &Release, known: Known) -> Of {
    let chart = &release.revision.chart;
    Of {
        revision: release.revision.number,
        chart: chart.name.clone(),
        chart_version: chart.version.clone(),
        app_version: chart.app_version.clone(),
        images: known.images,
        keys: known.keys,
        secrets: known.secrets,
    }
}

/// The user's values over the chart's, as helm merges them: maps key by key, null takes a key away, all else replaces.
fn merged(mut under: Value, over: &Value) -> Value {
    let (Value::Object(under_map), Value::Object(over_map)) = (&mut under, over) else {
        return if over.is_null() { under } else { over.clone() };
    };
    for (key, value) in over_map {
        if value.is_null() {
            under_map.remove(key);
        } else if let (Some(Value::Object(_)), Value::Object(_)) = (under_map.get(key), value) {
            let below = under_map.remove(key).unwrap_or_default();
            under_map.insert(key.clone(), merged(below, value));
        } else {
            under_map.insert(key.clone(), value.clone());
        }
    }
    under
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Chart, Driver, Hook, Revision, Secret, Status};
    use std::io::Read;

    #[test]
    fn it_holds_the_release_and_no_secret() {
        let release = Release {
            revision: Revision {
                number: 7,
                status: Status::Deployed,
                chart: Chart { name: "openmetadata".into(), version: "1.12.3".into(), app_version: "1.12.3".into() },
                updated: None,
                description: String::new(),
                object: String::new(),
                driver: Driver::Secrets,
                apply_method: None,
            },
            name: "om".into(),
            namespace: "data".into(),
            values: Secret::new(json!({"a": {"b": 2, "gone": null}, "fernetKey": {"value": "hunter2"}, "dbPassword": "hunter2", "adminPassword": 47_118})),
            manifest: Secret::new(
                "kind: Secret\napiVersion: v1\nmetadata: {name: s}\ndata: {K: aHVudGVyMg==}\n---\nkind: Deployment\napiVersion: apps/v1\nmetadata: {name: om}\nspec: {template: {spec: {containers: [{name: om, env: [{name: API_TOKEN, value: hunter2}, {name: LOG, value: INFO}], args: ['--password=hunter2']}]}}}\n---\nkind: ConfigMap\napiVersion: v1\nmetadata: {name: c}\ndata: {app.yaml: \"user: om\\npassword: hunter2\\n\"}\n".into(),
            ),
            hooks: vec![Hook {
                kind: "Secret".into(),
                name: "h".into(),
                events: Vec::new(),
                manifest: Secret::new(
                    "kind: Secret\napiVersion: v1\nmetadata: {name: h}\nstringData: {K: hunter2}\n".into(),
                ),
                last_run: None,
            }],
            holds_openmetadata: true,
            workloads: Vec::new(),
            images: BTreeMap::new(),
        };
        let known = Known { defaults: Some(json!({"a": {"b": 1, "c": 3, "gone": 4}})), ..Known::default() };
        let packed = pack(&release, known).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(packed.release.as_slice()).read_to_string(&mut text).unwrap();
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVyMg") && !text.contains("47118"), "{text}");
        let content: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(content["computed_values"]["a"], json!({"b": 2, "c": 3}));
        assert_eq!(content["manifest"][1]["spec"]["template"]["spec"]["containers"][0]["env"][1]["value"], "INFO");
        assert_eq!(content["hooks"][0]["metadata"]["name"], "h");
        let of: Value = serde_json::from_str(&format!("{{{}}}", packed.record)).unwrap();
        assert_eq!(of["of"]["revision"], 7);
    }
}
