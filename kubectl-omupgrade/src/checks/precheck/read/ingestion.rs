//! What ingests metadata: who runs it, with which images.

use shared::component::{image_base, image_tag};
use shared::versions::tables::Tables;
use shared::versions::{Dotted, Version};
use std::collections::{BTreeMap, BTreeSet};

/// Who runs pipelines: `airflow`, `k8s`, `none`, or what stands there.
pub fn pipeline_client(settings: &BTreeMap<String, String>) -> String {
    let of = |name: &str| settings.get(name).map(|v| v.to_lowercase());
    if of("PIPELINE_SERVICE_CLIENT_ENABLED").as_deref() == Some("false") {
        return "none".to_owned();
    }
    match of("PIPELINE_SERVICE_CLIENT_CLASS_NAME") {
        None => "airflow".to_owned(),
        Some(class) if class.contains("airflow") => "airflow".to_owned(),
        Some(class) if class.contains("k8s") => "k8s".to_owned(),
        Some(class) => class.rsplit('.').next().unwrap_or_default().to_owned(),
    }
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
