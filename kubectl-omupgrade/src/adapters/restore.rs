//! The Pods that take a database back to a backup: one per action of shared's restore script, beside the server, with
//! references to its Secrets. And the schedules that stand still meanwhile.

use super::cluster::Cluster;
use super::keys::hex;
use super::live;
use super::lock::Lock;
use super::pod;
use crate::beside::Beside;
use crate::failure::Failure;
use crate::redact::without_looks;
use crate::wayback::OURS;
use crate::wayback::found::Found;
use crate::wayback::restore::{Plan, Wanted};
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::batch::v1::CronJob;
use k8s_openapi::api::core::v1::{Pod, Secret};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use shared::backup::{
    Engine, FACTS_MYSQL, FACTS_POSTGRESQL, JOBS, Job, counting, jobs, only_reading, pod as pod_of, restore_script,
    script,
};
use shared::marks;
use std::collections::BTreeMap;

/// Value of the role's label on the Pods of a restore.
pub const ROLE: &str = "restore";

/// Seconds for which a restore may load: nobody should kill one that works. Chosen.
const LOADING: u64 = 7 * 24 * 3600;

/// Adds what every restore's Pod has beyond a probe's: room to work, and an administrator where one is named.
pub fn prepared(beside: Beside, admin_secret: Option<&str>) -> Beside {
    let from = |name: &str, key: &str| {
        let secret = admin_secret?;
        Some(json!({"name": name, "valueFrom": {"secretKeyRef": {"name": secret, "key": key}}}))
    };
    let named = admin_secret.map(|name| json!({"name": "OMUPGRADE_ADMIN_SECRET", "value": name}));
    let admin = [named, from("OMUPGRADE_ADMIN_USER", "username"), from("OMUPGRADE_ADMIN_PASSWORD", "password")];
    beside
        .with_resources(
            json!({"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}),
        )
        .with_env(admin.into_iter().flatten())
        // Several connections load, and dump where the database is large.
        .with_env(jobs(JOBS).into_iter().map(|(name, value)| json!({"name": name, "value": value})))
}

/// What stands there, read only, within so many seconds.
pub async fn check(
    cluster: &Cluster,
    beside: &Beside,
    wanted: &Wanted,
    backup: &str,
    seconds: u64,
) -> Result<Found, Failure> {
    let name = pod::name(&beside.release, ROLE);
    let of = wanted.of.as_deref().unwrap_or_default();
    let variables = [
        ("OMUPGRADE_ACTION", "check"),
        ("OMUPGRADE_BACKUP", backup),
        ("OMUPGRADE_BACKUP_OF", of),
        ("OMUPGRADE_RESTORE_ID", "check"),
        ("OMUPGRADE_IN_PLACE", if wanted.in_place { "1" } else { "" }),
    ];
    let pod = manifest(beside, &name, seconds, restore_script(), &wanted.claim, &variables);
    Found::parse(&pod::asked(cluster, &beside.release, ROLE, &pod).await?).map_err(Failure::unknown)
}

/// Restores a backup, and whose it is, into a scratch database on the same server, which is dropped again; what was found
/// there. One from elsewhere does nobody harm in it.
pub async fn trial(
    lock: &Lock,
    beside: &Beside,
    claim: &str,
    (backup, of): (&str, &str),
    deadline: u64,
) -> Result<String, String> {
    let (cluster, release) = lock.of();
    let facts = match beside.engine {
        Engine::Postgresql => ("OMUPGRADE_FACTS_POSTGRESQL", FACTS_POSTGRESQL),
        Engine::Mysql => ("OMUPGRADE_FACTS_MYSQL", FACTS_MYSQL),
    };
    // One name for all trials of a release, and another one for each release of a server.
    let digest = Sha256::digest(format!("{}/{release}", cluster.namespace));
    let id = hex(&digest[..5]);
    let variables = [
        ("OMUPGRADE_ACTION", "drill"),
        ("OMUPGRADE_BACKUP", backup),
        ("OMUPGRADE_BACKUP_OF", of),
        ("OMUPGRADE_RESTORE_ID", &id),
        facts,
    ];
    let name = pod::name(&beside.release, marks::ROLE_DRILL);
    let mut pod = manifest(beside, &name, deadline, restore_script(), claim, &variables);
    pod["metadata"]["labels"][marks::ROLE] = json!(marks::ROLE_DRILL);
    lock.check().await.map_err(|e| e.to_string())?;
    pod::answer(cluster, &beside.release, marks::ROLE_DRILL, &pod).await
}

/// What the Pod of a step said that ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// Its last words.
    pub last: String,
    /// What of the backup did not come along, or was not compared.
    pub left_out: Option<String>,
}

/// Words of what is to be told though the step ended well.
const LEFT_OUT: [&str; 2] = ["could not be repeated", "are not compared"];

impl Said {
    fn of(log: &str) -> Self {
        let last = log.lines().rfind(|l| !l.trim().is_empty()).unwrap_or_default().to_owned();
        let (mut told, mut goes_on) = (Vec::new(), false);
        for line in log.lines() {
            // The words of the client follow those of the script, up to its next ones.
            if line.starts_with("omupgrade") {
                goes_on = LEFT_OUT.iter().any(|words| line.contains(words));
            }
            if goes_on {
                told.push(line.strip_prefix("omupgrade restore: ").unwrap_or(line).trim());
            }
        }
        Self { last, left_out: (!told.is_empty()).then(|| without_looks(&told.join(" "))) }
    }
}

/// Does one action of the plan, or goes on with it.
pub async fn act(lock: &Lock, beside: &Beside, plan: &Plan, action: &str) -> Result<Said, Failure> {
    let of = plan.of.as_deref().unwrap_or_default();
    let not_after = (Timestamp::now().as_second() + pod::NOT_AFTER).to_string();
    let variables = [
        ("OMUPGRADE_ACTION", action),
        ("OMUPGRADE_BACKUP", &plan.backup),
        ("OMUPGRADE_BACKUP_OF", of),
        ("OMUPGRADE_RESTORE_ID", &plan.id),
        ("OMUPGRADE_NOT_AFTER", &not_after),
    ];
    attended(lock, beside, plan, action, restore_script(), &variables).await
}

/// Dumps the database as it is now, as a backup of its own name that can be restored as any other: with the rows of its
/// moment and what these files tell of the release; its last words.
pub async fn dump(
    lock: &Lock,
    beside: &Beside,
    plan: &Plan,
    files: BTreeMap<String, Vec<u8>>,
) -> Result<String, Failure> {
    let name = plan.name_of_dump(&beside.release);
    let variables = [("OMUPGRADE_ACTION", DUMP), ("OMUPGRADE_BACKUP_NAME", name.as_str()), counting(beside.engine)];
    let attached = step_pod(&beside.release, plan, DUMP);
    attach(lock, &attached, files).await?;
    let said = attended(lock, beside, plan, DUMP, script(), &variables).await;
    detach(lock, &attached).await;
    said.map(|said| said.last)
}

/// Ends a dump that is not wanted any more: it would work beside what writes.
pub async fn no_dump(lock: &Lock, beside: &Beside, plan: &Plan) -> Result<(), Failure> {
    let name = step_pod(&beside.release, plan, DUMP);
    lock.check().await.map_err(|e| Failure::unknown(e.to_string()))?;
    pod::disarm(lock.of().0, &name).await.map_err(Failure::unknown)?;
    detach(lock, &name).await;
    Ok(())
}

/// The action that dumps.
const DUMP: &str = "dump";

/// Keeps files for the Pod of this name; those that are there already are left.
async fn attach(lock: &Lock, name: &str, files: BTreeMap<String, Vec<u8>>) -> Result<(), Failure> {
    lock.check().await.map_err(|e| Failure::unknown(e.to_string()))?;
    let (cluster, release) = lock.of();
    let labels = [("app.kubernetes.io/managed-by", "omupgrade"), (marks::ROLE, ROLE), (marks::RELEASE, release)];
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            labels: Some(labels.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()),
            ..ObjectMeta::default()
        },
        data: Some(files.into_iter().map(|(name, bytes)| (name, ByteString(bytes))).collect()),
        ..Secret::default()
    };
    match cluster.within(cluster.api::<Secret>().create(&PostParams::default(), &secret)).await {
        Err(refused) if !refused.is_there_already() => Err(refused.failure(&format!("creating the Secret {name}"))),
        _ => Ok(()),
    }
}

