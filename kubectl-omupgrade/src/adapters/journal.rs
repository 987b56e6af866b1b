//! Stores the journal: a Secret per run, found by labels, replaced with its resourceVersion. Each write is preceded by
//! a look at the lock where one is held.

use super::cluster::Cluster;
use super::lock::Lock;
use super::release;
use crate::failure::Failure;
use crate::fingerprint::Fingerprint;
use crate::journal::{Outcome, Phase, Recorded, Run};
use crate::wayback::{NEWEST, surplus};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, ListParams, PostParams, Preconditions};
use shared::marks;
use std::collections::BTreeMap;

/// The key that holds a run.
const KEY: &str = "run.json";

/// The Secrets' type, so that a person sees what they are.
const TYPE: &str = "omupgrade.io/journal";

/// The most runs that are taken away at a time: the next verb takes the rest.
const AT_ONCE: usize = 50;

/// A run that is stored, and what its next write builds on.
#[derive(Debug)]
pub struct Stored {
    /// The run.
    pub run: Run,
    secret: Secret,
}

/// A name for a run that begins now under this fence.
pub fn run_id(now: Timestamp, fence: i32) -> String {
    format!("{}-{fence}", now.strftime("%Y%m%dt%H%M%Sz"))
}

/// What selects the Secrets of a release's runs.
pub fn labels(release: &str) -> String {
    format!("{}={},{}={release}", marks::ROLE, marks::ROLE_JOURNAL, marks::RELEASE)
}

/// All runs of a release, oldest first. A run that cannot be read is left out and named.
pub async fn runs(cluster: &Cluster, release: &str) -> anyhow::Result<(Vec<Stored>, Vec<String>)> {
    let labels = labels(release);
    let api: Api<Secret> = cluster.api();
    let doing = format!("reading the journal of {release}");
    let all = cluster.all(&api, ListParams::default().labels(&labels)).await.map_err(|r| r.failure(&doing))?;
    let (mut stored, mut unread) = (Vec::new(), Vec::new());
    for secret in all {
        let run = secret.data.as_ref().and_then(|d| serde_json::from_slice::<Run>(&d.get(KEY)?.0).ok());
        match run.filter(|r| r.v == 1) {
            Some(run) => stored.push(Stored { run, secret }),
            None => unread.push(secret.metadata.name.unwrap_or_default()),
        }
    }
    stored.sort_by_key(|s| s.run.began);
    Ok((stored, unread))
}

/// Stores a run that begins.
pub async fn open(cluster: &Cluster, lock: Option<&Lock>, run: Run) -> anyhow::Result<Stored> {
    if let Some(lock) = lock {
        lock.check().await?;
    }
    let mut secret = Secret {
        metadata: ObjectMeta {
            name: Some(format!("omupgrade-journal-{}-{}", run.release, run.id)),
            ..ObjectMeta::default()
        },
        type_: Some(TYPE.to_owned()),
        ..Secret::default()
    };
    fill(&mut secret, &run)?;
    let api: Api<Secret> = cluster.api();
    let secret = cluster.within(api.create(&PostParams::default(), &secret)).await;
    let secret = secret.map_err(|r| r.failure("writing the journal"))?;
    Ok(Stored { run, secret })
}

impl Stored {
    /// Writes a line and stores it.
    pub async fn write(&mut self, lock: &Lock, step: &str, phase: Phase, words: &str) -> anyhow::Result<()> {
        self.run.write(step, phase, words, Timestamp::now());
        self.save(lock).await
    }

    /// Ends the run and stores it.
    pub async fn end(&mut self, lock: &Lock, outcome: Outcome) -> anyhow::Result<()> {
        self.run.end(outcome, Timestamp::now());
        self.save(lock).await
    }

    /// Stores the run as it is.
    pub async fn save(&mut self, lock: &Lock) -> anyhow::Result<()> {
        lock.check().await?;
        self.save_unlocked(lock.of().0).await
    }

    /// Stores the run as it is, without a lock: for who takes one away. A run that another wrote in between is left.
    pub async fn save_unlocked(&mut self, cluster: &Cluster) -> anyhow::Result<()> {
        fill(&mut self.secret, &self.run)?;
        let api: Api<Secret> = cluster.api();
        let name = self.secret.metadata.name.clone().unwrap_or_default();
        let written = cluster.within(api.replace(&name, &PostParams::default(), &self.secret)).await;
        self.secret = written.map_err(|r| r.failure("writing the journal"))?;
        Ok(())
    }
}

