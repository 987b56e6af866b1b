//! Ingestion pipelines: switched, started, stopped, deployed. It never runs one.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Api, Asking, resources};
use crate::entities::{self, Kind};
use crate::http::Answer;
use crate::version;

fn kind() -> Result<&'static Kind> {
    entities::kind("services/ingestionPipelines")
}

/// A real toggle: without a body, and not idempotent. Source: `IngestionPipelineResource`; with the client disabled it
/// answers 200 and a text, and `enabled` stays as it is.
pub fn toggle(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let kind = kind()?;
    let Some(mut pipeline) = entities::by_id(&api.database, kind, asking.part(0))? else {
        return Ok(missing(asking, 0));
    };
    if !api.settings.pipeline_client {
        return Ok(Answer::text("Pipeline Client Disabled"));
    }
    pipeline["enabled"] = json!(pipeline["enabled"] != true);
    entities::put(&api.database, kind, &pipeline)?;
    api.note(kind, &pipeline);
    Ok(Answer::json(&resources::shown(api, kind, pipeline)?))
}

/// `trigger`, `deploy`, `kill` with a pipeline's id. Assumption: the words; the shape is the client's.
pub fn command(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let done = match asking.part(0) {
        "trigger" => "triggered",
        "deploy" => "deployed",
        "kill" => "killed",
        _ => return Ok(Answer::missing()),
    };
    let Some(pipeline) = entities::by_id(&api.database, kind()?, asking.part(1))? else {
        return Ok(missing(asking, 1));
    };
    if !api.settings.pipeline_client {
        return Ok(Answer::text("Pipeline Client Disabled"));
    }
    let name = pipeline["fullyQualifiedName"].as_str().unwrap_or_default();
    Ok(Answer::json(&said(200, &format!("Workflow [{name}] has been {done}"))))
}

/// A list of ids in, a list of answers in their order. Source: `OpenMetadataOperations.deployPipelineChunk`.
pub fn deploy_many(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let kind = kind()?;
    let body = asking.body()?;
    let answers: Result<Vec<Value>> = body
        .as_array()
        .into_iter()
        .flatten()
        .map(|id| {
            let found = entities::by_id(&api.database, kind, id.as_str().unwrap_or_default())?;
            Ok(found.map_or_else(|| said(404, "no such pipeline"), |_| said(200, "Pipeline deployed")))
        })
        .collect();
    Ok(Answer::json(&json!(answers?)))
}

/// Whether the orchestrator answers. Source: `AirflowRESTClient.getServiceStatusInternal`: `version` is what the plugin in
/// Airflow tells of its package `openmetadata-ingestion` (`health_response`), and no version of Airflow's; a package has a
/// fourth number (facts 1.1). With the client disabled there is none to ask: `IngestionPipelineRepository.getServiceStatus`.
/// Assumption: the package is of the server's own release; one of another minor version is answered with 500 and a reason.
pub fn status(api: &Api, _: &Asking<'_>) -> Result<Answer> {
    Ok(if api.settings.pipeline_client {
        let package = format!("{}.0", version::of_this_image());
        Answer::json(&json!({ "code": 200, "platform": "Airflow", "version": package }))
    } else {
        Answer::json(&json!({ "code": 200, "reason": "Pipeline Client Disabled" }))
    })
}

fn said(code: u16, reason: &str) -> Value {
    json!({ "code": code, "platform": "Airflow", "reason": reason })
}

fn missing(asking: &Asking<'_>, at: usize) -> Answer {
    Answer::error(404, &format!("ingestionPipeline instance for {} not found", asking.part(at)))
}
