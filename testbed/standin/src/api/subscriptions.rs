//! What became of the last deliveries of webhooks. It never delivers anything.

use anyhow::Result;
use serde_json::{Value, json};

use super::{Api, Asking};
use crate::entities;
use crate::http::Answer;

/// The state of one destination. Source of the path: the server's generated API list; of the shape: the client's
/// `SubscriptionStatus`.
pub fn status_by_name(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    Ok(status(asking, by_name(api, asking)?))
}

/// The same by the subscription's id.
pub fn status_by_id(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    Ok(status(asking, by_id(api, asking)?))
}

/// How many events were sent. Source of the shape: the client's `EventSubscriptionEventsRecord`; the numbers are made up.
pub fn counts_by_name(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    Ok(counts(by_name(api, asking)?))
}

/// The same by the subscription's id.
pub fn counts_by_id(api: &Api, asking: &Asking<'_>) -> Result<Answer> {
    Ok(counts(by_id(api, asking)?))
}

fn by_name(api: &Api, asking: &Asking<'_>) -> Result<Option<Value>> {
    entities::by_name(&api.database, entities::kind("events/subscriptions")?, asking.part(0))
}

fn by_id(api: &Api, asking: &Asking<'_>) -> Result<Option<Value>> {
    entities::by_id(&api.database, entities::kind("events/subscriptions")?, asking.part(0))
}

fn status(asking: &Asking<'_>, subscription: Option<Value>) -> Answer {
    let subscription = subscription.unwrap_or_default();
    let mut destinations = subscription["destinations"].as_array().into_iter().flatten();
    let found = destinations.find(|destination| destination["id"] == asking.part(1));
    found.map_or_else(Answer::missing, |destination| Answer::json(&destination["statusDetails"]))
}

fn counts(subscription: Option<Value>) -> Answer {
    let Some(subscription) = subscription else { return Answer::missing() };
    let failed = subscription["destinations"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|destination| destination["statusDetails"]["status"] != "active");
    let failed = failed.count();
    Answer::json(&json!({
        "totalEventsCount": 10, "pendingEventsCount": failed, "successfulEventsCount": 10 - failed, "failedEventsCount": failed,
    }))
}
