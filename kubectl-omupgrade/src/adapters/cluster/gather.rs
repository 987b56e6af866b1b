//! One look at a namespace: every kind is listed once, at the same time, then the logs that say something.

use super::Cluster;
use super::logs;
use super::store::Store;
use crate::adapters::release::{Found, Stored};
use crate::facts::read;
use crate::facts::{Fact, Facts, Logs, Release, Revision};
use crate::rollout::{Wanted, logs_wanted};
use futures::StreamExt;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{Event, Node, PersistentVolumeClaim, Pod, ResourceQuota};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::ListParams;
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Logs that are read at a time.
const AT_ONCE: usize = 4;

/// What Helm's storage tells, as facts.
pub fn release_facts(found: &Found) -> (Fact<Release>, Fact<Vec<Revision>>) {
    let now = Timestamp::now();
    let release = Fact::known(found.release.clone(), found.release.revision.object.clone(), now);
    (
        release,
        Fact::known(
            found.stored.iter().map(|s| revision(s, &found.release)).collect(),
            "list of stored revisions",
            now,
        ),
    )
}

/// A revision as its labels tell; the newest one whole.
fn revision(stored: &Stored, newest: &Release) -> Revision {
    if stored.number == newest.revision.number {
        return newest.revision.clone();
    }
    Revision {
        number: stored.number,
        status: stored.status,
        chart: crate::facts::Chart::default(),
        updated: None,
        description: String::new(),
        object: stored.object.clone(),
        driver: stored.driver,
        apply_method: None,
    }
}

/// Gathers all facts about a release.
pub async fn gather(cluster: &Cluster, name: &str, release: Fact<Release>, history: Fact<Vec<Revision>>) -> Facts {
    let mut store = Store::new(&cluster.namespace, name, release, history);
    let (apps, rest) = tokio::join!(
        async {
            tokio::join!(
                cluster.listed(cluster.api::<Deployment>(), read::deployment),
                cluster.listed(cluster.api::<StatefulSet>(), read::stateful_set),
                cluster.listed(cluster.api::<DaemonSet>(), read::daemon_set),
                cluster.listed(cluster.api::<ReplicaSet>(), read::replica_set),
                cluster.listed(cluster.api::<Pod>(), read::pod),
                cluster.listed(cluster.api::<Job>(), read::job),
            )
        },
        async {
            tokio::join!(
                cluster.listed(cluster.api::<PodDisruptionBudget>(), read::budget),
                cluster.listed(cluster.api::<HorizontalPodAutoscaler>(), read::autoscaler),
                cluster.listed(cluster.api::<PersistentVolumeClaim>(), read::claim),
                cluster.listed(cluster.api::<ResourceQuota>(), read::quota),
                cluster.listed(Api::<Node>::all(cluster.client.clone()), read::node),
                cluster.listed(cluster.api::<Event>(), read::event),
            )
        },
    );
    store.deployments.fill(apps.0);
    store.stateful_sets.fill(apps.1);
    store.daemon_sets.fill(apps.2);
    store.replica_sets.fill(apps.3);
    store.pods.fill(apps.4);
    store.jobs.fill(apps.5);
    store.budgets.fill(rest.0);
    store.autoscalers.fill(rest.1);
    store.claims.fill(rest.2);
    store.quotas.fill(rest.3);
    store.nodes.fill(rest.4);
    store.events.fill(rest.5);
    let mut facts = store.facts();
    facts.logs = logs_of(cluster, logs_wanted(&facts), None).await;
    facts
}

/// Reads logs; of what came since a moment, where one is named.
pub async fn logs_of(cluster: &Cluster, wanted: Vec<Wanted>, since: Option<Timestamp>) -> Logs {
    let all = wanted.into_iter().map(|w| async move { (w.key(), logs::tail(cluster, &w, since).await) });
    let read = futures::stream::iter(all);
    read.buffer_unordered(AT_ONCE).collect().await
}

impl Cluster {
    async fn listed<K, T>(&self, api: Api<K>, reduce: impl Fn(&K) -> T) -> Result<Vec<(String, T)>, String>
    where
        K: Resource + Clone + DeserializeOwned + Debug,
        K::DynamicType: Default,
    {
        let items = self.all(&api, ListParams::default()).await.map_err(|refused| refused.to_string())?;
        Ok(items.iter().map(|item| (item.uid().unwrap_or_else(|| item.name_any()), reduce(item))).collect())
    }
}
