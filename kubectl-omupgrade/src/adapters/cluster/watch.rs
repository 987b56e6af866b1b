//! The same look, kept up to date by watches: each kind once, no polling. Lost connections, old versions (410) and
//! overload (429) are the runtime's work: it backs off and lists again.

use super::logs::{self, Line};
use super::store::{Shelf, Store, Turn};
use super::{Cluster, why};
use crate::adapters::release;
use crate::facts::{Driver, Fact, GONE, LogKey, Release, read};
use crate::rollout::Wanted;
use futures::StreamExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Event, Node, PersistentVolumeClaim, Pod, ResourceQuota, Secret};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{ObjectMeta, PartialObjectMeta};
use kube::runtime::watcher::{self, Config};
use kube::runtime::{WatchStreamExt, watcher as watch};
use kube::{Api, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::time::Duration;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Something that changed: it is put into the store.
type Change = Box<dyn FnOnce(&mut Store) + Send>;

/// A question that is asked again whenever an object with these labels changes.
pub struct Question {
    /// `key=value`, joined by commas.
    labels: String,
    ask: Box<dyn Fn() -> BoxFuture<'static, Change> + Send + Sync>,
}

impl Question {
    /// A question whose answer is put into the store when it is there.
    pub fn new<F, C>(labels: impl Into<String>, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = C> + Send + 'static,
        C: FnOnce(&mut Store) + Send + 'static,
    {
        let ask = move || -> BoxFuture<'static, Change> {
            let answer = ask();
            Box::pin(async move { Box::new(answer.await) as Change })
        };
        Self { labels: labels.into(), ask: Box::new(ask) }
    }

    /// Whether an object with these labels is one that it asks about.
    fn is_about(&self, object: &ObjectMeta) -> bool {
        let has = |(key, value): (&str, &str)| object.labels.iter().flatten().any(|(k, v)| k == key && v == value);
        self.labels.split(',').filter_map(|pair| pair.split_once('=')).all(has)
    }
}

/// A stream of changes. Dropping it ends its watches.
#[derive(Debug)]
pub struct Watch {
    cluster: Cluster,
    changes: Receiver<Change>,
    sender: Sender<Change>,
    tasks: tokio::task::JoinSet<()>,
}

impl Watch {
    /// Starts a watch for every kind that a judgement reads, and asks `journal`, which is about Secrets. They are watched
    /// once, also where Helm's revisions are Secrets, too.
    pub fn start(cluster: &Cluster, name: &str, driver: Option<Driver>, journal: Question) -> Self {
        let (sender, changes) = channel(4096);
        let mut this = Self { cluster: cluster.clone(), changes, sender, tasks: tokio::task::JoinSet::new() };
        this.kind(cluster.api::<Deployment>(), read::deployment, |s| &mut s.deployments);
        this.kind(cluster.api::<StatefulSet>(), read::stateful_set, |s| &mut s.stateful_sets);
        this.kind(cluster.api::<DaemonSet>(), read::daemon_set, |s| &mut s.daemon_sets);
        this.kind(cluster.api::<ReplicaSet>(), read::replica_set, |s| &mut s.replica_sets);
        this.kind(cluster.api::<Pod>(), read::pod, |s| &mut s.pods);
        this.kind(cluster.api::<Job>(), read::job, |s| &mut s.jobs);
        this.kind(cluster.api::<Event>(), read::event, |s| &mut s.events);
        this.kind(cluster.api::<PodDisruptionBudget>(), read::budget, |s| &mut s.budgets);
        this.kind(cluster.api::<HorizontalPodAutoscaler>(), read::autoscaler, |s| &mut s.autoscalers);
        this.kind(cluster.api::<PersistentVolumeClaim>(), read::claim, |s| &mut s.claims);
        this.kind(cluster.api::<ResourceQuota>(), read::quota, |s| &mut s.quotas);
        this.kind(Api::<Node>::all(cluster.client.clone()), read::node, |s| &mut s.nodes);
        let mut of_secrets = vec![journal];
        match driver {
            Some(Driver::Secrets) => of_secrets.push(newest_release(cluster, name)),
            Some(Driver::ConfigMaps) => {
                this.whenever(cluster.api::<PartialObjectMeta<ConfigMap>>(), vec![newest_release(cluster, name)]);
            }
            None => {}
        }
        this.whenever(cluster.api::<PartialObjectMeta<Secret>>(), of_secrets);
        this
    }

    /// Waits for a change, and takes all that have come. False when no more can come.
    pub async fn next(&mut self, store: &mut Store) -> bool {
        let Some(change) = self.changes.recv().await else { return false };
        change(store);
        while let Ok(change) = self.changes.try_recv() {
            change(store);
        }
        true
    }

    /// Starts something beside the watches whose answer is put into the store when it is there.
    pub fn ask<F>(&mut self, question: impl Future<Output = F> + Send + 'static)
    where
        F: FnOnce(&mut Store) + Send + 'static,
    {
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            let change = question.await;
            let _ = sender.send(Box::new(change)).await;
        });
    }

    /// Starts to read a log; one that grows is followed.
    pub fn read_log(&mut self, wanted: Wanted) {
        let (cluster, sender) = (self.cluster.clone(), self.sender.clone());
        self.tasks.spawn(async move {
            let key: LogKey = wanted.key();
            if !wanted.follow {
                let read = logs::tail(&cluster, &wanted, None).await;
                let broke = read.value().is_none();
                let _ = sender.send(Box::new(move |s| drop(s.logs.insert(key, read)))).await;
                if broke {
                    again(&sender, wanted).await;
                }
                return;
            }
            let (to, mut lines) = channel::<Vec<Line>>(64);
            let forward = async {
                let mut fresh = true;
                while let Some(lines) = lines.recv().await {
                    let (key, first) = (key.clone(), std::mem::take(&mut fresh));
                    if sender.send(Box::new(move |s| s.log(key, lines, first))).await.is_err() {
                        return;
                    }
                }
            };
            tokio::join!(logs::follow(&cluster, &wanted, to), forward);
            again(&sender, wanted).await;
        });
    }

    fn kind<K, T>(&mut self, api: Api<K>, reduce: fn(&K) -> T, on: fn(&mut Store) -> &mut Shelf<T>)
    where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Default,
        T: Clone + Send + 'static,
    {
        let sender = self.sender.clone();
        self.tasks.spawn(async move {
            let mut stream = Box::pin(watch(api, Config::default()).default_backoff());
            while let Some(event) = stream.next().await {
                let turn = turn(event, reduce);
                if sender.send(Box::new(move |s| on(s).take(turn))).await.is_err() {
                    return;
                }
            }
        });
    }

    /// Asks again whenever an object changes that a question is about; all of them after every list. Watches metadata
    /// only. What several ask about is chosen here: the API server selects by one set of labels.
    fn whenever<K>(&mut self, api: Api<K>, questions: Vec<Question>)
    where
        K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
        K::DynamicType: Default + Clone,
    {
        let sender = self.sender.clone();
        let config = match questions.as_slice() {
            [one] => Config::default().labels(&one.labels),
            _ => Config::default(),
        };
        self.tasks.spawn(async move {
            let mut events = Box::pin(watch(api, config).default_backoff());
            while let Some(event) = events.next().await {
                let about = |question: &&Question| match &event {
                    Ok(watcher::Event::Apply(object) | watcher::Event::Delete(object)) => {
                        question.is_about(object.meta())
                    }
                    Ok(watcher::Event::InitDone) => true,
                    Ok(watcher::Event::Init | watcher::Event::InitApply(_)) | Err(_) => false,
                };
                let due: Vec<&Question> = questions.iter().filter(about).collect();
                for question in due {
                    // Nothing is decided on the answer of before.
                    let asked: Change = Box::new(|s| s.questions += 1);
                    if sender.send(asked).await.is_err() {
                        return;
                    }
                    let change = (question.ask)().await;
                    let answered: Change = Box::new(move |s| {
                        s.questions -= 1;
                        change(s);
                    });
                    if sender.send(answered).await.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

/// Reads the newest revision again whenever Helm stores one or changes one's status.
fn newest_release(cluster: &Cluster, name: &str) -> Question {
    let (cluster, own) = (cluster.clone(), name.to_owned());
    Question::new(format!("owner=helm,name={name}"), move || {
        let (cluster, name) = (cluster.clone(), own.clone());
        async move {
            let fact = newest(&cluster, &name).await;
            move |s: &mut Store| s.take_release(fact)
        }
    })
}

async fn newest(cluster: &Cluster, name: &str) -> Fact<Release> {
    let mut found = release::latest(cluster, name).await;
    // One lost answer is asked for again: what is shown meanwhile is the revision of before.
    for _ in 0..3 {
        if found.is_ok() {
            break;
        }
        tokio::time::sleep(AGAIN).await;
        found = release::latest(cluster, name).await;
    }
    let now = Timestamp::now();
    match found {
        Ok(Some(release)) => {
            let source = release.revision.object.clone();
            Fact::known(release, source, now)
        }
        Ok(None) => Fact::unknown(GONE, "list of stored revisions", now),
        Err(error) => Fact::unknown(format!("{error:#}"), "list of stored revisions", now),
    }
}

/// Lets a log be read again, where the next judgement still wants it: a stream that ended may have lost its server.
async fn again(sender: &Sender<Change>, wanted: Wanted) {
    tokio::time::sleep(AGAIN).await;
    let _ = sender.send(Box::new(move |s| s.unread.push(wanted))).await;
}

/// How long until a question that had no answer is asked again.
const AGAIN: Duration = Duration::from_secs(5);

fn turn<K: Resource, T>(event: watcher::Result<watcher::Event<K>>, reduce: fn(&K) -> T) -> Turn<T> {
    let key = |item: &K| item.uid().unwrap_or_else(|| item.name_any());
    match event {
        Ok(watcher::Event::Init) => Turn::Begin,
        Ok(watcher::Event::InitApply(item) | watcher::Event::Apply(item)) => Turn::Item(key(&item), reduce(&item)),
        Ok(watcher::Event::InitDone) => Turn::Ready,
        Ok(watcher::Event::Delete(item)) => Turn::Gone(key(&item)),
        Err(error) => refused(&error),
    }
}

fn refused<T>(error: &watcher::Error) -> Turn<T> {
    let (reason, forbidden) = match error {
        watcher::Error::InitialListFailed(e) | watcher::Error::WatchStartFailed(e) | watcher::Error::WatchFailed(e) => {
            (why(e), matches!(e, kube::Error::Api(status) if matches!(status.code, 401 | 403 | 404)))
        }
        watcher::Error::WatchError(status) => (super::reason(status.code, &status.reason, &status.message), false),
        other @ watcher::Error::NoResourceVersion => (other.to_string(), false),
    };
    Turn::Refused { reason, forbidden }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_asked_again_by_what_it_is_about_only() {
        let question = Question::new("owner=helm,name=om", || async { |_: &mut Store| () });
        let object = |labels: &[(&str, &str)]| ObjectMeta {
            labels: Some(labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()),
            ..ObjectMeta::default()
        };
        assert!(question.is_about(&object(&[("name", "om"), ("owner", "helm"), ("status", "deployed")])));
        assert!(!question.is_about(&object(&[("name", "other"), ("owner", "helm")])));
        assert!(!question.is_about(&object(&[("name", "om")])) && !question.is_about(&ObjectMeta::default()));
    }
}
