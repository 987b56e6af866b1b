//! Who asks for the lock and for what, and what a Lease tells of its holder.

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use std::time::Duration;

/// Annotation: the plan of the holder's run.
const PLAN: &str = "omupgrade.io/plan";

/// Who asks, and what for.
#[derive(Debug, Clone)]
pub struct Claim {
    /// A name that no other process has.
    pub holder: String,
    /// What it sets out to do, in one line.
    pub plan: String,
}

/// How long a lock lives without a renewal, and how often it is renewed.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// Without a renewal for this long, as observed, the holder is gone.
    pub duration: Duration,
    /// Time between renewals.
    pub renew: Duration,
}

impl Default for Timing {
    /// Chosen: three renewals may be missed.
    fn default() -> Self {
        Self { duration: Duration::from_secs(30), renew: Duration::from_secs(8) }
    }
}

/// What a Lease tells of its holder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its name; empty where nobody holds it.
    pub name: String,
    /// Its fence.
    pub fence: i32,
    /// Its plan.
    pub plan: String,
    /// When it took the lock, by its own clock.
    pub since: Option<Timestamp>,
    /// When it renewed it, by its own clock: only compared for equality.
    pub renewed: Option<Timestamp>,
    /// How long it lives without a renewal.
    pub duration: Duration,
}

impl Holder {
    /// Reads a Lease.
    pub fn of(lease: &Lease) -> Self {
        let spec = lease.spec.clone().unwrap_or_default();
        let plan = lease.metadata.annotations.as_ref().and_then(|a| a.get(PLAN)).cloned();
        Self {
            name: spec.holder_identity.unwrap_or_default(),
            fence: spec.lease_transitions.unwrap_or(0),
            plan: plan.unwrap_or_default(),
            since: spec.acquire_time.map(|t| t.0),
            renewed: spec.renew_time.map(|t| t.0),
            duration: Duration::from_secs(spec.lease_duration_seconds.and_then(|s| s.try_into().ok()).unwrap_or(0)),
        }
    }

    /// In words, for whoever has to wait.
    pub fn words(&self) -> String {
        let since = self.since.map(|t| format!(" since {t:.0}")).unwrap_or_default();
        let plan = if self.plan.is_empty() { String::new() } else { format!(" for `{}`", self.plan) };
        format!("{} holds it{since}{plan}", self.name)
    }
}

impl Claim {
    /// Writes the claim into a Lease, with the next fence.
    pub(super) fn write(&self, lease: &mut Lease, timing: Timing) -> i32 {
        let fence = Holder::of(lease).fence.saturating_add(1);
        let now = MicroTime(Timestamp::now());
        lease.metadata.annotations.get_or_insert_default().insert(PLAN.to_owned(), self.plan.clone());
        lease.spec = Some(LeaseSpec {
            holder_identity: Some(self.holder.clone()),
            lease_duration_seconds: Some(i32::try_from(timing.duration.as_secs()).unwrap_or(i32::MAX).max(1)),
            acquire_time: Some(now.clone()),
            renew_time: Some(now),
            lease_transitions: Some(fence),
            ..LeaseSpec::default()
        });
        fence
    }
}

/// A Lease that is not there yet.
pub(super) fn fresh(release: &str) -> Lease {
    let labels = [("app.kubernetes.io/managed-by", "omupgrade"), (shared::marks::RELEASE, release)];
    Lease {
        metadata: ObjectMeta {
            name: Some(super::lease_name(release)),
            labels: Some(labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()),
            ..ObjectMeta::default()
        },
        spec: None,
    }
}

/// A name for this process: a person recognises it, no other process has it.
pub fn holder_name() -> String {
    let variable = |names: &[&str]| names.iter().find_map(|n| std::env::var(n).ok().filter(|v| !v.is_empty()));
    let user = variable(&["USER", "LOGNAME", "USERNAME"]).unwrap_or_else(|| "someone".to_owned());
    let host = variable(&["HOSTNAME", "COMPUTERNAME"])
        .or_else(|| {
            std::fs::read_to_string("/etc/hostname").ok().map(|h| h.trim().to_owned()).filter(|h| !h.is_empty())
        })
        .unwrap_or_else(|| "somewhere".to_owned());
    format!("{user}@{host}:{}-{:x}", std::process::id(), Timestamp::now().as_microsecond() & 0xff_ffff)
}
