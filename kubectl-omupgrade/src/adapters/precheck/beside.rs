//! The objects beside a release in its namespace, and what a precheck reads off them.

use super::binding::{self, Waits};
use super::ingestion::Lists;
use super::whole::Whole;
use super::{both, listed};
use crate::adapters::claim::name_of;
use crate::adapters::cluster::Cluster;
use crate::adapters::flux;
use crate::adapters::tls;
use crate::adapters::volume::capacity;
use crate::checks::Seen;
use crate::checks::precheck::{BackupPlace, Keys, MASK, Room, Search, Server, read};
use crate::facts::{self, Component, Release, SearchEngine, Secret, membership};
use crate::preview::Object;
use crate::wayback::owner_of;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{
    Event, LocalObjectReference, PersistentVolumeClaim, Pod, PodSpec, ResourceQuota, ServiceAccount,
};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde_json::Value;
use shared::component::{image_base, image_tag};
use shared::{backup::Engine, marks};
use std::collections::BTreeMap;

/// A live workload: as it is, reduced, and its pods' template.
struct Live {
    value: Value,
    facts: facts::Workload,
    template: PodSpec,
    marks: BTreeMap<String, String>,
}

/// Lists of one namespace, each or why it is not there.
pub struct Beside {
    release: String,
    namespace: String,
    workloads: Result<Vec<Live>, String>,
    pods: Result<Vec<facts::Pod>, String>,
    budgets: Result<Vec<facts::Budget>, String>,
    scalers: Result<Vec<facts::Autoscaler>, String>,
    quotas: Result<Vec<facts::Quota>, String>,
    claims: Result<Vec<(facts::Claim, Option<u64>)>, String>,
    /// The name of the claim that takes the backups, whether it is there or not.
    claim: String,
    waits: Waits,
    /// What may ingest in this namespace.
    pub ingests: Lists,
}

impl Beside {
    /// Looks. `newest`: the release's newest revision, whose backup hook may name another claim than the usual one.
    pub async fn look(cluster: &Cluster, release: &str, newest: Option<&Release>) -> Self {
        use facts::read as reduce;
        let deployment = |d: &Deployment| live(d, reduce::deployment(d), d.spec.template.spec.clone(), &d.metadata);
        let set = |s: &StatefulSet| live(s, reduce::stateful_set(s), s.spec.template.spec.clone(), &s.metadata);
        let (deployments, sets, pods, budgets, scalers, quotas, claims, events, jobs, crons) = tokio::join!(
            listed(cluster, cluster.api::<Deployment>(), deployment),
            listed(cluster, cluster.api::<StatefulSet>(), set),
            listed(cluster, cluster.api::<Pod>(), |p: &Pod| (reduce::pod(p), read::pod(p))),
            listed(cluster, cluster.api::<PodDisruptionBudget>(), reduce::budget),
            listed(cluster, cluster.api::<HorizontalPodAutoscaler>(), reduce::autoscaler),
            listed(cluster, cluster.api::<ResourceQuota>(), reduce::quota),
            listed(cluster, cluster.api::<PersistentVolumeClaim>(), |c: &PersistentVolumeClaim| (
                reduce::claim(c),
                capacity(c)
            )),
            listed(cluster, cluster.api::<Event>(), reduce::event),
            listed(cluster, cluster.api::<Job>(), read::job),
            listed(cluster, cluster.api::<CronJob>(), read::cron_job),
        );
        let workloads = match (deployments, sets) {
            (Ok(mut a), Ok(b)) => {
                a.extend(b);
                Ok(a)
            }
            (Err(reason), _) | (_, Err(reason)) => Err(reason),
        };
        let claim = name_of(release, None, newest.map(std::slice::from_ref).unwrap_or_default());
        let found = claims.iter().flatten().map(|(found, _)| found).find(|found| found.meta.name == claim);
        let waits = binding::look(cluster, found, &events).await;
        let (pods, parts) = match pods {
            Ok(all) => {
                let (pods, parts): (Vec<_>, Vec<_>) = all.into_iter().unzip();
                (Ok(pods), Ok(parts))
            }
            Err(reason) => (Err(reason.clone()), Err(reason)),
        };
        Self {
            release: release.to_owned(),
            namespace: cluster.namespace.clone(),
            workloads,
            pods,
            budgets,
            scalers,
            quotas,
            claims,
            claim,
            waits,
            ingests: Lists { jobs, crons, pods: parts },
        }
    }

