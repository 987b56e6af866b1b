//! Taking the lock, waiting for an expiry, giving it back, taking it away. Every write carries the resourceVersion of
//! what was read, so of two operators at once one loses.

use super::claim::{Claim, Holder, Timing, fresh};
use super::lease_name;
use crate::adapters::cluster::{Cluster, Refused};
use crate::failure::Failure;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::api::PostParams;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often a write that lost against another is tried again before it is called a failure.
const TRIES: u32 = 20;

/// Takes the lock; the fence.
pub(super) async fn take(cluster: &Cluster, release: &str, claim: &Claim, timing: Timing) -> anyhow::Result<i32> {
    let api: Api<Lease> = cluster.api();
    let name = lease_name(release);
    let doing = format!("taking the lock of {release}");
    let failed = |refused: Refused| anyhow::Error::from(refused.failure(&doing));
    for _ in 0..TRIES {
        let there = match cluster.within(api.get(&name)).await {
            Ok(lease) => Some(lease),
            Err(refused) if refused.is_absent() => None,
            Err(refused) => return Err(failed(refused)),
        };
        let free = match &there {
            None => true,
            Some(lease) => may_take(cluster, &api, release, claim, &Holder::of(lease), timing).await?,
        };
        if !free {
            continue; // it changed while we looked: read again
        }
        let is_new = there.is_none();
        let mut lease = there.unwrap_or_else(|| fresh(release));
        let fence = claim.write(&mut lease, timing);
        let params = PostParams::default();
        let written = if is_new {
            cluster.within(api.create(&params, &lease)).await
        } else {
            cluster.within(api.replace(&name, &params, &lease)).await
        };
        match written {
            Ok(_) => return Ok(fence),
            Err(refused) if refused.is_conflict() => {}
            Err(refused) => return Err(failed(refused)),
        }
    }
    Err(Failure::unknown(format!("{doing}: others write it all the time")).into())
}

/// Whether a Lease that was read may be taken: nobody holds it, or the same plan left it. `false`: read again.
async fn may_take(
    cluster: &Cluster,
    api: &Api<Lease>,
    release: &str,
    claim: &Claim,
    seen: &Holder,
    timing: Timing,
) -> anyhow::Result<bool> {
    if seen.name.is_empty() {
        return Ok(true);
    }
    let history = format!("kubectl omupgrade history {release} -n {}", cluster.namespace);
    let held = |why: &str| Failure::refused(format!("{release} is locked: {}{why}", seen.words())).hint(&history);
    let unlock = format!("kubectl omupgrade unlock {release} -n {} --reason WHY", cluster.namespace);
    match observe(cluster, api, release, seen, timing).await? {
        Observed::Changed(now) if now.name == seen.name && now.fence == seen.fence => {
            Err(held("; it renews it, so it is at work").into())
        }
        Observed::Changed(_) => Ok(false),
        Observed::Still if seen.plan == claim.plan => Ok(true),
        Observed::Still => {
            Err(held("; it does not renew it any more, but it set out to do something else").hint(unlock).into())
        }
    }
}

/// What was seen of a Lease over its duration.
#[derive(Debug)]
pub(super) enum Observed {
    /// Something of it changed: its holder renewed it, or another took it.
    Changed(Holder),
    /// Nothing did, for its whole duration by our own clock.
    Still,
}

/// Looks at a Lease for as long as it lives without a renewal.
pub(super) async fn observe(
    cluster: &Cluster,
    api: &Api<Lease>,
    release: &str,
    seen: &Holder,
    timing: Timing,
) -> anyhow::Result<Observed> {
    // The whole span is counted from the first answer of ours: what happened before it was not observed.
    let span =
        timing.duration.max(if timing.duration < Duration::from_secs(1) { Duration::ZERO } else { seen.duration });
    let until = Instant::now() + span;
    loop {
        sleep((span / 10).min(Duration::from_secs(2))).await;
        match cluster.within(api.get(&lease_name(release))).await {
            Ok(lease) => {
                let now = Holder::of(&lease);
                if now != *seen {
                    return Ok(Observed::Changed(now));
                }
            }
            Err(refused) if refused.is_absent() => {
                return Ok(Observed::Changed(Holder { name: String::new(), ..seen.clone() }));
            }
            Err(refused) => return Err(refused.failure(&format!("watching the lock of {release}")).into()),
        }
        if Instant::now() >= until {
            return Ok(Observed::Still);
        }
    }
}

/// What came of taking a lock away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Released {
    /// Nobody held it.
    WasFree,
    /// It was taken from this holder, whose fence is worth nothing now.
    Taken(Holder),
    /// Its holder renews it, so it is at work; it was not touched.
    Alive(Holder),
}

/// Takes the lock away from whoever holds it. A holder that is seen renewing it keeps it, unless `even_alive`.
pub async fn force(cluster: &Cluster, release: &str, even_alive: bool, timing: Timing) -> anyhow::Result<Released> {
    let api: Api<Lease> = cluster.api();
    let name = lease_name(release);
    let doing = format!("taking the lock of {release} away");
    for _ in 0..TRIES {
        let mut lease = match cluster.within(api.get(&name)).await {
            Ok(lease) => lease,
            Err(refused) if refused.is_absent() => return Ok(Released::WasFree),
            Err(refused) => return Err(refused.failure(&doing).into()),
        };
        let seen = Holder::of(&lease);
        if seen.name.is_empty() {
            return Ok(Released::WasFree);
        }
        if !even_alive && let Observed::Changed(now) = observe(cluster, &api, release, &seen, timing).await? {
            if now.name == seen.name && now.fence == seen.fence {
                return Ok(Released::Alive(now));
            }
            continue;
        }
        let spec = lease.spec.get_or_insert_default();
        spec.holder_identity = None;
        spec.lease_transitions = Some(seen.fence.saturating_add(1));
        match cluster.within(api.replace(&name, &PostParams::default(), &lease)).await {
            Ok(_) => return Ok(Released::Taken(seen)),
            Err(refused) if refused.is_conflict() => {}
            Err(refused) => return Err(refused.failure(&doing).into()),
        }
    }
    Err(Failure::unknown(format!("{doing}: others write it all the time")).into())
}

/// Gives our own lock back; one that another took in between is left alone.
pub(super) async fn give_back(cluster: &Cluster, release: &str, holder: &str, fence: i32) -> anyhow::Result<()> {
    let api: Api<Lease> = cluster.api();
    let name = lease_name(release);
    let doing = format!("giving the lock of {release} back");
    for _ in 0..TRIES {
        let mut lease = match cluster.within(api.get(&name)).await {
            Ok(lease) => lease,
            Err(refused) if refused.is_absent() => return Ok(()),
            Err(refused) => return Err(refused.failure(&doing).into()),
        };
        let now = Holder::of(&lease);
        if now.fence != fence || now.name != holder {
            return Ok(());
        }
        lease.spec.get_or_insert_default().holder_identity = None;
        match cluster.within(api.replace(&name, &PostParams::default(), &lease)).await {
            Ok(_) => return Ok(()),
            Err(refused) if refused.is_conflict() => {}
            Err(refused) => return Err(refused.failure(&doing).into()),
        }
    }
    Ok(())
}
