//! One storage object into a revision: base64, gzip, JSON. Asks the cluster nothing.

use crate::facts::{Chart, Driver, Hook, HookRun, Release, Revision, Secret, Status};
use crate::preview::objects;
use crate::redact::without_looks;
use anyhow::Context;
use base64::Engine;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use shared::component;
use std::io::Read;

/// No release is larger: the API server stops at 1.5 MiB of compressed text.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Decodes `data.release` of a storage object, after Kubernetes' own base64.
pub fn decode(data: &[u8], driver: Driver, object: &str) -> anyhow::Result<Release> {
    let doing = || format!("decoding the Helm release in {object}");
    let json = unpacked(data).with_context(doing)?;
    let raw: Raw = serde_json::from_slice(&json).with_context(doing)?;
    Ok(raw.release(driver, object))
}

/// The chart's own values.
pub fn defaults(data: &[u8]) -> anyhow::Result<Value> {
    let all: Value = serde_json::from_slice(&unpacked(data)?)?;
    Ok(all.pointer("/chart/values").cloned().unwrap_or_default())
}

fn unpacked(data: &[u8]) -> anyhow::Result<Vec<u8>> {
    let packed = base64::engine::general_purpose::STANDARD.decode(data.trim_ascii())?;
    // Very old releases are not compressed.
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Ok(packed);
    }
    let mut json = Vec::new();
    flate2::read::GzDecoder::new(packed.as_slice()).take(LARGEST).read_to_end(&mut json)?;
    Ok(json)
}