    fn server_workload(&self) -> Result<&Live, String> {
        let all = self.workloads.as_ref().map_err(Clone::clone)?;
        let ours = |l: &&Live| membership::of_release(&l.facts.meta, &self.release, &self.namespace);
        let found = all.iter().filter(ours).find(|l| l.facts.component == Component::Server);
        found.ok_or_else(|| format!("no server of the release {} runs in this namespace", self.release))
    }

    /// The image that serves.
    pub fn image(&self) -> Result<String, String> {
        self.server_workload().map(|l| l.facts.image.clone())
    }

    /// The server's pods.
    pub fn server_pods(&self) -> Result<Vec<facts::Pod>, String> {
        let live = self.server_workload()?;
        let pods = self.pods.as_ref().map_err(Clone::clone)?;
        Ok(pods.iter().filter(|p| live.facts.selector.selects(&p.meta.labels)).cloned().collect())
    }

    /// The Secrets that a node pulls the server's image with: the pod's, then its service account's.
    pub async fn pull_secrets(&self, cluster: &Cluster) -> Vec<String> {
        let Ok(live) = self.server_workload() else { return Vec::new() };
        let names = |all: &Option<Vec<LocalObjectReference>>| -> Vec<String> {
            all.iter().flatten().map(|s| s.name.clone()).filter(|n| !n.is_empty()).collect()
        };
        let mut out = names(&live.template.image_pull_secrets);
        let account = live.template.service_account_name.as_deref().filter(|a| !a.is_empty()).unwrap_or("default");
        // Kubernetes gives a pod its account's Secrets only where it names none itself.
        if out.is_empty()
            && let Ok(account) = cluster.within(cluster.api::<ServiceAccount>().get(account)).await
        {
            out = names(&account.image_pull_secrets);
        }
        out
    }

    /// The server with what stands around it.
    pub fn server(&self, namespace: &str) -> Seen<Server> {
        let live = match self.server_workload() {
            Ok(live) => live,
            Err(reason) => return Seen::Unknown(reason),
        };
        let mut server = read::server(&live.value, &live.facts);
        server.budgets_unseen = self.budgets.as_ref().err().or(self.pods.as_ref().err()).cloned();
        server.autoscaler_unseen = self.scalers.as_ref().err().cloned();
        let empty = (Vec::new(), Vec::new());
        let pods = self.pods.as_ref().unwrap_or(&empty.0);
        let budgets = self.budgets.clone().unwrap_or_default();
        let scalers = self.scalers.clone().unwrap_or(empty.1);
        Seen::Known(read::around(server, &live.facts, (&self.release, namespace), pods, &budgets, &scalers))
    }

    /// The search engine: as it answered, else as far as the workload behind its host in this namespace tells it.
    pub async fn search(
        &self,
        cluster: &Cluster,
        settings: Option<&BTreeMap<String, String>>,
        answer: Result<(SearchEngine, String), String>,
    ) -> Seen<Search> {
        let why = match answer {
            Ok((engine, source)) => return Seen::Known(read::search(&engine, source)),
            Err(why) => why,
        };
        let setting = |name: &str| settings.and_then(|s| s.get(name)).map(|value| value.trim_matches('"').to_owned());
        let host = setting("ELASTICSEARCH_HOST");
        let named = host.as_deref().unwrap_or("its host");
        let unknown = |more: &str| Seen::Unknown(format!("{named} could not be asked: {why}{more}"));
        let found = match self.behind(cluster, host.as_deref().unwrap_or_default()).await {
            Ok(Some(found)) => found,
            Ok(None) => return unknown(""),
            Err(reason) => return unknown(&format!("; nor do its pods tell it: {reason}")),
        };
        let image = &found.facts.image;
        let Some(version) = image_tag(image) else {
            return Seen::Unknown(format!("the image {image} names no version, and {named} could not be asked: {why}"));
        };
        Seen::Known(Search {
            engine: setting("SEARCH_TYPE").unwrap_or_else(|| image_base(image).to_owned()).to_lowercase(),
            version: version.to_owned(),
            source: format!("image of {}; {why}", found.facts.meta.name),
            ..Search::default()
        })
    }

