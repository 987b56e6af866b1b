//! Jobs.

use super::meta::{conditions, meta, time};
use super::pod::claims;
use crate::facts::Job;
use k8s_openapi::api::batch::v1::Job as ApiJob;
use shared::marks;

/// A Job.
pub fn job(from: &ApiJob) -> Job {
    let (spec, status) = (from.spec.clone().unwrap_or_default(), from.status.clone().unwrap_or_default());
    let meta = meta(&from.metadata);
    let pod = spec.template.spec.unwrap_or_default();
    Job {
        role: meta.label(marks::ROLE).map(str::to_owned),
        events: meta
            .annotation("helm.sh/hook")
            .map(|h| h.split(',').map(|e| e.trim().to_owned()).collect())
            .unwrap_or_default(),
        active: status.active.unwrap_or_default(),
        succeeded: status.succeeded.unwrap_or_default(),
        failed: status.failed.unwrap_or_default(),
        backoff_limit: spec.backoff_limit.unwrap_or(6),
        deadline: spec.active_deadline_seconds,
        started: time(status.start_time.as_ref()),
        completed: time(status.completion_time.as_ref()),
        conditions: conditions!(status.conditions),
        claims: claims(&pod),
        meta,
    }
}
