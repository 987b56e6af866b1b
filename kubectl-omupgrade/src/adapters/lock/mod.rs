//! The Lease that keeps two operators apart. Its fence, `leaseTransitions`, grows with every new holder; whoever holds
//! the lock asks for it before every write. Expiry is judged by renewals that are observed, never by clocks.

mod claim;
mod take;

pub use claim::{Claim, Holder, Timing, holder_name};
pub use take::{Released, force};

use crate::adapters::cluster::{Cluster, Refused};
use crate::failure::Failure;
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Api;
use kube::api::PostParams;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinHandle;

/// The Lease's name.
pub fn lease_name(release: &str) -> String {
    format!("omupgrade-{release}")
}

/// Who holds the lock of a release, alive or not; none where nobody does.
pub async fn holder_of(cluster: &Cluster, release: &str) -> anyhow::Result<Option<Holder>> {
    let api: Api<Lease> = cluster.api();
    match cluster.within(api.get(&lease_name(release))).await {
        Ok(lease) => Ok(Some(Holder::of(&lease)).filter(|h| !h.name.is_empty())),
        Err(refused) if refused.is_absent() => Ok(None),
        Err(refused) => Err(refused.failure(&format!("reading the lock of {release}")).into()),
    }
}

/// A lock that is held. Renewed in the background until it is dropped.
#[derive(Debug)]
pub struct Lock {
    cluster: Cluster,
    release: String,
    holder: String,
    fence: i32,
    lost: Arc<AtomicBool>,
    renewal: JoinHandle<()>,
}

impl Lock {
    /// Takes the lock of a release, or says who holds it.
    ///
    /// A lock that was left by the same plan is taken over once its holder has not renewed it for its whole duration.
    pub async fn acquire(cluster: &Cluster, release: &str, claim: &Claim, timing: Timing) -> anyhow::Result<Self> {
        let fence = take::take(cluster, release, claim, timing).await?;
        let lost = Arc::new(AtomicBool::new(false));
        let renewal =
            tokio::spawn(renew(cluster.clone(), release.to_owned(), claim.holder.clone(), fence, timing, lost.clone()));
        Ok(Self {
            cluster: cluster.clone(),
            release: release.to_owned(),
            holder: claim.holder.clone(),
            fence,
            lost,
            renewal,
        })
    }

    /// The number that no other holder has.
    pub fn fence(&self) -> i32 {
        self.fence
    }

    /// The cluster and release that are locked.
    pub fn of(&self) -> (&Cluster, &str) {
        (&self.cluster, &self.release)
    }

    /// Asks whether the lock is still ours. To be called before every write.
    pub async fn check(&self) -> anyhow::Result<()> {
        let api: Api<Lease> = self.cluster.api();
        let doing = "checking the lock before a write";
        let lease = match self.cluster.within(api.get(&lease_name(&self.release))).await {
            Ok(lease) => lease,
            Err(refused) if refused.is_absent() => return Err(self.gone("the Lease was deleted")),
            Err(refused) => return Err(refused.failure(doing).into()),
        };
        let now = Holder::of(&lease);
        if now.fence == self.fence && now.name == self.holder && !self.lost.load(Ordering::Acquire) {
            return Ok(());
        }
        let by = if now.name.is_empty() { "it was released".to_owned() } else { format!("{} holds it", now.name) };
        Err(self.gone(&by))
    }

    fn gone(&self, why: &str) -> anyhow::Error {
        let message = format!("the lock of {} was taken away: {why}; nothing more is written", self.release);
        Failure::refused(message)
            .hint(format!("kubectl omupgrade history {} -n {}", self.release, self.cluster.namespace))
            .into()
    }

    /// Gives the lock back. The Lease stays, so that its fence keeps growing.
    pub async fn release(self) -> anyhow::Result<()> {
        self.renewal.abort();
        take::give_back(&self.cluster, &self.release, &self.holder, self.fence).await
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.renewal.abort();
    }
}

async fn renew(cluster: Cluster, release: String, holder: String, fence: i32, timing: Timing, lost: Arc<AtomicBool>) {
    let api: Api<Lease> = cluster.api();
    let name = lease_name(&release);
    loop {
        tokio::time::sleep(timing.renew).await;
        // An API server that does not answer is asked again: a lock is lost only when another one has it.
        let mut lease = match cluster.within(api.get(&name)).await {
            Ok(lease) => lease,
            Err(refused) if refused.is_absent() => return lost.store(true, Ordering::Release),
            Err(_) => continue,
        };
        let now = Holder::of(&lease);
        if now.fence != fence || now.name != holder {
            return lost.store(true, Ordering::Release);
        }
        lease.spec.get_or_insert_default().renew_time = Some(MicroTime(Timestamp::now()));
        // A conflict means that somebody wrote in between; the next round sees who.
        let _: Result<Lease, Refused> = cluster.within(api.replace(&name, &PostParams::default(), &lease)).await;
    }
}