    /// The workload whose pods a Service selects that a host of the settings names. Another search engine of the namespace
    /// is somebody else's.
    async fn behind(&self, cluster: &Cluster, host: &str) -> Result<Option<&Live>, String> {
        let host = host.split([',', ':']).next().unwrap_or_default().trim();
        if host.is_empty() || host == MASK {
            return Ok(None);
        }
        let Some(service) = tls::service(cluster, host).await? else { return Ok(None) };
        let wanted = service.spec.and_then(|spec| spec.selector).unwrap_or_default();
        let all = self.workloads.as_ref().map_err(Clone::clone)?;
        let selected = |live: &&Live| {
            let labels = live.value.pointer("/spec/template/metadata/labels");
            let has = |(key, value): (&String, &String)| labels.and_then(|l| l.get(key)?.as_str()) == Some(value);
            !wanted.is_empty() && wanted.iter().all(has)
        };
        Ok(all.iter().filter(|live| live.facts.component == Component::Search).find(selected))
    }

    /// Where backups go.
    pub fn backup(
        &self,
        database: Option<&facts::Database>,
        server: Option<&Object>,
        image: Option<&str>,
    ) -> Seen<BackupPlace> {
        let claims = match &self.claims {
            Ok(claims) => claims,
            Err(reason) => return Seen::Unknown(reason.clone()),
        };
        let found = claims.iter().find(|(claim, _)| claim.meta.name == self.claim);
        let guard =
            server.and_then(|s| s.value.pointer("/spec/template/spec/initContainers")?.as_array()).and_then(|all| {
                let guard =
                    all.iter().find(|c| c.get("name").and_then(Value::as_str) == Some(marks::GUARD_CONTAINER))?;
                guard.get("image")?.as_str().map(str::to_owned)
            });
        let by_engine = || match database.map(|d| d.engine) {
            Some(Engine::Mysql) => "mysql:8.4".to_owned(),
            _ => "postgres:18".to_owned(),
        };
        Seen::Known(BackupPlace {
            phase: found.map(|(claim, _)| claim.phase.clone()).unwrap_or_default(),
            bytes: found.and_then(|(_, bytes)| *bytes),
            free: Seen::default(),
            waits_for_pod: self.waits.0,
            waits_unseen: self.waits.1.clone(),
            client_image: image.map(str::to_owned).or(guard).unwrap_or_else(by_engine),
            database_volume_bytes: self.database_volume(),
            claim: self.claim.clone(),
        })
    }

    /// The size of the volume of the only database of the namespace.
    fn database_volume(&self) -> Option<u64> {
        let all = self.workloads.as_ref().ok()?;
        let mut found = all.iter().filter(|l| l.facts.component == Component::Database);
        let (only, none) = (found.next()?, found.next());
        none.is_none().then_some(())?;
        let pods = self.pods.as_ref().ok()?;
        let mounted: Vec<&String> =
            pods.iter().filter(|p| only.facts.selector.selects(&p.meta.labels)).flat_map(|p| &p.claims).collect();
        self.claims.as_ref().ok()?.iter().filter(|(c, _)| mounted.contains(&&c.meta.name)).filter_map(|(_, b)| *b).max()
    }

    /// The GitOps tool that owns the server, and is not suspended.
    pub async fn owner(&self, cluster: &Cluster) -> Seen<Option<String>> {
        let mut marks = match self.server_workload() {
            Ok(live) => live.marks.clone(),
            Err(reason) => return Seen::Unknown(reason),
        };
        flux::without_suspended(cluster, &mut marks).await;
        Seen::Known(owner_of(&marks))
    }