/// Takes them away. What a killed process leaves goes with the next one; it holds no secret.
async fn detach(lock: &Lock, name: &str) {
    if lock.check().await.is_ok() {
        let cluster = lock.of().0;
        let _ = cluster.within(cluster.api::<Secret>().delete(name, &DeleteParams::default())).await;
    }
}

/// The name of the Pod of a step.
pub fn step_pod(release: &str, plan: &Plan, action: &str) -> String {
    let head: String = release.chars().take(20).collect();
    format!("{head}-omupgrade-restore-{}-{action}", plan.id)
}

/// Pods of these restores' steps that did not end: they may write.
pub async fn at_work(cluster: &Cluster, release: &str, plans: &[&Plan]) -> Result<Vec<String>, String> {
    let prefixes: Vec<String> = plans.iter().map(|plan| step_pod(release, plan, "")).collect();
    pod::at_work(cluster, release, ROLE, &prefixes).await
}

/// Whether the Pod of a step waits for its node or its image. Where nobody can tell, it is left alone.
pub async fn waits(cluster: &Cluster, name: &str) -> bool {
    let pod = cluster.within(cluster.api::<Pod>().get(name)).await;
    pod.is_ok_and(|pod| pod.status.and_then(|s| s.phase).is_none_or(|phase| phase == "Pending"))
}

