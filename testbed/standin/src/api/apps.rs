//! Applications: triggered, stopped, asked how their runs went. It never waits for one.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Api, Asking};
use crate::entities;
use crate::http::Answer;

/// Starts a run. The body's keys override the configuration, null deletes one; the answer is an empty 200 (facts 4.7).
pub fn trigger(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let Some(app) = app(api, asking)? else { return Ok(missing(asking)) };
    let mut config = app["appConfiguration"].clone();
    if let (true, Some(config), Value::Object(overrides)) =
        (api.era.trigger_takes_overrides(), config.as_object_mut(), asking.body()?)
    {
        config.extend(overrides);
        config.retain(|key, value| !value.is_null() && !api.era.forgotten_settings().contains(&key.as_str()));
    }
    Ok(if api.apps.start(&app, &config)? {
        Answer::text("")
    } else {
        // Assumption: the words are the scheduler's, the status is not recorded.
        Answer::error(500, "Job is already running, please wait for it to complete.")
    })
}

/// Asks a run to end; it does after the kind that it is at. Assumption: the words (only 200 and a text are recorded).
pub fn stop(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    if app(api, asking)?.is_none() {
        return Ok(missing(asking));
    }
    api.apps.stop();
    Ok(Answer::text("Application stopped in progress."))
}

/// The last run; before the first 404, which is an assumption.
pub fn latest(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let Some(app) = app(api, asking)? else { return Ok(missing(asking)) };
    let runs = api.apps.runs(&app, 1, 0)?;
    Ok(runs.first().map_or_else(|| Answer::error(404, "No Available Application Run Records."), Answer::json))
}

/// All runs, the last one first (facts 4.8). Assumption: the paging, which is that of the server's other lists by offset.
pub fn runs(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    let Some(app) = app(api, asking)? else { return Ok(missing(asking)) };
    let (limit, offset) = (asking.limit()?, asking.number("offset", 0)?);
    let (data, total) = (api.apps.runs(&app, limit, offset)?, api.apps.count(&app)?);
    Ok(Answer::json(&json!({ "data": data, "paging": { "offset": offset, "limit": limit, "total": total } })))
}

fn app(api: &Api, asking: &Asking<'_>) -> Result<Option<Value>> {
    entities::by_name(&api.database, entities::kind("apps")?, asking.part(0))
}

fn missing(asking: &Asking<'_>) -> Answer {
    Answer::error(404, &format!("app instance for {} not found", asking.part(0)))
}