    /// Budgets and autoscalers of others with the names that the post-renderer gives to its own.
    pub fn foreign(&self, manifest: &[Object]) -> Seen<Vec<String>> {
        let name = match self.server_workload() {
            Ok(live) => live.facts.meta.name.clone(),
            Err(reason) => return Seen::Unknown(reason),
        };
        let ours = |meta: &facts::Meta, kind: &str| {
            membership::of_release(meta, &self.release, &self.namespace)
                || manifest.iter().any(|o| o.kind == kind && o.name == meta.name)
        };
        both(&self.budgets, &self.scalers, |budgets, scalers| {
            let budgets = budgets.iter().map(|b| (&b.meta, "PodDisruptionBudget"));
            let scalers = scalers.iter().map(|s| (&s.meta, "HorizontalPodAutoscaler"));
            let added = |kind: &str, of: &str| is_added(manifest, kind, &name, of);
            let foreign = budgets.chain(scalers).filter(|(meta, kind)| added(kind, &meta.name) && !ours(meta, kind));
            foreign.map(|(meta, kind)| format!("{kind}/{}", meta.name)).collect()
        })
    }

    /// What the keys are, by the settings and by what is mounted into the serving container.
    pub fn keys(&self, settings: &BTreeMap<String, Option<Secret<String>>>) -> Keys {
        let mounts = self.server_workload().map(|live| read::mounts(&live.value));
        read::keys(settings, mounts.ok().as_deref())
    }

    /// Differences without the replicas that an autoscaler sets.
    pub fn without_scaled(&self, mut differences: Vec<String>) -> Vec<String> {
        for scaler in self.scalers.iter().flatten() {
            let counted = format!("{}/{} spec.replicas", scaler.target.0, scaler.target.1);
            differences.retain(|d| *d != counted);
        }
        differences
    }

    /// Room for one more pod of the server.
    pub fn room(&self, whole: &Whole) -> Seen<Room> {
        match (self.server_workload(), &self.quotas) {
            (Ok(live), Ok(quotas)) => {
                let (nodes, pods) = (whole.nodes.as_deref().ok(), whole.pods.as_deref().ok());
                let room = read::room(&live.template, quotas, nodes, pods);
                let unseen = whole.nodes.as_ref().err().or(whole.pods.as_ref().err());
                Seen::Known(Room { nodes_unseen: unseen.cloned().or(room.nodes_unseen), ..room })
            }
            (Err(reason), _) => Seen::Unknown(reason),
            (_, Err(reason)) => Seen::Unknown(reason.clone()),
        }
    }
}

/// Whether the post-renderer gives this name to an object that it adds: the server's own, and where the release holds one
/// of that name already, another.
fn is_added(manifest: &[Object], kind: &str, server: &str, name: &str) -> bool {
    let taken = || manifest.iter().any(|o| o.kind == kind && o.name == server);
    name == server || name.strip_suffix("-server") == Some(server) && taken()
}

fn live(
    object: &impl serde::Serialize,
    facts: facts::Workload,
    template: Option<PodSpec>,
    meta: &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
) -> Live {
    let mut marks = meta.labels.clone().unwrap_or_default();
    marks.extend(meta.annotations.clone().unwrap_or_default());
    Live {
        value: serde_json::to_value(object).unwrap_or_default(),
        facts,
        template: template.unwrap_or_default(),
        marks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_what_is_added() {
        let budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: om}\n";
        let holds = crate::preview::objects(budget, "data").unwrap();
        let is = |manifest: &[Object], name: &str| is_added(manifest, "PodDisruptionBudget", "om", name);
        assert!(is(&[], "om") && is(&holds, "om") && is(&holds, "om-server"));
        assert!(!is(&[], "om-server") && !is(&holds, "other-server") && !is(&holds, "om-server-server"));
    }
}
