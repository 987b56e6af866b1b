//! What ingests metadata: in the release's namespace, and in the one where the server starts it, where that is another.
//! Reads only; what may not be read there becomes the reason.

use super::beside::Beside;
use super::listed;
use super::pipelines::Said;
use crate::adapters::cluster::Cluster;
use crate::checks::Seen;
use crate::checks::precheck::read::{self, Part};
use crate::checks::precheck::{IN_KUBERNETES, Ingestion, in_place};
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use shared::versions::tables::Tables;
use std::collections::BTreeMap;

type Parts = Result<Vec<Part>, String>;

/// What may ingest in one namespace, each list or why it is not there.
pub struct Lists {
    /// Jobs.
    pub jobs: Parts,
    /// What starts such.
    pub crons: Parts,
    /// Pods.
    pub pods: Parts,
}

impl Lists {
    async fn look(cluster: &Cluster) -> Self {
        let (jobs, crons, pods) = tokio::join!(
            listed(cluster, cluster.api::<Job>(), read::job),
            listed(cluster, cluster.api::<CronJob>(), read::cron_job),
            listed(cluster, cluster.api::<Pod>(), read::pod),
        );
        Self { jobs, crons, pods }
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        [&self.jobs, &self.crons, &self.pods].into_iter().flatten().flatten()
    }

    /// What runs.
    fn running(&self) -> impl Iterator<Item = &String> {
        self.parts().filter_map(|(at_work, _)| at_work.as_ref())
    }

    /// The images of what runs pods; a Job that has ended tells of what was.
    fn images(&self) -> impl Iterator<Item = &String> {
        [&self.crons, &self.pods].into_iter().flatten().flatten().flat_map(|(_, images)| images)
    }

    /// Why a list is not there.
    fn unseen(&self) -> Option<&String> {
        [&self.jobs, &self.crons, &self.pods].into_iter().find_map(|parts| parts.as_ref().err())
    }
}

/// Looks. `settings` are the server's, as far as they may be shown; `said` is what Airflow and the server answered.
pub async fn look(
    cluster: &Cluster,
    beside: &Beside,
    settings: Option<&BTreeMap<String, String>>,
    tables: &Tables,
    said: Result<Said, String>,
) -> Seen<Ingestion> {
    let Some(settings) = settings else {
        return Seen::Unknown("the server's settings could not be read".to_owned());
    };
    let here = &beside.ingests;
    if let Err(reason) = &here.jobs {
        return Seen::Unknown(reason.clone());
    }
    let said = said.unwrap_or_else(|why| Said::nothing(&why));
    let client = read::pipeline_client(settings);
    let place = match client.as_str() {
        IN_KUBERNETES => read::place(settings, said.place.as_deref()),
        _ => Seen::default(),
    };
    let there = match place.value() {
        Some(name) if *name != cluster.namespace => {
            let there = Cluster { namespace: name.clone(), ..cluster.clone() };
            Some((name.clone(), Lists::look(&there).await))
        }
        _ => None,
    };
    let elsewhere =
        there.iter().flat_map(|(name, lists)| lists.running().map(move |what| format!("{what}{}", in_place(name))));
    let images: Vec<String> =
        here.images().chain(there.iter().flat_map(|(_, lists)| lists.images())).cloned().collect();
    Seen::Known(Ingestion {
        running: here.running().cloned().chain(elsewhere).collect(),
        place_unseen: there.as_ref().map_or(here, |(_, lists)| lists).unseen().cloned(),
        airflow_unseen: said.airflow.as_ref().err().cloned(),
        airflow: said.airflow.ok().or_else(|| read::airflow(&images, tables)),
        images: read::images(&images),
        managed_unseen: said.managed.as_ref().err().cloned(),
        managed: said.managed.ok(),
        pipelines: said.running.into(),
        client,
        place,
    })
}