fn fill(secret: &mut Secret, run: &Run) -> anyhow::Result<()> {
    let text = serde_json::to_vec(run)?;
    secret.data.get_or_insert_default().insert(KEY.to_owned(), ByteString(text));
    let labels = secret.metadata.labels.get_or_insert_default();
    for (key, value) in [
        ("app.kubernetes.io/managed-by", "omupgrade"),
        (marks::ROLE, marks::ROLE_JOURNAL),
        (marks::RELEASE, &run.release),
        (marks::VERB, &run.verb),
        (marks::STATE, run.outcome.word()),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
    Ok(())
}

/// Takes the oldest runs away that nothing needs any more; tells how many went. One that somebody wrote to in between
/// stays.
pub async fn prune(cluster: &Cluster, lock: Option<&Lock>, release: &str) -> anyhow::Result<usize> {
    let (stored, _) = runs(cluster, release).await?;
    if stored.len() <= NEWEST {
        return Ok(0);
    }
    let doing = "taking old runs out of the journal";
    let there = release::stored(cluster, Some(release)).await.map_err(|r| r.failure(doing))?;
    let revisions: Vec<u64> = there.into_iter().map(|revision| revision.number).collect();
    let (runs, secrets): (Vec<Run>, Vec<Secret>) = stored.into_iter().map(|s| (s.run, s.secret)).unzip();
    let api: Api<Secret> = cluster.api();
    let mut gone = 0;
    for secret in surplus(&runs, &revisions).into_iter().take(AT_ONCE).filter_map(|at| secrets.get(at)) {
        if let Some(lock) = lock {
            lock.check().await?;
        }
        let ObjectMeta { name, uid, resource_version, .. } = secret.metadata.clone();
        let as_read =
            DeleteParams { preconditions: Some(Preconditions { uid, resource_version }), ..DeleteParams::default() };
        match cluster.within(api.delete(&name.unwrap_or_default(), &as_read)).await {
            Ok(_) => gone += 1,
            Err(refused) if refused.is_absent() || refused.is_conflict() => {}
            Err(refused) => return Err(refused.failure(doing).into()),
        }
    }
    Ok(gone)
}

/// Records the database's state while a revision serves: what a later rollback compares with. Needs no lock, it only
/// adds.
pub async fn record_fingerprint(
    cluster: &Cluster,
    release: &str,
    revision: u64,
    image: &str,
    fingerprint: Fingerprint,
    by: &str,
) -> anyhow::Result<String> {
    let now = Timestamp::now();
    let id = format!("{}-record-{revision}", now.strftime("%Y%m%dt%H%M%Sz"));
    let plan = format!("record the state of the database while revision {revision} serves");
    let mut run = Run::new(&id, release, &cluster.namespace, "record", &plan, by, now);
    run.from = Some(revision);
    run.write(
        "record",
        Phase::Done,
        &format!("the database is at {}", fingerprint.head.as_deref().unwrap_or("no version")),
        now,
    );
    run.recorded = Some(Recorded { revision, image: image.to_owned(), fingerprint, at: now });
    run.end(Outcome::Done, now);
    add(cluster, run).await
}

/// Records that a revision was proven to be good: a later rollback goes to the newest such. `remembered` is what a later
/// validation compares with.
pub async fn record_validated(
    cluster: &Cluster,
    release: &str,
    revision: u64,
    words: &str,
    by: &str,
    remembered: BTreeMap<String, String>,
) -> anyhow::Result<String> {
    let now = Timestamp::now();
    let id = format!("{}-validate-{revision}", now.strftime("%Y%m%dt%H%M%Sz"));
    let mut run =
        Run::new(&id, release, &cluster.namespace, "validate", &format!("validate revision {revision}"), by, now);
    run.validated = Some(revision);
    run.remembered = remembered;
    run.write("validate", Phase::Done, words, now);
    run.end(Outcome::Done, now);
    add(cluster, run).await
}

async fn add(cluster: &Cluster, run: Run) -> anyhow::Result<String> {
    let id = run.id.clone();
    match open(cluster, None, run).await {
        Ok(_) => Ok(id),
        Err(error) => Err(match error.downcast::<Failure>() {
            Ok(failure) => failure.hint(format!("kubectl auth can-i create secrets -n {}", cluster.namespace)).into(),
            Err(other) => other,
        }),
    }
}