async fn attended(
    lock: &Lock,
    beside: &Beside,
    plan: &Plan,
    action: &str,
    script: &str,
    variables: &[(&str, &str)],
) -> Result<Said, Failure> {
    let name = step_pod(&beside.release, plan, action);
    let mut parts = beside.parts(&name, LOADING);
    (parts.script, parts.claim, parts.variables) = (script, &plan.claim, variables);
    parts.attached = (action == DUMP).then_some(name.as_str());
    let pod = finished(&parts);
    let log = Box::pin(pod::attended(lock, ROLE, &pod)).await?;
    Ok(Said::of(&log))
}

fn manifest(beside: &Beside, name: &str, seconds: u64, script: &str, claim: &str, variables: &[(&str, &str)]) -> Value {
    let mut parts = beside.parts(name, seconds);
    parts.script = script;
    parts.claim = claim;
    parts.variables = variables;
    finished(&parts)
}

fn finished(parts: &Job<'_>) -> Value {
    let pod = pod_of(parts, ROLE);
    // Only a dump writes to the claim. What was imported is not known to be ours, and its SQL runs in that Pod.
    if parts.script == restore_script() { only_reading(pod) } else { pod }
}

/// Of these `CronJob`s, those that are not suspended.
pub async fn active(cluster: &Cluster, names: &[String]) -> Result<Vec<String>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let api: Api<CronJob> = cluster.api();
    let all = cluster.all(&api, ListParams::default()).await.map_err(|r| r.failure("looking at the CronJobs"))?;
    let active = all.into_iter().filter(|c| !c.spec.suspend.unwrap_or(false));
    Ok(active.filter_map(|c| c.metadata.name).filter(|n| names.contains(n)).collect())
}

/// Of these `CronJob`s, those that stand still because we suspended them, and nobody since.
pub async fn suspended_by_us(cluster: &Cluster, names: &[String]) -> Result<Vec<String>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let api: Api<CronJob> = cluster.api();
    let all = cluster.all(&api, ListParams::default()).await.map_err(|r| r.failure("looking at the CronJobs"))?;
    let ours = all.into_iter().filter(|c| {
        c.spec.suspend.unwrap_or(false)
            && live::owner(&c.metadata, "/f:spec/f:suspend").is_none_or(|owner| owner == OURS)
    });
    Ok(ours.filter_map(|c| c.metadata.name).filter(|n| names.contains(n)).collect())
}

/// Suspends a `CronJob`, or lets it go on.
pub async fn suspend(lock: &Lock, name: &str, suspended: bool) -> anyhow::Result<()> {
    lock.check().await?;
    let cluster = lock.of().0;
    let api: Api<CronJob> = cluster.api();
    let params = PatchParams { field_manager: Some(OURS.to_owned()), ..PatchParams::default() };
    let patch = Patch::Merge(json!({"spec": {"suspend": suspended}}));
    let done = cluster.within(api.patch(name, &params, &patch)).await;
    match done {
        Ok(_) => Ok(()),
        Err(refused) if refused.is_absent() => Ok(()), // the revision of before has no such CronJob
        Err(refused) => Err(refused.failure(&format!("suspending CronJob/{name}")).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::Said;

    #[test]
    fn what_did_not_come_along_is_told_with_the_clients_words() {
        let said = Said::of(
            "omupgrade restore: loading om-b\nomupgrade restore: some grants or comments of the backup could not be repeated: pg_restore: error: could not execute query: ERROR:  role \"reader\" does not exist\nCommand was: GRANT SELECT ON TABLE t TO reader;\nomupgrade-restore: beside done rows=1\n",
        );
        assert_eq!(said.last, "omupgrade-restore: beside done rows=1");
        assert_eq!(
            said.left_out.unwrap(),
            "some grants or comments of the backup could not be repeated: pg_restore: error: could not execute query: ERROR:  role \"reader\" does not exist Command was: GRANT SELECT ON TABLE t TO reader;"
        );
        let other = "omupgrade restore: definitions of tables are not compared: this server is 16.1, the backup's was 13.4\nomupgrade restore: rows of 2 tables are as the record of om-b counts them\n";
        assert_eq!(
            Said::of(other).left_out.unwrap(),
            "definitions of tables are not compared: this server is 16.1, the backup's was 13.4"
        );
        assert_eq!(Said::of("omupgrade-restore: beside done\n").left_out, None);
    }
}