/// What we read of Helm's JSON; everything may be missing.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Raw {
    name: String,
    namespace: String,
    version: u64,
    info: RawInfo,
    chart: RawChart,
    config: Value,
    manifest: String,
    hooks: Option<Vec<RawHook>>,
    apply_method: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawInfo {
    status: String,
    description: String,
    last_deployed: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawChart {
    metadata: RawMetadata,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct RawMetadata {
    name: String,
    version: String,
    app_version: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawHook {
    kind: String,
    name: String,
    events: Vec<String>,
    manifest: String,
    last_run: RawRun,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawRun {
    phase: String,
    started_at: Option<String>,
    completed_at: Option<String>,
}

impl Raw {
    fn release(self, driver: Driver, object: &str) -> Release {
        let chart = self.chart.metadata;
        let images = workloads(&self.manifest, &self.namespace);
        let holds_openmetadata = chart.name == "openmetadata" || holds_server(&self.manifest);
        Release {
            revision: Revision {
                number: self.version,
                status: Status::read(&self.info.status),
                chart: Chart { name: chart.name, version: chart.version, app_version: chart.app_version },
                updated: self.info.last_deployed.as_deref().and_then(time),
                // Of a revision that failed it may quote what the API server refused.
                description: without_looks(&self.info.description),
                object: object.to_owned(),
                driver,
                apply_method: self.apply_method.filter(|m| !m.is_empty()),
            },
            workloads: images.iter().map(|(label, _)| label.clone()).collect(),
            images: images.into_iter().filter_map(|(label, image)| Some((label, image?))).collect(),
            name: self.name,
            namespace: self.namespace,
            values: Secret::new(self.config),
            manifest: Secret::new(self.manifest),
            hooks: self.hooks.unwrap_or_default().into_iter().map(RawHook::hook).collect(),
            holds_openmetadata,
        }
    }
}

impl RawHook {
    fn hook(self) -> Hook {
        let run = self.last_run;
        let last_run = (!run.phase.is_empty()).then(|| HookRun {
            phase: run.phase,
            started: run.started_at.as_deref().and_then(time),
            completed: run.completed_at.as_deref().and_then(time),
        });
        Hook { kind: self.kind, name: self.name, events: self.events, manifest: Secret::new(self.manifest), last_run }
    }
}

/// Helm's times; its zero time is none.
fn time(text: &str) -> Option<Timestamp> {
    text.parse::<Timestamp>().ok().filter(|t| t.as_second() > 0)
}

/// The workloads of a manifest, in the release's own namespace, each with the image that it serves with; none of one that
/// cannot be read.
fn workloads(manifest: &str, namespace: &str) -> Vec<(String, Option<String>)> {
    let all = objects(manifest, namespace).unwrap_or_default().into_iter();
    all.filter(|o| o.group == "apps" && matches!(o.kind.as_str(), "Deployment" | "StatefulSet" | "DaemonSet"))
        .filter(|o| o.namespace.is_empty())
        .map(|o| (format!("{}/{}", o.kind, o.name), image(&o.value)))
        .collect()
}

fn image(workload: &Value) -> Option<String> {
    let container = format!("/spec/template/spec/containers/{}/image", component::serving_index(workload)?);
    workload.pointer(&container)?.as_str().map(str::to_owned)
}

/// Whether it holds the words that only a server's manifest does, in every chart era.
fn holds_server(manifest: &str) -> bool {
    manifest.contains("run-db-migrations") || (manifest.contains("openmetadata-ops.sh") && manifest.contains("migrate"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn pack(json: &str) -> Vec<u8> {
        let mut zip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        zip.write_all(json.as_bytes()).unwrap();
        base64::engine::general_purpose::STANDARD.encode(zip.finish().unwrap()).into_bytes()
    }

    #[test]
    fn reads_what_helm_3_and_4_write() {
        let three = r#"{"name":"om","info":{"first_deployed":"2026-11-22T10:00:00.5+01:00","last_deployed":"2026-11-22T10:00:00.5+01:00","deleted":"","description":"Install complete","status":"deployed"},"chart":{"metadata":{"name":"openmetadata","version":"1.13.1","appVersion":"1.13.1"},"lock":null},"config":{"a":"secret"},"manifest":"---\nkind: Secret\n","version":1,"namespace":"data"}"#;
        let release = decode(&pack(three), Driver::Secrets, "s").unwrap();
        assert_eq!(release.revision.status, Status::Deployed);
        assert_eq!(release.revision.updated.unwrap().to_string(), "2026-11-22T09:00:00.5Z");
        assert!(release.holds_openmetadata);
        assert!(!format!("{release:?}").contains("secret\""));
        let four = r#"{"name":"om","version":4,"namespace":"data","apply_method":"ssa","info":{"status":"pending-upgrade","last_deployed":"2026-11-22T10:00:00Z"},"hooks":[{"name":"bk","kind":"Job","events":["pre-upgrade"],"last_run":{"started_at":"2026-11-22T10:00:00Z","completed_at":"0001-01-01T00:00:00Z","phase":"Running"}}]}"#;
        let release = decode(&pack(four), Driver::ConfigMaps, "c").unwrap();
        assert_eq!(release.revision.apply_method.as_deref(), Some("ssa"));
        assert!(release.revision.status.is_pending());
        assert_eq!(release.hooks[0].last_run.as_ref().unwrap().completed, None);
    }

    /// Charts name a namespace or leave it out.
    #[test]
    fn the_workloads_of_the_releases_own_namespace() {
        let object = |kind: &str, group: &str, place: &str| {
            let spec =
                "spec: {template: {spec: {containers: [{name: a, image: 'registry/server:1.13.1', ports: [{}]}]}}}";
            format!("---\napiVersion: {group}/v1\nkind: {kind}\nmetadata: {{name: om{place}}}\n{spec}\n")
        };
        let all = [
            object("Deployment", "apps", ""),
            object("StatefulSet", "apps", "-set, namespace: data"),
            object("Deployment", "apps", "-far, namespace: elsewhere"),
            object("StatefulSet", "apps.kruise.io", "-other"),
        ];
        let manifest = serde_json::json!({"name": "om", "namespace": "data", "manifest": all.concat()}).to_string();
        let release = decode(&pack(&manifest), Driver::Secrets, "s").unwrap();
        assert_eq!(release.workloads, ["Deployment/om", "StatefulSet/om-set"]);
        assert_eq!(release.images["Deployment/om"], "registry/server:1.13.1");
    }

    #[test]
    fn what_helm_says_of_a_failure_holds_no_secret() {
        let refused = r#"{"info":{"status":"failed","description":"Upgrade \"om\" failed: pre-upgrade hooks failed: resource Job/data/om-omupgrade-backup-1-13-1 not ready, spec.password: Invalid value: DB_USER_PASSWORD=hunter-two"}}"#;
        let revision = decode(&pack(refused), Driver::Secrets, "s").unwrap().revision;
        assert!(!revision.description.contains("hunter") && revision.stopped_at_its_hook(), "{}", revision.description);
        assert!(
            revision.description.contains("Job/data/om-omupgrade-backup-1-13-1 not ready"),
            "{}",
            revision.description
        );
    }

    #[test]
    fn bad_input_is_an_error_with_a_name() {
        for data in [&b"%%%"[..], b"", b"aGVsbG8="] {
            assert!(format!("{:#}", decode(data, Driver::Secrets, "Secret x").unwrap_err()).contains("Secret x"));
        }
    }
}
